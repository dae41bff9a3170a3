//! [`Lint`]: the rules of the lint, and their codes.

use std::fmt;

use serde::Serialize;

/// A rule of the lint. The codes are stable.
///
/// | Code | Client behavior |
/// |---|---|
/// | `attributes-near-limit` | sent attributes larger than 90 % of the limit, 1,024 bytes |
/// | `attributes-over-limit` | sent attributes larger than the limit |
/// | `capability-missing` | requested an action that its chat token does not allow |
/// | `content-near-limit` | sent content longer than 90 % of the room's limit |
/// | `content-over-limit` | sent content longer than the room's limit |
/// | `frame-unreadable` | sent a frame without a valid action: not JSON, an unknown `Action`, a wrong type |
/// | `member-case` | wrote a member's name in a different case than the documentation |
/// | `member-unknown` | sent a member that the action does not have |
/// | `ping-unanswered` | did not respond to a ping before the next one, although it had time to |
/// | `protocol-broken` | violated the WebSocket protocol, so that the service closed the connection |
/// | `protocol-foreign` | spoke HTTP/2, TLS on a port without it, or plain HTTP on the TLS port |
/// | `rate-exceeded` | sent more requests per second than a quota allows |
/// | `reconnect-without-backoff` | reconnected within 100 ms of its second consecutive failure |
/// | `request-id-in-flight` | reused a `RequestId` before the first request had a response |
/// | `request-id-missing` | omitted the `RequestId`, and so cannot match the response to its request |
/// | `tls-failed` | did not complete its TLS handshake, for example because it does not trust the mock |
/// | `token-expired` | presented a chat token after its expiration time |
/// | `token-invalid` | presented no chat token, or an invalid one |
/// | `token-reused` | presented a chat token for the second time |
/// | `traffic-after-close` | sent a frame a second or more after the service closed the connection |
///
/// The lint cannot see behavior that leaves no trace in the traffic, for example whether a client
/// reads the deprecated `MessageID` instead of `MessageId`. It cannot measure the pause before a
/// reconnect on a clock that stands still.
///
/// ```
/// use mock_ivs_chat::log::Lint;
///
/// assert_eq!(Lint::RequestIdMissing.to_string(), "request-id-missing");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Lint {
    /// `attributes-near-limit`.
    AttributesNearLimit,
    /// `attributes-over-limit`.
    AttributesOverLimit,
    /// `capability-missing`.
    CapabilityMissing,
    /// `content-near-limit`.
    ContentNearLimit,
    /// `content-over-limit`.
    ContentOverLimit,
    /// `frame-unreadable`.
    FrameUnreadable,
    /// `member-case`.
    MemberCase,
    /// `member-unknown`.
    MemberUnknown,
    /// `ping-unanswered`.
    PingUnanswered,
    /// `protocol-broken`.
    ProtocolBroken,
    /// `protocol-foreign`.
    ProtocolForeign,
    /// `rate-exceeded`.
    RateExceeded,
    /// `reconnect-without-backoff`.
    ReconnectWithoutBackoff,
    /// `request-id-in-flight`.
    RequestIdInFlight,
    /// `request-id-missing`.
    RequestIdMissing,
    /// `tls-failed`.
    TlsFailed,
    /// `token-expired`.
    TokenExpired,
    /// `token-invalid`.
    TokenInvalid,
    /// `token-reused`.
    TokenReused,
    /// `traffic-after-close`.
    TrafficAfterClose,
}

impl Lint {
    /// All rules whose findings are faults of a client, in alphabetical order of their codes.
    /// [`Lint::PEDANTIC`] has the others.
    pub const ALL: [Self; 18] = [
        Self::AttributesNearLimit,
        Self::AttributesOverLimit,
        Self::CapabilityMissing,
        Self::ContentNearLimit,
        Self::ContentOverLimit,
        Self::FrameUnreadable,
        Self::MemberUnknown,
        Self::PingUnanswered,
        Self::ProtocolBroken,
        Self::ProtocolForeign,
        Self::RateExceeded,
        Self::ReconnectWithoutBackoff,
        Self::RequestIdInFlight,
        Self::TlsFailed,
        Self::TokenExpired,
        Self::TokenInvalid,
        Self::TokenReused,
        Self::TrafficAfterClose,
    ];

    /// The rules that a client may break although it works with the service, in alphabetical order
    /// of their codes. `Lint::ALL` does not contain them.
    ///
    /// Observed: an official AWS sample (bullet chat) sends `action`, `content` and `attributes`,
    /// and no `RequestId`.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, log::Lint};
    ///
    /// let every_rule = Lint::ALL.into_iter().chain(Lint::PEDANTIC);
    /// let ivs = MockIvsChat::builder().deny(every_rule).start();
    /// ```
    pub const PEDANTIC: [Self; 2] = [Self::MemberCase, Self::RequestIdMissing];

    /// Returns the stable code.
    ///
    /// ```
    /// # use mock_ivs_chat::log::Lint;
    /// assert_eq!(Lint::TokenReused.code(), "token-reused");
    /// ```
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AttributesNearLimit => "attributes-near-limit",
            Self::AttributesOverLimit => "attributes-over-limit",
            Self::CapabilityMissing => "capability-missing",
            Self::ContentNearLimit => "content-near-limit",
            Self::ContentOverLimit => "content-over-limit",
            Self::FrameUnreadable => "frame-unreadable",
            Self::MemberCase => "member-case",
            Self::MemberUnknown => "member-unknown",
            Self::PingUnanswered => "ping-unanswered",
            Self::ProtocolBroken => "protocol-broken",
            Self::ProtocolForeign => "protocol-foreign",
            Self::RateExceeded => "rate-exceeded",
            Self::ReconnectWithoutBackoff => "reconnect-without-backoff",
            Self::RequestIdInFlight => "request-id-in-flight",
            Self::RequestIdMissing => "request-id-missing",
            Self::TlsFailed => "tls-failed",
            Self::TokenExpired => "token-expired",
            Self::TokenInvalid => "token-invalid",
            Self::TokenReused => "token-reused",
            Self::TrafficAfterClose => "traffic-after-close",
        }
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
