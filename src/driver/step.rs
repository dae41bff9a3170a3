//! Step: one input's way through hooks and service to the log and the connections.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{MutexGuard, ReentrantMutexGuard};

use crate::api::gate::GateId;
use crate::driver::{CaughtPanic, Connection, Driver, Framed, State};
use crate::hook::chain::{Act, Chain, HookId};
use crate::hook::filter::Facts;
use crate::hook::registry::Hooks;
use crate::hook::verdict::Verdict;
use crate::log::record::{Hooked, Payload, Record, Reviewed, What};
use crate::proto::action::Publish;
use crate::proto::close::{Close, CloseCode};
use crate::proto::timestamp::Timestamp;
use crate::service::{ConnectionId, Output};
use crate::transport::client_sink::Wire;
use crate::transport::framing;
use crate::transport::send_queue::Pushed;
use crate::transport::stream::Link;

/// A turn at the state: nobody else changes it before this ends, but for closures of the test
/// that this calls.
pub(super) struct Step<'a> {
    pub(super) driver: &'a Arc<Driver>,
    pub(super) state: MutexGuard<'a, State>,
    pub(super) now: Timestamp,
    /// What is to be reset once the lock is given back: the end of a stream may run any code.
    pub(super) resets: Vec<Arc<Link>>,
    /// Released last, behind the lock on the state.
    _turn: ReentrantMutexGuard<'a, ()>,
}

impl Driver {
    /// Takes a frame from a client.
    pub(crate) fn receive(self: &Arc<Self>, connection: ConnectionId, payload: Payload) {
        let _flushing = self.flush_later();
        self.receive_some(connection, payload);
    }

    /// Takes one of several frames from a client. What they cause is flushed by the caller, behind
    /// the last of them, so that it leaves in one write for each connection.
    pub(crate) fn receive_some(self: &Arc<Self>, connection: ConnectionId, payload: Payload) {
        self.turn(|step| step.receive(connection, payload));
    }

    /// Writes what steps have left for those connections that nobody else writes to, as far as
    /// their peers take it at once.
    pub(crate) fn flush(&self) {
        let wires = std::mem::take(&mut self.state.lock().unflushed).into();
        let mut taken = Taken { driver: self, wires };
        while let Some(wire) = taken.wires.pop_front() {
            wire.flush();
        }
    }

    /// Flushes when what this gives is dropped, also where a panic of the test's code ends a step.
    pub(crate) const fn flush_later(&self) -> FlushLater<'_> {
        FlushLater(self)
    }

    /// Takes note that a client sent a close frame.
    pub(crate) fn closed(self: &Arc<Self>, connection: ConnectionId, close: Close) {
        self.step(|step| {
            if step.state.service.remove_session(connection) {
                let cause = step.state.log.len();
                step.record(cause, connection, What::ClosedByClient(Box::new(close)));
            }
        });
    }

    /// Closes a connection whose client broke the WebSocket protocol.
    pub(crate) fn fail(self: &Arc<Self>, connection: ConnectionId, code: CloseCode, reason: &str) {
        self.step(|step| {
            if step.state.service.remove_session(connection) {
                let cause = step.state.log.len();
                step.close(cause, connection, Close::new(code, reason));
            }
        });
    }

    /// Takes note that a connection is no more; what has not ended by a close frame is gone.
    pub(crate) fn ended(self: &Arc<Self>, connection: ConnectionId) {
        self.step(|step| {
            if step.state.service.remove_session(connection) {
                let cause = step.state.log.len();
                step.record(cause, connection, What::Gone);
            }
            step.state.forget(connection);
        });
    }

    /// Takes a turn, and flushes what it has left.
    pub(super) fn step<T>(self: &Arc<Self>, act: impl FnOnce(&mut Step<'_>) -> T) -> T {
        let _flushing = self.flush_later();
        self.turn(act)
    }

    /// Takes a turn: what is due comes first, then `act`, then all are told who wait.
    fn turn<T>(self: &Arc<Self>, act: impl FnOnce(&mut Step<'_>) -> T) -> T {
        let mut step = self.begin();
        step.catch_up();
        let result = act(&mut step);
        step.conclude();
        result
    }

    pub(super) fn begin(self: &Arc<Self>) -> Step<'_> {
        let turn = self.turn.lock();
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        Step { driver: self, state, now, resets: Vec::new(), _turn: turn }
    }
}

/// The wires that a flush has taken; those that it did not come to are given back.
struct Taken<'a> {
    driver: &'a Driver,
    wires: VecDeque<Arc<Wire>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.wires.is_empty() {
            self.driver.state.lock().unflushed.extend(self.wires.drain(..));
        }
    }
}

/// A flush that is due at the end of a scope.
#[must_use]
pub(crate) struct FlushLater<'a>(&'a Driver);

impl Drop for FlushLater<'_> {
    fn drop(&mut self) {
        self.0.flush();
    }
}

