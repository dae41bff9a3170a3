//! Registry: the hooks of all hook points.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

use crate::hook::action::ActionVerdict;
use crate::hook::chain::{Chain, HookStatus, Rule, UNNAMED};
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::ids::{GateId, HookId};
use crate::hook::operation::OperationVerdict;
use crate::hook::review::ReviewVerdict;

/// The hooks of all hook points.
#[derive(Debug, Default)]
pub(crate) struct HookRegistry {
    pub(crate) handshakes: Chain<HandshakeVerdict>,
    pub(crate) actions: Chain<ActionVerdict>,
    pub(crate) reviews: Chain<ReviewVerdict>,
    pub(crate) deliveries: Chain<DeliveryVerdict>,
    pub(crate) operations: Chain<OperationVerdict>,
    /// The final status of removed hooks that the test can still ask about, or that did not fire
    /// as expected.
    removed: BTreeMap<HookId, HookStatus>,
    /// The names that tests have given to hooks, also to those that were removed.
    names: BTreeSet<String>,
    installed: u64,
}

/// A rule of any hook point.
#[expect(unnameable_types, reason = "only sealed traits mention it")]
#[derive(Clone, Debug)]
pub enum AnyRule {
    Handshake(Rule<HandshakeVerdict>),
    Action(Rule<ActionVerdict>),
    Review(Rule<ReviewVerdict>),
    Delivery(Rule<DeliveryVerdict>),
    Operation(Rule<OperationVerdict>),
}

impl AnyRule {
    /// Makes the hook hold events at a gate.
    pub(crate) fn hold(&mut self, gate: GateId) {
        match self {
            Self::Handshake(rule) => rule.decide(HandshakeVerdict::Hold(gate)),
            Self::Action(rule) => rule.decide(ActionVerdict::Hold(gate)),
            Self::Review(rule) => rule.decide(ReviewVerdict::Hold(gate)),
            Self::Delivery(rule) => rule.decide(DeliveryVerdict::Hold(gate)),
            Self::Operation(rule) => rule.decide(OperationVerdict::Hold(gate)),
        }
    }

    /// Sets the line that reports name.
    pub(crate) const fn written_at(&mut self, caller: &'static Location<'static>) {
        let (written_at, expected) = match self {
            Self::Handshake(rule) => (&mut rule.written_at, &mut rule.expected),
            Self::Action(rule) => (&mut rule.written_at, &mut rule.expected),
            Self::Review(rule) => (&mut rule.written_at, &mut rule.expected),
            Self::Delivery(rule) => (&mut rule.written_at, &mut rule.expected),
            Self::Operation(rule) => (&mut rule.written_at, &mut rule.expected),
        };
        // A hook from JSON has the line of the reader in both places, which is not in the test.
        *written_at = caller;
        if let Some(expected) = expected {
            expected.caller = caller;
        }
    }

    /// Returns the line that reports name.
    pub(crate) const fn place(&self) -> &'static Location<'static> {
        match self {
            Self::Handshake(rule) => rule.written_at,
            Self::Action(rule) => rule.written_at,
            Self::Review(rule) => rule.written_at,
            Self::Delivery(rule) => rule.written_at,
            Self::Operation(rule) => rule.written_at,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Handshake(rule) => rule.name.as_deref(),
            Self::Action(rule) => rule.name.as_deref(),
            Self::Review(rule) => rule.name.as_deref(),
            Self::Delivery(rule) => rule.name.as_deref(),
            Self::Operation(rule) => rule.name.as_deref(),
        }
    }

    const fn priority(&self) -> i32 {
        match self {
            Self::Handshake(rule) => rule.priority,
            Self::Action(rule) => rule.priority,
            Self::Review(rule) => rule.priority,
            Self::Delivery(rule) => rule.priority,
            Self::Operation(rule) => rule.priority,
        }
    }
}

impl HookRegistry {
    pub(crate) fn install(&mut self, rule: AnyRule) -> HookId {
        self.installed += 1;
        let id = HookId::new(self.installed, rule.priority());
        if let Some(name) = rule.name().filter(|name| !self.names.contains(*name)) {
            self.names.insert(name.into());
        }
        match rule {
            AnyRule::Handshake(rule) => self.handshakes.install(id, rule),
            AnyRule::Action(rule) => self.actions.install(id, rule),
            AnyRule::Review(rule) => self.reviews.install(id, rule),
            AnyRule::Delivery(rule) => self.deliveries.install(id, rule),
            AnyRule::Operation(rule) => self.operations.install(id, rule),
        }
        id
    }

    pub(crate) fn remove(&mut self, id: HookId) {
        // IDs are unique among all chains, so at most one of them has the hook.
        let status = self.handshakes.remove(id);
        let status = status.or_else(|| self.actions.remove(id));
        let status = status.or_else(|| self.reviews.remove(id));
        let status = status.or_else(|| self.deliveries.remove(id));
        let status = status.or_else(|| self.operations.remove(id));
        // A hook that was removed before is in no chain. Its status stays as it is.
        if let Some(status) = status {
            self.removed.insert(id, status);
        }
    }

    pub(crate) fn remove_all(&mut self) {
        // Collected first, because each removal changes a chain.
        let ids = self.handshakes.ids().chain(self.actions.ids()).chain(self.reviews.ids());
        let ids: Vec<_> = ids.chain(self.deliveries.ids()).chain(self.operations.ids()).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Drops all hooks and the status of removed ones. The numbers of later hooks continue, and the
    /// names are still known, because the log may have entries of these hooks.
    pub(crate) fn reset(&mut self) {
        // If numbers began at 1 again, a handle from before the reset would count the hits of
        // another hook.
        let names = std::mem::take(&mut self.names);
        *self = Self { installed: self.installed, names, ..Self::default() };
    }

    /// Returns `true` if there is, or was, a hook of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        let number = name.strip_prefix(UNNAMED).and_then(|number| number.parse().ok());
        let is_number = number.is_some_and(|number: u64| (1..=self.installed).contains(&number));
        is_number || self.names.contains(name)
    }

