//! Questions: events that wait for the verdict of a test closure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::handshake::PendingHandshake;
use crate::engine::io::{Answer, ClosureId, Output};
use crate::engine::operation::AskedCall;
use crate::engine::{Engine, review};
use crate::hook::chain::{Behavior, Candidate, Counted};
use crate::hook::event::HookEvent;
use crate::hook::filter::EventContext;
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::hook::verdict::Verdict;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;
use crate::service::output::ReviewCall;

/// Identifies a question to a closure within one mock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct QuestionId(pub(crate) u64);

/// The closures that have caused an event, of this mock and of others.
///
/// They are not asked about it. Otherwise a closure that answers every message with a message would
/// never come to an end, and neither would two mocks whose closures use each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ancestry(pub(crate) Option<Arc<[Ancestor]>>);

/// A closure that has caused an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ancestor {
    /// The number of its mock.
    pub(crate) mock: u64,
    pub(crate) closure: ClosureId,
}

impl Ancestry {
    fn contains(&self, ancestor: Ancestor) -> bool {
        self.0.as_ref().is_some_and(|ancestors| ancestors.contains(&ancestor))
    }
}

/// The questions that have no response yet.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<QuestionId, Question>,
    latest: u64,
}

/// An event, and the hook whose closure decides about it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) hook: HookId,
    /// `None` for the review handler of a room, which is not a hook.
    pub(super) origin: Option<Arc<HookOrigin>>,
    pub(super) ancestry: Ancestry,
    pub(super) parked: Parked,
}

/// An event that waits for a verdict.
#[derive(Debug)]
pub(super) enum Parked {
    Handshake { cause: u64, path: String, handshake: PendingHandshake },
    Action { cause: u64, connection: ConnectionId, payload: Payload },
    Review { cause: u64, call: ReviewCall },
    Delivery { cause: u64, connection: ConnectionId, payload: Payload },
    Operation { cause: u64, call: Box<AskedCall> },
    ReviewHandler { call: ReviewCall },
}

/// The result of evaluating the hooks of one hook point for an event.
pub(super) enum Evaluation<V> {
    /// No hook fires.
    Pass,
    /// A hook fires.
    Verdict(Arc<HookOrigin>, V),
    /// A closure decides. The event has to be parked under this question.
    Asked(Asked),
}

/// A closure that has been asked about an event.
pub(super) struct Asked {
    pub(super) question: QuestionId,
    pub(super) hook: HookId,
    pub(super) origin: Option<Arc<HookOrigin>>,
}

impl Questions {
    /// Returns `true` if the closure of a hook has been asked and has not answered.
    pub(super) fn is_asking(&self, hook: HookId) -> bool {
        self.open.values().any(|question| {
            question.hook == hook && !matches!(question.parked, Parked::ReviewHandler { .. })
        })
    }

    pub(super) fn next_id(&mut self) -> QuestionId {
        self.latest += 1;
        QuestionId(self.latest)
    }

    pub(super) fn insert(&mut self, id: QuestionId, question: Question) {
        self.open.insert(id, question);
    }

    pub(super) fn remove(&mut self, id: QuestionId) -> Option<Question> {
        self.open.remove(&id)
    }

    /// Drops the questions about events that no longer exist, and returns their ids.
    pub(super) fn withdraw(&mut self, is_moot: impl Fn(&Parked) -> bool) -> Vec<QuestionId> {
        // A scan is fine, because only a closure that has not answered has a question here.
        let moot = self.open.iter().filter(|(_, question)| is_moot(&question.parked));
        let moot: Vec<_> = moot.map(|(id, _)| *id).collect();
        for id in &moot {
            self.open.remove(id);
        }
        moot
    }
}

impl Engine {
    /// Evaluates the hooks of a hook point and asks a closure if one has to decide.
    pub(super) fn consult<V: Verdict>(
        &mut self,
        context: &EventContext<'_>,
        last: HookId,
        event: impl FnOnce() -> HookEvent,
    ) -> Evaluation<V> {
        let mut last = last;
        loop {
            let hooks = V::chain(&mut self.hooks);
            // By ID and not by index, because the test may install and remove hooks while a closure
            // decides.
            let Some(candidate) = hooks.candidate(last, context, self.now) else {
                return Evaluation::Pass;
            };
            let Candidate { id: hook, origin, behavior } = candidate;
            last = hook;
            match behavior {
                Behavior::Verdict(verdict) if verdict.is_pass() => {}
                Behavior::Verdict(verdict) => {
                    hooks.count(hook);
                    return Evaluation::Verdict(origin, verdict);
                }
                Behavior::Closure { .. } if self.is_ancestor(ClosureId::Hook(hook)) => {}
                Behavior::Closure { .. } => {
                    let name = Arc::clone(&origin.name);
                    let question = self.ask(ClosureId::Hook(hook), name, event());
                    return Evaluation::Asked(Asked { question, hook, origin: Some(origin) });
                }
            }
        }
    }

