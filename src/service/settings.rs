//! Settings: the configuration of the service, fixed when it starts.

use std::time::Duration;

#[cfg(feature = "sigv4")]
use crate::proto::signature::Credentials;
use crate::service::quota::Quotas;

/// The configuration of the service.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) account_id: String,
    pub(crate) region: String,
    pub(crate) quotas: Quotas,
    /// The time within which a token can be redeemed, unless its session ends earlier.
    pub(crate) token_lifetime: Duration,
    /// The time limit of a message review.
    pub(crate) review_timeout: Duration,
    /// `true` if events without a reason omit `Reason` instead of writing it empty.
    pub(crate) omits_empty_reason: bool,
    /// `true` if white space around the content of a message is removed before it is counted.
    pub(crate) trims_content: bool,
    /// `true` if the event of a deletion omits the deprecated `MessageID`.
    pub(crate) omits_deprecated_message_id: bool,
    /// `true` if a handshake with a bad token is accepted and then closed, instead of refused.
    pub(crate) closes_refused_handshakes: bool,
    /// `true` if unknown paths and throttled operations have the statuses of the common errors.
    pub(crate) has_common_error_statuses: bool,
    /// The credentials that HTTP requests must be signed with; empty if no signature is required.
    #[cfg(feature = "sigv4")]
    pub(crate) credentials: Vec<Credentials>,
}

impl Settings {
    /// Returns the values that a client signs with: an access key ID, a secret and, for temporary
    /// credentials, a session token.
    pub(crate) fn credentials_for_clients(&self) -> (String, String, Option<String>) {
        #[cfg(feature = "sigv4")]
        if let Some(credentials) = self.credentials.first() {
            return credentials.parts();
        }
        ("AKIDEXAMPLE".into(), "secret".into(), None)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "123456789012".into(),
            region: "us-west-2".into(),
            quotas: Quotas::aws(),
            // Documented: "a brief period". Observed: one hour, in captures of 2024 to 2026; one
            // minute in 2022 and in an AWS sample of 2024. Assumed: that the hour is the rule now.
            token_lifetime: Duration::from_secs(3_600),
            // Documented: 200 ms, not adjustable.
            review_timeout: Duration::from_millis(200),
            omits_empty_reason: false,
            trims_content: false,
            omits_deprecated_message_id: false,
            closes_refused_handshakes: false,
            has_common_error_statuses: false,
            #[cfg(feature = "sigv4")]
            credentials: Vec::new(),
        }
    }
}
