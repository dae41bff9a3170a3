//! Chain: the hooks of one hook point, in the order in which they are evaluated.

use std::ops::RangeInclusive;
use std::panic::Location;
use std::sync::Arc;

use crate::hook::filter::{EventContext, Filter};
use crate::hook::frequency::Frequency;
use crate::hook::ids::HookId;
use crate::proto::timestamp::Timestamp;

/// The number of times that a hook is expected to fire, and the line of the expectation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Expectation {
    pub(crate) hits: RangeInclusive<usize>,
    pub(crate) caller: &'static Location<'static>,
}

/// A hook as data.
#[expect(unnameable_types, reason = "only sealed traits mention it")]
#[derive(Clone, Debug)]
pub struct Rule<V> {
    pub(crate) name: Option<String>,
    pub(crate) filter: Filter,
    pub(crate) frequency: Frequency,
    pub(crate) expected: Option<Expectation>,
    pub(crate) behavior: Behavior<V>,
}

/// The way in which a hook reaches its verdict.
#[derive(Clone, Debug)]
pub(crate) enum Behavior<V> {
    /// The verdict is always the same.
    Verdict(V),
    /// A test closure decides. The closure is stored by the driver.
    Closure,
}

/// The hooks of one hook point.
#[derive(Debug)]
pub(crate) struct Chain<V> {
    hooks: Vec<Installed<V>>,
}

#[derive(Debug)]
struct Installed<V> {
    id: HookId,
    name: Arc<str>,
    seen: usize,
    hits: usize,
    rule: Rule<V>,
}

/// A hook that may fire at an event.
#[derive(Debug)]
pub(crate) struct Candidate<V> {
    pub(crate) id: HookId,
    pub(crate) name: Arc<str>,
    pub(crate) behavior: Behavior<V>,
}

/// The status of a hook in reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HookStatus {
    pub(crate) id: HookId,
    pub(crate) name: Arc<str>,
    pub(crate) hits: usize,
    pub(crate) expected: Option<Expectation>,
}

impl HookStatus {
    /// Returns `true` unless the hook has fired more or less often than expected.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected.as_ref().is_none_or(|expected| expected.hits.contains(&self.hits))
    }
}

/// The result of counting that a hook has fired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Counted {
    Fired,
    /// The hook has already fired as often as it may.
    Exhausted,
    /// The hook has been removed from this chain.
    Removed,
}

impl<V> Default for Chain<V> {
    fn default() -> Self {
        Self { hooks: Vec::new() }
    }
}

impl<V: Clone> Chain<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    pub(crate) fn install(&mut self, id: HookId, rule: Rule<V>) {
        let name = rule.name.clone().unwrap_or_else(|| format!("hook {}", id.0)).into();
        self.hooks.push(Installed { id, name, seen: 0, hits: 0, rule });
    }

    /// Removes a hook and returns its final status.
    pub(crate) fn remove(&mut self, id: HookId) -> Option<HookStatus> {
        let index = self.hooks.iter().position(|hook| hook.id == id)?;
        Some(self.hooks.remove(index).status())
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = HookId> {
        self.hooks.iter().map(|hook| hook.id)
    }

    /// Returns the first hook installed after `last` that may fire at an event. Counts the event
    /// for every hook that it examines on the way.
    pub(crate) fn candidate(
        &mut self,
        last: HookId,
        context: &EventContext<'_>,
        now: Timestamp,
    ) -> Option<Candidate<V>> {
        let hook = self
            .hooks
            .iter_mut()
            .filter(|hook| hook.id > last && hook.rule.filter.admits(context))
            .find_map(|hook| {
                hook.seen += 1;
                hook.rule.frequency.allows(hook.seen, hook.hits, now).then_some(hook)
            })?;
        let behavior = hook.rule.behavior.clone();
        Some(Candidate { id: hook.id, name: Arc::clone(&hook.name), behavior })
    }

    /// Counts that a hook has fired.
    ///
    /// Several events may wait for the closure of one hook. After the hook has fired as often as it
    /// may, further verdicts are discarded. Without this check `once()` could fire twice.
    pub(crate) fn count(&mut self, id: HookId) -> Counted {
        let Some(hook) = self.hooks.iter_mut().find(|hook| hook.id == id) else {
            return Counted::Removed;
        };
        if hook.rule.frequency.is_exhausted(hook.hits) {
            return Counted::Exhausted;
        }
        hook.hits += 1;
        Counted::Fired
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = HookStatus> {
        self.hooks.iter().map(Installed::status)
    }
}

impl<V> Installed<V> {
    fn status(&self) -> HookStatus {
        let expected = self.rule.expected.clone();
        HookStatus { id: self.id, name: Arc::clone(&self.name), hits: self.hits, expected }
    }
}
