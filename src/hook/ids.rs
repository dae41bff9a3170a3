//! Ids: identifiers of hooks and gates.

use std::cmp::Reverse;

/// Identifies a hook within one mock. Ids are in the order in which hooks are evaluated: by
/// priority, the highest first, and then by installation. The default comes before all hooks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HookId {
    // The derived order compares the fields from the first to the last, so the priority comes
    // before the number.
    priority: Reverse<i32>,
    /// Numbered from 1 in the order of installation.
    pub(crate) number: u64,
}

impl HookId {
    pub(crate) const fn new(number: u64, priority: i32) -> Self {
        Self { priority: Reverse(priority), number }
    }
}

impl Default for HookId {
    fn default() -> Self {
        // Hooks are numbered from 1, so this comes before a hook of the highest priority, too.
        Self::new(0, i32::MAX)
    }
}

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
