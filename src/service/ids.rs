//! Mint: the only source of ids and tokens. A counter, so that each run makes the same ones.

use data_encoding::BASE64URL_NOPAD;

use crate::service::session::TOKEN_PREFIX;

/// Makes ids that are legal and legible, and tokens that look like real ones.
///
/// Documented: ids are twelve letters and digits.
#[derive(Debug)]
pub(crate) struct Mint {
    /// Tells this fixture's tokens from those of another.
    fixture: u64,
    errors: u64,
    events: u64,
    logging_configurations: u64,
    messages: u64,
    rooms: u64,
    tokens: u64,
}

impl Mint {
    pub(crate) const fn new(fixture: u64) -> Self {
        Self {
            fixture,
            errors: 0,
            events: 0,
            logging_configurations: 0,
            messages: 0,
            rooms: 0,
            tokens: 0,
        }
    }

    pub(crate) fn error_id(&mut self) -> String {
        id("Error", &mut self.errors)
    }

    pub(crate) fn event_id(&mut self) -> String {
        id("Event", &mut self.events)
    }

    pub(crate) fn logging_configuration_id(&mut self) -> String {
        id("Logging", &mut self.logging_configurations)
    }

    pub(crate) fn message_id(&mut self) -> String {
        id("Message", &mut self.messages)
    }

    pub(crate) fn room_id(&mut self) -> String {
        id("Room", &mut self.rooms)
    }

    /// A chat token that stands for `claims`.
    ///
    /// Observed: URL-safe base64 that begins with `AQICAH` and ends with `!#` and a digit, of
    /// about 600 to 760 characters, the longer the more it claims. All of them are legal in a
    /// subprotocol's name, or browsers could not send them.
    pub(crate) fn token(&mut self, claims: &str) -> String {
        self.tokens += 1;
        let mut state = self.fixture ^ self.tokens;
        let header = (0..HEADER_BYTES).map(|_| 0_u8);
        let sealed = header.chain(claims.bytes()).map(|byte| byte ^ next_byte(&mut state));
        let bytes: Vec<u8> = sealed.collect();
        format!("{TOKEN_PREFIX}{}!#0", BASE64URL_NOPAD.encode(&bytes))
    }
}

/// The `count`th id of a kind: its name and a number, cut to twelve characters.
fn id(kind: &str, count: &mut u64) -> String {
    *count += 1;
    let digits = count.to_string();
    let letters = &kind[..kind.len().min(ID_LENGTH - digits.len())];
    format!("{letters}{digits:0>width$}", width = ID_LENGTH - letters.len())
}

/// A step of splitmix64: it only makes the tokens look sealed.
fn next_byte(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8
}

const ID_LENGTH: usize = 12;
const HEADER_BYTES: usize = 360;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_legible_and_stay_twelve_characters_long() {
        let mut mint = Mint::new(1);
        assert_eq!(mint.message_id(), "Message00001");
        assert_eq!(mint.event_id(), "Event0000001");
        mint.messages = 99_999;
        assert_eq!(mint.message_id(), "Messag100000");
        mint.messages = 99_999_999_998;
        assert_eq!(mint.message_id(), "M99999999999");
    }

    #[test]
    fn tokens_look_like_real_ones_and_never_repeat() {
        let claims = r#"{"room":"arn:aws:ivschat:us-west-2:123456789012:room/Room00000001","userId":"alice"}"#;
        let mut mint = Mint::new(1);
        let tokens = [mint.token(claims), mint.token(claims), Mint::new(2).token(claims)];
        for token in &tokens {
            let body =
                token.strip_prefix("AQICAH").and_then(|rest| rest.strip_suffix("!#0")).unwrap();
            assert!(
                body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
                "{token}"
            );
            assert!((590..=760).contains(&token.len()), "{}", token.len());
        }
        assert!(tokens[0] != tokens[1] && tokens[0] != tokens[2]);
    }
}
