//! Messaging: turns an action into frames for its room, or into an error for its sender.

use crate::proto::action::{Action, ActionKind, DeleteMessage, DisconnectUser, SendMessage};
use crate::proto::attributes::Attributes;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{ChatError, ChatEvent, ChatMessage, Frame, Sender};
use crate::proto::publish::Publish;
use crate::proto::timestamp::Timestamp;
use crate::service::quota::Quota;
use crate::service::room::{ReviewHandler, RoomKey};
use crate::service::{ConnectionId, Output, Service};

/// The reason for which an action is refused.
struct MessagingError {
    code: ErrorCode,
    message: String,
    exceeded: Option<(Quota, u32)>,
}

impl MessagingError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exceeded: None }
    }
}

impl Service {
    /// Handles a frame from a client.
    ///
    /// Assumed: the order of the checks, which is that of the code.
    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        publish: Publish,
        out: &mut Vec<Output>,
    ) {
        // For example the second copy of a duplicated action that has disconnected its own sender.
        // From here on, the lookups of the session by index cannot fail.
        if !self.sessions.contains_key(&connection) {
            return;
        }
        let Publish { request_id, action } = publish;
        let mut message_id = None;
        let result = match action {
            Err(message) => Err(MessagingError::new(ErrorCode::BadRequest, message)),
            Ok(Action::SendMessage(sent)) => {
                // Assigned before the checks, because an error about the message carries the same
                // ID.
                let id = message_id.insert(self.ids.message_id()).clone();
                self.send_message(now, connection, id, &request_id, sent, out)
            }
            Ok(Action::DeleteMessage(deletion)) => {
                self.delete_message(now, connection, &request_id, deletion, out)
            }
            Ok(Action::DisconnectUser(disconnection)) => {
                self.disconnect_user_of_room(now, connection, &request_id, disconnection, out)
            }
        };
        let Err(MessagingError { code, message, exceeded }) = result else { return };
        if let Some((quota, limit)) = exceeded {
            out.push(Output::Exceeded { quota, limit });
        }
        // Documented: an error has the id of the operation if that has one, as a message has.
        // Observed: clients drop a frame whose `Id` they have seen, so an error never has the id
        // of the message that was to be deleted.
        let id = message_id.unwrap_or_else(|| self.ids.error_id());
        let error = ChatError { id, request_id, error_code: code, error_message: message };
        out.push(Output::Deliver { to: vec![connection], frame: Frame::Error(error) });
    }

    /// Returns an id for an error about something that has no id itself.
    pub(crate) fn error_id(&mut self) -> String {
        self.ids.error_id()
    }

    /// Refuses a frame from a client for a reason that the service does not know.
    pub(crate) fn reject(
        &mut self,
        connection: ConnectionId,
        publish: &Publish,
        error_code: ErrorCode,
        error_message: String,
        out: &mut Vec<Output>,
    ) {
        // An error about a message carries an ID of messages, as in `publish`.
        let id = match publish.action {
            Ok(Action::SendMessage(_)) => self.ids.message_id(),
            _ => self.ids.error_id(),
        };
        let request_id = publish.request_id.clone();
        let error = ChatError { id, request_id, error_code, error_message };
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
    ) -> Result<(), MessagingError> {
        let room = self.permit(connection, ActionKind::SendMessage)?;
        let SendMessage { mut content, attributes } = sent;
        // Assumed: white space counts, although an AWS demo believes that it is trimmed before.
        if self.settings.trims_content {
            content = content.trim().to_owned();
        }
        if content.is_empty() {
            return Err(missing("Content"));
        }
        // Documented: the length counts Unicode code points. Assumed: the maximum itself is
        // allowed, as the control plane's reference has it. The messaging reference says
        // "shorter than". Observed: the text.
        let maximum = self.rooms[&room].maximum_message_length as usize;
        if content.chars().count() > maximum {
            return Err(MessagingError::new(
                ErrorCode::BadRequest,
                "Message exceeds maximum length",
            ));
        }
        let bytes = attributes.as_ref().map_or(0, Attributes::size_bytes);
        if let Some(limit) = self.settings.quotas.limit(Quota::MessageAttributeBytes) {
            if bytes > limit as usize {
                let message = format!("Attributes are {bytes} bytes; the maximum is {limit}");
                let exceeded = Some((Quota::MessageAttributeBytes, limit));
                let code = ErrorCode::PayloadTooLarge;
                return Err(MessagingError { code, message, exceeded });
            }
        }
        // After the other checks, because a request that they refuse does not count.
        self.count_action(now, connection, ActionKind::SendMessage, Some(room))?;
        let session = &self.sessions[&connection];
        let sender = Sender {
            user_id: session.user_id.as_ref().into(),
            attributes: session.attributes.clone(),
        };
        let request_id = request_id.into();
        let message = ChatMessage { id, request_id, attributes, content, send_time: now, sender };
        match self.rooms[&room].handler.clone().filter(ReviewHandler::is_set) {
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
    ) -> Result<(), MessagingError> {
        let room = self.permit(connection, ActionKind::DeleteMessage)?;
        if deletion.id.is_empty() {
            return Err(missing("Id"));
        }
        self.count_action(now, connection, ActionKind::DeleteMessage, None)?;
        self.send_deletion(now, room, request_id, deletion, out);
        Ok(())
    }

    fn disconnect_user_of_room(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        request_id: &str,
        disconnection: DisconnectUser,
        out: &mut Vec<Output>,
    ) -> Result<(), MessagingError> {
        let room = self.permit(connection, ActionKind::DisconnectUser)?;
        if disconnection.user_id.is_empty() {
            return Err(missing("UserId"));
        }
        self.count_action(now, connection, ActionKind::DisconnectUser, None)?;
        self.disconnect_user(now, room, request_id, disconnection, out);
        Ok(())
    }

    /// Returns the room of a connection if the room exists and the token allows the action.
    fn permit(
        &self,
        connection: ConnectionId,
        action: ActionKind,
    ) -> Result<RoomKey, MessagingError> {
        let session = &self.sessions[&connection];
        if let Some(needed) = action.capability() {
            if !session.capabilities.contains(&needed) {
                let message = format!("the chat token lacks the capability {needed}");
                return Err(MessagingError::new(ErrorCode::Forbidden, message));
            }
        }
        if !self.rooms.contains_key(&session.room) {
            return Err(MessagingError::new(ErrorCode::NotFound, "the room does not exist"));
        }
        Ok(session.room)
    }

    /// Counts an action against the rates of the connection, of the room if there is one, and of
    /// the account.
    ///
    /// Assumed: a request that is refused does not count against any of these rates.
    fn count_action(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        action: ActionKind,
        room: Option<RoomKey>,
    ) -> Result<(), MessagingError> {
        let quotas = &self.settings.quotas;
        let session = self.sessions.get_mut(&connection).expect("the connection was just seen");
        let own = Quota::MessagingRequestsPerConnection;
        // The three buckets are in three fields, so all can be borrowed until each has been
        // examined.
        let account = Quota::of_action(action);
        let mut buckets = Vec::with_capacity(3);
        buckets.push((own, quotas.limit(own), &mut session.requests));
        if let Some(room) = room.and_then(|room| self.rooms.get_mut(&room)) {
            let limit = quotas.room_rate(room.maximum_message_rate_per_second);
            buckets.push((Quota::SendMessagePerRoom, limit, &mut room.sent));
        }
        buckets.push((account, quotas.limit(account), self.rates.entry(account).or_default()));
        // All are examined before any is charged, so that a refused request costs nothing anywhere.
        for (quota, limit, bucket) in &mut buckets {
            let Some(limit) = *limit else { continue };
            if !bucket.has_room(now, limit) {
                // Observed: the text.
                let error = MessagingError::new(ErrorCode::TooManyRequests, "rate limit exceeded");
                return Err(MessagingError { exceeded: Some((*quota, limit)), ..error });
            }
        }
        for (_, limit, bucket) in buckets {
            if limit.is_some() {
                bucket.take();
            }
        }
        Ok(())
    }

    /// Asks the room to delete a message; returns the id of the event.
    ///
    /// Observed: the service keeps no messages, so it passes on any id.
    pub(super) fn send_deletion(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        deletion: DeleteMessage,
        out: &mut Vec<Output>,
    ) -> String {
        let DeleteMessage { id, reason } = deletion;
        // Documented: both spellings of the id, `MessageID` deprecated.
        let mut attributes = Attributes::from([("MessageId", id.clone())]);
        if !self.settings.omits_deprecated_message_id {
            attributes.insert("MessageID", id);
        }
        self.insert_reason(&mut attributes, reason);
        self.send_event(now, room, request_id, ChatEvent::DELETE_MESSAGE, Some(attributes), out)
    }

    /// Sends the room the event that a user is disconnected, then closes the user's connections;
    /// returns the id of the event.
    ///
    /// Observed: all connections receive the event, the user's included, before those are closed,
    /// and the close frame has the reason. Observed: an official sample bans a user by
    /// disconnecting an id that no connection has, and relies on the event. Assumed: users may
    /// disconnect themselves, and tokens that were not used yet stay valid.
    pub(super) fn disconnect_user(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        disconnection: DisconnectUser,
        out: &mut Vec<Output>,
    ) -> String {
        let DisconnectUser { user_id, reason } = disconnection;
        let mut attributes = Attributes::from([("UserId", user_id.clone())]);
        self.insert_reason(&mut attributes, reason.clone());
        let name = ChatEvent::DISCONNECT_USER;
        let event = self.send_event(now, room, request_id, name, Some(attributes), out);
        // The index cannot fail: a session is removed together with its membership.
        let is_user = |c: &ConnectionId| *self.sessions[c].user_id == *user_id;
        // Collected first, because closing a connection takes it out of the room.
        let connections: Vec<_> = self.members(room).into_iter().filter(is_user).collect();
        for connection in connections {
            self.close(connection, &reason, out);
        }
        event
    }

    /// Sends an event to a room; returns its id.
    pub(super) fn send_event(
        &mut self,
        now: Timestamp,
        room: RoomKey,
        request_id: &str,
        event_name: &str,
        attributes: Option<Attributes>,
        out: &mut Vec<Output>,
    ) -> String {
        let id = self.ids.event_id();
        let event = ChatEvent {
            id: id.clone(),
            request_id: request_id.into(),
            event_name: event_name.into(),
            attributes,
            send_time: now,
        };
        self.broadcast(room, Frame::Event(event), out);
        id
    }

    /// Sends a frame to all connections of a room, its sender's included.
    ///
    /// Assumed: all of them receive the frames of the room in the same order.
    pub(super) fn broadcast(&mut self, room: RoomKey, frame: Frame, out: &mut Vec<Output>) {
        self.write_chat_log(room, &frame);
        out.push(Output::Deliver { to: self.members(room), frame });
    }

    /// Returns the connections of a room in the order in which they were made.
    pub(crate) fn members(&self, room: RoomKey) -> Vec<ConnectionId> {
        self.rooms.get(&room).map(|room| room.members.iter().copied().collect()).unwrap_or_default()
    }

    /// Assumed: an absent reason is written as `""`, because the service seems to omit nothing.
    fn insert_reason(&self, attributes: &mut Attributes, reason: String) {
        if !(reason.is_empty() && self.settings.omits_empty_reason) {
            attributes.insert("Reason", reason);
        }
    }
}

fn missing(member: &str) -> MessagingError {
    MessagingError::new(ErrorCode::BadRequest, format!("{member} is missing or empty"))
}
