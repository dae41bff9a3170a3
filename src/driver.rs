//! Driver: the one place where lock, clock, service, log and connections meet.
//!
//! One lock makes one order: the decision, its entries in the log and the queueing of its frames
//! happen in one step, so the log and what clients see cannot disagree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::clock::RunningClock;
use crate::framing;
use crate::log::entry::Entry;
use crate::log::record::{
    Answered, Called, Origin, Party, Payload, Record, Records, Refused, What,
};
use crate::log::recording::LogSettings;
use crate::net::link::Link;
use crate::net::outbox::Outbox;
use crate::proto::action::Publish;
use crate::proto::close::{Close, CloseCode, truncate};
use crate::proto::exception::Exception;
use crate::proto::frame::Frame;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::control::Response;
use crate::service::review::ReviewOutcome;
use crate::service::room::Room;
use crate::service::session::Refusal;
use crate::service::{ConnectionId, Output, Service};

/// The mock's one state, its clock, and those who wait for it.
#[derive(Debug)]
pub(crate) struct Driver {
    clock: RunningClock,
    state: Mutex<State>,
    /// Told whenever the log grows and somebody waits in a blocking way.
    grown: Condvar,
    /// Told whenever something is due earlier than anything was before.
    rescheduled: Notify,
    requests: AtomicU64,
    /// How long waits wait, in real time.
    wait_limit: Duration,
    log_settings: LogSettings,
}

#[derive(Debug)]
struct State {
    service: Service,
    log: Records,
    connections: Vec<Option<Connection>>,
    /// How many connections each user has had, for the labels of the next.
    connections_of: BTreeMap<Arc<str>, u32>,
    /// The latest moment that anything happened at: time never goes back.
    latest: Timestamp,
    /// Who wants to be woken when the log grows.
    waiters: Vec<Waker>,
    blocked_waiters: usize,
    /// When the timer is going to wake up.
    armed: Option<Timestamp>,
}

#[derive(Debug)]
struct Connection {
    party: Arc<Party>,
    /// Where its frames go; a participant reads them in the log.
    wire: Option<Wire>,
}

/// The way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) link: Arc<Link>,
}

impl Driver {
    pub(crate) fn new(service: Service, clock: RunningClock, wait_limit: Duration) -> Self {
        let state = State {
            service,
            log: Records::default(),
            connections: Vec::new(),
            connections_of: BTreeMap::new(),
            latest: clock.now(),
            waiters: Vec::new(),
            blocked_waiters: 0,
            armed: None,
        };
        Self {
            clock,
            state: Mutex::new(state),
            grown: Condvar::new(),
            rescheduled: Notify::new(),
            requests: AtomicU64::new(0),
            wait_limit,
            log_settings: LogSettings::default(),
        }
    }

    pub(crate) const fn wait_limit(&self) -> Duration {
        self.wait_limit
    }