    /// Returns `true` if a closure of this mock has caused what is handled right now.
    fn is_ancestor(&self, closure: ClosureId) -> bool {
        self.ancestry.contains(Ancestor { mock: self.mock, closure })
    }

    /// Asks a closure about an event.
    pub(super) fn ask(
        &mut self,
        closure: ClosureId,
        name: Arc<str>,
        event: HookEvent,
    ) -> QuestionId {
        let question = self.questions.next_id();
        let ancestry = self.ancestry.clone();
        // The driver carries this out after the step, so no answer can arrive before the event is
        // parked.
        self.outputs.push_back(Output::Ask { question, closure, name, event, ancestry });
        question
    }

    /// Keeps an event until its closure has answered.
    pub(super) fn park(&mut self, asked: Asked, parked: Parked) {
        let Asked { question, hook, origin } = asked;
        let ancestry = self.ancestry.clone();
        self.questions.insert(question, Question { hook, origin, ancestry, parked });
    }

    /// Returns the verdict in the answer of a closure, and counts that its hook has fired. A
    /// closure that could not be asked decides nothing.
    pub(super) fn verdict_of<V: Verdict>(
        &mut self,
        hook: HookId,
        answer: Answer,
        after_panic: impl FnOnce(&mut Self) -> V,
    ) -> V {
        let verdict = match answer {
            Answer::Verdict(verdict) => V::of(verdict).unwrap_or_else(V::pass),
            Answer::Panicked => after_panic(self),
            Answer::Unavailable => V::pass(),
        };
        if verdict.is_pass() {
            return verdict;
        }
        match V::chain(&mut self.hooks).count(hook) {
            Counted::Fired => {}
            Counted::Exhausted => return V::pass(),
            // The verdict still applies: the closure was asked before the test removed its hook.
            Counted::Removed => self.hooks.count_removed(hook),
        }
        verdict
    }

    /// Continues with an event whose closure has answered.
    pub(super) fn handle_answer(&mut self, id: QuestionId, answer: Answer) {
        // A question may have been withdrawn meanwhile: the connection has ended, or a review
        // has timed out.
        let Some(question) = self.questions.remove(id) else { return };
        let Question { hook, origin, ancestry, parked } = question;
        self.ancestry = ancestry;
        let Some(origin) = origin else {
            if let Parked::ReviewHandler { call } = parked {
                let cause = self.log.len();
                self.conclude_review(cause, &call, review::response_of(answer));
            }
            return;
        };
        match parked {
            Parked::Handshake { cause, path, handshake } => {
                self.handshake_decided(cause, path, handshake, hook, &origin, answer);
            }
            Parked::Action { cause, connection, payload } => {
                self.action_decided(cause, connection, payload, hook, &origin, answer);
                // After the verdict: if it was to pass, the next hook may have asked about the same
                // action. The lane then waits for that question, and `unblock` ignores this one.
                self.resume_inbound(connection, id);
            }
            Parked::Review { cause, call } => {
                self.review_decided(cause, call, hook, &origin, answer);
            }
            Parked::Delivery { cause, connection, payload } => {
                // Before the verdict, because a frame that an open gate does not hold has to leave
                // ahead of those that wait behind it.
                if let Some(open) = self.connections.open.get_mut(connection) {
                    open.outbound.unblock(id);
                }
                self.delivery_decided(cause, connection, payload, hook, &origin, answer);
                self.resume_outbound(connection);
            }
            Parked::Operation { cause, call } => {
                self.operation_decided(cause, *call, hook, &origin, answer);
            }
            Parked::ReviewHandler { .. } => {}
        }
    }
}

/// The text of the general error after the panic of a closure.
pub(super) const PANICKED: &str = "a hook panicked";
