//! The control plane: one method for each operation on rooms, tokens and events.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::proto::action::{DeleteMessage, DisconnectUser};
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::proto::request::{self, CreateChatToken, CreateRoom, ListRooms, Paging, Request};
use crate::proto::timestamp::Timestamp;
use crate::service::paging::ChangeHistory;
use crate::service::quota::{Bucket, Quota};
use crate::service::room::{ReviewHandler, RoomKey, RoomState};
use crate::service::room_names::RoomNames;
use crate::service::tags::check_tags;
use crate::service::token::Claims;
use crate::service::{Output, Service};

/// The members of a response, or the refusal.
pub(crate) type ControlResult = Result<Map<String, Value>, Exception>;

impl Service {
    /// Performs an operation.
    ///
    /// Assumed: its members are checked first, then its rate, then what they refer to.
    pub(crate) fn operate(
        &mut self,
        now: Timestamp,
        operation: Operation,
        members: &Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        let request = Request::read(operation, members)?;
        self.throttle_operation(now, operation, out)?;
        match request {
            Request::CreateChatToken(request) => self.create_chat_token(now, request),
            Request::CreateLoggingConfiguration(request) => {
                self.create_logging_configuration(now, request, out)
            }
            Request::CreateRoom(request) => self.create_room(now, request, out),
            Request::DeleteLoggingConfiguration(request) => {
                self.delete_logging_configuration(&request.identifier)
            }
            Request::DeleteMessage(request) => self.delete_message_by_http(now, request, out),
            Request::DeleteRoom(request) => self.delete_room(&request.identifier),
            Request::DisconnectUser(request) => self.disconnect_user_by_http(now, request, out),
            Request::GetLoggingConfiguration(request) => {
                self.get_logging_configuration(&request.identifier)
            }
            Request::GetRoom(request) => self.get_room(&request.identifier),
            Request::ListLoggingConfigurations(paging) => self.list_logging_configurations(&paging),
            Request::ListRooms(request) => self.list_rooms(request),
            Request::ListTagsForResource(request) => self.list_tags(&request.resource_arn),
            Request::SendEvent(request) => self.send_event_by_http(now, request, out),
            Request::TagResource(request) => self.tag(request),
            Request::UntagResource(request) => self.untag(&request),
            Request::UpdateLoggingConfiguration(request) => {
                self.update_logging_configuration(now, request)
            }
            Request::UpdateRoom(request) => self.update_room(now, request),
        }
    }

    /// Documented: `ThrottlingException` is 429 for three operations, and 400 in the list of
    /// common errors. Assumed: it is 429 for all operations, because Amazon API Gateway seems to
    /// stand in front of the service, and throttles with 429.
    fn throttle_operation(
        &mut self,
        now: Timestamp,
        operation: Operation,
        out: &mut Vec<Output>,
    ) -> Result<(), Exception> {
        let own = Quota::Operation(operation);
        // Documented: these two rates count HTTP requests and messaging requests together.
        let counted = match operation {
            Operation::DeleteMessage => self.count_request(now, &[own, Quota::DeleteMessage]),
            Operation::DisconnectUser => self.count_request(now, &[own, Quota::DisconnectUser]),
            _ => self.count_request(now, &[own]),
        };
        let Err((quota, limit)) = counted else { return Ok(()) };
        out.push(Output::Exceeded { quota, limit });
        let message = format!("{operation} exceeds its rate of {limit} calls a second");
        Err(match operation {
            Operation::DeleteMessage | Operation::DisconnectUser | Operation::SendEvent => {
                Exception::throttling(message).limit(limit)
            }
            _ => {
                let status = if self.settings.has_common_error_statuses { 400 } else { 429 };
                Exception::new(status, "ThrottlingException", message)
            }
        })
    }