    /// An id for an HTTP request, in the form of a UUID.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    pub(crate) const fn clock(&self) -> &RunningClock {
        &self.clock
    }

    /// Lets a connection in, or refuses it.
    pub(crate) fn connect(
        &self,
        token: Option<&str>,
        wire: Option<Wire>,
    ) -> Result<Arc<Party>, Refused> {
        self.step(|state, now| state.connect(now, token, wire))
    }

    /// Takes a frame from a client.
    pub(crate) fn receive(&self, connection: ConnectionId, payload: Payload) {
        self.step(|state, now| state.receive(now, connection, payload));
    }

    /// Takes note that a client sent a close frame.
    pub(crate) fn closed(&self, connection: ConnectionId, close: Close) {
        self.step(|state, now| {
            if state.service.disconnected(connection) {
                state.record(now, connection, What::ClosedByClient(Box::new(close)));
            }
        });
    }

    /// Closes a connection whose client broke the WebSocket protocol.
    pub(crate) fn fail(&self, connection: ConnectionId, code: CloseCode, reason: &str) {
        self.step(|state, now| {
            if state.service.disconnected(connection) {
                let cause = state.log.len();
                state.close(now, cause, connection, Close::new(code, reason));
            }
        });
    }

    /// Takes note that a connection is no more; what has not ended by a close frame is gone.
    pub(crate) fn ended(&self, connection: ConnectionId) {
        self.step(|state, now| {
            if state.service.disconnected(connection) {
                state.record(now, connection, What::Gone);
            }
            state.forget(connection);
        });
    }

    /// Carries out an operation of the control plane.
    pub(crate) fn call(
        &self,
        origin: Origin,
        operation: Operation,
        request: &Map<String, Value>,
        body: String,
    ) -> Response {
        self.step(|state, now| {
            let called = Called { origin: origin.clone(), operation: Some(operation), body };
            let cause = state.log.len();
            state.log.push(entry(now, cause, What::Called(Box::new(called))));
            let mut outputs = Vec::new();
            let response = state.service.operate(now, operation, request, &mut outputs);
            state.release(now, cause, outputs);
            state.answer(now, cause, origin, Some(operation), &response);
            response
        })
    }

    /// Refuses a call that is none of any operation.
    pub(crate) fn refuse_call(
        &self,
        origin: Origin,
        operation: Option<Operation>,
        body: String,
        exception: Exception,
    ) -> Exception {
        self.step(|state, now| {
            let called = Called { origin: origin.clone(), operation, body };
            let cause = state.log.len();
            state.log.push(entry(now, cause, What::Called(Box::new(called))));
            state.answer(now, cause, origin, operation, &Err(exception.clone()));
        });
        exception
    }

    /// Refuses a handshake that is no handshake.
    pub(crate) fn refuse_handshake(&self, status: u16, message: &str) {
        self.step(|state, now| {
            let message = message.into();
            let refused = Refused { status, message, token: None, refusal: None };
            let cause = state.log.len();
            state.log.push(entry(now, cause, What::Refused(Box::new(refused))));
        });
    }

    /// Moves the clock on, and lets happen what becomes due, each at its own time.
    pub(crate) fn advance(&self, duration: Duration) {
        let mut state = self.state.lock();
        let start = state.now(&self.clock);
        let cause = state.log.len();
        state.log.push(entry(start, cause, What::Advanced(duration)));
        let target = start + duration;
        while let Some(deadline) = state.service.next_deadline().filter(|at| *at <= target) {
            self.clock.advance_to(deadline);
            let now = state.now(&self.clock);
            state.catch_up(now);
        }
        self.clock.advance_to(target);
        self.conclude(state);
    }

    /// Lets happen what is due by now, and says for how long nothing more will be; `None` if
    /// nothing will be at all.
    pub(crate) fn tick(&self) -> Option<Duration> {
        self.step(|state, _| {
            state.armed = state.service.next_deadline();
            state.armed.and_then(|deadline| self.clock.sleep_until(deadline))
        })
    }

    /// Completes when something is due earlier than was known.
    pub(crate) async fn rescheduled(&self) {
        self.rescheduled.notified().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        let mut state = self.state.lock();
        state.now(&self.clock)
    }

    /// Finds a room that `wanted` picks, or the labels of all rooms there are.
    pub(crate) fn find_room<T>(
        &self,
        wanted: impl Fn(&Room) -> Option<T>,
    ) -> Result<T, Vec<String>> {
        let state = self.state.lock();
        state
            .service
            .rooms()
            .find_map(|(_, room)| wanted(room))
            .ok_or_else(|| state.service.rooms().map(|(_, room)| room.label().to_owned()).collect())
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.state.lock().service.is_connected(connection)
    }

    /// Sets what the test wants of the log.
    pub(crate) fn with_log(mut self, settings: LogSettings) -> Self {
        self.state.get_mut().log = Records::new(settings.recording);
        self.log_settings = settings;
        self
    }

    pub(crate) const fn log_settings(&self) -> &LogSettings {
        &self.log_settings
    }

    /// How many entries the log has had that it does not keep.
    pub(crate) fn log_dropped(&self) -> u64 {
        self.state.lock().log.dropped()
    }

    pub(crate) fn log_length(&self) -> u64 {
        self.state.lock().log.len()
    }

    /// The entries from a number on that are kept, and how many there have been at all.
    pub(crate) fn entries_since(&self, first: u64) -> (Vec<Entry>, u64) {
        let hides_times = self.clock.is_volatile();
        let state = self.state.lock();
        let records = state.log.since(first);
        let entries =
            records.map(|(number, record)| Entry { number, record: record.clone(), hides_times });
        (entries.collect(), state.log.len())
    }

    /// Has `waker` woken when the log grows beyond `length`; says whether it has not yet.
    pub(crate) fn wake_beyond(&self, length: u64, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let is_current = state.log.len() == length;
        if is_current && !state.waiters.iter().any(|other| other.will_wake(waker)) {
            state.waiters.push(waker.clone());
        }
        is_current
    }

    /// Blocks until the log grows beyond `length`; says whether it did before the deadline.
    pub(crate) fn block_beyond(&self, length: u64, deadline: std::time::Instant) -> bool {
        let mut state = self.state.lock();
        state.blocked_waiters += 1;
        while state.log.len() == length {
            if self.grown.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.blocked_waiters -= 1;
        state.log.len() > length
    }

    /// Takes one input through the service, and its outputs to the log and the connections.
    fn step<T>(&self, act: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        state.catch_up(now);
        let result = act(&mut state, now);
        self.conclude(state);
        result
    }

    /// Gives the lock back, and tells those who wait for what was done under it.
    fn conclude(&self, mut state: MutexGuard<'_, State>) {
        let waiters = std::mem::take(&mut state.waiters);
        if state.blocked_waiters > 0 {
            self.grown.notify_all();
        }
        let next = state.service.next_deadline();
        let is_earlier = next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed));
        drop(state);
        if is_earlier {
            self.rescheduled.notify_one();
        }
        for waiter in waiters {
            waiter.wake();
        }
    }
}

