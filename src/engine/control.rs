//! Control: the actions of the test on single connections, and stalled connections.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::engine::connections::Connection;
use crate::engine::corrupt::corrupted;
use crate::engine::io::{Output, Way};
use crate::hook::delivery::Corruption;
use crate::hook::origin::HookOrigin;
use crate::log::record::{Event, HookFired, Peer, TestAction, Until};
use crate::proto::close::{Close, CloseCode};
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;

/// An action of the test on a connection.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    Close(Close),
    Reset,
    Stall,
    Resume,
    /// Ends the session as if its time were up.
    Expire,
    /// Limits the bytes per second in one direction, or lifts the limit.
    Throttle {
        way: Way,
        bytes_per_second: Option<u32>,
    },
    /// Sends a frame that no hook sees.
    Push(Payload),
    /// Sends the text of a frame in a form in which it should not arrive.
    PushCorrupted {
        text: String,
        corruption: Corruption,
    },
}

/// Everything that waits for a stalled connection to resume.
#[derive(Debug)]
pub(super) struct Stall {
    /// The hook that has stalled the connection; `None` if the test has.
    hook: Option<Arc<HookOrigin>>,
    /// The frames for the client, in order.
    frames: Vec<WireFrame>,
    bytes: usize,
    /// The end of the stream, which follows the frames.
    pub(super) finish: Option<Output>,
    /// The frames of a participant. Those of a client wait in its stream.
    received: Vec<Payload>,
}

/// The state of an open connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) peer: Arc<Peer>,
    pub(crate) age: Duration,
    pub(crate) has_stream: bool,
    pub(crate) is_stalled: bool,
    /// How many frames wait for the connection to resume, and their size.
    pub(crate) withheld_frames: usize,
    /// How many frames of a participant wait because its connection is stalled.
    pub(crate) withheld_actions: usize,
    pub(crate) withheld_bytes: usize,
    /// How many frames and actions wait for another one to go before them.
    pub(crate) reordered_frames: usize,
    pub(crate) reordered_actions: usize,
}

impl Engine {
    /// Acts on a connection. Returns `false` if there is nothing to act on: the connection has
    /// ended, or is a participant's and moves no bytes.
    pub(super) fn control(&mut self, connection: ConnectionId, control: Control) -> bool {
        let open = self.connections.open.get(connection);
        let Some(open) = open else { return false };
        let has_stream = open.has_stream;
        // A connection that was closed while it was stalled can still get what waits for it.
        let is_resumable = matches!(control, Control::Resume) && open.stall.is_some();
        if !is_resumable && !self.service.is_connected(connection) {
            return false;
        }
        let cause = self.log.len();
        match control {
            Control::Close(close) => {
                self.record_test_action(cause, connection, "closed", None);
                self.service.remove_session(connection);
                // Past the lane: frames that wait for a closure must not put off the end that the
                // test demands.
                self.close_now(cause, connection, close);
            }
            Control::Reset => {
                self.record_test_action(cause, connection, "reset", None);
                self.service.remove_session(connection);
                self.reset_now(connection);
            }
            Control::Expire => {
                self.record_test_action(cause, connection, "session expired", None);
                let mut outputs = Vec::new();
                self.service.expire(connection, &mut outputs);
                self.apply(cause, outputs);
            }
            Control::Stall => {
                self.record_test_action(cause, connection, "stalled", None);
                self.stall_now(connection, None);
            }
            Control::Resume => {
                self.record_test_action(cause, connection, "resumed", None);
                self.resume_stalled(cause, connection);
            }
            Control::Throttle { .. } if !has_stream => return false,
            Control::Throttle { way, bytes_per_second } => {
                let effect = describe_throttle(way, bytes_per_second);
                self.record_test_action(cause, connection, &effect, None);
                let throttle = Output::Throttle { connection, way, bytes_per_second };
                self.outputs.push_back(throttle);
            }
            Control::Push(payload) => {
                self.record_test_action(cause, connection, "frame pushed", None);
                self.push(cause, connection, payload.into());
            }
            Control::PushCorrupted { text, corruption } => {
                let effect = format!("frame pushed, corrupted: {corruption:?},");
                self.record_test_action(cause, connection, &effect, None);
                for frame in corrupted(&corruption, &text) {
                    self.push(cause, connection, frame);
                }
                if corruption.ends_the_connection() {
                    self.end_without_close(cause, connection);
                }
            }
        }
        true
    }

    /// Deletes all rooms, with everything in them, and ends all connections.
    pub(super) fn reset_rooms(&mut self) {
        let cause = self.log.len();
        let action = TestAction { effect: "all rooms deleted".into(), payload: None };
        self.record(cause, None, Event::TestAction(Box::new(action)));
        let open = self.connections.open.values().map(|open| open.peer.connection);
        for connection in open.collect::<Vec<_>>() {
            if self.service.remove_session(connection) {
                let close = Close::new(CloseCode::GOING_AWAY, "the mock was reset");
                self.close_now(cause, connection, close);
            }
        }
        self.connections.reset_labels();
        // After the loop, which needs the sessions that `reset` drops.
        self.service.reset();
        self.reviewers.clear();
    }

