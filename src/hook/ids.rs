//! Ids: identifiers of hooks and gates.

/// Identifies a hook within one mock. Numbered from 1 in the order of installation.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HookId(pub(crate) u64);

/// Identifies a gate; see [`Gate`](crate::Gate).
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::GateId};
///
/// let ivs = MockIvsChat::start();
/// let gate = ivs.gate();
/// let id: &GateId = gate.as_ref();
/// assert_ne!(id, ivs.gate().as_ref());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GateId {
    /// The number of the mock, so that a gate of another mock never matches.
    pub(crate) mock: u64,
    pub(crate) number: u64,
}

impl AsRef<Self> for GateId {
    fn as_ref(&self) -> &Self {
        self
    }
}
