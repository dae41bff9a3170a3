//! The control plane: one method for each operation, over rooms, tokens and events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use crate::proto::action::{DeleteMessage, DisconnectUser};
use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::model;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::quota::{Bucket, Quota};
use crate::service::room::{ReviewHandler, Room, RoomKey, Updated};
use crate::service::session::IssuedToken;
use crate::service::{Output, Service};

/// The members of an answer, or the refusal.
pub(crate) type Response = Result<Map<String, Value>, Exception>;

impl Service {
    /// Carries out an operation.
    pub(crate) fn operate(
        &mut self,
        now: Timestamp,
        operation: Operation,
        request: &Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> Response {
        model::validate(operation, request)?;
        self.throttle_operation(now, operation, out)?;
        match operation {
            Operation::CreateChatToken => self.create_chat_token(now, request),
            Operation::CreateLoggingConfiguration => {
                self.create_logging_configuration(now, request)
            }
            Operation::CreateRoom => self.create_room(now, request),
            Operation::DeleteLoggingConfiguration => self.delete_logging_configuration(request),
            Operation::DeleteMessage => self.delete_message_by_http(now, request, out),
            Operation::DeleteRoom => self.delete_room(request),
            Operation::DisconnectUser => self.disconnect_user_by_http(now, request, out),
            Operation::GetLoggingConfiguration => self.get_logging_configuration(request),
            Operation::GetRoom => Ok(self.rooms[&self.find_room(request)?].describe()),
            Operation::ListLoggingConfigurations => self.list_logging_configurations(request),
            Operation::ListRooms => self.list_rooms(request),
            Operation::ListTagsForResource => self.list_tags(request),
            Operation::SendEvent => self.send_event(now, request, out),
            Operation::TagResource => self.tag(request),
            Operation::UntagResource => self.untag(request),
            Operation::UpdateLoggingConfiguration => {
                self.update_logging_configuration(now, request)
            }
            Operation::UpdateRoom => self.update_room(now, request),
        }
    }

    /// Documented: `ThrottlingException` is 429 for three operations, and 400 in the list of
    /// errors that all have in common; deletions and disconnections have one rate, whether they
    /// come over HTTP or over a WebSocket.
    fn throttle_operation(
        &mut self,
        now: Timestamp,
        operation: Operation,
        out: &mut Vec<Output>,
    ) -> Result<(), Exception> {
        let shared = match operation {
            Operation::DeleteMessage => Some(Quota::DeleteMessage),
            Operation::DisconnectUser => Some(Quota::DisconnectUser),
            _ => None,
        };
        let mut quotas = [Some(Quota::Operation(operation)), shared].into_iter().flatten();
        let Err((quota, limit)) = quotas.try_for_each(|quota| self.admit(now, quota)) else {
            return Ok(());
        };
        out.push(Output::Exceeded { quota, limit });
        let message = format!("{operation} exceeds its rate of {limit} calls a second");
        Err(match operation {
            Operation::DeleteMessage | Operation::DisconnectUser | Operation::SendEvent => {
                Exception::throttling(message).limit(limit)
            }
            _ => Exception::new(400, "ThrottlingException", message),
        })
    }

    fn create_room(&mut self, now: Timestamp, request: &Map<String, Value>) -> Response {
        let limit = self.settings.quotas.limit(Quota::Rooms);
        if let Some(limit) = limit.filter(|limit| self.rooms.len() >= *limit as usize) {
            let message = "the account has as many rooms as it may have";
            return Err(Exception::service_quota_exceeded(message).limit(limit));
        }
        let logging_configurations = list(request, "loggingConfigurationIdentifiers");
        self.check_logging_configurations(logging_configurations.as_deref().unwrap_or_default())?;
        let id = self.mint.room_id();
        self.rooms_made += 1;
        let room = Room {
            arn: self.arn("room", &id),
            id,
            name: text(request, "name").unwrap_or_default().into(),
            created: now.whole_milliseconds(),
            updated: self.touch(now),
            // Documented: the two defaults.
            maximum_message_length: number(request, "maximumMessageLength").unwrap_or(500),
            maximum_message_rate_per_second: number(request, "maximumMessageRatePerSecond")
                .unwrap_or(10),
            handler: given(request, "messageReviewHandler")
                .map(|handler| ReviewHandler::from_request(handler, None)),
            logging_configurations,
            tags: strings(request, "tags"),
            members: BTreeSet::new(),
            sent: Bucket::default(),
        };
        let description = room.describe();
        let key = RoomKey(self.rooms_made);
        self.rooms_by_arn.insert(room.arn.clone(), key);
        self.rooms.insert(key, room);
        Ok(description)
    }

    /// Observed: what is not given stays, a list of logging configurations is replaced whole, and
    /// a handler whose `uri` is set to `""` is still shown.
    fn update_room(&mut self, now: Timestamp, request: &Map<String, Value>) -> Response {
        let key = self.find_room(request)?;
        let logging_configurations = list(request, "loggingConfigurationIdentifiers");
        self.check_logging_configurations(logging_configurations.as_deref().unwrap_or_default())?;
        let updated = self.touch(now);
        let room = self.rooms.get_mut(&key).expect("the room was just found");
        if let Some(name) = text(request, "name") {
            room.name = name.into();
        }
        if let Some(length) = number(request, "maximumMessageLength") {
            room.maximum_message_length = length;
        }
        if let Some(rate) = number(request, "maximumMessageRatePerSecond") {
            room.maximum_message_rate_per_second = rate;
        }
        if let Some(handler) = given(request, "messageReviewHandler") {
            room.handler = Some(ReviewHandler::from_request(handler, room.handler.as_ref()));
        }
        if logging_configurations.is_some() {
            room.logging_configurations = logging_configurations;
        }
        room.updated = updated;
        Ok(room.describe())
    }

    /// Documented: connections of the room stay open.
    fn delete_room(&mut self, request: &Map<String, Value>) -> Response {
        let key = self.find_room(request)?;
        if let Some(room) = self.rooms.remove(&key) {
            self.rooms_by_arn.remove(&room.arn);
        }
        Ok(Map::new())
    }

    /// Documented: the latest change comes first.
    fn list_rooms(&self, request: &Map<String, Value>) -> Response {
        let name = text(request, "name");
        let uri = text(request, "messageReviewHandlerUri");
        let logging = text(request, "loggingConfigurationIdentifier");
        let wanted = |room: &&Room| {
            let handler = room.handler.as_ref().map_or("", |handler| &handler.uri);
            let mut configurations = room.logging_configurations.iter().flatten();
            name.is_none_or(|name| room.name == name)
                && uri.is_none_or(|uri| handler == uri)
                && logging.is_none_or(|arn| configurations.any(|used| used == arn))
        };
        let rooms = self.rooms.values().filter(wanted);
        self.page("rooms", rooms.map(|room| (room.updated, room.summarize())).collect(), request)
    }

    fn create_chat_token(&mut self, now: Timestamp, request: &Map<String, Value>) -> Response {
        let room = self.find_room_as(request, "roomIdentifier")?;
        // Documented: 60 minutes unless given. Observed: both times have whole seconds.
        let minutes = number(request, "sessionDurationInMinutes").unwrap_or(60);
        let duration = Duration::from_secs(u64::from(minutes) * 60);
        let issued = now.whole_seconds();
        let session_expiration_time = issued + duration;
        let token_expiration_time = issued + duration.min(self.settings.token_lifetime);
        let token = self.mint.token(&Value::Object(request.clone()).to_string());
        let capabilities = list(request, "capabilities").unwrap_or_default();
        let is_asked = |c: &Capability| capabilities.iter().any(|asked| asked == c.as_str());
        let issued_token = IssuedToken {
            number: self.tokens.len() + 1,
            room,
            user_id: text(request, "userId").unwrap_or_default().into(),
            attributes: strings(request, "attributes").into(),
            capabilities: Capability::ALL.into_iter().filter(is_asked).collect(),
            token_expiration_time,
            session_expiration_time,
            used: false,
        };
        self.tokens.insert(token.clone(), issued_token);
        Ok(object([
            ("token", json!(token)),
            ("tokenExpirationTime", json!(token_expiration_time)),
            ("sessionExpirationTime", json!(session_expiration_time)),
        ]))
    }

    fn send_event(
        &mut self,
        now: Timestamp,
        request: &Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> Response {
        let room = self.find_room_as(request, "roomIdentifier")?;
        // Assumed: attributes that were not given are `null`, as those of messages are.
        let attributes =
            given(request, "attributes").map(|_| Attributes::from(strings(request, "attributes")));
        let name = text(request, "eventName").unwrap_or_default();
        let id = self.announce(now, room, "", name, attributes, out);
        Ok(object([("id", json!(id))]))
    }

    /// Documented: the id in the answer is one of the operation. Assumed: it is the event's.
    fn delete_message_by_http(
        &mut self,
        now: Timestamp,
        request: &Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> Response {
        let room = self.find_room_as(request, "roomIdentifier")?;
        let deletion = DeleteMessage {
            id: text(request, "id").unwrap_or_default().into(),
            reason: text(request, "reason").unwrap_or_default().into(),
        };
        let id = self.announce_deletion(now, room, "", deletion, out);
        Ok(object([("id", json!(id))]))
    }

    fn disconnect_user_by_http(
        &mut self,
        now: Timestamp,
        request: &Map<String, Value>,
        out: &mut Vec<Output>,
    ) -> Response {
        let room = self.find_room_as(request, "roomIdentifier")?;
        let kick = DisconnectUser {
            user_id: text(request, "userId").unwrap_or_default().into(),
            reason: text(request, "reason").unwrap_or_default().into(),
        };
        self.kick(now, room, "", kick, out);
        Ok(Map::new())
    }

    fn find_room(&self, request: &Map<String, Value>) -> Result<RoomKey, Exception> {
        self.find_room_as(request, "identifier")
    }

    fn find_room_as(
        &self,
        request: &Map<String, Value>,
        member: &str,
    ) -> Result<RoomKey, Exception> {
        let arn = text(request, member).unwrap_or_default();
        self.rooms_by_arn.get(arn).copied().ok_or_else(|| {
            Exception::resource_not_found(format!("room {arn} does not exist")).about(arn)
        })
    }

    pub(super) fn arn(&self, resource_type: &str, id: &str) -> String {
        let Self { settings, .. } = self;
        format!("arn:aws:ivschat:{}:{}:{resource_type}/{id}", settings.region, settings.account_id)
    }

    pub(super) fn touch(&mut self, now: Timestamp) -> Updated {
        self.revisions += 1;
        Updated { at: now.whole_milliseconds(), revision: self.revisions }
    }

    /// A page of a list, the latest change first. The token names the change that the page ended
    /// with, so what is changed meanwhile neither repeats nor hides the rest.
    pub(super) fn page(
        &self,
        member: &str,
        mut items: Vec<(Updated, Map<String, Value>)>,
        request: &Map<String, Value>,
    ) -> Response {
        items.sort_by_key(|(updated, _)| std::cmp::Reverse(updated.revision));
        let before = match text(request, "nextToken").filter(|token| !token.is_empty()) {
            Some(token) => read_page_token(token)?,
            None => u64::MAX,
        };
        let size = number(request, "maxResults").unwrap_or(50) as usize;
        let mut rest = items.into_iter().filter(|(updated, _)| updated.revision < before);
        let page: Vec<_> = rest.by_ref().take(size).collect();
        let last = page.last().map(|(updated, _)| updated.revision);
        let list: Vec<_> = page.into_iter().map(|(_, item)| Value::Object(item)).collect();
        let mut response = object([(member, Value::Array(list))]);
        if let (Some(last), Some(_)) = (last, rest.next()) {
            let token = BASE64URL_NOPAD.encode(format!("{PAGE_TOKEN}{last}").as_bytes());
            response.insert("nextToken".into(), token.into());
        }
        Ok(response)
    }

    pub(crate) fn room(&self, key: RoomKey) -> Option<&Room> {
        self.rooms.get(&key)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = (RoomKey, &Room)> {
        self.rooms.iter().map(|(key, room)| (*key, room))
    }
}

fn read_page_token(token: &str) -> Result<u64, Exception> {
    let decoded = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let revision = text.and_then(|text| text.strip_prefix(PAGE_TOKEN)?.parse().ok());
    let failure =
        || FieldFailure { name: "nextToken".into(), why: "must be a token of this service".into() };
    revision.ok_or_else(|| Exception::fields(&[failure()]))
}

const PAGE_TOKEN: &str = "after:";

/// A member of a request that is there and not `null`.
fn given<'a>(request: &'a Map<String, Value>, member: &str) -> Option<&'a Value> {
    request.get(member).filter(|value| !value.is_null())
}

pub(super) fn text<'a>(request: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    request.get(member)?.as_str()
}

fn number(request: &Map<String, Value>, member: &str) -> Option<u32> {
    u32::try_from(request.get(member)?.as_u64()?).ok()
}

pub(super) fn list(request: &Map<String, Value>, member: &str) -> Option<Vec<String>> {
    let items = request.get(member)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

pub(super) fn strings(request: &Map<String, Value>, member: &str) -> BTreeMap<String, String> {
    let pairs = request.get(member).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.map(|(member, value)| (member.to_owned(), value)).into_iter().collect()
}
