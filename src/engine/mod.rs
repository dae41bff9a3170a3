//! Engine: every decision of the mock as one plain value.
//!
//! The engine combines the service with hooks, gates, delays, reviews, ordering and the log. It
//! takes an input and the current time, and queues outputs for its driver. It contains no
//! lock, clock, thread or socket, and it never runs code of the test: a closure is asked by an
//! output, and its answer is an input. The event in question is parked meanwhile, later events of
//! the same connection in the same direction queue behind it, and everything else continues.
//!
//! One input is one step: the decision, its log entries and the queueing of its outputs belong
//! together, so the log and what clients see cannot disagree.

mod action;
pub(crate) mod connection_map;
mod connections;
pub(crate) mod control;
mod corrupt;
mod delivery;
mod gates;
mod handshake;
pub(crate) mod io;
mod keep_alive;
mod operation;
mod outage;
mod questions;
mod review;
#[cfg(test)]
#[path = "../../tests/script/mod.rs"]
mod script;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;

use crate::engine::connections::Connections;
use crate::engine::gates::Gates;
use crate::engine::io::{Arrangement, CallId, HandlerId, Input, Output, Reply};
pub(crate) use crate::engine::keep_alive::KeepAlive;
use crate::engine::questions::Questions;
pub(crate) use crate::engine::questions::{Ancestor, Ancestry, QuestionId};
use crate::engine::timers::{Deferred, Delay, Timers, Waiting};
use crate::hook::chain::HookStatus;
use crate::hook::ids::{GateId, HookId};
use crate::hook::origin::HookOrigin;
use crate::hook::registry::HookRegistry;
use crate::log::record::{Event, GaveUp, HookFired, Peer, Record, Reviewed, Reviewer, Until};
use crate::log::retention::LogRetention;
use crate::log::store::LogStore;
use crate::proto::timestamp::Timestamp;
use crate::service::output::ReviewId;
use crate::service::{ConnectionId, Output as ServiceOutput, Service};

/// The mock as a value.
#[derive(Debug)]
pub(crate) struct Engine {
    service: Service,
    keep_alive: KeepAlive,
    hooks: HookRegistry,
    /// The review handlers, by the ARN of the Lambda function that each stands in for.
    handlers: BTreeMap<String, HandlerId>,
    /// The latest hook or handler of each review that has not ended.
    reviewers: BTreeMap<ReviewId, Reviewer>,
    connections: Connections,
    timers: Timers,
    gates: Gates,
    questions: Questions,
    log: LogStore,
    outputs: VecDeque<Output>,
    /// The calls whose clients can no longer get a response.
    abandoned_calls: BTreeSet<CallId>,
    /// The time of the current input. It never goes back.
    now: Timestamp,
    /// The closures that have caused what is handled right now.
    ancestry: Ancestry,
    /// The number of the mock.
    mock: u64,
    spares_participants: bool,
}

/// The settings of an engine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EngineSettings {
    /// The number of the mock, which its gates carry.
    pub(crate) mock: u64,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) retention: LogRetention,
    /// Whether participants stay connected when all clients are disconnected.
    pub(crate) spares_participants: bool,
}

impl Engine {
    pub(crate) fn new(service: Service, settings: EngineSettings) -> Self {
        Self {
            service,
            keep_alive: settings.keep_alive,
            hooks: HookRegistry::default(),
            handlers: BTreeMap::new(),
            reviewers: BTreeMap::new(),
            connections: Connections::default(),
            timers: Timers::default(),
            gates: Gates::new(settings.mock),
            questions: Questions::default(),
            log: LogStore::new(settings.retention),
            outputs: VecDeque::new(),
            abandoned_calls: BTreeSet::new(),
            now: Timestamp::default(),
            ancestry: Ancestry::default(),
            mock: settings.mock,
            spares_participants: settings.spares_participants,
        }
    }