    fn record_test_action(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        effect: &str,
        payload: Option<Payload>,
    ) {
        let action = TestAction { effect: effect.into(), payload };
        self.record(cause, Some(connection), Event::TestAction(Box::new(action)));
    }

    /// Makes a connection neither read nor write. One that is stalled stays as it is.
    pub(super) fn stall_now(&mut self, connection: ConnectionId, hook: Option<Arc<HookOrigin>>) {
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if open.stall.is_none() {
            let (frames, received) = (Vec::new(), Vec::new());
            let stall = Stall { hook, frames, bytes: 0, finish: None, received };
            open.stall = Some(Box::new(stall));
            self.outputs.push_back(Output::Stall(connection));
        }
    }

    /// Keeps a frame until its connection resumes. Like one that does not read, a client that is
    /// stalled for too long loses its connection.
    pub(super) fn withhold(&mut self, cause: u64, connection: ConnectionId, frame: WireFrame) {
        let open = self.connections.open.get_mut(connection);
        let Some(stall) = open.and_then(|open| open.stall.as_mut()) else { return };
        let payload = frame.payload.clone();
        stall.bytes += payload.bytes().len();
        stall.frames.push(frame);
        let (hook, is_full) = (stall.hook.clone(), stall.bytes > MAXIMUM_WITHHELD_BYTES);
        let effect = "withheld from a stalled connection";
        let payload = Some(payload);
        match hook {
            Some(hook) => {
                let until = Some(Until::Resume);
                let fired = HookFired { payload, until, ..HookFired::new(&hook, effect) };
                self.record_hook(cause, Some(connection), fired);
            }
            None => self.record_test_action(cause, connection, effect, payload),
        }
        // After the entry about the frame, so that the log shows what exceeded the limit.
        if is_full {
            self.drop_slow_reader(connection);
        }
    }

    /// Returns `true` if a frame of a participant waits, because its connection is stalled.
    pub(super) fn holds_back(&mut self, connection: ConnectionId, payload: &Payload) -> bool {
        let open = self.connections.open.get_mut(connection);
        let Some(open) = open.filter(|open| !open.has_stream) else { return false };
        open.stall.as_mut().is_some_and(|stall| {
            stall.received.push(payload.clone());
            true
        })
    }

    /// Resumes a stalled connection. The events that waited continue in order.
    fn resume_stalled(&mut self, cause: u64, connection: ConnectionId) {
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        let Some(stall) = open.stall.take() else { return };
        let Stall { frames, finish, received, .. } = *stall;
        // The frames precede the close frame, although they are sent after it was decided.
        let is_finished = std::mem::replace(&mut open.is_finished, false);
        self.outputs.push_back(Output::Resume(connection));
        // The stall was taken out above, so these frames are pushed and not withheld again.
        for frame in frames {
            self.push(cause, connection, frame);
        }
        if let Some(open) = self.connections.open.get_mut(connection) {
            open.is_finished = is_finished;
        }
        self.outputs.extend(finish);
        // Last, because these frames may cause others, which must follow the withheld ones.
        // If one of these stalls the connection again, `holds_back` keeps the others.
        for payload in received {
            self.receive(connection, payload);
        }
    }

    /// Returns the state of a connection, unless it has ended.
    pub(crate) fn connection_info(
        &self,
        now: Timestamp,
        connection: ConnectionId,
    ) -> Option<ConnectionInfo> {
        let open = self.connections.open.get(connection)?;
        self.service.is_connected(connection).then(|| open.info(now))
    }

    /// Returns the state of all connections, in the order in which they were opened.
    pub(crate) fn connection_infos(&self, now: Timestamp) -> impl Iterator<Item = ConnectionInfo> {
        let open = self.connections.open.values();
        let open = open.filter(|open| self.service.is_connected(open.peer.connection));
        open.map(move |open| open.info(now))
    }
}

impl Connection {
    fn info(&self, now: Timestamp) -> ConnectionInfo {
        let stall = self.stall.as_ref();
        ConnectionInfo {
            peer: Arc::clone(&self.peer),
            age: now.since(self.connected_at),
            has_stream: self.has_stream,
            is_stalled: stall.is_some(),
            withheld_frames: stall.map_or(0, |stall| stall.frames.len()),
            withheld_actions: stall.map_or(0, |stall| stall.received.len()),
            withheld_bytes: stall.map_or(0, |stall| stall.bytes),
            reordered_frames: self.reordered_frames.len(),
            reordered_actions: self.reordered_actions.len(),
        }
    }
}

fn describe_throttle(way: Way, bytes_per_second: Option<u32>) -> String {
    let way = match way {
        Way::Inbound => "inbound",
        Way::Outbound => "outbound",
    };
    match bytes_per_second {
        Some(bytes) => format!("{way} bandwidth limited to {bytes} bytes a second"),
        None => format!("{way} bandwidth limit lifted"),
    }
}

/// How many bytes wait for a stalled connection before it is dropped.
const MAXIMUM_WITHHELD_BYTES: usize = 16 * 1024 * 1024;
