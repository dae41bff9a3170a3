//! Chat token: a sealed text that carries everything the service has to know about it.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::timestamp::Timestamp;

/// A chat token. It carries its own claims: the service keeps only the numbers of used tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    /// The token's number within the mock, from 1.
    pub(crate) number: u64,
    pub(crate) claims: Claims,
}

/// The rights that a token grants.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claims {
    pub(crate) room_arn: String,
    pub(crate) user_id: String,
    pub(crate) attributes: Attributes,
    pub(crate) capabilities: BTreeSet<Capability>,
    pub(crate) token_expiration_time: Timestamp,
    pub(crate) session_expiration_time: Timestamp,
}

impl Token {
    /// Returns the text of the token, which differs from the texts of all other mocks.
    ///
    /// Observed: URL-safe base64 that begins with `AQICAH` and ends with `!#` and a digit, of
    /// about 600 to 760 characters, the longer the more it claims. All of them are legal in a
    /// subprotocol's name, or browsers could not send them.
    pub(crate) fn seal(&self, mock_id: u64) -> String {
        let claims = serde_json::to_vec(&self.claims)
            .expect("claims have only string keys, so they are always JSON");
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        let checksum = checksum(mock_id, self.number, &claims);
        bytes[8..NONCE_BYTES].copy_from_slice(&checksum.to_be_bytes());
        bytes.extend(claims);
        let (nonce, rest) = bytes.split_at_mut(NONCE_BYTES);
        // A reader unmasks the number first, because the seed of the rest depends on it.
        mask(rest, seed_of(mock_id, self.number));
        mask(nonce, mock_id);
        format!("{PREFIX}{}{ENDING}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a token of this mock; returns `None` for any other text.
    pub(crate) fn unseal(mock_id: u64, text: &str) -> Option<Self> {
        let (number, bytes) = open(mock_id, text)?;
        let claims = serde_json::from_slice(&bytes[HEADER_BYTES..]).ok()?;
        Some(Self { number, claims })
    }

    /// Returns the number of a token of this mock; `None` for any other text.
    pub(crate) fn number_of(mock_id: u64, text: &str) -> Option<u64> {
        open(mock_id, text).map(|(number, _)| number)
    }
}

/// Decodes a token of this mock. Returns its number, and its bytes, in which the claims follow the
/// header.
fn open(mock_id: u64, text: &str) -> Option<(u64, Vec<u8>)> {
    let body = text.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
    let mut bytes = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    let (nonce, rest) = bytes.split_at_mut_checked(NONCE_BYTES)?;
    mask(nonce, mock_id);
    let number = u64::from_be_bytes(nonce[..8].try_into().ok()?);
    mask(rest, seed_of(mock_id, number));
    // Every change to the text is detected here: base64 has one text for the same bytes, the bytes
    // between checksum and claims are zeros, and the checksum covers all others.
    let (zeros, claims) = rest.split_at_checked(HEADER_BYTES - NONCE_BYTES)?;
    let is_sealed = nonce[8..] == checksum(mock_id, number, claims).to_be_bytes()
        && zeros.iter().all(|byte| *byte == 0);
    is_sealed.then_some((number, bytes))
}

/// Returns a number that depends on everything a token says and on the mock.
fn checksum(mock_id: u64, number: u64, claims: &[u8]) -> u64 {
    // The length distinguishes claims from the same claims followed by zeros.
    let start = seed_of(mock_id, number) ^ claims.len() as u64;
    claims.chunks(8).fold(start, |mut state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state ^= u64::from_be_bytes(word);
        next(&mut state)
    })
}

/// Returns `true` if a text has the form of a token, whether or not it is valid.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let Some((body, ending)) = text.split_once("!#") else { return false };
    body.starts_with(PREFIX)
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && ending.len() == 1
        && ending.bytes().all(|byte| byte.is_ascii_digit())
}

const fn seed_of(mock_id: u64, number: u64) -> u64 {
    let mut state = mock_id;
    next(&mut state) ^ number
}