    /// Handles one input, after everything that is due before it.
    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) {
        self.handle_timeout(now);
        self.dispatch(input);
        // A timer that fires before the next input must not inherit the closures of this one.
        self.ancestry = Ancestry::default();
    }

    /// Returns the next consequence of the inputs so far.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when [`Engine::handle_timeout`] has to be called next.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        [self.service.next_deadline(), self.timers.next_deadline()].into_iter().flatten().min()
    }

    /// Handles everything that is due by now, in order.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while self.handle_next_timeout() {}
    }

    /// Handles the first thing that is due. Returns `false` if there is none.
    fn handle_next_timeout(&mut self) -> bool {
        let timer = self.timers.next_deadline();
        let is_service_first = match (self.service.next_deadline(), timer) {
            // If both are due at the same time, the timer goes first: a frame whose delay ends
            // together with its session leaves before the close frame.
            (Some(service), Some(timer)) => service < timer,
            (service, _) => service.is_some(),
        };
        if is_service_first {
            let mut outputs = Vec::new();
            // Returning `false` is right here: the deadline of the service is the earliest, so if
            // it is still ahead, all timers are too.
            // One deadline at a time: its consequences may set or cancel other deadlines and
            // timers, so both queues are compared again after it.
            let has_happened = self.service.time_reached(self.now, &mut outputs);
            let cause = self.log.len();
            self.apply(cause, outputs);
            return has_happened;
        }
        // `pop` also returns `None` if the first timer is still ahead. The service has nothing due
        // then either, because its deadline is not before that timer.
        match self.timers.pop(self.now) {
            Some(waiting) => self.resume(waiting),
            None => return false,
        }
        true
    }

    fn dispatch(&mut self, input: Input) {
        match input {
            Input::Handshake { id, token, path, headers, peer_ip } => {
                self.handshake(id, token, path, headers, peer_ip);
            }
            Input::InvalidHandshake { status, message, headers } => {
                let cause = self.log.len();
                self.record_refusal(cause, status, &message, None, None, Some(headers));
            }
            Input::HandshakeAbandoned(id) => self.abandon_handshake(id),
            Input::GaveUp { operation, user_id } => {
                self.record_own(Event::GaveUp(Box::new(GaveUp { operation, user_id })));
            }
            Input::Join { token } => self.join(&token),
            Input::Frame { connection, payload } => self.receive(connection, payload),
            Input::Ending { connection, ending } => self.client_ends(connection, ending),
            Input::Overflow { connection } => self.drop_slow_reader(connection),
            Input::Call { id, origin, operation, request, body } => {
                self.call(id, origin, operation, request, body);
            }
            Input::InvalidCall { origin, operation, body, exception } => {
                self.refuse_call(origin, operation, body, *exception);
            }
            Input::TestCall { operation, request, body } => {
                self.test_call(operation, &request, body);
            }
            Input::Answered { question, answer } => self.handle_answer(question, answer),
            Input::RealTimeElapsed(id) => {
                if let Some(waiting) = self.timers.pop_real_time(id) {
                    self.resume(waiting);
                }
            }
            Input::Advance(duration) => self.record_own(Event::ClockAdvanced(duration)),
            Input::ResetRooms => self.reset_rooms(),
            Input::ClearLog => self.log.clear(),
            Input::Unserved(unserved) => self.record_own(Event::Unserved(unserved)),
            Input::Outage(outage) => self.end_all(&outage),
            Input::OutageEnded => self.outage_ended(),
            Input::Shutdown => self.shut_down(),
            Input::Control { connection, control } => {
                let has_acted = self.control(connection, control);
                self.outputs.push_back(Output::Return(Reply::Controlled(has_acted)));
            }
            // Set after `handle` has run the timers, because events that were due before this input
            // do not follow from its closures.
            Input::FromClosures { ancestry, input } => {
                self.ancestry = ancestry;
                self.dispatch(*input);
            }
            Input::Arrange(arrangement) => self.arrange(*arrangement),
        }
    }

    /// Handles what the test sets up: hooks, gates and review handlers.
    fn arrange(&mut self, arrangement: Arrangement) {
        match arrangement {
            Arrangement::InstallHook(rule) => {
                let id = self.hooks.install(*rule);
                self.outputs.push_back(Output::Return(Reply::Installed(id)));
            }
            Arrangement::RemoveHook(id) => self.hooks.remove(id),
            Arrangement::RemoveAllHooks => self.hooks.remove_all(),
            Arrangement::ResetHooks => {
                self.hooks.reset();
                self.handlers.clear();
            }
            Arrangement::ForgetHook(id) => self.hooks.forget(id),
            Arrangement::AddGate => {
                let gate = self.gates.add();
                self.outputs.push_back(Output::Return(Reply::Gate(gate)));
            }
            Arrangement::OpenGate(gate) => {
                for waiting in self.gates.open(gate) {
                    self.resume(waiting);
                }
            }
            Arrangement::ReleaseOne(gate) => {
                let waiting = self.gates.release_one(gate);
                let has_released = waiting.is_some();
                if let Some(waiting) = waiting {
                    self.resume(waiting);
                }
                self.outputs.push_back(Output::Return(Reply::Released(has_released)));
            }
            Arrangement::SetReviewHandler { uri, handler } => {
                self.handlers.insert(uri, handler);
            }
        }
    }

    /// Passes the outputs of the service to the log and to the connections.
    fn apply(&mut self, cause: u64, outputs: Vec<ServiceOutput>) {
        for output in outputs {
            match output {
                ServiceOutput::Deliver { to, frame } => self.deliver(cause, to, frame),
                ServiceOutput::Close { connection, close } => {
                    self.close(cause, connection, close);
                }
                ServiceOutput::Exceeded { quota, limit } => {
                    self.record(cause, None, Event::QuotaExceeded { quota, limit });
                }
                ServiceOutput::Review(call) => self.review(cause, call, HookId::default()),
                ServiceOutput::ReviewTimedOut { review, message_id, fallback } => {
                    self.review_timed_out(cause, review, message_id, fallback);
                }
            }
        }
    }

    /// Stops an event on its way, for a hook.
    fn defer(
        &mut self,
        cause: u64,
        connection: Option<ConnectionId>,
        hook: &Arc<HookOrigin>,
        delay: Delay,
        deferred: Deferred,
    ) {
        let until = match delay {
            Delay::Gate(gate) => Some(Until::Gate(gate)),
            Delay::Clock(duration) => Some(Until::Time(self.now + duration)),
            Delay::RealTime(_) => None,
        };
        let payload = match &deferred {
            Deferred::Deliver { frame, .. } => Some(frame.payload.clone()),
            _ => None,
        };
        // Recorded first: an open gate releases the event further down, and the log shows the hook
        // before the event that it let pass.
        let stops_action = matches!(deferred, Deferred::Publish { .. } | Deferred::Review(_));
        let fired = HookFired::new(hook, delay.describe());
        self.record_hook(cause, connection, HookFired { payload, until, stops_action, ..fired });
        let waiting = Waiting { ancestry: self.ancestry.clone(), deferred };
        match delay {
            Delay::Clock(duration) => {
                self.timers.at(self.now + duration, waiting);
            }
            Delay::RealTime(duration) => {
                let id = self.timers.in_real_time(waiting);
                self.outputs.push_back(Output::StartTimer { id, duration });
            }
            Delay::Gate(gate) => {
                if let Err(waiting) = self.gates.hold(gate, waiting) {
                    self.resume(waiting);
                }
            }
        }
    }

    /// Continues an event that was deferred.
    fn resume(&mut self, waiting: Waiting) {
        let cause = self.log.len();
        // The event follows from the closures from which it followed before, and not from the one
        // that has opened its gate.
        let ancestry = mem::replace(&mut self.ancestry, waiting.ancestry);
        // A frame, an action or a timer whose connection has ended meanwhile finds no connection or
        // no session below, and nothing happens.
        match waiting.deferred {
            Deferred::Deliver { connection, frame } => {
                self.send(cause, connection, vec![frame]);
            }
            Deferred::CloseIfIdle(connection) => self.close_if_idle(cause, connection),
            Deferred::Handshake(handshake) => self.admit(cause, *handshake),
            Deferred::Ping(connection) => self.ping(cause, connection),
            Deferred::Publish { connection, publish } => self.publish(cause, connection, publish),
            Deferred::Reply(reply) => self.reply(cause, *reply),
            Deferred::Review(call) => self.ask_handler(cause, *call),
        }
        self.ancestry = ancestry;
    }
}

