//! Deliveries: frames on their way to clients, the hooks that see them, and what ends a
//! connection from the side of the service.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::connections::{Connection, Outbound};
use crate::engine::corrupt::corrupted;
use crate::engine::io::{Answer, Output};
use crate::engine::questions::{Evaluation, PANICKED, Parked};
use crate::engine::timers::{Deferred, Delay};
use crate::hook::delivery::{DeliveryVerdict, OutboundFrame};
use crate::hook::event::HookEvent;
use crate::hook::filter::EventContext;
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::log::record::{Event, HookFired, Record, Until};
use crate::proto::close::{Close, CloseCode};
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, Frame};
use crate::proto::payload::Payload;
use crate::proto::wire_frame::WireFrame;
use crate::service::ConnectionId;

impl Engine {
    /// Delivers a frame of the service, in the order of the recipients.
    pub(super) fn deliver(&mut self, cause: u64, mut to: Vec<ConnectionId>, frame: Frame) {
        let payload = Payload::from_frame(frame);
        if self.hooks.deliveries.is_empty() {
            // The common case: one output for the whole room, whose recipients share the bytes.
            to.retain(|connection| self.records_delivery(cause, *connection, &payload));
            // Recipients that cannot share this output were handled by `records_delivery`, so
            // theirs may come first. That is fine, because an order exists only within one
            // connection.
            if !to.is_empty() {
                self.outputs.push_back(Output::Send { to, frame: payload.into() });
            }
            return;
        }
        for connection in to {
            self.outbound(connection, Outbound::Frame { cause, payload: payload.clone() });
        }
    }

    /// Records the delivery of a frame that leaves together with those for other connections.
    /// Returns `false` if the frame takes a path of its own.
    fn records_delivery(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        payload: &Payload,
    ) -> bool {
        let Some(open) = self.connections.open.get(connection) else { return false };
        if !open.sends_directly() {
            // If it has to wait, the hooks that are installed by then see it.
            self.outbound(connection, Outbound::Frame { cause, payload: payload.clone() });
            return false;
        }
        let peer = Some(Arc::clone(&open.peer));
        self.log.push(Record {
            at: self.now,
            cause,
            peer,
            event: Event::FrameSent(payload.clone()),
        });
        true
    }

    /// Sends frames that no hook sees.
    pub(super) fn send(&mut self, cause: u64, connection: ConnectionId, frames: Vec<WireFrame>) {
        self.outbound(connection, Outbound::Raw { cause, frames });
    }

    /// Closes a connection with a close frame, which is its last.
    pub(super) fn close(&mut self, cause: u64, connection: ConnectionId, close: Close) {
        self.outbound(connection, Outbound::Close { cause, close });
    }

    /// Processes an event on its way to a client, unless an earlier one still waits for a closure.
    fn outbound(&mut self, connection: ConnectionId, event: Outbound) {
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if open.outbound.is_blocked() {
            return open.outbound.push(self.ancestry.clone(), event);
        }
        self.process_outbound(connection, event);
    }

    /// Processes what has queued up behind a frame whose closure has answered.
    pub(super) fn resume_outbound(&mut self, connection: ConnectionId) {
        while let Some((ancestry, event)) =
            self.connections.open.get_mut(connection).and_then(|open| open.outbound.next())
        {
            // As for actions: a waiting event keeps its own causes.
            self.ancestry = ancestry;
            self.process_outbound(connection, event);
        }
    }

    fn process_outbound(&mut self, connection: ConnectionId, event: Outbound) {
        match event {
            Outbound::Frame { cause, payload } => {
                self.evaluate_delivery(cause, connection, payload, HookId::default());
            }
            Outbound::Raw { cause, frames } => self.send_now(cause, connection, frames),
            Outbound::Close { cause, close } => self.close_now(cause, connection, close),
        }
    }

    /// Evaluates the hooks that come after `last`.
    fn evaluate_delivery(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        payload: Payload,
        last: HookId,
    ) {
        let (Some(peer), Some(frame)) = (self.peer(connection), payload.frame()) else { return };
        let context = EventContext {
            user_id: Some(&peer.user_id),
            room: Some(&peer.room),
            connection: Some(connection),
            request_id: frame.request_id(),
            ..EventContext::default()
        }
        .of_frame(frame, payload.text().unwrap_or_default());
        let event = || {
            HookEvent::Delivery(OutboundFrame {
                user_id: peer.user_id.as_ref().into(),
                room: peer.room.label.as_ref().into(),
                connection,
                frame: frame.clone(),
            })
        };
        match self.consult(&context, last, event) {
            Evaluation::Pass => self.send_now(cause, connection, vec![payload.into()]),
            Evaluation::Verdict(hook, verdict) => {
                self.apply_delivery_verdict(cause, connection, &hook, verdict, payload);
            }
            Evaluation::Asked(asked) => {
                if let Some(open) = self.connections.open.get_mut(connection) {
                    open.outbound.block(asked.question);
                }
                self.park(asked, Parked::Delivery { cause, connection, payload });
            }
        }
    }

