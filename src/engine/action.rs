//! Actions: what clients send, the hooks that see it, and the end of their connections.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::connections::Inbound;
use crate::engine::io::{Answer, Ending};
use crate::engine::questions::{Evaluation, PANICKED, Parked, QuestionId};
use crate::engine::timers::{Deferred, Delay};
use crate::hook::action::{ActionVerdict, InboundFrame};
use crate::hook::event::HookEvent;
use crate::hook::filter::EventContext;
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::log::record::{Event, HookFired, Until};
use crate::proto::close::Close;
use crate::proto::error_code::ErrorCode;
use crate::proto::payload::Payload;
use crate::proto::publish::Publish;
use crate::service::ConnectionId;

impl Engine {
    /// Receives a frame from a client or a participant.
    pub(super) fn receive(&mut self, connection: ConnectionId, payload: Payload) {
        // Before anything is recorded: the frame of a stalled participant comes here again when the
        // connection resumes, and counts as received then.
        if self.holds_back(connection, &payload) {
            return;
        }
        let now = self.now;
        // Frames read before a hook reset the connection are discarded.
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        open.last_received = now;
        let cause = self.log.len();
        self.record(cause, Some(connection), Event::FrameReceived(payload.clone()));
        // Recorded all the same, so that the log shows frames that a client sends after the close.
        if !self.service.is_connected(connection) {
            return;
        }
        match payload {
            Payload::Text(_) | Payload::Binary(_) => {
                self.inbound(connection, Inbound::Frame { cause, payload });
            }
            // Control frames may overtake others, so a ping is answered even while a closure
            // decides about an earlier frame.
            Payload::Ping(data) => self.push(cause, connection, Payload::Pong(data).into()),
            Payload::Pong(_) => {}
        }
    }

    /// Receives the end of a connection from the client.
    pub(super) fn client_ends(&mut self, connection: ConnectionId, ending: Ending) {
        if self.connections.open.get(connection).is_some() {
            self.inbound(connection, Inbound::Ending(ending));
        }
    }

    /// Processes an event of a client, unless an earlier one still waits for a closure.
    fn inbound(&mut self, connection: ConnectionId, event: Inbound) {
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if open.inbound.is_blocked() {
            // The end of the connection waits in the same lane, so actions that the client sent
            // before it still take effect.
            return open.inbound.push(self.ancestry.clone(), event);
        }
        self.process_inbound(connection, event);
    }

    /// Processes what has queued up behind an event whose closure has answered.
    pub(super) fn resume_inbound(&mut self, connection: ConnectionId, question: QuestionId) {
        if let Some(open) = self.connections.open.get_mut(connection) {
            open.inbound.unblock(question);
        }
        // An event that asks a closure blocks the lane again, and one that ends the connection
        // removes it. Both end this loop; the rest waits or is dropped with the connection.
        while let Some((ancestry, event)) =
            self.connections.open.get_mut(connection).and_then(|open| open.inbound.next())
        {
            // A waiting event keeps its own causes. Those of the closure that has just answered
            // have nothing to do with it.
            self.ancestry = ancestry;
            self.process_inbound(connection, event);
        }
    }

    fn process_inbound(&mut self, connection: ConnectionId, event: Inbound) {
        match event {
            Inbound::Frame { cause, payload } if self.hooks.actions.is_empty() => {
                if let Some(publish) = payload.publish() {
                    self.publish(cause, connection, publish.clone());
                }
            }
            Inbound::Frame { cause, payload } => {
                self.evaluate_action(cause, connection, payload, HookId::default());
            }
            Inbound::Ending(Ending::Close(close)) => self.client_closed(connection, close),
            Inbound::Ending(Ending::ProtocolError { code, reason }) => {
                if self.service.remove_session(connection) {
                    let cause = self.log.len();
                    self.close(cause, connection, Close::new(code, &reason));
                }
            }
            Inbound::Ending(Ending::Stream) => self.stream_ended(connection),
        }
    }

    fn client_closed(&mut self, connection: ConnectionId, close: Close) {
        if self.service.remove_session(connection) {
            let event = Event::ClosedByClient(Box::new(close.clone()));
            self.record(self.log.len(), Some(connection), event);
        }
        let Some(open) = self.connections.open.get_mut(connection) else { return };
        if !open.has_stream {
            // A participant has no stream whose end would remove the connection later.
            return self.remove(connection);
        }
        // The close frame of the client is the reply if the service has closed before.
        if !std::mem::replace(&mut open.is_finished, true) {
            self.finish(connection, Some(close));
        }
    }

    /// Records the end of a stream. A connection that has not ended by a close frame before is
    /// gone without one.
    fn stream_ended(&mut self, connection: ConnectionId) {
        if self.service.remove_session(connection) {
            self.record(self.log.len(), Some(connection), Event::Disconnected);
        }
        self.remove(connection);
    }

