//! Fields: what an entry says, field by field, so that patterns can compare and failures explain.

use std::collections::BTreeMap;

use crate::log::entry::{Direction, Entry};
use crate::log::record::What;
use crate::proto::action::{Action, Publish};
use crate::proto::attributes::Attributes;
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;

/// What an entry says, by the name of each field.
#[derive(Debug)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(crate) fn read(entry: &Entry) -> Self {
        let mut fields = Self(BTreeMap::new());
        fields.set(TYPE, type_of(entry));
        if let Some(party) = &entry.record.party {
            let end = if entry.direction() == Some(Direction::Outbound) { "to" } else { "from" };
            fields.set(end, &*party.user_id);
            fields.set("room", &*party.room);
            fields.set("connection", party.label.as_str());
        }
        match &entry.record.what {
            What::Received(payload) => fields.read_action(payload),
            What::Sent(_) => fields.read_frame(entry),
            What::ClosedByService(close) | What::ClosedByClient(close) => {
                if let Some(code) = close.code {
                    fields.set("code", code.to_string());
                }
                fields.set("reason", close.reason.as_str());
            }
            What::Answered(answered) => {
                fields.set("status", answered.status.to_string());
                if let Some(exception) = &answered.exception {
                    fields.set("exception", exception.as_str());
                }
            }
            What::Hooked(hooked) => fields.set("name", &*hooked.hook),
            What::Reviewed(reviewed) => {
                fields.set("id", reviewed.message_id.as_str());
                fields.set("result", reviewed.result.as_str());
            }
            What::Refused(refused) => {
                fields.set("status", refused.status.to_string());
                fields.set("reason", refused.message.as_str());
            }
            _ => {}
        }
        if let Some(operation) = entry.operation() {
            fields.set("operation", operation.name());
        }
        fields
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    fn set_attributes(&mut self, attributes: Option<&Attributes>) {
        for (key, value) in attributes.iter().flat_map(|attributes| attributes.iter()) {
            self.set(attribute(key), value.as_str());
        }
    }

    fn read_action(&mut self, payload: &Payload) {
        let publish = Publish::decode(payload.bytes());
        self.set("request id", publish.request_id);
        match publish.action {
            Ok(Action::SendMessage(sent)) => {
                self.set("content", sent.content);
                self.set_attributes(sent.attributes.as_ref());
            }
            Ok(Action::DeleteMessage(deletion)) => {
                self.set("id", deletion.id);
                self.set("reason", deletion.reason);
            }
            Ok(Action::DisconnectUser(kick)) => {
                self.set("user", kick.user_id);
                self.set("reason", kick.reason);
            }
            Err(_) => {}
        }
    }

    fn read_frame(&mut self, entry: &Entry) {
        let Some(frame) = entry.frame() else { return };
        self.set("request id", frame.request_id());
        self.set("id", frame.id());
        match frame {
            Frame::Message(message) => {
                self.set("content", message.content);
                self.set("from", message.sender.user_id);
                self.set_attributes(message.attributes.as_ref());
            }
            Frame::Event(event) => {
                self.set("name", event.event_name);
                self.set_attributes(event.attributes.as_ref());
            }
            Frame::Error(error) => {
                self.set("code", error.error_code.code().to_string());
                self.set("reason", error.error_message);
            }
        }
    }
}

/// The name of the field that says what an entry is.
pub(crate) const TYPE: &str = "type";

/// The name of the field that says the value of an attribute.
pub(crate) fn attribute(key: &str) -> String {
    format!("attribute {key:?}")
}

/// What an entry is: the wire's own word for a frame that has one, and else one of ours.
fn type_of(entry: &Entry) -> &'static str {
    match &entry.record.what {
        What::Advanced(_) => "advance",
        What::Answered(_) => "answer",
        What::Called(_) => "call",
        What::ClosedByService(_) | What::ClosedByClient(_) => "close",
        What::Connected(_) => "connect",
        What::Exceeded { .. } => "exceeded quota",
        What::Gone => "end without a close",
        What::Hooked(_) => "hook",
        What::Outage(_) => "outage",
        What::Received(payload) => match payload {
            Payload::Text(_) | Payload::Binary(_) => {
                entry.action().map_or("unreadable frame", |action| action.capability().as_str())
            }
            Payload::Ping(_) => "ping",
            Payload::Pong(_) => "pong",
        },
        What::Refused(_) => "refused handshake",
        What::Reviewed(_) => "review",
        What::Sent(payload) => match (payload, entry.frame()) {
            (Payload::Ping(_), _) => "ping",
            (Payload::Pong(_), _) => "pong",
            (_, Some(Frame::Message(_))) => "MESSAGE",
            (_, Some(Frame::Event(_))) => "EVENT",
            (_, Some(Frame::Error(_))) => "ERROR",
            (_, None) => "unreadable frame",
        },
    }
}