/// The log.
impl Engine {
    /// Records something that follows from the entry `cause`.
    fn record(&mut self, cause: u64, connection: Option<ConnectionId>, event: Event) {
        let peer = connection.and_then(|connection| self.connections.peer(connection));
        // The end of a connection has to be recorded before `remove`, or its entry has no peer.
        self.log.push(Record { at: self.now, cause, peer, event });
    }

    /// Records something that follows from nothing in the log.
    fn record_own(&mut self, event: Event) {
        self.record(self.log.len(), None, event);
    }

    /// Records that a hook fired.
    fn record_effect(
        &mut self,
        cause: u64,
        connection: Option<ConnectionId>,
        hook: &Arc<HookOrigin>,
        effect: impl Into<String>,
    ) {
        self.record_hook(cause, connection, HookFired::new(hook, effect));
    }

    fn record_hook(&mut self, cause: u64, connection: Option<ConnectionId>, fired: HookFired) {
        self.record(cause, connection, Event::HookFired(Box::new(fired)));
    }

    fn record_review(&mut self, cause: u64, reviewed: Reviewed) {
        self.record(cause, None, Event::Reviewed(Box::new(reviewed)));
    }
}

/// Questions that change nothing.
impl Engine {
    pub(crate) const fn service(&self) -> &Service {
        &self.service
    }

