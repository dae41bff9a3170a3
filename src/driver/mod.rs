//! Driver: the one place where lock, clock, hooks, service, log and connections meet.
//!
//! One turn makes one order: the decision, its entries in the log and the queueing of its frames
//! happen in one step, so the log and what clients see cannot disagree. Closures of the test run
//! within the turn, but outside the lock: they can use the mock as they like.

mod apply;
mod calls;
mod heartbeat;
mod later;
mod outage;
mod reviews;
mod step;
mod time;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, ReentrantMutex};
use serde_json::{Map, Value};
use tokio::runtime;
use tokio::sync::Notify;

use crate::api::gate::{Gate, GateId};
use crate::clock::RunningClock;
use crate::hook::chain::{HookId, Standing};
use crate::hook::registry::{AnyRule, Hooks};
use crate::log::entry::Entry;
use crate::log::record::{Party, Payload, Record, Records, What};
use crate::log::retention::LogSettings;
use crate::proto::action::Publish;
#[cfg(feature = "sigv4")]
use crate::proto::exception::Exception;
#[cfg(feature = "sigv4")]
use crate::proto::signature::{self, SignedRequest};
use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::ChatLogRecord;
use crate::service::room::{RoomKey, RoomState};
use crate::service::{ConnectionId, Service, Settings};
use crate::transport::client_sink::Wire;

pub(crate) use calls::{HandshakeReply, HttpReply};
pub(crate) use heartbeat::Heartbeat;
use later::{GateState, Schedule};
pub(crate) use reviews::Reviewer;
use reviews::Reviewers;

/// The mock's one state, its clock, and those who wait for it.
#[derive(Debug)]
pub(crate) struct Driver {
    clock: RunningClock,
    runtime: runtime::Handle,
    /// Who has it may change the state; closures of the test have it, too, and may go on with it.
    turn: ReentrantMutex<()>,
    /// Never held while a closure of the test runs.
    state: Mutex<State>,
    /// Told whenever the log grows and somebody waits in a blocking way.
    grown: Condvar,
    /// Told whenever something is due earlier than anything was before.
    rescheduled: Notify,
    requests: AtomicU64,
    /// How many tasks of clients are at work.
    busy: AtomicU64,
    /// How long waits wait, in real time.
    wait_limit: Duration,
    log_settings: LogSettings,
    heartbeat: Heartbeat,
    /// How many entries of the log the crate `tracing` was told of.
    #[cfg(feature = "tracing")]
    traced: AtomicU64,
}

#[derive(Debug)]
struct State {
    service: Service,
    hooks: Hooks,
    reviewers: Reviewers,
    schedule: Schedule,
    gates: BTreeMap<GateId, GateState>,
    log: Records,
    connections: Vec<Option<Connection>>,
    /// How many connections each user has had, for the labels of the next.
    connections_of: BTreeMap<Arc<str>, u32>,
    /// The latest moment that anything happened at: time never goes back.
    latest: Timestamp,
    /// Panics of the test's closures.
    panics: Vec<CaughtPanic>,
    /// Who wants to be woken when the log grows.
    waiters: Vec<Waker>,
    blocked_waiters: usize,
    /// The wires with frames that nobody writes before the next flush.
    unflushed: Vec<Arc<Wire>>,
    /// When the timer is going to wake up.
    armed: Option<Timestamp>,
}

#[derive(Debug)]
struct Connection {
    party: Arc<Party>,
    /// Where its frames go; a participant reads them in the log.
    wire: Option<Arc<Wire>>,
    /// When its client last sent anything.
    last_heard: Timestamp,
    /// The hook that made it stall, if one did.
    stalled_by: Option<Arc<str>>,
    /// What its next action is to overtake.
    overtaken_actions: Vec<Publish>,
    /// What the next frame to it is to overtake.
    overtaken_frames: Vec<Framed>,
}

/// A frame as the bytes of the wire, and its content within those bytes.
#[derive(Clone, Debug)]
pub(crate) struct Framed {
    pub(crate) bytes: bytes::Bytes,
    pub(crate) payload: Payload,
}

/// A task that is at work, for as long as this lives.
struct Busy<'a>(&'a AtomicU64);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A panic of a closure of the test.
#[derive(Clone, Debug)]
pub(crate) struct CaughtPanic {
    /// Whose it was, such as a hook's name.
    pub(crate) whose: String,
    pub(crate) message: String,
    /// Whether a wait has failed with it already.
    pub(crate) is_reported: bool,
}