    /// Returns the names that tests have given to hooks.
    pub(crate) const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Discards a removed hook that the test can no longer query. A hook that did not fire as
    /// expected is kept, because the final report must name it.
    pub(crate) fn forget(&mut self, id: HookId) {
        if self.removed.get(&id).is_some_and(HookStatus::is_as_expected) {
            self.removed.remove(&id);
        }
    }

    /// Counts a firing of a hook whose verdict arrived after its removal.
    pub(crate) fn count_removed(&mut self, id: HookId) {
        if let Some(status) = self.removed.get_mut(&id) {
            status.hits += 1;
        }
    }

    /// Returns the status of all hooks, in the order of installation.
    pub(crate) fn statuses(&self) -> Vec<HookStatus> {
        let mut all: Vec<_> = self.all_statuses().collect();
        // A chain is in the order of evaluation, which depends on priorities.
        all.sort_by_key(|status| status.id.number);
        all
    }

    pub(crate) fn hits(&self, id: HookId) -> usize {
        // A hook is either removed or in one chain, so the order of the lookups does not matter.
        let hits = self.removed.get(&id).map(|status| status.hits);
        let hits = hits.or_else(|| self.handshakes.hits(id)).or_else(|| self.actions.hits(id));
        let hits = hits.or_else(|| self.reviews.hits(id)).or_else(|| self.deliveries.hits(id));
        hits.or_else(|| self.operations.hits(id)).unwrap_or_default()
    }

    fn all_statuses(&self) -> impl Iterator<Item = HookStatus> {
        let all = self.removed.values().cloned();
        let all = all.chain(self.handshakes.statuses()).chain(self.actions.statuses());
        let all = all.chain(self.reviews.statuses()).chain(self.deliveries.statuses());
        all.chain(self.operations.statuses())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::chain::{Behavior, Expectation};
    use crate::hook::filter::{EventContext, Filter};
    use crate::hook::frequency::Frequency;
    use crate::proto::timestamp::Timestamp;

    fn ignore(expected: Option<Expectation>) -> AnyRule {
        AnyRule::Action(Rule {
            name: None,
            filter: Filter::default(),
            frequency: Frequency::default(),
            expected,
            priority: 0,
            behavior: Behavior::Verdict(ActionVerdict::Ignore),
            written_at: Location::caller(),
        })
    }

    #[test]
    fn a_removed_hook_without_an_expectation_takes_no_memory() {
        let mut hooks = HookRegistry::default();
        for _ in 0..1_000 {
            let id = hooks.install(ignore(None));
            hooks.remove(id);
            hooks.forget(id);
        }
        assert!(hooks.removed.is_empty() && hooks.actions.is_empty());
    }

    #[test]
    fn a_removed_hook_with_an_unmet_expectation_is_kept_for_the_report() {
        let mut hooks = HookRegistry::default();
        let id =
            hooks.install(ignore(Some(Expectation { hits: 1..=1, caller: Location::caller() })));
        hooks.remove(id);
        hooks.forget(id);
        assert_eq!(hooks.statuses().len(), 1);
        hooks.count_removed(id);
        assert_eq!(hooks.hits(id), 1);
        hooks.forget(id);
        assert!(hooks.statuses().is_empty());
    }

    #[test]
    fn a_later_hook_of_a_higher_priority_is_evaluated_before_an_earlier_one() {
        let mut hooks = HookRegistry::default();
        let with_priority = |priority| match ignore(None) {
            AnyRule::Action(rule) => AnyRule::Action(Rule { priority, ..rule }),
            other => other,
        };
        let installed: Vec<_> =
            [0, i32::MIN, i32::MAX, 1, 0].map(|p| hooks.install(with_priority(p))).into();
        let (mut evaluated, mut last) = (Vec::new(), HookId::default());
        while let Some(candidate) =
            hooks.actions.candidate(last, &EventContext::default(), Timestamp::default())
        {
            last = candidate.id;
            evaluated.push(last.number);
        }
        assert_eq!(evaluated, [3, 4, 1, 5, 2]);
        let statuses: Vec<_> = hooks.statuses().iter().map(|status| status.id).collect();
        assert_eq!(statuses, installed);
    }

    #[test]
    fn names_of_removed_hooks_are_still_known() {
        let mut hooks = HookRegistry::default();
        assert!(!hooks.knows("hook 1"));
        let id = hooks.install(ignore(None));
        let named = match ignore(None) {
            AnyRule::Action(rule) => AnyRule::Action(Rule { name: Some("slow".into()), ..rule }),
            other => other,
        };
        hooks.install(named);
        hooks.remove(id);
        hooks.reset();
        let known = ["hook 1", "slow", "hook 0", "hook 3", "hook", "fast"];
        assert_eq!(known.map(|name| hooks.knows(name)), [true, true, false, false, false, false]);
        assert_eq!(hooks.names().iter().collect::<Vec<_>>(), ["slow"]);
    }

    #[test]
    fn hooks_are_evaluated_in_the_order_of_installation() {
        let mut hooks = HookRegistry::default();
        let (first, second) = (hooks.install(ignore(None)), hooks.install(ignore(None)));
        let mut next = |last| {
            let candidate =
                hooks.actions.candidate(last, &EventContext::default(), Timestamp::default());
            candidate.map(|candidate| candidate.id)
        };
        assert_eq!(next(HookId::default()), Some(first));
        assert_eq!(next(first), Some(second));
        assert_eq!(next(second), None);
    }
}