    pub(crate) const fn mock(&self) -> u64 {
        self.mock
    }

    pub(crate) const fn log(&self) -> &LogStore {
        &self.log
    }

    pub(crate) fn handler(&self, uri: &str) -> Option<HandlerId> {
        self.handlers.get(uri).copied()
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.service.is_connected(connection)
    }

    /// Returns `true` if there was such a connection and no entry about it can follow.
    pub(crate) fn has_ended(&self, connection: ConnectionId) -> bool {
        self.connections.has_ended(connection)
    }

    /// Keeps an index of the entries of a participant that waits for its frames.
    pub(crate) fn follow(&mut self, connection: ConnectionId, since: u64) {
        self.log.follow(connection, since);
    }

    pub(crate) fn unfollow(&mut self, connection: ConnectionId) {
        self.log.unfollow(connection);
    }

    pub(crate) fn peer(&self, connection: ConnectionId) -> Option<Arc<Peer>> {
        self.connections.peer(connection)
    }

    /// Returns the user that is probably meant by the ID of a user who has never connected.
    pub(crate) fn meant_user(&self, user_id: &str) -> Option<Arc<str>> {
        self.connections.meant_user(user_id)
    }

    pub(crate) fn hook_statuses(&self) -> Vec<HookStatus> {
        let mut statuses = self.hooks.statuses();
        for status in &mut statuses {
            if self.questions.is_asking(status.id) {
                status.why_passed = "its closure has not returned".into();
            }
        }
        statuses
    }

    pub(crate) const fn hooks(&self) -> &HookRegistry {
        &self.hooks
    }

    pub(crate) fn hook_hits(&self, id: HookId) -> usize {
        self.hooks.hits(id)
    }

    pub(crate) fn waiting_at(&self, gate: GateId) -> usize {
        self.gates.waiting_at(gate)
    }

    /// Returns how many events are delayed until a moment of the clock, and the first such moment.
    pub(crate) fn delayed(&self) -> Option<(usize, Timestamp)> {
        self.timers.delayed()
    }

    /// Returns how many events wait at all gates.
    pub(crate) fn waiting_at_gates(&self) -> usize {
        self.gates.waiting()
    }
}
