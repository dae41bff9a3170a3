//! Chat token: a sealed text that carries everything the service has to know about it.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::timestamp::Timestamp;

/// A chat token. It is its own record: the service keeps only the numbers of used tokens.
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
    /// Returns the text of the token, which no other mock makes.
    ///
    /// Observed: URL-safe base64 that begins with `AQICAH` and ends with `!#` and a digit, of
    /// about 600 to 760 characters, the longer the more it claims. All of them are legal in a
    /// subprotocol's name, or browsers could not send them.
    pub(crate) fn seal(&self, mock_id: u64) -> String {
        let claims = serde_json::to_vec(&self.claims)
            .expect("claims have only string keys, so they are always JSON");
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        bytes[8..NONCE_BYTES].copy_from_slice(&self.checksum(mock_id, &claims).to_be_bytes());
        bytes.extend(claims);
        let (nonce, rest) = bytes.split_at_mut(NONCE_BYTES);
        let seed = self.seed(mock_id);
        mask(rest, seed);
        mask(nonce, mock_id);
        format!("{PREFIX}{}{ENDING}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a token of this mock; returns `None` for any other text.
    pub(crate) fn unseal(mock_id: u64, text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
        let mut bytes = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_BYTES)?;
        mask(nonce, mock_id);
        let number = u64::from_be_bytes(nonce[..8].try_into().ok()?);
        mask(rest, seed_of(mock_id, number));
        let claims = rest.get(HEADER_BYTES - NONCE_BYTES..)?;
        let token = Self { number, claims: serde_json::from_slice(claims).ok()? };
        // A text that was changed anywhere differs from the seal of what it seems to say, because
        // the seal has a checksum of the claims and zeros between the two.
        (token.seal(mock_id) == text).then_some(token)
    }

    const fn seed(&self, mock_id: u64) -> u64 {
        seed_of(mock_id, self.number)
    }

    /// Returns a number that depends on everything the token says and on the mock.
    fn checksum(&self, mock_id: u64, claims: &[u8]) -> u64 {
        let mut state = self.seed(mock_id);
        for byte in claims {
            state = next(&mut (state ^ u64::from(*byte)));
        }
        state
    }
}

/// Returns `true` if a text has the form of a token, whether it is one or not.
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
    for byte in bytes {
        *byte ^= (next(&mut state) >> 56) as u8;
    }
}

/// Returns the next number of a sequence: splitmix64 without the last of its mixing steps.
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Observed: what all chat tokens begin with.
pub(crate) const PREFIX: &str = "AQICAH";
const ENDING: &str = "!#0";
/// The bytes before the claims, most of them zeros, without which tokens would be too short.
const HEADER_BYTES: usize = 240;
/// The bytes of the number and the checksum, at the start of the header.
const NONCE_BYTES: usize = 16;
