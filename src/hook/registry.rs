//! The hooks of all places.

use crate::hook::chain::{Chain, HookId, Rule, Standing};
use crate::hook::event::{HandshakeRequest, InboundFrame, OperationCall, OutboundFrame};
use crate::hook::verdict::{
    ActionVerdict, DeliveryVerdict, HandshakeVerdict, OperationVerdict, ReviewVerdict,
};
use crate::service::review_handler::ReviewRequest;

/// The hooks of all places.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) handshakes: Chain<HandshakeRequest, HandshakeVerdict>,
    pub(crate) actions: Chain<InboundFrame, ActionVerdict>,
    pub(crate) reviews: Chain<ReviewRequest, ReviewVerdict>,
    pub(crate) deliveries: Chain<OutboundFrame, DeliveryVerdict>,
    pub(crate) operations: Chain<OperationCall, OperationVerdict>,
    /// What is to be said of hooks that were removed.
    removed: Vec<Standing>,
    installed: u64,
}

/// A hook of any place, as a value that can be kept, cloned and installed.
///
/// The functions of the module [`hook`](crate::hook) make them, and
/// [`Handle::install`](crate::Handle::install) installs them, so that they can stand in tables of
/// cases.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, HookValue, MockIvsChat, hook};
///
/// let faults: [HookValue; 2] = [
///     hook::on_action().once().reject(ErrorCode::TooManyRequests, "rate limit exceeded"),
///     hook::on_delivery().nth(2).drop_frame(),
/// ];
/// let ivs = MockIvsChat::start();
/// for fault in faults {
///     ivs.install(fault);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HookValue(pub(crate) AnyRule);

/// A rule of any place.
#[derive(Clone, Debug)]
pub(crate) enum AnyRule {
    Handshake(Rule<HandshakeRequest, HandshakeVerdict>),
    Action(Rule<InboundFrame, ActionVerdict>),
    Review(Rule<ReviewRequest, ReviewVerdict>),
    Delivery(Rule<OutboundFrame, DeliveryVerdict>),
    Operation(Rule<OperationCall, OperationVerdict>),
}

impl Hooks {
    pub(crate) fn install(&mut self, rule: AnyRule) -> HookId {
        self.installed += 1;
        let id = HookId(self.installed);
        match rule {
            AnyRule::Handshake(rule) => self.handshakes.install(id, rule),
            AnyRule::Action(rule) => self.actions.install(id, rule),
            AnyRule::Review(rule) => self.reviews.install(id, rule),
            AnyRule::Delivery(rule) => self.deliveries.install(id, rule),
            AnyRule::Operation(rule) => self.operations.install(id, rule),
        }
        id
    }

    /// Removes a hook; what it returns is to be dropped where no lock is held, for it may be the
    /// end of a closure of the test.
    pub(crate) fn remove(&mut self, id: HookId) -> Option<AnyRule> {
        let removed = self.handshakes.remove(id).map(|(s, rule)| (s, AnyRule::Handshake(rule)));
        let removed = removed
            .or_else(|| self.actions.remove(id).map(|(s, rule)| (s, AnyRule::Action(rule))))
            .or_else(|| self.reviews.remove(id).map(|(s, rule)| (s, AnyRule::Review(rule))))
            .or_else(|| self.deliveries.remove(id).map(|(s, rule)| (s, AnyRule::Delivery(rule))))
            .or_else(|| self.operations.remove(id).map(|(s, rule)| (s, AnyRule::Operation(rule))));
        let (standing, rule) = removed?;
        self.removed.push(standing);
        Some(rule)
    }

    /// Removes all hooks, as [`Hooks::remove`] does one.
    pub(crate) fn remove_all(&mut self) -> Vec<AnyRule> {
        let ids = self.handshakes.ids().chain(self.actions.ids()).chain(self.reviews.ids());
        let ids: Vec<_> = ids.chain(self.deliveries.ids()).chain(self.operations.ids()).collect();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Counts that a hook has fired that has been removed meanwhile.
    pub(crate) fn count_removed(&mut self, id: HookId) {
        let removed = self.removed.iter_mut().find(|standing| standing.id == id);
        removed.into_iter().for_each(|standing| standing.hits += 1);
    }

    /// What is to be said of all hooks that there are and were, in the order of installation.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let mut all: Vec<_> = self.all_standings().collect();
        all.sort_by_key(|standing| standing.id);
        all
    }

    /// How often a hook has fired.
    pub(crate) fn hits(&self, id: HookId) -> usize {
        self.all_standings().find(|standing| standing.id == id).map_or(0, |found| found.hits)
    }

    fn all_standings(&self) -> impl Iterator<Item = Standing> {
        let all = self.removed.iter().cloned();
        let all = all.chain(self.handshakes.standings()).chain(self.actions.standings());
        let all = all.chain(self.reviews.standings()).chain(self.deliveries.standings());
        all.chain(self.operations.standings())
    }
}