impl Driver {
    pub(crate) fn new(
        service: Service,
        clock: RunningClock,
        runtime: runtime::Handle,
        wait_limit: Duration,
    ) -> Self {
        let state = State {
            service,
            hooks: Hooks::default(),
            reviewers: Reviewers::default(),
            schedule: Schedule::default(),
            gates: BTreeMap::new(),
            log: Records::default(),
            connections: Vec::new(),
            connections_of: BTreeMap::new(),
            latest: clock.now(),
            panics: Vec::new(),
            waiters: Vec::new(),
            blocked_waiters: 0,
            unflushed: Vec::new(),
            armed: None,
        };
        Self {
            clock,
            runtime,
            turn: ReentrantMutex::new(()),
            state: Mutex::new(state),
            grown: Condvar::new(),
            rescheduled: Notify::new(),
            requests: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            wait_limit,
            log_settings: LogSettings::default(),
            heartbeat: Heartbeat::default(),
            #[cfg(feature = "tracing")]
            traced: AtomicU64::new(0),
        }
    }

    /// Sets what the test wants of the log.
    pub(crate) fn with_log(mut self, settings: LogSettings) -> Self {
        self.state.get_mut().log = Records::new(settings.recording);
        self.log_settings = settings;
        self
    }

    /// Sets how it watches connections.
    pub(crate) const fn with_heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    pub(crate) const fn log_settings(&self) -> &LogSettings {
        &self.log_settings
    }

    /// How many entries the log has had that it does not keep.
    pub(crate) fn log_dropped(&self) -> u64 {
        self.state.lock().log.dropped()
    }

    /// An id for an HTTP request, in the form of a UUID.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    pub(crate) const fn wait_limit(&self) -> Duration {
        self.wait_limit
    }

    pub(crate) const fn clock(&self) -> &RunningClock {
        &self.clock
    }

    /// Finds a room that `wanted` picks, or the labels of all rooms there are.
    pub(crate) fn find_room<T>(
        &self,
        wanted: impl Fn(RoomKey, &RoomState) -> Option<T>,
    ) -> Result<T, Vec<String>> {
        let state = self.state.lock();
        state
            .service
            .rooms()
            .find_map(|(key, room)| wanted(key, room))
            .ok_or_else(|| state.service.rooms().map(|(_, room)| room.label().to_owned()).collect())
    }

    /// What has arrived at the destinations of logging configurations.
    pub(crate) fn chat_logs(&self) -> Vec<ChatLogRecord> {
        self.state.lock().service.chat_logs().to_vec()
    }

    /// What was set about the service.
    pub(crate) fn settings(&self) -> Settings {
        self.state.lock().service.settings().clone()
    }

    /// Refuses a call over HTTP that is not signed as it must be.
    #[cfg(feature = "sigv4")]
    pub(crate) fn authenticate(&self, request: &SignedRequest<'_>) -> Result<(), Exception> {
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        let Settings { credentials, region, .. } = state.service.settings();
        if credentials.is_empty() {
            return Ok(());
        }
        signature::verify(request, credentials, region, now)
    }

    /// Where the mock's tasks run.
    pub(crate) const fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// Whether no task of a client is at work and no frame waits to be taken by one.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Acquire) == 0
            && self.state.lock().connections.iter().flatten().all(|connection| {
                let wire = connection.wire.as_ref();
                wire.is_none_or(|wire| !wire.outbox.has_waiting() || wire.link.is_blocked())
            })
    }

    /// Runs a task of a client, and counts it as busy whenever it is at work.
    pub(crate) async fn working<T>(&self, task: impl Future<Output = T>) -> T {
        let mut task = std::pin::pin!(task);
        std::future::poll_fn(|cx| {
            let _busy = Busy::new(&self.busy);
            let poll = AssertUnwindSafe(|| task.as_mut().poll(cx));
            // It runs code of the test's: its streams, and whoever listens to `tracing`.
            catch_unwind(poll).unwrap_or_else(|payload| {
                self.keep_panic("a task that serves a client", &*payload);
                resume_unwind(payload)
            })
        })
        .await
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.state.lock().service.is_connected(connection)
    }

    pub(crate) fn install_hook(&self, rule: AnyRule) -> HookId {
        self.state.lock().hooks.install(rule)
    }

    pub(crate) fn remove_hook(&self, id: HookId) {
        let removed = self.state.lock().hooks.remove(id);
        drop(removed);
    }

    /// Lets go of all closures of the test: they may hold on to this very mock.
    pub(crate) fn release_closures(&self) {
        let mut state = self.state.lock();
        let closures = (state.hooks.remove_all(), std::mem::take(&mut state.reviewers));
        drop(state);
        drop(closures);
    }

    /// Whether this thread is within a closure that the mock calls.
    pub(crate) fn is_calling(&self) -> bool {
        self.turn.is_owned_by_current_thread()
    }

    pub(crate) fn hook_hits(&self, id: HookId) -> usize {
        self.state.lock().hooks.hits(id)
    }

    pub(crate) fn hook_standings(&self) -> Vec<Standing> {
        self.state.lock().hooks.standings()
    }

    /// A new gate, closed.
    pub(crate) fn gate(self: &Arc<Self>) -> Gate {
        let mut state = self.state.lock();
        let id = GateId(state.gates.len() as u64 + 1);
        state.gates.insert(id, GateState::default());
        Gate { id, driver: Arc::downgrade(self) }
    }

    /// How many things wait at gates.
    pub(crate) fn waiting_at_gates(&self) -> usize {
        self.state.lock().gates.values().map(GateState::waiting).sum()
    }

    /// All panics of closures so far.
    pub(crate) fn panics(&self) -> Vec<CaughtPanic> {
        self.state.lock().panics.clone()
    }

    /// Keeps a panic that no step has caught, and lets all look who wait.
    fn keep_panic(&self, whose: &str, payload: &(dyn Any + Send)) {
        let mut state = self.state.lock();
        state.keep_panic(whose, payload);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.grown.notify_all();
        waiters.into_iter().for_each(Waker::wake);
    }

    /// The first panic of a closure that no wait has failed with yet; it counts as reported then.
    pub(crate) fn report_panic(&self) -> Option<CaughtPanic> {
        let mut state = self.state.lock();
        let panic = state.panics.iter_mut().find(|panic| !panic.is_reported)?;
        panic.is_reported = true;
        Some(panic.clone())
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

    /// Tells the crate `tracing` of what is new in the log.
    #[cfg(feature = "tracing")]
    fn trace(&self) {
        // In turns, as all else that calls the test's own code, so that the order is kept.
        let _turn = self.turn.lock();
        let length = self.log_length();
        let first = self.traced.swap(length, Ordering::Relaxed);
        let (mut entries, _) = self.entries_since(first);
        entries.retain(|entry| entry.number() < length);
        crate::log::trace::emit(&entries);
    }

    /// Has `waker` woken when the log grows beyond `length` or a closure panics; says whether that
    /// has not happened yet.
    pub(crate) fn wake_beyond(&self, length: u64, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let is_current = !state.has_news(length);
        if is_current && !state.waiters.iter().any(|other| other.will_wake(waker)) {
            state.waiters.push(waker.clone());
        }
        is_current
    }

    /// Blocks until the log grows beyond `length` or a closure panics; says whether that happened
    /// before the deadline.
    pub(crate) fn block_beyond(&self, length: u64, deadline: std::time::Instant) -> bool {
        let mut state = self.state.lock();
        state.blocked_waiters += 1;
        let _ = self.grown.wait_while_until(&mut state, |state| !state.has_news(length), deadline);
        state.blocked_waiters -= 1;
        // Whatever came at the last moment counts.
        state.has_news(length)
    }
}

