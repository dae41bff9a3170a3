//! Driver: executes the engine. It has the lock, the clock and the wakers, and decides nothing.
//!
//! A transaction takes the lock, hands the engine one input with the current time, and carries out
//! the outputs. Frames are queued under the lock, so that their order is that of the log. Everything
//! that may run foreign code happens after the lock has been released: closures of the test, wakers,
//! streams that a test has brought, subscribers of `tracing`.
//!
//! The order in which locks are taken is part of the
//! [architecture](crate::guide::architecture#lock-order).

mod activity;
pub(crate) mod closures;
mod open_questions;
mod requests;
mod runtime_thread;
mod stack;
mod state;
mod tasks;
mod time;
mod traces;
mod transaction;
mod waits;
mod workers;

use std::panic::RefUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime;
use tokio::sync::Notify;

use crate::clock::RunningClock;
use crate::driver::open_questions::OpenQuestions;
use crate::driver::state::State;
use crate::driver::workers::Workers;
use crate::engine::Engine;
use crate::engine::control::ConnectionInfo;
pub(crate) use crate::engine::io::HttpReply;
use crate::hook::chain::HookStatus;
use crate::hook::ids::{GateId, HookId};
use crate::log::entry::Entry;
use crate::log::retention::LogSettings;
use crate::log::secrets::hide;
#[cfg(feature = "sigv4")]
use crate::proto::exception::Exception;
#[cfg(feature = "sigv4")]
use crate::proto::signature::{self, SignedRequest};
use crate::proto::timestamp::Timestamp;
use crate::service::Settings;
use crate::service::chat_log::ChatLogRecord;
use crate::service::room::{RoomKey, RoomState};

pub(crate) use activity::ClosurePanic;
pub(crate) use requests::HandshakeResponse;
pub(crate) use runtime_thread::RuntimeThread;
pub(crate) use traces::OutageId;
pub(crate) use waits::Registration;

pub(crate) use crate::log::record::Caller;
#[cfg(feature = "tls")]
pub(crate) use crate::log::unserved::TlsFailure;
pub(crate) use crate::log::unserved::Unserved;
pub(crate) use crate::service::ConnectionId;
pub(crate) use crate::service::control::ControlResult as ControlResponse;
pub(crate) use crate::service::token::PREFIX as TOKEN_PREFIX;
pub(crate) use crate::service::token_text::replace_tokens;
use tasks::Tasks;
use traces::Traces;
use waits::Waiters;

/// Executes the engine of one mock.
#[derive(Debug)]
pub(crate) struct Driver {
    /// The number of the mock.
    mock: u64,
    clock: RunningClock,
    /// Where the mock's tasks run.
    runtime: runtime::Handle,
    /// The thread that the mock shares with the test, if it does.
    runtime_thread: Option<RuntimeThread>,
    /// The tasks that end with the mock.
    tasks: Arc<Tasks>,
    state: Mutex<State>,
    /// The questions that closures have not answered.
    questions: OpenQuestions,
    workers: Arc<Workers>,
    panics: Mutex<Vec<ClosurePanic>>,
    traces: Mutex<Traces>,
    has_stopped: AtomicBool,
    /// The wakers of pending waits.
    waiters: Arc<Waiters>,
    /// Notified when something is due earlier than anything was before.
    rescheduled: Notify,
    requests: AtomicU64,
    /// Whether each HTTP response is the last on its connection.
    closes_http: AtomicBool,
    /// How many tasks that serve clients are running right now.
    active_tasks: AtomicU64,
    wait_timeout: Duration,
    log_settings: LogSettings,
    /// The last failure whose text has told about the log.
    failure: Mutex<Option<RecordedFailure>>,
    #[cfg(feature = "tracing")]
    tracer: Mutex<activity::Tracer>,
}

/// A failure of the test that the mock has explained.
#[derive(Clone, Debug)]
pub(crate) struct RecordedFailure {
    pub(crate) text: String,
    pub(crate) lanes: Vec<String>,
    /// How many entries the log had.
    log_length: u64,
}