impl State {
    /// The time, which never goes back.
    fn now(&mut self, clock: &RunningClock) -> Timestamp {
        // On a clock that moves by itself no two inputs have the same time, however coarse the
        // system's is: whether two times are equal would differ between runs.
        let tick = Duration::from_nanos(u64::from(clock.is_volatile()));
        self.latest = clock.now().max(self.latest + tick);
        self.latest
    }

    /// Lets happen what is due.
    fn catch_up(&mut self, now: Timestamp) {
        let mut outputs = Vec::new();
        while self.service.time_reached(now, &mut outputs) {
            let cause = self.log.len();
            self.release(now, cause, std::mem::take(&mut outputs));
        }
    }

    fn connect(
        &mut self,
        now: Timestamp,
        token: Option<&str>,
        wire: Option<Wire>,
    ) -> Result<Arc<Party>, Refused> {
        let connection = ConnectionId(self.connections.len() as u32 + 1);
        let admission = match self.service.connect(now, connection, token) {
            Ok(admission) => admission,
            Err(refusal) => return Err(self.refuse(now, refusal, token)),
        };
        let count = self.connections_of.entry(Arc::clone(&admission.user_id)).or_default();
        *count += 1;
        let label = match count {
            1 => admission.user_id.as_ref().into(),
            _ => format!("{}#{count}", admission.user_id),
        };
        let party = Arc::new(Party {
            connection,
            label,
            user_id: admission.user_id,
            room: admission.room_label,
        });
        self.connections.push(Some(Connection { party: Arc::clone(&party), wire }));
        self.record(now, connection, What::Connected(admission.capabilities.into()));
        Ok(party)
    }

    fn refuse(&mut self, now: Timestamp, refusal: Refusal, token: Option<&str>) -> Refused {
        let shown =
            token.map(|token| self.service.token_label(token).unwrap_or_else(|| redact(token)));
        let (status, message) = (refusal.status(), refusal.message().into());
        let refused = Refused { status, message, token: shown, refusal: Some(refusal) };
        let cause = self.log.len();
        self.log.push(entry(now, cause, What::Refused(Box::new(refused.clone()))));
        refused
    }

    fn receive(&mut self, now: Timestamp, connection: ConnectionId, payload: Payload) {
        let cause = self.log.len();
        self.record(now, connection, What::Received(payload.clone()));
        match payload {
            Payload::Text(bytes) | Payload::Binary(bytes) => {
                let mut outputs = Vec::new();
                let publish = Publish::decode(&bytes);
                self.service.publish(now, connection, publish, &mut outputs);
                self.release(now, cause, outputs);
            }
            Payload::Ping(data) if self.service.is_connected(connection) => {
                let (framed, pong) = framing::pong(&data);
                self.send(now, cause, connection, &framed, pong);
            }
            Payload::Ping(_) | Payload::Pong(_) => {}
        }
    }