impl State {
    /// Whether somebody who knows `length` entries of the log has anything new to look at.
    fn has_news(&self, length: u64) -> bool {
        self.log.len() > length || self.panics.iter().any(|panic| !panic.is_reported)
    }

    /// The time, which never goes back.
    fn now(&mut self, clock: &RunningClock) -> Timestamp {
        // On a clock that moves by itself no two inputs have the same time, however coarse the
        // system's is: whether two times are equal would differ between runs.
        let tick = Duration::from_nanos(u64::from(clock.is_volatile()));
        self.latest = clock.now().max(self.latest + tick);
        self.latest
    }

    /// When something is due next.
    fn next_deadline(&self) -> Option<Timestamp> {
        [self.service.next_deadline(), self.schedule.next_deadline()].into_iter().flatten().min()
    }

    fn connection(&self, connection: ConnectionId) -> Option<&Connection> {
        self.connections.get(connection.0 as usize - 1)?.as_ref()
    }

    fn connection_mut(&mut self, connection: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(connection.0 as usize - 1)?.as_mut()
    }

    fn party(&self, connection: ConnectionId) -> Option<Arc<Party>> {
        self.connection(connection).map(|connection| Arc::clone(&connection.party))
    }

    fn forget(&mut self, connection: ConnectionId) {
        if let Some(slot) = self.connections.get_mut(connection.0 as usize - 1) {
            *slot = None;
        }
    }

    /// Records something that is about no connection.
    fn record(&mut self, at: Timestamp, cause: u64, what: What) {
        self.log.push(Record { at, cause, party: None, what });
    }

    /// Records something about a connection.
    fn record_about(&mut self, at: Timestamp, cause: u64, connection: ConnectionId, what: What) {
        let party = self.party(connection);
        self.log.push(Record { at, cause, party, what });
    }
}

/// A JSON object as text.
pub(crate) fn to_text(body: &Map<String, Value>) -> String {
    serde_json::to_string(body).expect("an object with string keys is always JSON")
}