impl Step<'_> {
    /// Gives the lock back, and tells those who wait for what was done under it.
    pub(super) fn conclude(mut self) {
        let waiters = std::mem::take(&mut self.state.waiters);
        let resets = std::mem::take(&mut self.resets);
        if self.state.blocked_waiters > 0 {
            self.driver.grown.notify_all();
        }
        let next = self.state.next_deadline();
        let armed = self.state.armed;
        let is_earlier = next.is_some_and(|next| armed.is_none_or(|armed| next < armed));
        let driver = self.driver;
        drop(self);
        resets.iter().for_each(|link| link.reset());
        #[cfg(feature = "tracing")]
        driver.trace();
        if is_earlier {
            driver.rescheduled.notify_one();
        }
        for waiter in waiters {
            waiter.wake();
        }
    }

    fn receive(&mut self, connection: ConnectionId, payload: Payload) {
        // What was read ahead of a reset that a hook has caused has never arrived.
        let now = self.now;
        match self.state.connection_mut(connection) {
            Some(connection) => connection.last_heard = now,
            None => return,
        }
        let cause = self.state.log.len();
        self.record(cause, connection, What::Received(payload.clone()));
        if !self.state.service.is_connected(connection) {
            return;
        }
        match payload {
            Payload::Text(bytes) | Payload::Binary(bytes) => {
                let publish = Publish::decode(&bytes);
                if self.state.hooks.actions.is_empty() {
                    self.publish(cause, connection, publish);
                } else {
                    self.publish_hooked(cause, connection, &bytes, publish);
                }
            }
            Payload::Ping(data) => self.push(cause, connection, framing::pong(&data)),
            Payload::Pong(_) => {}
        }
    }

    /// Hands an action to the service, and then what it was to overtake.
    pub(super) fn publish(&mut self, cause: u64, connection: ConnectionId, publish: Publish) {
        let mut outputs = Vec::new();
        let now = self.now;
        self.state.service.publish(now, connection, publish, &mut outputs);
        self.release(cause, outputs);
        let overtaken = self
            .state
            .connection_mut(connection)
            .map(|connection| std::mem::take(&mut connection.overtaken_actions));
        for publish in overtaken.into_iter().flatten() {
            self.publish(cause, connection, publish);
        }
    }

    /// Takes what the service put out to the log and to the connections.
    pub(super) fn release(&mut self, cause: u64, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Deliver { to, frame } => {
                    let framed = framing::text(&frame.encode());
                    if self.state.hooks.deliveries.is_empty() {
                        for connection in to {
                            self.send(cause, connection, framed.clone());
                        }
                    } else {
                        for connection in to {
                            self.send_hooked(cause, connection, &frame, &framed);
                        }
                    }
                }
                Output::Close { connection, close } => self.close(cause, connection, close),
                Output::Exceeded { quota, limit } => {
                    let now = self.now;
                    self.state.record(now, cause, What::Exceeded { quota, limit });
                }
                Output::Review(call) => self.review(cause, call),
                Output::ReviewTimedOut { message_id } => {
                    let (now, result) = (self.now, "timed out".into());
                    let reviewed = Reviewed { message_id, result };
                    self.state.record(now, cause, What::Reviewed(Box::new(reviewed)));
                }
            }
        }
    }

    /// Sends a frame, and then what it was to overtake.
    pub(super) fn send(&mut self, cause: u64, connection: ConnectionId, framed: Framed) {
        self.push(cause, connection, framed);
        self.send_overtaken(cause, connection);
    }

    /// Sends what was kept for after the next frame.
    pub(super) fn send_overtaken(&mut self, cause: u64, connection: ConnectionId) {
        let slot = self.state.connections.get_mut(connection.0 as usize - 1);
        let Some(Some(Connection { overtaken_frames, .. })) = slot else { return };
        for framed in std::mem::take(overtaken_frames) {
            self.push(cause, connection, framed);
        }
    }

    /// Sends a frame that overtakes nothing: it is a control frame, or only a piece of one.
    pub(super) fn push(&mut self, cause: u64, connection: ConnectionId, framed: Framed) {
        let at = self.now;
        let state = &mut *self.state;
        let Some(slot) = state.connections.get_mut(connection.0 as usize - 1) else { return };
        let Some(Connection { party, wire, stalled_by, .. }) = slot else {
            return;
        };
        let party = Some(Arc::clone(party));
        if let Some(hook) = stalled_by {
            let effect = "withheld from a stalled connection".into();
            let payload = Some(framed.payload);
            let hooked = Hooked { hook: Arc::clone(hook), effect, payload, gate: None };
            state.log.push(Record { at, cause, party, what: What::Hooked(Box::new(hooked)) });
            return;
        }
        let pushed = wire.as_ref().map_or(Pushed::Taken, |wire| wire.outbox.push(framed.bytes));
        match pushed {
            Pushed::Taken => {}
            Pushed::First => state.unflushed.extend(wire.clone()),
            // Nothing follows a close frame, and nothing is to be said of what does not.
            Pushed::Finished => return,
            Pushed::Full => return self.drop_slow_reader(cause, connection),
        }
        state.log.push(Record { at, cause, party, what: What::Sent(framed.payload) });
    }

    /// Ends the connection of a client that does not read.
    fn drop_slow_reader(&mut self, cause: u64, connection: ConnectionId) {
        if self.state.service.remove_session(connection) {
            let close = Close::new(CloseCode::POLICY_VIOLATION, "the client does not read");
            self.record(cause, connection, What::ClosedByService(Box::new(close)));
        }
        self.cut(connection);
    }

    /// Ends a connection without a closing handshake, so that the client sees a reset.
    pub(super) fn cut(&mut self, connection: ConnectionId) {
        let wire = self.state.connection(connection).and_then(|open| open.wire.as_ref());
        self.resets.extend(wire.map(|wire| Arc::clone(&wire.link)));
        self.state.forget(connection);
    }

    /// Sends a close frame, the last of its connection.
    pub(super) fn close(&mut self, cause: u64, connection: ConnectionId, close: Close) {
        let Some(Connection { wire, .. }) = self.state.connection(connection) else { return };
        let is_participant = wire.is_none();
        if let Some(wire) = wire {
            if !wire.outbox.finish(framing::close(&close)) {
                return;
            }
        }
        self.record(cause, connection, What::ClosedByService(Box::new(close)));
        if is_participant {
            self.state.forget(connection);
        }
    }

    /// Records something about a connection.
    pub(super) fn record(&mut self, cause: u64, connection: ConnectionId, what: What) {
        let now = self.now;
        self.state.record_about(now, cause, connection, what);
    }

    /// Records that a hook did something, to a connection if it is about one.
    pub(super) fn note(
        &mut self,
        cause: u64,
        connection: impl Into<Option<ConnectionId>>,
        hook: &Arc<str>,
        effect: impl Into<String>,
    ) {
        self.record_hook(cause, connection.into(), hook, effect, None, None);
    }

    /// Records that a hook did something: with a frame, or at a gate, if it is about one.
    pub(super) fn record_hook(
        &mut self,
        cause: u64,
        connection: Option<ConnectionId>,
        hook: &Arc<str>,
        effect: impl Into<String>,
        payload: Option<Payload>,
        gate: Option<GateId>,
    ) {
        let hooked = Hooked { hook: Arc::clone(hook), effect: effect.into(), payload, gate };
        let what = What::Hooked(Box::new(hooked));
        let (at, party) = (self.now, connection.and_then(|c| self.state.party(c)));
        self.state.log.push(Record { at, cause, party, what });
    }

    /// Asks the hooks of a place: the name and the verdict of the first that fires.
    pub(super) fn ask<S, V: Verdict>(
        &mut self,
        chain: fn(&mut Hooks) -> &mut Chain<S, V>,
        facts: &Facts<'_>,
        subject: impl Fn() -> S,
    ) -> Option<(Arc<str>, V)> {
        let mut last = HookId::default();
        loop {
            let now = self.now;
            let candidate = chain(&mut self.state.hooks).candidate(last, facts, now)?;
            let verdict = match candidate.act {
                Act::Always(verdict) => verdict,
                Act::Ask(closure) => {
                    let subject = subject();
                    let whose = format!("the closure of {:?}", candidate.name);
                    // A closure whose own doing brings it here again is not asked: it is busy. One
                    // that is removed meanwhile comes to its end here, outside the lock.
                    let ask = move || {
                        let verdict = closure.try_lock().map(|mut closure| closure(&subject));
                        drop(closure);
                        verdict
                    };
                    self.unlocked(&whose, ask)
                        .map_or_else(V::failure, |v| v.unwrap_or_else(V::pass))
                }
            };
            last = candidate.id;
            if !verdict.is_pass() {
                if !chain(&mut self.state.hooks).count(candidate.id) {
                    self.state.hooks.count_removed(candidate.id);
                }
                return Some((candidate.name, verdict));
            }
        }
    }

    /// Calls a closure of the test outside the lock; a panic of it is kept for the test.
    pub(super) fn unlocked<T>(&mut self, whose: &str, call: impl FnOnce() -> T) -> Option<T> {
        let driver = self.driver;
        let called = MutexGuard::unlocked(&mut self.state, || {
            // The closure may wait for what a client makes of the frames so far.
            driver.flush();
            catch_unwind(AssertUnwindSafe(call))
        });
        self.now = self.state.now(&self.driver.clock);
        called.map_err(|payload| self.state.keep_panic(whose, &*payload)).ok()
    }
}

impl State {
    pub(super) fn keep_panic(&mut self, whose: &str, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let message = text.unwrap_or_else(|| "a payload that is no text".into());
        self.panics.push(CaughtPanic { whose: whose.into(), message, is_reported: false });
    }
}
