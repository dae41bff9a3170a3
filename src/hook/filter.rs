//! Filter: selects the events that a hook applies to.

use crate::proto::action::{Action, ActionKind};
use crate::proto::frame::Frame;
use crate::proto::model;
use crate::proto::operation::Operation;
use crate::service::ConnectionId;
use crate::service::room_names::RoomNames;

/// The conditions on an event. An event matches if every condition that is set holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) sender: Option<String>,
    /// Names of the room. All of them can be names of one room.
    pub(crate) rooms: Vec<String>,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) action: Option<ActionKind>,
    pub(crate) kind: Option<FrameKind>,
    pub(crate) event_name: Option<String>,
    pub(crate) operation: Option<Operation>,
    /// Parts of the text.
    pub(crate) containing: Vec<String>,
    pub(crate) request_id: Option<String>,
}

/// The type of a frame that is sent to a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FrameKind {
    Message,
    Event,
    Error,
}

/// The properties by which hooks filter an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventContext<'a> {
    pub(crate) user_id: Option<&'a str>,
    pub(crate) sender: Option<&'a str>,
    pub(crate) room: Option<&'a RoomNames>,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) action: Option<ActionKind>,
    pub(crate) kind: Option<FrameKind>,
    pub(crate) event_name: Option<&'a str>,
    pub(crate) operation: Option<Operation>,
    /// The content of a message, or the whole text of an event without content.
    pub(crate) text: &'a str,
    pub(crate) request_id: &'a str,
}

impl<'a> EventContext<'a> {
    /// Sets the properties of an action. A condition on the text is about the content that a user
    /// wrote; other frames are searched as they are.
    pub(crate) fn of_action(self, action: Option<&'a Action>, whole: &'a str) -> Self {
        let text = match action {
            Some(Action::SendMessage(sent)) => &sent.content,
            _ => whole,
        };
        Self { action: action.map(Action::kind), text, ..self }
    }

    /// Sets the properties of a frame for a client.
    pub(crate) fn of_frame(self, frame: &'a Frame, whole: &'a str) -> Self {
        let (kind, sender, event_name, text) = match frame {
            Frame::Message(message) => {
                let sender = Some(message.sender.user_id.as_str());
                (FrameKind::Message, sender, None, message.content.as_str())
            }
            Frame::Event(event) => (FrameKind::Event, None, Some(event.event_name.as_str()), whole),
            Frame::Error(error) => (FrameKind::Error, None, None, error.error_message.as_str()),
        };
        Self { kind: Some(kind), sender, event_name, text, ..self }
    }
}

impl Filter {
    pub(crate) fn admits(&self, context: &EventContext<'_>) -> bool {
        is_or_any(self.user_id.as_deref(), context.user_id)
            && is_or_any(self.sender.as_deref(), context.sender)
            // Not `is_or_any`, because a room has several names: a hook may use its name, its ID or
            // its ARN.
            && self.rooms.iter().all(|wanted| context.room.is_some_and(|room| room.include(wanted)))
            && is_or_any(self.connection, context.connection)
            && is_or_any(self.action, context.action)
            && is_or_any(self.kind, context.kind)
            && is_or_any(self.event_name.as_deref(), context.event_name)
            && is_or_any(self.operation, context.operation)
            && self.containing.iter().all(|part| context.text.contains(part))
            // An event without a `RequestId` has an empty one here, as the service writes it.
            && self.request_id.as_deref().is_none_or(|id| context.request_id == id)
    }

    /// Returns a filter for each condition.
    pub(crate) fn each(self) -> Vec<Self> {
        let mut each = Vec::new();
        let mut push = |is_set: bool, filter: Self| {
            if is_set {
                each.push(filter);
            }
        };
        let Self { user_id, sender, connection, action, operation, request_id, .. } = self;
        push(user_id.is_some(), Self { user_id, ..Self::default() });
        push(sender.is_some(), Self { sender, ..Self::default() });
        push(connection.is_some(), Self { connection, ..Self::default() });
        push(action.is_some(), Self { action, ..Self::default() });
        // Together, because an event has both, and a hook has one method for them.
        let (kind, event_name) = (self.kind, self.event_name);
        push(kind.is_some() || event_name.is_some(), Self { kind, event_name, ..Self::default() });
        push(operation.is_some(), Self { operation, ..Self::default() });
        push(request_id.is_some(), Self { request_id, ..Self::default() });
        each.extend(
            self.rooms.into_iter().map(|room| Self { rooms: vec![room], ..Self::default() }),
        );
        let parts = self.containing.into_iter();
        each.extend(parts.map(|part| Self { containing: vec![part], ..Self::default() }));
        each
    }

    /// Adds the conditions of another filter.
    ///
    /// # Errors
    ///
    /// With the reason if no event satisfies all of them.
    pub(crate) fn and(self, other: Self) -> Result<Self, String> {
        let joined = Self {
            user_id: either(self.user_id, other.user_id)?,
            sender: either(self.sender, other.sender)?,
            rooms: [self.rooms, other.rooms].concat(),
            connection: either(self.connection, other.connection)?,
            action: either(self.action, other.action)?,
            kind: either(self.kind, other.kind)?,
            event_name: either(self.event_name, other.event_name)?,
            operation: either(self.operation, other.operation)?,
            containing: [self.containing, other.containing].concat(),
            request_id: either(self.request_id, other.request_id)?,
        };
        match joined.conflict() {
            Some((_, why)) => Err(why),
            None => Ok(joined),
        }
    }

    /// Returns the condition that excludes another one, and the reason, if no event satisfies both.
    pub(crate) fn conflict(&self) -> Option<(&'static str, String)> {
        if self.sender.is_some() && matches!(self.kind, Some(FrameKind::Event | FrameKind::Error)) {
            return Some(("from", "only a MESSAGE has a sender".into()));
        }
        let operation = self.operation.filter(|_| !self.rooms.is_empty())?;
        let members = model::request(operation);
        let is_about_rooms = members.iter().any(|member| ROOM_MEMBERS.contains(&member.name));
        let why = format!("a {operation} request is not about a room");
        (!is_about_rooms).then_some(("room", why))
    }
}

/// The members of requests that can name a room.
pub(crate) const ROOM_MEMBERS: [&str; 2] = ["roomIdentifier", "identifier"];

/// Returns the one value of a condition that may be set twice.
///
/// # Errors
///
/// If there are two values, because an event has only one.
pub(super) fn either<T: PartialEq>(one: Option<T>, other: Option<T>) -> Result<Option<T>, String> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err("the hook would never fire".into()),
        (one, other) => Ok(one.or(other)),
    }
}

fn is_or_any<T: Copy + PartialEq>(wanted: Option<T>, known: Option<T>) -> bool {
    // A condition about something that an event does not have is not met.
    wanted.is_none() || wanted == known
}