    /// Checks the number of resources before one is added.
    pub(super) fn check_count(
        &self,
        quota: Quota,
        count: usize,
        out: &mut Vec<Output>,
    ) -> Result<(), Exception> {
        let limit = self.settings.quotas.limit(quota);
        let Some(limit) = limit.filter(|limit| count >= *limit as usize) else { return Ok(()) };
        out.push(Output::Exceeded { quota, limit });
        let message = format!("the account has as many {quota} as it may have");
        Err(Exception::service_quota_exceeded(message).limit(limit))
    }

    fn create_room(
        &mut self,
        now: Timestamp,
        request: CreateRoom,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        // All checks precede the ID, so a refused request changes neither the account nor later
        // IDs.
        check_tags(request.tags.as_ref())?;
        self.check_review_handler(request.message_review_handler.as_ref())?;
        self.check_count(Quota::Rooms, self.rooms.len(), out)?;
        let logging_configurations = request.logging_configuration_identifiers;
        self.check_logging_configurations(logging_configurations.as_deref())?;
        let id = self.ids.room_id();
        let room = RoomState {
            arn: self.arn("room", &id),
            id,
            // Assumed: the name of a room without one is `""`.
            name: request.name.unwrap_or_default(),
            created: now.whole_milliseconds(),
            history: ChangeHistory::created(now, self.next_revision()),
            // Documented: the two defaults.
            maximum_message_length: request.maximum_message_length.unwrap_or(500),
            maximum_message_rate_per_second: request.maximum_message_rate_per_second.unwrap_or(10),
            handler: request.message_review_handler.map(|request| {
                let mut handler = ReviewHandler::default();
                handler.update(request);
                handler
            }),
            logging_configurations,
            tags: request.tags.unwrap_or_default(),
            members: BTreeSet::new(),
            sent: Bucket::default(),
        };
        let description = room.describe();
        self.room_count += 1;
        let key = RoomKey(self.room_count);
        self.rooms_by_arn.insert(room.arn.clone(), key);
        self.rooms.insert(key, room);
        Ok(description)
    }

    fn get_room(&self, arn: &str) -> ControlResult {
        Ok(self.rooms[&self.find_room(arn)?].describe())
    }

    /// Observed: absent members leave their settings as they are, a list of logging configurations
    /// is replaced whole, and a handler whose `uri` is set to `""` is still shown.
    fn update_room(&mut self, now: Timestamp, request: request::UpdateRoom) -> ControlResult {
        let key = self.find_room(&request.identifier)?;
        self.check_review_handler(request.message_review_handler.as_ref())?;
        let logging_configurations = request.logging_configuration_identifiers;
        self.check_logging_configurations(logging_configurations.as_deref())?;
        // Nothing can fail from here on, so a room is updated as a whole or not at all.
        let revision = self.next_revision();
        let room = self.rooms.get_mut(&key).expect("the room was just found");
        if let Some(name) = request.name {
            room.name = name;
        }
        if let Some(length) = request.maximum_message_length {
            room.maximum_message_length = length;
        }
        if let Some(rate) = request.maximum_message_rate_per_second {
            room.maximum_message_rate_per_second = rate;
        }
        if let Some(handler) = request.message_review_handler {
            room.handler.get_or_insert_default().update(handler);
        }
        if logging_configurations.is_some() {
            room.logging_configurations = logging_configurations;
        }
        room.history.change(now, revision, &self.listings);
        Ok(room.describe())
    }

    /// Documented: connections of the room stay open.
    fn delete_room(&mut self, arn: &str) -> ControlResult {
        let key = self.find_room(arn)?;
        // Sessions keep the key of the room. It is never used again, so they cannot get into
        // another room.
        self.rooms_by_arn.remove(arn);
        self.rooms.remove(&key);
        Ok(Map::new())
    }