    pub(super) fn delivery_decided(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        payload: Payload,
        hook: HookId,
        origin: &Arc<HookOrigin>,
        answer: Answer,
    ) {
        let failure = |engine: &mut Self| {
            DeliveryVerdict::Change(Frame::Error(ChatError {
                id: engine.service.error_id(),
                request_id: payload
                    .frame()
                    .map_or_else(String::new, |frame| frame.request_id().into()),
                error_code: ErrorCode::InternalServerError,
                error_message: PANICKED.into(),
            }))
        };
        match self.verdict_of(hook, answer, failure) {
            DeliveryVerdict::Pass => {
                self.evaluate_delivery(cause, connection, payload, hook);
            }
            verdict => {
                self.apply_delivery_verdict(cause, connection, origin, verdict, payload);
            }
        }
    }

    fn apply_delivery_verdict(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<HookOrigin>,
        verdict: DeliveryVerdict,
        payload: Payload,
    ) {
        let delay = match verdict {
            DeliveryVerdict::Delay(duration) => Delay::Clock(duration),
            DeliveryVerdict::DelayRealTime(duration) => Delay::RealTime(duration),
            DeliveryVerdict::Hold(gate) => Delay::Gate(gate),
            DeliveryVerdict::Pass => return self.send_now(cause, connection, vec![payload.into()]),
            DeliveryVerdict::Drop => {
                return self.record_not_sent(cause, connection, hook, "dropped", payload);
            }
            DeliveryVerdict::Change(frame) => {
                self.record_not_sent(cause, connection, hook, "changed", payload);
                let frames = vec![Payload::from_frame(frame).into()];
                return self.send_now(cause, connection, frames);
            }
            DeliveryVerdict::Replace(text) => {
                self.record_not_sent(cause, connection, hook, "replaced", payload);
                let frames = vec![Payload::from_text(text).into()];
                return self.send_now(cause, connection, frames);
            }
            DeliveryVerdict::Corrupt(corruption) => {
                let effect = format!("corrupted: {corruption:?}");
                self.record_effect(cause, Some(connection), hook, effect);
                let text = payload.text().unwrap_or_default();
                self.send_now(cause, connection, corrupted(&corruption, text));
                if corruption.ends_the_connection() {
                    self.end_without_close(cause, connection);
                }
                return;
            }
            DeliveryVerdict::Duplicate => {
                self.record_effect(cause, Some(connection), hook, "duplicated");
                self.send_now(cause, connection, vec![payload.clone().into()]);
                return self.send_now(cause, connection, vec![payload.into()]);
            }
            DeliveryVerdict::Reorder => {
                return self.reorder(cause, connection, hook, payload);
            }
            DeliveryVerdict::Disconnect { code, reason } => {
                self.record_not_sent(cause, connection, hook, "disconnected", payload);
                if self.service.remove_session(connection) {
                    // Directly: frames that wait behind this one must not leave before.
                    self.close_now(cause, connection, Close::new(code, &reason));
                }
                return;
            }
            DeliveryVerdict::Reset => {
                self.record_not_sent(cause, connection, hook, "dropped", payload);
                return self.reset(cause, connection, hook);
            }
            DeliveryVerdict::Stall => {
                // The frame itself is the first one that the stall withholds, so it is not lost.
                self.stall(cause, connection, hook);
                return self.send_now(cause, connection, vec![payload.into()]);
            }
        };
        let deferred = Deferred::Deliver { connection, frame: payload.into() };
        self.defer(cause, Some(connection), hook, delay, deferred);
    }

    /// Keeps a frame until another one has been sent.
    fn reorder(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<HookOrigin>,
        payload: Payload,
    ) {
        let (kept, until) = (Some(payload.clone()), Some(Until::NextFrame));
        let fired = HookFired { payload: kept, until, ..HookFired::new(hook, "reordered") };
        self.record_hook(cause, Some(connection), fired);
        if let Some(open) = self.connections.open.get_mut(connection) {
            open.reordered_frames.push(payload.into());
        }
    }

    /// Records that a frame did not leave as it was.
    fn record_not_sent(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<HookOrigin>,
        effect: &str,
        payload: Payload,
    ) {
        let fired = HookFired { payload: Some(payload), ..HookFired::new(hook, effect) };
        self.record_hook(cause, Some(connection), fired);
    }

