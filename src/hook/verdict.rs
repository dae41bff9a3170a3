//! Verdict: what the verdicts of all hook points have in common.

/// The result of a hook for one event.
pub(crate) trait Verdict: Clone {
    /// Returns the verdict that leaves the event to the next hook.
    fn pass() -> Self;

    /// Returns `true` if the event goes on to the next hook.
    fn is_pass(&self) -> bool;
}
