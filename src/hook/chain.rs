//! Chain: the hooks of one hook point, in the order in which they are evaluated.

use std::ops::RangeInclusive;
use std::panic::Location;
use std::sync::Arc;

use crate::hook::describe::{Describe, condition_call, describe};
use crate::hook::filter::{EventContext, Filter};
use crate::hook::frequency::Frequency;
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::hook::point::PointName;
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
    /// Hooks of a higher priority are evaluated first.
    pub(crate) priority: i32,
    pub(crate) behavior: Behavior<V>,
    /// Where the test starts to write the hook.
    pub(crate) written_at: &'static Location<'static>,
}

impl<V> Rule<V> {
    /// Sets a constant verdict.
    pub(crate) fn decide(&mut self, verdict: V) {
        self.behavior = Behavior::Verdict(verdict);
    }
}

/// The way in which a hook reaches its verdict.
#[derive(Clone, Debug)]
pub(crate) enum Behavior<V> {
    /// The verdict is always the same.
    Verdict(V),
    /// A test closure decides. The closure is stored by the driver.
    Closure { is_async: bool },
}

/// The start of the name of a hook that the test does not name. Its number follows.
pub(super) const UNNAMED: &str = "hook ";

/// The hooks of one hook point.
#[derive(Debug)]
pub(crate) struct Chain<V> {
    hooks: Vec<Installed<V>>,
}

#[derive(Debug)]
struct Installed<V> {
    id: HookId,
    origin: Arc<HookOrigin>,
    seen: usize,
    /// How many of the events that it has seen its frequency selects.
    asked: usize,
    hits: usize,
    /// The hook that took the first event that matches this one, before this one was asked.
    shaded_by: Option<HookId>,
    rule: Rule<V>,
}

/// A hook that may fire at an event.
#[derive(Debug)]
pub(crate) struct Candidate<V> {
    pub(crate) id: HookId,
    pub(crate) origin: Arc<HookOrigin>,
    pub(crate) behavior: Behavior<V>,
}

/// The status of a hook in reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HookStatus {
    pub(crate) id: HookId,
    origin: Arc<HookOrigin>,
    pub(crate) hits: usize,
    pub(crate) expected: Option<Expectation>,
    filter: Filter,
    point: PointName,
    /// The events of its hook point, in the singular.
    event: &'static str,
    /// The method that sets the user.
    user_method: &'static str,
    seen: usize,
    /// Why it did not fire at the events that match.
    pub(crate) why_passed: String,
    shaded_by: Option<String>,
}

impl HookStatus {
    pub(crate) fn name(&self) -> &str {
        &self.origin.name
    }

    pub(crate) fn title(&self) -> String {
        self.origin.title()
    }

    /// Returns the hook as the calls that installed it, and where the test has them.
    pub(crate) fn origin(&self) -> [String; 2] {
        self.origin.lines()
    }

    pub(crate) const fn point(&self) -> PointName {
        self.point
    }

    /// Returns the user that the hook is about, if it names one. A hook on deliveries may name only
    /// the sender, whose absence explains as much.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.filter.user_id.as_deref().or(self.filter.sender.as_deref())
    }

    /// Returns the room that the hook is about, if it names one.
    pub(crate) fn room(&self) -> Option<&str> {
        self.filter.rooms.first().map(String::as_str)
    }

    /// Returns a filter for each condition of the hook.
    pub(crate) fn conditions(&self) -> Vec<Filter> {
        self.filter.clone().each()
    }

    /// Returns one of the conditions as the call that sets it.
    pub(crate) fn shown(&self, condition: &Filter) -> String {
        condition_call(condition, self.user_method)
    }

    /// Returns `true` if no event has matched the hook's conditions, not even before another hook.
    pub(crate) fn has_seen_nothing(&self) -> bool {
        self.seen == 0 && self.shaded_by.is_none()
    }

    /// Returns the reason why a hook has not fired.
    pub(crate) fn why_not_fired(&self) -> String {
        match (self.seen, &self.shaded_by) {
            (0, Some(other)) => format!("{other} fired first for the matching events"),
            // The frequency is not a condition here: an event that it skips has matched, and counts
            // as seen.
            (0, None) if self.filter != Filter::default() => {
                "no event matched its conditions".into()
            }
            (0, None) => format!("there has been no {}", self.event),
            _ => format!("{}, but {}", self.matched(), self.why_passed),
        }
    }

    /// Returns the reason why a hook that has fired has not fired more often.
    pub(crate) fn why_not_more(&self) -> String {
        if self.seen <= self.hits {
            return self.matched();
        }
        self.why_not_fired()
    }

    /// Returns `true` if a hook has fired, but less often than expected.
    pub(crate) fn has_fired_too_rarely(&self) -> bool {
        let expected = self.expected.as_ref();
        self.hits > 0 && expected.is_some_and(|expected| self.hits < *expected.hits.start())
    }

    fn matched(&self) -> String {
        let events = if self.seen == 1 { "event" } else { "events" };
        format!("{} {events} matched its conditions", self.seen)
    }

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

