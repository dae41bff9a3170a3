//! What hooks make of the frames that clients send, and of those that they are sent.

use std::sync::Arc;

use crate::driver::Framed;
use crate::driver::later::{Later, Until};
use crate::driver::step::Step;
use crate::hook::event::{InboundFrame, OutboundFrame};
use crate::hook::filter::{Facts, FrameKind};
use crate::hook::verdict::{ActionVerdict, DeliveryVerdict};
use crate::log::record::What;
use crate::proto::action::{Action, Publish};
use crate::proto::close::Close;
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;
use crate::transport::framing;

impl Step<'_> {
    /// Asks the hooks on actions what becomes of a client's frame.
    pub(super) fn publish_hooked(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        bytes: &[u8],
        publish: Publish,
    ) {
        let Some(party) = self.state.party(connection) else { return };
        let text = String::from_utf8_lossy(bytes);
        let action = publish.action.as_ref().ok();
        let facts = Facts {
            user_id: Some(&party.user_id),
            room: Some(&party.room),
            connection: Some(connection),
            action: action.map(Action::capability),
            text: match action {
                Some(Action::SendMessage(sent)) => &sent.content,
                _ => &text,
            },
            request_id: &publish.request_id,
            ..Facts::default()
        };
        let now = self.now;
        let verdict = self.ask(
            |hooks| &mut hooks.actions,
            &facts,
            || InboundFrame {
                user_id: party.user_id.as_ref().into(),
                room: party.room.as_ref().into(),
                connection,
                text: text.clone().into_owned(),
                request_id: publish.request_id.clone(),
                action: action.cloned(),
                at: now,
            },
        );
        match verdict {
            None => self.publish(cause, connection, publish),
            Some((hook, verdict)) => self.act_on(cause, connection, &hook, verdict, publish),
        }
    }

    fn act_on(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<str>,
        verdict: ActionVerdict,
        mut publish: Publish,
    ) {
        let until = match verdict {
            ActionVerdict::Delay(duration) => Until::Clock(duration),
            ActionVerdict::DelayRealTime(duration) => Until::RealTime(duration),
            ActionVerdict::Hold(gate) => Until::Released(gate),
            ActionVerdict::Pass => return self.publish(cause, connection, publish),
            ActionVerdict::Reject { error_code, error_message } => {
                let effect = format!("rejected with {}", error_code.code());
                self.note(cause, connection, hook, effect);
                let mut outputs = Vec::new();
                let service = &mut self.state.service;
                service.reject(connection, &publish, error_code, error_message, &mut outputs);
                return self.release(cause, outputs);
            }
            ActionVerdict::Ignore => return self.note(cause, connection, hook, "ignored"),
            ActionVerdict::Answer(text) => {
                self.note(cause, connection, hook, "answered");
                return self.send(cause, connection, framing::text(&text));
            }
            ActionVerdict::Change(action) => {
                self.note(cause, connection, hook, "changed");
                publish.action = Ok(action);
                return self.publish(cause, connection, publish);
            }
            ActionVerdict::Duplicate => {
                self.note(cause, connection, hook, "duplicated");
                self.publish(cause, connection, publish.clone());
                return self.publish(cause, connection, publish);
            }
            ActionVerdict::Reorder => {
                self.note(cause, connection, hook, "kept for after the next");
                let connection = self.state.connection_mut(connection);
                connection.into_iter().for_each(|c| c.overtaken_actions.push(publish.clone()));
                return;
            }
            ActionVerdict::Disconnect { code, reason } => {
                self.note(cause, connection, hook, "disconnected");
                return self.disconnect(cause, connection, &Close::new(code, &reason));
            }
            ActionVerdict::Reset => return self.reset(cause, connection, hook),
            ActionVerdict::Stall => return self.stall(cause, connection, hook),
        };
        self.stop(cause, Some(connection), hook, &until, Later::Publish { connection, publish });
    }

    /// Asks the hooks on deliveries what becomes of a frame to one recipient.
    pub(super) fn send_hooked(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        frame: &Frame,
        framed: &Framed,
    ) {
        let Some(party) = self.state.party(connection) else { return };
        let (kind, text) = match frame {
            Frame::Message(message) => (FrameKind::Message, message.content.as_str()),
            Frame::Event(_) => (FrameKind::Event, framed.payload.text().unwrap_or_default()),
            Frame::Error(error) => (FrameKind::Error, error.error_message.as_str()),
        };
        let facts = Facts {
            user_id: Some(&party.user_id),
            sender: match frame {
                Frame::Message(message) => Some(&message.sender.user_id),
                Frame::Event(_) | Frame::Error(_) => None,
            },
            room: Some(&party.room),
            connection: Some(connection),
            kind: Some(kind),
            event_name: match frame {
                Frame::Event(event) => Some(&event.event_name),
                Frame::Message(_) | Frame::Error(_) => None,
            },
            text,
            request_id: frame.request_id(),
            ..Facts::default()
        };
        let verdict = self.ask(
            |hooks| &mut hooks.deliveries,
            &facts,
            || OutboundFrame {
                user_id: party.user_id.as_ref().into(),
                room: party.room.as_ref().into(),
                connection,
                frame: frame.clone(),
            },
        );
        match verdict {
            None => self.send(cause, connection, framed.clone()),
            // The general error that stands in for a frame whose hook has panicked.
            Some((hook, DeliveryVerdict::Change(Frame::Error(mut error))))
                if error.id.is_empty() =>
            {
                error.id = self.state.service.error_id();
                error.request_id = frame.request_id().into();
                let verdict = DeliveryVerdict::Change(Frame::Error(error));
                self.tamper(cause, connection, &hook, verdict, framed);
            }
            Some((hook, verdict)) => self.tamper(cause, connection, &hook, verdict, framed),
        }
    }

    fn tamper(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<str>,
        verdict: DeliveryVerdict,
        framed: &Framed,
    ) {
        let until = match verdict {
            DeliveryVerdict::Delay(duration) => Until::Clock(duration),
            DeliveryVerdict::DelayRealTime(duration) => Until::RealTime(duration),
            DeliveryVerdict::Hold(gate) => Until::Released(gate),
            DeliveryVerdict::Pass => return self.send(cause, connection, framed.clone()),
            DeliveryVerdict::Drop => {
                return self.withhold(cause, connection, hook, "dropped", framed);
            }
            DeliveryVerdict::Change(frame) => {
                self.withhold(cause, connection, hook, "changed", framed);
                return self.send(cause, connection, framing::payload(Payload::from_frame(frame)));
            }
            DeliveryVerdict::Replace(text) => {
                self.withhold(cause, connection, hook, "replaced", framed);
                return self.send(cause, connection, framing::text(&text));
            }
            DeliveryVerdict::Malform(malformation) => {
                let effect = format!("malformed: {malformation:?}");
                self.note(cause, connection, hook, effect);
                let text = framed.payload.text().unwrap_or_default();
                for framed in framing::malformed(&malformation, text) {
                    self.push(cause, connection, framed);
                }
                self.send_overtaken(cause, connection);
                if malformation.ends_the_connection() {
                    self.end_after_writing(cause, connection);
                }
                return;
            }
            DeliveryVerdict::Duplicate => {
                self.note(cause, connection, hook, "duplicated");
                self.send(cause, connection, framed.clone());
                return self.send(cause, connection, framed.clone());
            }
            DeliveryVerdict::Reorder => {
                self.withhold(cause, connection, hook, "kept for after the next", framed);
                let connection = self.state.connection_mut(connection);
                connection.into_iter().for_each(|c| c.overtaken_frames.push(framed.clone()));
                return;
            }
            DeliveryVerdict::Disconnect { code, reason } => {
                self.withhold(cause, connection, hook, "disconnected", framed);
                return self.disconnect(cause, connection, &Close::new(code, &reason));
            }
            DeliveryVerdict::Reset => {
                self.withhold(cause, connection, hook, "dropped", framed);
                return self.reset(cause, connection, hook);
            }
            DeliveryVerdict::Stall => {
                self.stall(cause, connection, hook);
                return self.send(cause, connection, framed.clone());
            }
        };
        let later = Later::Deliver { connection, framed: framed.clone() };
        self.stop(cause, Some(connection), hook, &until, later);
    }

    /// Records that a frame did not go out as it was.
    fn withhold(
        &mut self,
        cause: u64,
        connection: ConnectionId,
        hook: &Arc<str>,
        effect: &str,
        framed: &Framed,
    ) {
        let payload = Some(framed.payload.clone());
        self.record_hook(cause, Some(connection), hook, effect, payload, None);
    }

    fn disconnect(&mut self, cause: u64, connection: ConnectionId, close: &Close) {
        if self.state.service.disconnected(connection) {
            self.close(cause, connection, close.clone());
        }
    }

    fn reset(&mut self, cause: u64, connection: ConnectionId, hook: &Arc<str>) {
        self.note(cause, connection, hook, "reset");
        self.state.service.disconnected(connection);
        self.cut(connection);
    }

    /// A connection that stalls stays in its room, as it would: the service cannot know.
    fn stall(&mut self, cause: u64, connection: ConnectionId, hook: &Arc<str>) {
        self.note(cause, connection, hook, "stalled");
        if let Some(connection) = self.state.connection_mut(connection) {
            connection.stalled_by = Some(Arc::clone(hook));
            connection.wire.iter().for_each(|wire| wire.link.stall());
        }
    }

    /// Ends a connection once all that waits has been written, without a close frame.
    fn end_after_writing(&mut self, cause: u64, connection: ConnectionId) {
        if self.state.service.disconnected(connection) {
            self.record(cause, connection, What::Gone);
        }
        match self.state.connection(connection).map(|connection| connection.wire.clone()) {
            Some(Some(wire)) => wire.outbox.finish_bare(),
            _ => self.state.forget(connection),
        }
    }
}
