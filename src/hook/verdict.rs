//! Verdict: operations shared by the verdicts of all hook points.

use crate::hook::chain::Chain;
use crate::hook::describe::Describe;
use crate::hook::event::HookVerdict;
use crate::hook::registry::HookRegistry;

/// The result of a hook for one event.
pub(crate) trait Verdict: Clone + Describe {
    /// Returns the verdict that leaves the event to the next hook.
    fn pass() -> Self;

    /// Returns `true` if the event goes on to the next hook.
    fn is_pass(&self) -> bool;

    /// Returns the hooks of the hook point.
    fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self>;

    /// Returns the closure's verdict if it belongs to this hook point.
    fn of(verdict: HookVerdict) -> Option<Self>;
}
