//! Signatures: their requirement, in builds with the feature `sigv4`.

use mock_ivs_chat::MockIvsChatBuilder;

pub(crate) const ARE_AVAILABLE: bool = cfg!(feature = "sigv4");

/// Makes a mock require the signatures of the scripts.
#[cfg(feature = "sigv4")]
pub(crate) fn require(builder: MockIvsChatBuilder) -> MockIvsChatBuilder {
    builder.require_signature(mock_ivs_chat::Credentials::new("AKIDEXAMPLE", "secret"))
}

#[cfg(not(feature = "sigv4"))]
pub(crate) fn require(_: MockIvsChatBuilder) -> MockIvsChatBuilder {
    unreachable!("`ARE_AVAILABLE` is false")
}
