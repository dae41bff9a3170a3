//! Settings: what a script sets about the mock before the story begins.

use std::time::Duration;

use super::cursor::Cursor;
use super::story::OPERATIONS;

/// One thing that is set about the mock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Setting {
    /// No quota is in force.
    QuotasOff,
    /// The quota of this name has this limit, or none.
    Quota {
        name: String,
        limit: Option<u32>,
    },
    /// The rates of HTTP calls are in force.
    HttpThrottling,
    TokenLifetime(Duration),
    PingInterval(Duration),
    IdleTimeout(Duration),
    OmitEmptyReason,
    CloseRefusedHandshakes,
    /// HTTP requests must be signed.
    DemandSignatures,
}

/// The name of the rate of an operation, up to the operation.
pub(crate) const CALLS: &str = "calls of ";

/// The names of the other quotas, as the log has them.
pub(crate) const QUOTAS: [&str; 9] = [
    "bytes of message attributes",
    "concurrent connections",
    "deletions of messages in all rooms",
    "disconnections of users in all rooms",
    "logging configurations",
    "messages in all rooms",
    "messages per room",
    "messaging requests per connection",
    "rooms",
];

impl Setting {
    /// Reads what follows `mock`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        if cursor.take("quotas off") {
            Ok(Self::QuotasOff)
        } else if cursor.take("quota") {
            let name = cursor.text("the name of a quota")?;
            let operation = name.strip_prefix(CALLS);
            let is_rate = operation.is_some_and(|operation| OPERATIONS.contains(&operation));
            if !is_rate && !QUOTAS.contains(&name.as_str()) {
                let known = QUOTAS.join(", ");
                return Err(format!(
                    "there is no quota `{name}`; the quotas are {known}, and `{CALLS}…` with \
                     the name of an operation"
                ));
            }
            let limit = if cursor.take("off") { None } else { Some(cursor.number("a limit")?) };
            Ok(Self::Quota { name, limit })
        } else if cursor.take("throttles HTTP") {
            Ok(Self::HttpThrottling)
        } else if cursor.take("token lifetime") {
            cursor.duration().map(Self::TokenLifetime)
        } else if cursor.take("ping interval") {
            cursor.duration().map(Self::PingInterval)
        } else if cursor.take("idle timeout") {
            cursor.duration().map(Self::IdleTimeout)
        } else if cursor.take("omits empty reasons") {
            Ok(Self::OmitEmptyReason)
        } else if cursor.take("closes refused handshakes") {
            Ok(Self::CloseRefusedHandshakes)
        } else if cursor.take("demands signatures") {
            Ok(Self::DemandSignatures)
        } else {
            Err(cursor.expected(
                "`quotas off`, `quota`, `throttles HTTP`, `token lifetime`, `ping interval`, \
                 `idle timeout`, `omits empty reasons`, `closes refused handshakes` or \
                 `demands signatures`",
            ))
        }
    }
}