/// A panic leaves no transaction half done: it is committed or the panic is recorded, and closures
/// run outside the lock. So a test can use a mock within `catch_unwind`.
impl RefUnwindSafe for Driver {}

impl Driver {
    pub(crate) fn new(
        engine: Engine,
        clock: RunningClock,
        runtime: runtime::Handle,
        wait_timeout: Duration,
        log_settings: LogSettings,
        runtime_thread: Option<RuntimeThread>,
    ) -> Self {
        let mock = engine.mock();
        let state = Mutex::new(State::new(engine, clock.now()));
        let tasks = Tasks::new(runtime.clone());
        Self {
            mock,
            clock,
            runtime,
            runtime_thread,
            tasks,
            state,
            questions: OpenQuestions::default(),
            workers: Arc::default(),
            panics: Mutex::default(),
            traces: Mutex::default(),
            has_stopped: AtomicBool::new(false),
            waiters: Arc::default(),
            rescheduled: Notify::new(),
            requests: AtomicU64::new(0),
            closes_http: AtomicBool::new(false),
            active_tasks: AtomicU64::new(0),
            wait_timeout,
            log_settings,
            failure: Mutex::default(),
            #[cfg(feature = "tracing")]
            tracer: Mutex::default(),
        }
    }

    pub(crate) const fn log_settings(&self) -> &LogSettings {
        &self.log_settings
    }

    pub(crate) const fn wait_timeout(&self) -> Duration {
        self.wait_timeout
    }

    pub(crate) const fn clock(&self) -> &RunningClock {
        &self.clock
    }

    pub(crate) const fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    /// Returns a text with marks in the place of chat tokens; see `TokenLabels`.
    pub(crate) fn without_tokens(&self, text: &str) -> String {
        hide(self.mock, text).into_owned()
    }

    /// Records that the test fails with a text that shows the end of the log. The text has marks in
    /// the place of tokens. It is about some lanes above all.
    pub(crate) fn record_failure(&self, text: &str, lanes: Vec<String>) {
        let log_length = self.log_length();
        let failure = RecordedFailure { text: text.into(), lanes, log_length };
        *self.failure.lock() = Some(failure);
    }

    /// Returns a failure if nothing has happened since, apart from what the end of a test brings
    /// about: connections end, and so do outages.
    pub(crate) fn latest_failure(&self) -> Option<RecordedFailure> {
        let failure = self.failure.lock().clone()?;
        self.has_only_ended_since(failure.log_length).then_some(failure)
    }

    /// Returns `true` if nothing has happened since the log had this length, apart from what the
    /// end of a test brings about.
    pub(crate) fn has_only_ended_since(&self, log_length: u64) -> bool {
        let (later, _) = self.entries_since(log_length);
        later.iter().all(|entry| entry.record.event.is_end())
    }

    /// Makes each HTTP response the last on its connection, or not.
    pub(crate) fn set_closes_http(&self, closes: bool) {
        self.closes_http.store(closes, Ordering::Release);
    }

    pub(crate) fn closes_http(&self) -> bool {
        self.closes_http.load(Ordering::Acquire)
    }

    /// Returns the id of an HTTP request, in the form of a UUID.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("00000000-0000-4000-8000-{number:012x}")
    }
}

/// Reads from the engine.
impl Driver {
    /// Returns how many entries the log has had that it does not keep.
    pub(crate) fn log_dropped(&self) -> u64 {
        self.state.lock().engine.log().lost()
    }

    pub(crate) fn log_length(&self) -> u64 {
        self.state.lock().engine.log().len()
    }

    /// Returns the entries from a number on that are kept, and how many there have been at all.
    pub(crate) fn entries_since(&self, first: u64) -> (Vec<Entry>, u64) {
        let hides_times = self.clock.is_volatile();
        let state = self.state.lock();
        let records = state.engine.log().since(first);
        let entries = records.map(|(number, record)| Entry {
            number,
            record: record.clone(),
            hides_times,
            mock: self.mock,
        });
        (entries.collect(), state.engine.log().len())
    }

