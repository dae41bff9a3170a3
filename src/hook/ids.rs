//! Ids: the numbers by which hooks and the log name gates.

/// The number of a gate within its mock, from 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct GateId(pub(crate) u64);