    /// Takes what the service put out to the log and to the connections.
    fn release(&mut self, now: Timestamp, cause: u64, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Deliver { to, frame } => self.deliver(now, cause, &to, &frame),
                Output::Close { connection, close } => self.close(now, cause, connection, close),
                Output::Exceeded { quota, limit } => {
                    self.log.push(entry(now, cause, What::Exceeded { quota, limit }));
                }
                Output::Review(call) => {
                    // No handler answers for the ARN, which is a failed invocation.
                    let mut outputs = Vec::new();
                    self.service.reviewed(call.review, ReviewOutcome::Failed, &mut outputs);
                    self.release(now, cause, outputs);
                }
            }
        }
    }

    fn deliver(&mut self, now: Timestamp, cause: u64, to: &[ConnectionId], frame: &Frame) {
        let (framed, payload) = framing::text(&frame.encode());
        for connection in to {
            self.send(now, cause, *connection, &framed, payload.clone());
        }
    }

    fn send(
        &mut self,
        now: Timestamp,
        cause: u64,
        connection: ConnectionId,
        framed: &Bytes,
        payload: Payload,
    ) {
        let Some(Connection { party, wire }) = self.connection(connection) else { return };
        let party = Some(Arc::clone(party));
        let is_taken = wire.as_ref().is_none_or(|wire| wire.outbox.push(framed.clone()));
        if is_taken {
            self.log.push(Record { at: now, cause, party, what: What::Sent(payload) });
        } else {
            self.drop_slow_reader(now, cause, connection);
        }
    }

    /// Ends the connection of a client that does not read.
    fn drop_slow_reader(&mut self, now: Timestamp, cause: u64, connection: ConnectionId) {
        if let Some(Connection { wire: Some(wire), .. }) = self.connection(connection) {
            wire.link.reset();
        }
        if self.service.disconnected(connection) {
            let close = Close::new(CloseCode::POLICY_VIOLATION, "the client does not read");
            self.effect(now, cause, connection, What::ClosedByService(Box::new(close)));
        }
        self.forget(connection);
    }

    fn close(&mut self, now: Timestamp, cause: u64, connection: ConnectionId, close: Close) {
        let Some(Connection { wire, .. }) = self.connection(connection) else { return };
        let is_participant = wire.is_none();
        if let Some(wire) = wire {
            wire.outbox.finish(framing::close(&close));
        }
        self.effect(now, cause, connection, What::ClosedByService(Box::new(close)));
        if is_participant {
            self.forget(connection);
        }
    }

    fn answer(
        &mut self,
        now: Timestamp,
        cause: u64,
        origin: Origin,
        operation: Option<Operation>,
        response: &Response,
    ) {
        let success = operation.map_or(200, Operation::success_status);
        let (status, exception, body) = match response {
            Ok(body) => (success, None, body),
            Err(exception) => (exception.status(), Some(exception.name().into()), exception.body()),
        };
        let mut text = if status == 204 { String::new() } else { to_text(body) };
        // Tokens are secrets, also in a test: a log may be printed anywhere.
        if let Some(token) = body.get("token").and_then(Value::as_str) {
            if let Some(label) = self.service.token_label(token) {
                text = text.replace(token, &label);
            }
        }
        let answered = Answered { origin, operation, status, exception, body: text };
        self.log.push(entry(now, cause, What::Answered(Box::new(answered))));
    }

    /// Records something that a client did.
    fn record(&mut self, now: Timestamp, connection: ConnectionId, what: What) {
        let cause = self.log.len();
        self.effect(now, cause, connection, what);
    }

    /// Records something about a connection that follows from another record.
    fn effect(&mut self, now: Timestamp, cause: u64, connection: ConnectionId, what: What) {
        let party = self.connection(connection).map(|connection| Arc::clone(&connection.party));
        self.log.push(Record { at: now, cause, party, what });
    }

    fn connection(&self, connection: ConnectionId) -> Option<&Connection> {
        self.connections.get(connection.0 as usize - 1)?.as_ref()
    }

    fn forget(&mut self, connection: ConnectionId) {
        if let Some(slot) = self.connections.get_mut(connection.0 as usize - 1) {
            *slot = None;
        }
    }
}

fn entry(at: Timestamp, cause: u64, what: What) -> Record {
    Record { at, cause, party: None, what }
}

/// A JSON object as text.
pub(crate) fn to_text(body: &Map<String, Value>) -> String {
    serde_json::to_string(body).expect("an object with string keys is always JSON")
}

/// What can be shown of a text that is no token of this fixture: enough to recognise it.
fn redact(token: &str) -> String {
    format!("\"{}…\", {} bytes", truncate(token, 8).escape_debug(), token.len())
}