    /// Documented: the latest change comes first.
    fn list_rooms(&mut self, request: ListRooms) -> ControlResult {
        let ListRooms {
            name,
            message_review_handler_uri: uri,
            logging_configuration_identifier: logging_configuration,
            next_token,
            max_results,
        } = request;
        let is_requested = |room: &&RoomState| {
            let handler = room.handler.as_ref().map_or("", |handler| &handler.uri);
            name.as_ref().is_none_or(|name| room.name == *name)
                && uri.as_ref().is_none_or(|uri| handler == uri)
                && logging_configuration.as_ref().is_none_or(|arn| room.is_logged_to(arn))
        };
        // All rooms are visited for each page. A room may be listed at the place of an earlier
        // change, so no index by the latest one would do.
        let rooms = self.rooms.values().filter(is_requested);
        let items = rooms.map(|room| (&room.history, room.summarize())).collect();
        self.listings.page(self.revision, "rooms", items, &Paging { next_token, max_results })
    }

    fn create_chat_token(&mut self, now: Timestamp, request: CreateChatToken) -> ControlResult {
        self.find_room(&request.room_identifier)?;
        // Documented: 60 minutes by default. Observed: both times have whole seconds. Assumed: the
        // session ends at the time in the response, however late its token is used.
        let minutes = request.session_duration_in_minutes.unwrap_or(60);
        let duration = Duration::from_secs(u64::from(minutes) * 60);
        let issued = now.whole_seconds();
        let session_expiration_time = issued + duration;
        let token_expiration_time = issued + duration.min(self.settings.token_lifetime);
        let token = self.ids.token(Claims {
            room_arn: request.room_identifier,
            user_id: request.user_id,
            attributes: request.attributes.unwrap_or_default(),
            capabilities: request.capabilities.unwrap_or_default(),
            token_expiration_time,
            session_expiration_time,
        });
        Ok(object([
            ("token", json!(token)),
            ("tokenExpirationTime", json!(token_expiration_time)),
            ("sessionExpirationTime", json!(session_expiration_time)),
        ]))
    }

    fn send_event_by_http(
        &mut self,
        now: Timestamp,
        request: request::SendEvent,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        let room = self.find_room(&request.room_identifier)?;
        // Assumed: absent attributes are `null`, as those of messages are.
        let id = self.send_event(now, room, "", &request.event_name, request.attributes, out);
        Ok(object([("id", json!(id))]))
    }

    /// Documented: the response has an id of the operation. Assumed: it is that of the event.
    fn delete_message_by_http(
        &mut self,
        now: Timestamp,
        request: request::DeleteMessage,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        let room = self.find_room(&request.room_identifier)?;
        let reason = request.reason.unwrap_or_default();
        let deletion = DeleteMessage { id: request.id, reason };
        let id = self.send_deletion(now, room, "", deletion, out);
        Ok(object([("id", json!(id))]))
    }

    fn disconnect_user_by_http(
        &mut self,
        now: Timestamp,
        request: request::DisconnectUser,
        out: &mut Vec<Output>,
    ) -> ControlResult {
        let room = self.find_room(&request.room_identifier)?;
        let reason = request.reason.unwrap_or_default();
        let disconnection = DisconnectUser { user_id: request.user_id, reason };
        self.disconnect_user(now, room, "", disconnection, out);
        Ok(Map::new())
    }

    fn find_room(&self, arn: &str) -> Result<RoomKey, Exception> {
        self.rooms_by_arn.get(arn).copied().ok_or_else(|| {
            Exception::resource_not_found(format!("room {arn} does not exist")).resource(arn)
        })
    }

    pub(super) fn arn(&self, resource_type: &str, id: &str) -> String {
        let Self { settings, .. } = self;
        format!("arn:aws:ivschat:{}:{}:{resource_type}/{id}", settings.region, settings.account_id)
    }

    /// Returns the names of the room that has this ARN.
    pub(crate) fn room_names(&self, arn: &str) -> Option<RoomNames> {
        self.rooms.get(self.rooms_by_arn.get(arn)?).map(RoomState::names)
    }

    pub(crate) fn room(&self, key: RoomKey) -> Option<&RoomState> {
        self.rooms.get(&key)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = (RoomKey, &RoomState)> {
        self.rooms.iter().map(|(key, room)| (*key, room))
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.map(|(member, value)| (member.to_owned(), value)).into_iter().collect()
}