impl<V: Clone + Describe> Chain<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    pub(crate) fn install(&mut self, id: HookId, rule: Rule<V>) {
        let name = rule.name.clone().unwrap_or_else(|| format!("{UNNAMED}{}", id.number)).into();
        let origin = Arc::new(HookOrigin {
            name,
            is_named: rule.name.is_some(),
            description: describe(&rule),
            written_at: rule.written_at,
        });
        // Sorted by ID, because an evaluation that continues compares IDs with that of the last
        // hook.
        let index = self.hooks.partition_point(|hook| hook.id < id);
        let hook = Installed { id, origin, seen: 0, asked: 0, hits: 0, shaded_by: None, rule };
        self.hooks.insert(index, hook);
    }

    /// Removes a hook and returns its final status.
    pub(crate) fn remove(&mut self, id: HookId) -> Option<HookStatus> {
        // A scan is fine, because a test has few hooks.
        let index = self.hooks.iter().position(|hook| hook.id == id)?;
        let status = self.status(&self.hooks[index]);
        self.hooks.remove(index);
        Some(status)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = HookId> {
        self.hooks.iter().map(|hook| hook.id)
    }

    /// Returns the first hook after `last` that may fire at an event. Counts the event
    /// for every hook that it examines on the way.
    pub(crate) fn candidate(
        &mut self,
        last: HookId,
        context: &EventContext<'_>,
        now: Timestamp,
    ) -> Option<Candidate<V>> {
        let matching =
            |hook: &&mut Installed<V>| hook.id > last && hook.rule.filter.admits(context);
        let mut hooks = self.hooks.iter_mut();
        // `by_ref` leaves the hooks after the one that is found to the search below.
        let hook = hooks.by_ref().filter(matching).find_map(|hook| {
            // A hook counts each event once: after the verdict of a closure, the evaluation
            // continues with the hooks after it.
            hook.seen += 1;
            hook.rule.frequency.allows(hook.seen, hook.hits, now).then_some(hook)
        })?;
        // Only a hook that has never been asked can be in the shade of another one.
        let unasked = hooks.filter(|hook| hook.seen == 0 && hook.shaded_by.is_none());
        for shaded in unasked.filter(matching) {
            shaded.shaded_by = Some(hook.id);
        }
        // Not a hit yet: a closure may still decide to pass, and `count` is called only if it does
        // not.
        hook.asked += 1;
        let behavior = hook.rule.behavior.clone();
        Some(Candidate { id: hook.id, origin: Arc::clone(&hook.origin), behavior })
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
        self.hooks.iter().map(|hook| self.status(hook))
    }

    /// Returns how often a hook of this chain has fired.
    pub(crate) fn hits(&self, id: HookId) -> Option<usize> {
        self.hooks.iter().find(|hook| hook.id == id).map(|hook| hook.hits)
    }

    fn status(&self, hook: &Installed<V>) -> HookStatus {
        // A hook that has seen an event since then has a better explanation.
        let shading = hook.shaded_by.filter(|_| hook.seen == 0);
        let shading = shading.map(|id| self.hooks.iter().find(|other| other.id == id));
        let shaded_by = shading.map(|other| match other {
            Some(Installed { origin, .. }) if !origin.is_named => {
                format!("{} ({})", origin.name, origin.description)
            }
            Some(other) => other.origin.title(),
            None => "a hook that is removed".into(),
        });
        HookStatus {
            id: hook.id,
            origin: Arc::clone(&hook.origin),
            hits: hook.hits,
            expected: hook.rule.expected.clone(),
            filter: hook.rule.filter.clone(),
            point: V::NAME,
            event: V::EVENT,
            user_method: V::USER,
            seen: hook.seen,
            why_passed: match (hook.asked.saturating_sub(hook.hits), &hook.rule.behavior) {
                _ if hook.asked == 0 => hook.rule.frequency.why_not(),
                (passed, Behavior::Closure { .. }) if passed > 0 && hook.hits > 0 => {
                    format!("its closure returned `Pass` for {passed} of them")
                }
                // It fired whenever its frequency selected an event.
                (0, _) if hook.seen > hook.asked => hook.rule.frequency.why_not(),
                (_, Behavior::Closure { .. }) => "its closure returned `Pass`".into(),
                // Read only if the hook has not fired, so the verdict is `Pass`: any other constant
                // verdict counts as a hit.
                (_, Behavior::Verdict(_)) => "it had no effect".into(),
            },
            shaded_by,
        }
    }
}