    /// Hands an action to the service, and then the actions that it overtakes.
    pub(super) fn publish(&mut self, cause: u64, connection: ConnectionId, publish: Publish) {
        let mut outputs = Vec::new();
        self.service.publish(self.now, connection, publish, &mut outputs);
        self.apply(cause, outputs);
        let open = self.connections.open.get_mut(connection);
        // Taken out before they are published: each of these calls comes here again, and must not
        // find them a second time.
        // No hook sees these actions again, so none is added meanwhile and the recursion is one
        // level deep.
        let reordered = open.map(|open| std::mem::take(&mut open.reordered_actions));
        for (ancestry, publish) in reordered.into_iter().flatten() {
            let overtaking = std::mem::replace(&mut self.ancestry, ancestry);
            self.publish(cause, connection, publish);
            self.ancestry = overtaking;
        }
    }

    /// Evaluates the hooks that come after `last`.
    fn evaluate_action(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        payload: Payload,
        last: HookId,
    ) {
        let Some(peer) = self.peer(connection) else { return };
        let Some(publish) = payload.publish() else { return };
        let text = String::from_utf8_lossy(payload.bytes());
        let action = publish.action.as_ref().ok();
        let context = EventContext {
            user_id: Some(&peer.user_id),
            room: Some(&peer.room),
            connection: Some(connection),
            request_id: &publish.request_id,
            ..EventContext::default()
        }
        .of_action(action, &text);
        let now = self.now;
        let event = || {
            HookEvent::Action(InboundFrame {
                user_id: peer.user_id.as_ref().into(),
                room: peer.room.label.as_ref().into(),
                connection,
                text: text.clone().into_owned(),
                request_id: publish.request_id.clone(),
                action: action.cloned(),
                at: now,
            })
        };
        match self.consult(&context, last, event) {
            Evaluation::Pass => self.publish(cause, connection, publish.clone()),
            Evaluation::Verdict(hook, verdict) => {
                self.apply_action_verdict(cause, connection, &hook, verdict, publish.clone());
            }
            Evaluation::Asked(asked) => {
                if let Some(open) = self.connections.open.get_mut(connection) {
                    open.inbound.block(asked.question);
                }
                self.park(asked, Parked::Action { cause, connection, payload });
            }
        }
    }

    pub(super) fn action_decided(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        payload: Payload,
        hook: HookId,
        origin: &Arc<HookOrigin>,
        answer: Answer,
    ) {
        let failure =
            |_: &mut Self| ActionVerdict::reject(ErrorCode::InternalServerError, PANICKED);
        match self.verdict_of(hook, answer, failure) {
            ActionVerdict::Pass => self.evaluate_action(cause, connection, payload, hook),
            verdict => {
                if let Some(publish) = payload.publish() {
                    let publish = publish.clone();
                    self.apply_action_verdict(cause, connection, origin, verdict, publish);
                }
            }
        }
    }

    fn apply_action_verdict(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<HookOrigin>,
        verdict: ActionVerdict,
        mut publish: Publish,
    ) {
        let on = Some(connection);
        let delay = match verdict {
            ActionVerdict::Delay(duration) => Delay::Clock(duration),
            ActionVerdict::DelayRealTime(duration) => Delay::RealTime(duration),
            ActionVerdict::Hold(gate) => Delay::Gate(gate),
            ActionVerdict::Pass => return self.publish(cause, connection, publish),
            ActionVerdict::Reject { error_code, error_message } => {
                let effect = format!("rejected with {}", error_code.code());
                self.record_stopped(cause, connection, hook, effect);
                let mut outputs = Vec::new();
                let service = &mut self.service;
                service.reject(connection, &publish, error_code, error_message, &mut outputs);
                return self.apply(cause, outputs);
            }
            ActionVerdict::Ignore => {
                return self.record_stopped(cause, connection, hook, "ignored");
            }
            ActionVerdict::Respond(text) => {
                self.record_stopped(cause, connection, hook, "answered");
                return self.send(cause, connection, vec![Payload::from_text(text).into()]);
            }
            ActionVerdict::Change(action) => {
                self.record_stopped(cause, connection, hook, "changed");
                publish.action = Ok(action);
                return self.publish(cause, connection, publish);
            }
            ActionVerdict::Duplicate => {
                self.record_effect(cause, on, hook, "duplicated");
                self.publish(cause, connection, publish.clone());
                return self.publish(cause, connection, publish);
            }
            ActionVerdict::Reorder => {
                let (stops_action, until) = (true, Some(Until::NextAction));
                let fired = HookFired::new(hook, "reordered");
                self.record_hook(cause, on, HookFired { stops_action, until, ..fired });
                let ancestry = self.ancestry.clone();
                if let Some(open) = self.connections.open.get_mut(connection) {
                    open.reordered_actions.push((ancestry, publish));
                }
                return;
            }
            ActionVerdict::Disconnect { code, reason } => {
                self.record_stopped(cause, connection, hook, "disconnected");
                if self.service.remove_session(connection) {
                    self.close(cause, connection, Close::new(code, &reason));
                }
                return;
            }
            ActionVerdict::Reset => return self.reset(cause, connection, hook),
            ActionVerdict::Stall => return self.stall(cause, connection, hook),
        };
        self.defer(cause, on, hook, delay, Deferred::Publish { connection, publish });
    }

    /// Records that a hook stopped an action, or changed it.
    fn record_stopped(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<HookOrigin>,
        effect: impl Into<String>,
    ) {
        let fired = HookFired { stops_action: true, ..HookFired::new(hook, effect) };
        self.record_hook(cause, Some(connection), fired);
    }
}