/// Applies a key stream to bytes, which a second call undoes. It makes tokens opaque, not secret.
fn mask(bytes: &mut [u8], seed: u64) {
    let mut state = seed;
    for chunk in bytes.chunks_mut(8) {
        for (byte, key) in chunk.iter_mut().zip(next(&mut state).to_be_bytes()) {
            *byte ^= key;
        }
    }
}

/// Returns the next number of a sequence: splitmix64 without its last mixing step.
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Observed: all chat tokens start with this text.
pub(crate) const PREFIX: &str = "AQICAH";
const ENDING: &str = "!#0";
/// The number of bytes before the claims. Most are zeros, which give tokens a realistic length.
const HEADER_BYTES: usize = 240;
/// The bytes of the number and the checksum, at the start of the header.
const NONCE_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_stream_is_that_of_splitmix64_without_its_last_step() {
        let mut state = 1;
        let numbers = [(); 3].map(|()| next(&mut state));
        assert_eq!(numbers, [0x910a_2ded_ab16_071a, 0xbeeb_8da0_1859_f727, 0xf893_a2ef_0a15_1080]);
    }

    fn token(number: u64, user_id: &str) -> Token {
        let claims = Claims {
            room_arn: "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001".into(),
            user_id: user_id.into(),
            attributes: Attributes::from([("name", "Ann")]),
            capabilities: BTreeSet::from([Capability::SendMessage]),
            token_expiration_time: "2026-01-01T01:00:00Z".parse().unwrap(),
            session_expiration_time: "2026-01-01T03:00:00Z".parse().unwrap(),
        };
        Token { number, claims }
    }

    #[test]
    fn tokens_look_like_real_ones() {
        let text = token(1, "alice").seal(1);
        assert!(is_well_formed(&text), "{text}");
        assert!((600..=760).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with("!#0"), "{text}");
    }

    #[test]
    fn tokens_differ_from_their_first_part_on() {
        let texts = [
            token(1, "alice").seal(1),
            token(2, "alice").seal(1),
            token(1, "bob").seal(1),
            token(1, "alice").seal(2),
        ];
        for (index, text) in texts.iter().enumerate() {
            for other in &texts[index + 1..] {
                let start = PREFIX.len()..PREFIX.len() + 22;
                assert_ne!(text[start.clone()], other[start]);
            }
        }
        // The claims are not visible, and neither are the zeros before them.
        let body = texts[0][PREFIX.len()..].trim_end_matches(ENDING);
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).unwrap();
        assert!(!bytes.windows(4).any(|window| window == [0; 4] || window == b"name"));
        let parts: BTreeSet<_> = bytes.chunks(8).collect();
        assert_eq!(parts.len(), bytes.len().div_ceil(8));
    }

    #[test]
    fn short_texts_are_not_tokens() {
        for text in ["", "AQICAH!#0", "AQICAHAAAA!#0", "AQICAH"] {
            assert_eq!(Token::unseal(1, text), None);
        }
        for count in [NONCE_BYTES - 1, NONCE_BYTES, HEADER_BYTES - 1, HEADER_BYTES] {
            let zeros = BASE64URL_NOPAD.encode(&vec![0; count]);
            assert_eq!(Token::unseal(1, &format!("{PREFIX}{zeros}{ENDING}")), None);
        }
    }

    proptest! {
        #[test]
        fn a_token_can_be_read_by_its_own_mock_only(
            number: u64, mock_id: u64, other: u64, user_id: String,
        ) {
            let token = token(number, &user_id);
            let text = token.seal(mock_id);
            prop_assert_eq!(Token::unseal(mock_id, &text), Some(token));
            prop_assert_eq!(Token::number_of(mock_id, &text), Some(number));
            prop_assert_eq!(Token::unseal(other, &text).is_some(), other == mock_id);
        }

        #[test]
        fn a_changed_token_cannot_be_read(at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
            let text = token(1, "alice").seal(1);
            let at = at.index(text.len());
            let changed = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(Token::unseal(1, &changed).is_some(), changed == text);
        }
    }
}