    /// Returns the room that `wanted` picks, or the labels of all rooms.
    pub(crate) fn find_room<T>(
        &self,
        wanted: impl Fn(RoomKey, &RoomState) -> Option<T>,
    ) -> Result<T, Vec<String>> {
        let state = self.state.lock();
        let service = state.engine.service();
        let found = service.rooms().find_map(|(key, room)| wanted(key, room));
        found.ok_or_else(|| service.rooms().map(|(_, room)| room.label().to_owned()).collect())
    }

    /// Returns the user that is probably meant by the ID of a user who has never connected.
    pub(crate) fn meant_user(&self, user_id: &str) -> Option<Arc<str>> {
        self.state.lock().engine.meant_user(user_id)
    }

    /// Returns what a closure makes of each room, in the order in which the rooms were created.
    pub(crate) fn rooms<T>(&self, read: impl FnMut(&RoomState) -> T) -> Vec<T> {
        let mut read = read;
        self.state.lock().engine.service().rooms().map(|(_, room)| read(room)).collect()
    }

    /// Returns what has arrived at the destinations of logging configurations.
    pub(crate) fn chat_logs(&self) -> Vec<ChatLogRecord> {
        self.state.lock().engine.service().chat_logs().to_vec()
    }

    /// Returns the region and the account of all ARNs.
    pub(crate) fn region_and_account(&self) -> (String, String) {
        let Settings { region, account_id, .. } = self.settings();
        (region, account_id)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.state.lock().engine.service().settings().clone()
    }

    /// Refuses a call over HTTP that is not signed as it must be.
    #[cfg(feature = "sigv4")]
    pub(crate) fn authenticate(&self, request: &SignedRequest<'_>) -> Result<(), Exception> {
        let now = self.now();
        let Settings { credentials, region, .. } = self.settings();
        if credentials.is_empty() {
            return Ok(());
        }
        signature::verify(request, &credentials, &region, now)
    }

    pub(crate) fn is_connected(&self, connection: ConnectionId) -> bool {
        self.state.lock().engine.is_connected(connection)
    }

    /// Returns the state of a connection, unless it has ended.
    pub(crate) fn connection_info(&self, connection: ConnectionId) -> Option<ConnectionInfo> {
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        state.engine.connection_info(now, connection)
    }

    /// Returns the state of all open connections, in the order in which they were opened.
    pub(crate) fn connection_infos(&self) -> Vec<ConnectionInfo> {
        let mut state = self.state.lock();
        let now = state.now(&self.clock);
        state.engine.connection_infos(now).collect()
    }

    /// Returns how many frames wait to be written to the stream of a connection, and their bytes.
    pub(crate) fn queued(&self, connection: ConnectionId) -> (usize, usize) {
        self.state.lock().sinks.get(connection).map_or((0, 0), |sink| sink.queue.queued())
    }

    pub(crate) fn hook_hits(&self, id: HookId) -> usize {
        self.state.lock().engine.hook_hits(id)
    }

    pub(crate) fn hook_standings(&self) -> Vec<HookStatus> {
        self.state.lock().engine.hook_statuses()
    }

    /// Returns `true` if a hook or a review handler has a closure.
    pub(crate) fn has_closures(&self) -> bool {
        !self.state.lock().closures.is_empty()
    }

    pub(crate) fn waiting_at(&self, gate: GateId) -> usize {
        self.state.lock().engine.waiting_at(gate)
    }

    pub(crate) fn waiting_at_gates(&self) -> usize {
        self.state.lock().engine.waiting_at_gates()
    }

    /// Returns how many events are delayed until a moment of the clock, and the first such moment.
    pub(crate) fn delayed(&self) -> Option<(usize, Timestamp)> {
        self.state.lock().engine.delayed()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state.lock().now(&self.clock)
    }
}
