//! Signatures: their requirement by the mocks of this program, which always have it.

use mock_ivs_chat::{Credentials, MockIvsChatBuilder};

pub(crate) const ARE_AVAILABLE: bool = true;

/// Makes a mock require the signatures of the scripts.
pub(crate) fn require(builder: MockIvsChatBuilder) -> MockIvsChatBuilder {
    builder.require_signature(Credentials::new("AKIDEXAMPLE", "secret"))
}
