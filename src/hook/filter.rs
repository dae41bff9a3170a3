//! Filter: selects the events that a hook applies to.

use crate::proto::action::ActionKind;
use crate::proto::operation::Operation;
use crate::service::ConnectionId;
use crate::service::room_names::RoomNames;

/// The conditions on an event. An event matches if every condition that is set holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) action: Option<ActionKind>,
    pub(crate) kind: Option<FrameKind>,
    pub(crate) event_name: Option<String>,
    pub(crate) operation: Option<Operation>,
    pub(crate) containing: Option<String>,
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

impl Filter {
    pub(crate) fn admits(&self, context: &EventContext<'_>) -> bool {
        is_or_any(self.user_id.as_deref(), context.user_id)
            && is_or_any(self.sender.as_deref(), context.sender)
            && self
                // Not `is_or_any`, because a room has several names: a hook may use its name, its
                // ID or its ARN.
                .room
                .as_deref()
                .is_none_or(|wanted| context.room.is_some_and(|room| room.include(wanted)))
            && is_or_any(self.connection, context.connection)
            && is_or_any(self.action, context.action)
            && is_or_any(self.kind, context.kind)
            && is_or_any(self.event_name.as_deref(), context.event_name)
            && is_or_any(self.operation, context.operation)
            && self.containing.as_deref().is_none_or(|part| context.text.contains(part))
            // An event without a `RequestId` has an empty one here, as the service writes it.
            && self.request_id.as_deref().is_none_or(|id| context.request_id == id)
    }
}

fn is_or_any<T: Copy + PartialEq>(wanted: Option<T>, known: Option<T>) -> bool {
    // A condition about something that an event does not have is not met.
    wanted.is_none() || wanted == known
}
