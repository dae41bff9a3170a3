//! `CloseCode` and `Close`: the code and the reason of a WebSocket close frame.

use std::fmt;

/// The code of a WebSocket close frame.
///
/// Any number may be sent, legal or not. The constants are those codes of RFC 6455 that a chat
/// client encounters.
///
/// ```
/// use mock_ivs_chat::CloseCode;
///
/// assert_eq!(CloseCode::GOING_AWAY, CloseCode(1001));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the connection has fulfilled its purpose.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the peer sent a kind of data that is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: a text frame was not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the peer violated a policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message was too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1011: the server encountered an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The content of a close frame: a code and a reason, or nothing if the frame is empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Close {
    pub(crate) code: Option<CloseCode>,
    pub(crate) reason: String,
}

impl Close {
    /// Creates the content of a close frame. The reason is truncated to 123 bytes, the maximum.
    ///
    /// Documented: RFC 6455, section 5.5. Assumed: that the service truncates between characters.
    pub(crate) fn new(code: CloseCode, reason: &str) -> Self {
        Self { code: Some(code), reason: truncate(reason, MAXIMUM_REASON_BYTES).into() }
    }
}

/// Returns the longest prefix of `text` that has at most `maximum` bytes and only whole characters.
pub(crate) fn truncate(text: &str, maximum: usize) -> &str {
    let mut end = text.len().min(maximum);
    // This ends at 0 at the latest, which is always a boundary.
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

// The payload of a control frame has at most 125 bytes, and the code takes two of them.
const MAXIMUM_REASON_BYTES: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_to_123_bytes_at_a_character() {
        assert_eq!(Close::new(CloseCode::NORMAL, &"a".repeat(200)).reason.len(), 123);
        assert_eq!(Close::new(CloseCode::NORMAL, &"é".repeat(100)).reason, "é".repeat(61));
        assert_eq!(Close::new(CloseCode::NORMAL, "spam").reason, "spam");
    }

    #[test]
    fn texts_are_cut_before_a_character_that_does_not_fit() {
        let cut: Vec<_> = (0..=5).map(|maximum| truncate("aéü", maximum)).collect();
        assert_eq!(cut, ["", "a", "a", "aé", "aé", "aéü"]);
        assert_eq!(truncate("a", 2), "a");
    }

    #[test]
    fn a_close_has_its_code() {
        let close = Close::new(CloseCode::GOING_AWAY, "");
        assert_eq!(
            (close.code, CloseCode(4000).to_string()),
            (Some(CloseCode(1001)), "4000".into())
        );
    }
}
