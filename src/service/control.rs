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
        let own = Quota::Operation(operation);
        // Documented: these two rates count the calls and the messaging requests together.
        let admitted = match operation {
            Operation::DeleteMessage => self.admit(now, &[own, Quota::DeleteMessage]),
            Operation::DisconnectUser => self.admit(now, &[own, Quota::DisconnectUser]),
            _ => self.admit(now, &[own]),
        };
        let Err((quota, limit)) = admitted else { return Ok(()) };
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
            updated: Updated::created(now, self.next_revision()),
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
        let revision = self.next_revision();
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
        room.updated.touch(now, revision);
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
        let items = rooms.map(|room| (&room.updated, room.summarize())).collect();
        self.page("rooms", items, request)
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

    pub(super) const fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }

    /// A page of a list, the latest change first.
    ///
    /// All pages of a list have the order that there was when its first page was asked for, so
    /// whatever changes meanwhile, nothing that stays is left out and nothing is listed twice.
    pub(super) fn page(
        &self,
        member: &str,
        items: Vec<(&Updated, Map<String, Value>)>,
        request: &Map<String, Value>,
    ) -> Response {
        let token = match text(request, "nextToken").filter(|token| !token.is_empty()) {
            Some(token) => PageToken::decode(member, token)?,
            None => PageToken { start: self.revisions, before: u64::MAX },
        };
        let place = |(updated, item): (&Updated, _)| Some((updated.as_of(token.start)?, item));
        let mut items: Vec<_> = items.into_iter().filter_map(place).collect();
        items.retain(|(revision, _)| *revision < token.before);
        items.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
        // Documented: 50 a page, unless fewer are asked for.
        let size = number(request, "maxResults").unwrap_or(50) as usize;
        let is_last = items.len() <= size;
        items.truncate(size);
        let next = items.last().filter(|_| !is_last).map(|(before, _)| *before);
        let list = items.into_iter().map(|(_, item)| Value::Object(item)).collect();
        let mut response = object([(member, Value::Array(list))]);
        if let Some(before) = next {
            let next = PageToken { before, ..token }.encode(member);
            response.insert("nextToken".into(), next.into());
        }
        Ok(response)
    }

    /// How the room of an ARN is called in the log.
    pub(crate) fn room_label(&self, arn: &str) -> Option<String> {
        let room = self.rooms.get(self.rooms_by_arn.get(arn)?)?;
        Some(room.label().to_owned())
    }

    pub(crate) fn room(&self, key: RoomKey) -> Option<&Room> {
        self.rooms.get(&key)
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = (RoomKey, &Room)> {
        self.rooms.iter().map(|(key, room)| (*key, room))
    }
}

/// Where the next page of a list begins.
#[derive(Clone, Copy, Debug)]
struct PageToken {
    /// The revision at which the first page was asked for.
    start: u64,
    /// The revision of the last resource that was listed.
    before: u64,
}

impl PageToken {
    fn encode(self, list: &str) -> String {
        let Self { start, before } = self;
        BASE64URL_NOPAD.encode(format!("{list}/{start}/{before}").as_bytes())
    }

    fn decode(list: &str, token: &str) -> Result<Self, Exception> {
        let read = || {
            let text = String::from_utf8(BASE64URL_NOPAD.decode(token.as_bytes()).ok()?).ok()?;
            let (start, before) = text.strip_prefix(list)?.strip_prefix('/')?.split_once('/')?;
            Some(Self { start: start.parse().ok()?, before: before.parse().ok()? })
        };
        let why = "must be the nextToken of an earlier page";
        read().ok_or_else(|| {
            Exception::fields(&[FieldFailure { name: "nextToken".into(), why: why.into() }])
        })
    }
}

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
