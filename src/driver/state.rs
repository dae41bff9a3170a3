//! State: everything that the driver's lock guards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::clock::RunningClock;
use crate::driver::closures::Closure;
use crate::driver::requests::HandshakeResponse;
use crate::engine::Engine;
use crate::engine::connection_map::ConnectionMap;
use crate::engine::io::{CallId, ClosureId, HandshakeId, HttpReply};
use crate::proto::timestamp::Timestamp;
use crate::transport::client_sink::ClientSink;

/// The engine, and where its outputs go.
#[derive(Debug)]
pub(super) struct State {
    pub(super) engine: Engine,
    /// Where the frames of connections go that have a stream.
    pub(super) sinks: ConnectionMap<Arc<ClientSink>>,
    /// The handshakes that have no response yet.
    pub(super) handshakes: BTreeMap<HandshakeId, OpenHandshake>,
    /// The HTTP calls that have no response yet.
    pub(super) calls: BTreeMap<CallId, OpenCall>,
    pub(super) closures: BTreeMap<ClosureId, Closure>,
    /// The names of all review handlers, also of those that were replaced: failures name the
    /// handlers of earlier reviews, and reports may be read after the end of the mock.
    pub(super) handler_names: BTreeMap<u64, Arc<str>>,
    /// The sinks with frames that only the next flush writes.
    pub(super) unflushed: Vec<Arc<ClientSink>>,
    /// When the timer is going to wake up.
    pub(super) armed: Option<Timestamp>,
    /// Where the clock is advanced to.
    pub(super) advance_target: Timestamp,
    /// The latest time that anything happened at. Time never goes back.
    latest: Timestamp,
    latest_id: u64,
}

/// A handshake that has no response yet.
#[derive(Debug)]
pub(super) struct OpenHandshake {
    pub(super) sink: Arc<ClientSink>,
    pub(super) sender: oneshot::Sender<HandshakeResponse>,
}

/// An HTTP call that has no response yet.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) sender: oneshot::Sender<HttpReply>,
    /// Whether the mock has closed the stream of the client. The task of the stream notices that
    /// only later.
    pub(super) closed: Arc<AtomicBool>,
}

impl State {
    pub(super) fn new(engine: Engine, now: Timestamp) -> Self {
        Self {
            engine,
            sinks: ConnectionMap::default(),
            handshakes: BTreeMap::new(),
            calls: BTreeMap::new(),
            closures: BTreeMap::new(),
            handler_names: BTreeMap::new(),
            unflushed: Vec::new(),
            armed: None,
            advance_target: now,
            latest: now,
            latest_id: 0,
        }
    }

    /// Returns the number of a new handshake, call or handler.
    pub(super) fn next_id(&mut self) -> u64 {
        self.latest_id += 1;
        self.latest_id
    }

    /// Removes the handshakes whose clients have gone away. The caller drops them without the lock.
    pub(super) fn take_abandoned_handshakes(&mut self) -> Vec<(HandshakeId, OpenHandshake)> {
        let is_abandoned =
            |open: &OpenHandshake| open.sender.is_closed() || open.sink.stream.was_closed_by_mock();
        let abandoned = self.handshakes.iter().filter(|(_, open)| is_abandoned(open));
        let abandoned: Vec<_> = abandoned.map(|(id, _)| *id).collect();
        let remove = |id| self.handshakes.remove(&id).map(|open| (id, open));
        abandoned.into_iter().filter_map(remove).collect()
    }

    /// Returns the calls whose clients have gone away, or were cut off by the mock.
    pub(super) fn abandoned_calls(&self) -> Vec<CallId> {
        let is_abandoned =
            |open: &OpenCall| open.sender.is_closed() || open.closed.load(Ordering::Acquire);
        let abandoned = self.calls.iter().filter(|(_, open)| is_abandoned(open));
        abandoned.map(|(id, _)| *id).collect()
    }

    /// Returns the time, which never goes back.
    pub(super) fn now(&mut self, clock: &RunningClock) -> Timestamp {
        // On a clock that moves by itself no two inputs have the same time, however coarse the
        // system's clock is. Otherwise it would differ between runs whether two times are equal.
        let tick = Duration::from_nanos(u64::from(clock.is_volatile()));
        self.latest = clock.now().max(self.latest + tick);
        self.latest
    }
}
