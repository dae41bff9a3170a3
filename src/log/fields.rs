//! Fields: an entry field by field, so that matchers can compare and failures can explain.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use crate::log::entry::{Direction, Entry};
use crate::log::record::Event;
use crate::proto::attributes::Attributes;
use crate::proto::frame::Frame;
use crate::proto::payload::Payload;

/// The name of a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Name {
    Attribute(String),
    CloseCode,
    Code,
    Content,
    From,
    Id,
    /// A member of the JSON body of a call or of its response.
    Member(String),
    Named,
    Operation,
    Reason,
    RequestId,
    Room,
    Status,
    To,
    Type,
    User,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attribute(key) => return write!(f, "attribute {key:?}"),
            Self::CloseCode | Self::Code => "code",
            Self::Content => "content",
            Self::From => "from",
            Self::Id => "id",
            Self::Member(name) => return write!(f, "member {name:?}"),
            Self::Named => "name",
            Self::Operation => "operation",
            Self::Reason => "reason",
            Self::RequestId => "request id",
            Self::Room => "room",
            Self::Status => "status",
            Self::To => "to",
            Self::Type => "type",
            Self::User => "user",
        })
    }
}

/// Returns a field of an entry, if the entry has it. Decodes only request and response bodies.
pub(crate) fn get<'a>(entry: &'a Entry, name: &Name) -> Option<Cow<'a, str>> {
    match name {
        Name::Type => return Some(type_of(entry).into()),
        Name::Room => return entry.room().map(Cow::Borrowed),
        Name::Operation => return entry.operation().map(|operation| operation.name().into()),
        Name::Status => return entry.status().map(|status| status.to_string().into()),
        // Before the content of the entry, because frames to a client do not name their recipient.
        Name::To if entry.direction() == Some(Direction::Outbound) => {
            return entry.user_id().map(Cow::Borrowed);
        }
        // Entries without a direction, such as hooks, count as coming from the user.
        Name::From if entry.direction() != Some(Direction::Outbound) => {
            return entry.user_id().map(Cow::Borrowed);
        }
        _ => {}
    }
    match &entry.record.event {
        Event::FrameReceived(payload) => of_publish(payload, name),
        // An entry that lacks the field differs from a matcher that asks for it. That is not an
        // error, because a matcher without a type is compared with entries of all types.
        Event::FrameSent(payload) => of_frame(payload.frame()?, name),
        Event::Request(called) => of_request(&called.body, name).map(Cow::Owned),
        // Only members by name: a field such as `Id` stands for a member of requests, and a
        // response may have another one with that name.
        Event::Response(response) if matches!(name, Name::Member(_)) => {
            of_request(&response.body, name).map(Cow::Owned)
        }
        Event::QuotaExceeded { quota, .. } if *name == Name::Named => {
            Some(quota.to_string().into())
        }
        Event::ClosedByService(close) | Event::ClosedByClient(close) => match name {
            Name::CloseCode => close.code.map(|code| code.to_string().into()),
            Name::Reason => Some(close.reason.as_str().into()),
            _ => None,
        },
        Event::HookFired(hooked) if *name == Name::Named => Some((&*hooked.hook.name).into()),
        Event::Reviewed(reviewed) if *name == Name::Id => Some(reviewed.message_id.as_str().into()),
        Event::HandshakeRefused(refused) if *name == Name::Reason => {
            Some(refused.message.as_str().into())
        }
        _ => None,
    }
}

fn of_attributes<'a>(attributes: Option<&'a Attributes>, key: &str) -> Option<Cow<'a, str>> {
    attributes?.get(key).map(|value| value.as_str().into())
}

fn of_publish<'a>(payload: &'a Payload, name: &Name) -> Option<Cow<'a, str>> {
    let publish = payload.publish()?;
    // Before the action, because an unreadable frame may have a readable `RequestId`.
    if *name == Name::RequestId {
        return Some(publish.request_id.as_str().into());
    }
    let action = publish.action.as_ref().ok()?;
    let member = match name {
        Name::Attribute(key) => return of_attributes(action.attributes(), key),
        Name::Content => "Content",
        Name::Id => "Id",
        Name::Reason => "Reason",
        Name::User => "UserId",
        _ => return None,
    };
    let members = action.string_members();
    members.into_iter().find(|(name, _)| *name == member).map(|(_, value)| value.into())
}

fn of_frame<'a>(frame: &'a Frame, name: &Name) -> Option<Cow<'a, str>> {
    let text = match (frame, name) {
        (_, Name::RequestId) => frame.request_id(),
        (_, Name::Id) => frame.id(),
        (Frame::Message(message), Name::Attribute(key)) => {
            return of_attributes(message.attributes.as_ref(), key);
        }
        (Frame::Event(event), Name::Attribute(key)) => {
            return of_attributes(event.attributes.as_ref(), key);
        }
        (Frame::Message(message), Name::Content) => &message.content,
        (Frame::Message(message), Name::From) => &message.sender.user_id,
        (Frame::Event(event), Name::Named) => &event.event_name,
        (Frame::Error(error), Name::Code) => {
            return Some(error.error_code.code().to_string().into());
        }
        (Frame::Error(error), Name::Reason) => &error.error_message,
        _ => return None,
    };
    Some(text.into())
}

/// A member of the request of a call, or of the response.
fn of_request(body: &str, name: &Name) -> Option<String> {
    let request: Map<String, Value> = serde_json::from_str(body).ok()?;
    let value = match name {
        Name::Attribute(key) => request.get("attributes")?.get(key)?,
        _ => request.get(member_of_request(name)?)?,
    };
    // A string is compared without its quotes, and any other value as JSON.
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The member of a request that a field is about.
pub(crate) fn member_of_request(name: &Name) -> Option<&str> {
    match name {
        Name::Attribute(_) => Some("attributes"),
        Name::Id => Some("id"),
        Name::Member(member) => Some(member),
        Name::Reason => Some("reason"),
        Name::User => Some("userId"),
        _ => None,
    }
}

fn type_of(entry: &Entry) -> &'static str {
    match &entry.record.event {
        Event::ClockAdvanced(_) => "advance",
        Event::Response(_) => "response",
        Event::Request(_) => "request",
        Event::ClosedByService(_) | Event::ClosedByClient(_) => "close",
        Event::Connected(_) => "connect",
        Event::QuotaExceeded { .. } => "exceeded quota",
        Event::GaveUp(_) => "request given up",
        Event::Disconnected => "end without a close",
        Event::HookFired(_) => "hook",
        Event::Outage(_) => "outage",
        Event::HandshakeRefused(_) => "refused handshake",
        Event::Reviewed(_) => "review",
        Event::TestAction(_) => "action of the test",
        Event::Undelivered(_) => "undelivered response",
        Event::Unserved(_) => "unserved stream",
        Event::FrameReceived(Payload::Ping(_)) | Event::FrameSent(Payload::Ping(_)) => "ping",
        Event::FrameReceived(Payload::Pong(_)) | Event::FrameSent(Payload::Pong(_)) => "pong",
        Event::FrameReceived(payload) => {
            let action = payload.publish().and_then(|publish| publish.action.as_ref().ok());
            action.map_or(UNREADABLE, |action| action.name())
        }
        Event::FrameSent(payload) => match payload.frame() {
            Some(Frame::Message(_)) => "MESSAGE",
            Some(Frame::Event(_)) => "EVENT",
            Some(Frame::Error(_)) => "ERROR",
            None => UNREADABLE,
        },
    }
}

/// The type of a frame that cannot be read.
pub(super) const UNREADABLE: &str = "unreadable frame";
