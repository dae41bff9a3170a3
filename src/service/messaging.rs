//! Messaging: how an action becomes frames for the room, or an error for its sender.

use crate::proto::action::{Action, DeleteMessage, DisconnectUser, Publish, SendMessage};
use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{Error, Event, Frame, Message, Sender};
use crate::proto::timestamp::Timestamp;
use crate::service::quota::Quota;
use crate::service::room::RoomKey;
use crate::service::{ConnectionId, Output, Service};

/// Documented: the limit on attributes that a review handler returns.
pub(super) const MAXIMUM_ATTRIBUTE_BYTES: usize = 1_024;

/// Why an action is refused.
struct Failure {
    code: ErrorCode,
    message: String,
    exceeded: Option<(Quota, u32)>,
}

impl Failure {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exceeded: None }
    }
}

impl Service {
    /// Takes a frame from a client.
    ///
    /// Assumed: the order of the checks, which is that of the code.
    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        publish: Publish,
        out: &mut Vec<Output>,
    ) {
        if !self.sessions.contains_key(&connection) {
            return;
        }
        let Publish { request_id, action } = publish;
        // Documented: an operation that has an id of its own is known by it in an error, too.
        let (id, result) = match action {
            Err(message) => {
                (self.mint.error_id(), Err(Failure::new(ErrorCode::BadRequest, message)))
            }
            Ok(Action::SendMessage(sent)) => {
                let id = self.mint.message_id();
                (id.clone(), self.send_message(now, connection, id, &request_id, sent, out))
            }
            Ok(Action::DeleteMessage(deletion)) => {
                let result = self.delete_message(now, connection, &request_id, deletion, out);
                (String::new(), result)
            }
            Ok(Action::DisconnectUser(kick)) => {
                let result = self.disconnect_user(now, connection, &request_id, kick, out);
                (String::new(), result)
            }
        };
        let Err(Failure { code, message, exceeded }) = result else { return };
        if let Some((quota, limit)) = exceeded {
            out.push(Output::Exceeded { quota, limit });
        }
        // Observed: clients drop a frame whose `Id` they have seen, so an error never takes the
        // id of the message that was to be deleted.
        let id = if id.is_empty() { self.mint.error_id() } else { id };
        let error = Error { id, request_id, error_code: code, error_message: message };
        out.push(Output::Deliver { to: vec![connection], frame: Frame::Error(error) });
    }

    /// An id for an error that is about nothing that has one.
    pub(crate) fn error_id(&mut self) -> String {
        self.mint.error_id()
    }

    /// Refuses a frame from a client for a reason that is not the service's.
    pub(crate) fn reject(
        &mut self,
        connection: ConnectionId,
        publish: &Publish,
        error_code: ErrorCode,
        error_message: String,
        out: &mut Vec<Output>,
    ) {
        let id = match publish.action {
            Ok(Action::SendMessage(_)) => self.mint.message_id(),
            _ => self.mint.error_id(),
        };
        let request_id = publish.request_id.clone();
        let error = Error { id, request_id, error_code, error_message };
        out.push(Output::Deliver { to: vec![connection], frame: Frame::Error(error) });
    }

    fn send_message(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        id: String,
        request_id: &str,
        sent: SendMessage,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let room = self.permit(connection, Capability::SendMessage)?;
        let SendMessage { content, attributes } = sent;
        if content.is_empty() {
            return Err(missing("Content"));
        }
        // Documented: the length counts Unicode code points. Assumed: the maximum is allowed
        // itself, as the control plane's reference has it; the messaging reference says
        // "shorter than". Observed: the text.
        let longest = self.rooms[&room].maximum_message_length as usize;
        if content.chars().count() > longest {
            return Err(Failure::new(ErrorCode::BadRequest, "Message exceeds maximum length"));
        }
        let bytes = attributes.as_ref().map_or(0, Attributes::size_bytes);
        if let Some(limit) = self.settings.quotas.limit(Quota::MessageAttributeBytes) {
            if bytes > limit as usize {
                let message = format!("Attributes are {bytes} bytes; the maximum is {limit}");
                return Err(Failure::new(ErrorCode::PayloadTooLarge, message));
            }
        }
        self.throttle(now, connection, Quota::SendMessage, Some(room))?;
        let session = &self.sessions[&connection];
        let sender = Sender {
            user_id: session.user_id.as_ref().into(),
            attributes: session.attributes.clone(),
        };
        let request_id = request_id.into();
        let message = Message { id, request_id, attributes, content, send_time: now, sender };
        match self.rooms[&room].handler.clone().filter(|handler| !handler.uri.is_empty()) {
            Some(handler) => self.review(now, connection, room, handler, message, out),
            None => self.broadcast(room, Frame::Message(message), out),
        }
        Ok(())
    }

    fn delete_message(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        request_id: &str,
        deletion: DeleteMessage,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let room = self.permit(connection, Capability::DeleteMessage)?;
        if deletion.id.is_empty() {
            return Err(missing("Id"));
        }
        self.throttle(now, connection, Quota::DeleteMessage, None)?;
        self.announce_deletion(now, room, request_id, deletion, out);
        Ok(())
    }

    fn disconnect_user(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        request_id: &str,
        kick: DisconnectUser,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let room = self.permit(connection, Capability::DisconnectUser)?;
        if kick.user_id.is_empty() {
            return Err(missing("UserId"));
        }
        self.throttle(now, connection, Quota::DisconnectUser, None)?;
        self.kick(now, room, request_id, kick, out);
        Ok(())
    }

    /// The room of a connection that may take the action, if the room still exists.
    fn permit(&self, connection: ConnectionId, needed: Capability) -> Result<RoomKey, Failure> {
        let session = &self.sessions[&connection];
        if !session.capabilities.contains(&needed) {
            let message = format!("the chat token lacks the capability {needed}");
            return Err(Failure::new(ErrorCode::Forbidden, message));
        }
        if !self.rooms.contains_key(&session.room) {
            return Err(Failure::new(ErrorCode::NotFound, "the room does not exist"));
        }
        Ok(session.room)
    }

    /// Counts an action against the connection's rate, the room's if one is given, and the
    /// account's; or against none of them, if one refuses.
    fn throttle(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        account: Quota,
        room: Option<RoomKey>,
    ) -> Result<(), Failure> {
        let quotas = &self.settings.quotas;
        let session = self.sessions.get_mut(&connection).expect("the connection was just seen");
        let own = Quota::MessagingRequestsPerConnection;
        let mut buckets = Vec::with_capacity(3);
        buckets.push((own, quotas.limit(own), &mut session.requests));
        if let Some(room) = room.and_then(|room| self.rooms.get_mut(&room)) {
            let limit = quotas.room_rate(room.maximum_message_rate_per_second);
            buckets.push((Quota::SendMessagePerRoom, limit, &mut room.sent));
        }
        buckets.push((account, quotas.limit(account), self.rates.entry(account).or_default()));
        for (quota, limit, bucket) in &mut buckets {
            let Some(limit) = *limit else { continue };
            if !bucket.has_room(now, limit) {
                // Observed: the text.
                let failure = Failure::new(ErrorCode::TooManyRequests, "rate limit exceeded");
                return Err(Failure { exceeded: Some((*quota, limit)), ..failure });
            }
        }
        for (_, limit, bucket) in buckets {
            if limit.is_some() {
                bucket.take();
            }
        }
        Ok(())
    }

    /// Tells the room to delete a message; returns the id of the event.
    ///
    /// Observed: no store of messages is consulted: any id is passed on.
    pub(super) fn announce_deletion(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        deletion: DeleteMessage,
        out: &mut Vec<Output>,
    ) -> String {
        let DeleteMessage { id, reason } = deletion;
        // Documented: both spellings of the id, `MessageID` deprecated.
        let mut attributes = Attributes::from([("MessageID", id.clone()), ("MessageId", id)]);
        self.insert_reason(&mut attributes, reason);
        self.announce(now, room, request_id, Event::DELETE_MESSAGE, Some(attributes), out)
    }

    /// Tells the room that a user is disconnected, then closes the user's connections; returns
    /// the id of the event.
    ///
    /// Observed: the event goes to everybody, the user included, before the connections close,
    /// and the reason stands in the close frame. Assumed: that a user who is not there makes no
    /// difference.
    pub(super) fn kick(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        kick: DisconnectUser,
        out: &mut Vec<Output>,
    ) -> String {
        let DisconnectUser { user_id, reason } = kick;
        let mut attributes = Attributes::from([("UserId", user_id.clone())]);
        self.insert_reason(&mut attributes, reason.clone());
        let name = Event::DISCONNECT_USER;
        let event = self.announce(now, room, request_id, name, Some(attributes), out);
        let is_user = |c: &ConnectionId| *self.sessions[c].user_id == *user_id;
        let connections: Vec<_> = self.members(room).into_iter().filter(is_user).collect();
        for connection in connections {
            self.close(connection, &reason, out);
        }
        event
    }

    /// Sends an event to a room; returns its id.
    pub(super) fn announce(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        event_name: &str,
        attributes: Option<Attributes>,
        out: &mut Vec<Output>,
    ) -> String {
        let id = self.mint.event_id();
        let event = Event {
            id: id.clone(),
            request_id: request_id.into(),
            event_name: event_name.into(),
            attributes,
            send_time: now,
        };
        self.broadcast(room, Frame::Event(event), out);
        id
    }

    /// Sends a frame to everybody in a room, its sender included.
    pub(super) fn broadcast(&mut self, room: RoomKey, frame: Frame, out: &mut Vec<Output>) {
        self.archive(room, &frame);
        out.push(Output::Deliver { to: self.members(room), frame });
    }

    /// Everybody in a room, in the order in which they connected.
    pub(crate) fn members(&self, room: RoomKey) -> Vec<ConnectionId> {
        self.rooms.get(&room).map(|room| room.members.iter().copied().collect()).unwrap_or_default()
    }

    /// Assumed: an absent reason is written as `""`, as the service seems to omit nothing.
    fn insert_reason(&self, attributes: &mut Attributes, reason: String) {
        if !(reason.is_empty() && self.settings.omits_empty_reason) {
            attributes.insert("Reason", reason);
        }
    }
}

fn missing(member: &str) -> Failure {
    Failure::new(ErrorCode::BadRequest, format!("{member} is missing or empty"))
}