    /// Sends frames that belong together, and then the frames that they overtake.
    fn send_now(&mut self, cause: u64, connection: ConnectionId, frames: Vec<WireFrame>) {
        for frame in frames {
            self.push(cause, connection, frame);
        }
        let open = self.connections.open.get_mut(connection);
        // All of them follow directly, past the hooks: a hook has already decided about each.
        let reordered = open.map(|open| std::mem::take(&mut open.reordered_frames));
        for frame in reordered.into_iter().flatten() {
            self.push(cause, connection, frame);
        }
    }

    /// Queues a frame for a connection and records it.
    pub(super) fn push(&mut self, cause: u64, connection: ConnectionId, frame: WireFrame) {
        let at = self.now;
        let Some(open) = self.connections.open.get(connection) else { return };
        // Nothing follows a close frame, and a frame that does not leave is not recorded.
        if open.is_finished {
            return;
        }
        if open.stall.is_some() {
            return self.withhold(cause, connection, frame);
        }
        let peer = Some(Arc::clone(&open.peer));
        self.log.push(Record { at, cause, peer, event: Event::FrameSent(frame.payload.clone()) });
        if open.has_stream {
            self.outputs.push_back(Output::Send { to: vec![connection], frame });
        }
    }

    pub(super) fn close_now(&mut self, cause: u64, connection: ConnectionId, close: Close) {
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if std::mem::replace(&mut open.is_finished, true) {
            return;
        }
        let has_stream = open.has_stream;
        let event = Event::ClosedByService(Box::new(close.clone()));
        self.record(cause, Some(connection), event);
        if has_stream {
            self.finish(connection, Some(close));
        } else {
            self.remove(connection);
        }
    }

    /// Ends the stream of a connection after everything that waits for the client.
    pub(super) fn finish(&mut self, connection: ConnectionId, close: Option<Close>) {
        let finish = Output::Finish { connection, close };
        let open = self.connections.open.get_mut(connection);
        match open.and_then(|open| open.stall.as_mut()) {
            // Kept back with the withheld frames, because a close frame must not overtake them.
            // There is one at most: `is_finished` is set before.
            Some(stall) => stall.finish = Some(finish),
            None => self.outputs.push_back(finish),
        }
    }

    /// Ends the connection of a client that does not read.
    pub(super) fn drop_slow_reader(&mut self, connection: ConnectionId) {
        if self.service.remove_session(connection) {
            let close = Close::new(CloseCode::POLICY_VIOLATION, "the client does not read");
            let event = Event::ClosedByService(Box::new(close));
            self.record(self.log.len(), Some(connection), event);
        }
        self.reset_now(connection);
    }

    /// Resets a connection for a hook.
    pub(super) fn reset(&mut self, cause: u64, connection: ConnectionId, hook: &Arc<HookOrigin>) {
        self.record_effect(cause, Some(connection), hook, "reset");
        self.service.remove_session(connection);
        self.reset_now(connection);
    }

    pub(super) fn reset_now(&mut self, connection: ConnectionId) {
        // In this order: the driver finds the stream by the connection, and `Output::Remove` makes
        // it forget both.
        self.outputs.push_back(Output::Reset(connection));
        self.remove(connection);
    }

    /// Makes a connection stall. It stays in its room, because the service cannot know.
    pub(super) fn stall(&mut self, cause: u64, connection: ConnectionId, hook: &Arc<HookOrigin>) {
        self.record_effect(cause, Some(connection), hook, "stalled");
        self.stall_now(connection, Some(Arc::clone(hook)));
    }

    /// Ends a connection after what is queued, without a close frame.
    pub(super) fn end_without_close(&mut self, cause: u64, connection: ConnectionId) {
        if self.service.remove_session(connection) {
            self.record(cause, Some(connection), Event::Disconnected);
        }
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if !open.has_stream {
            return self.remove(connection);
        }
        if !std::mem::replace(&mut open.is_finished, true) {
            self.finish(connection, None);
        }
    }

    /// Drops all that is kept of a connection.
    pub(super) fn remove(&mut self, connection: ConnectionId) {
        // The lanes go with the connection. Open questions and deferred events about it stay, and
        // find no connection later: a search would cost each end of a connection a scan of
        // everything that waits.
        if let Some(open) = self.connections.open.remove(connection) {
            self.timers.cancel(&open);
            self.outputs.push_back(Output::Remove(connection));
        }
    }
}

impl Connection {
    /// Returns `true` if a frame leaves right away and changes nothing but the log.
    fn sends_directly(&self) -> bool {
        self.stall.is_none()
            && !self.is_finished
            && !self.outbound.is_blocked()
            && self.reordered_frames.is_empty()
    }
}
