//! Room: a chat room, with the operations of an application.

use serde_json::{Value, json};

use crate::api::chat_token::ChatTokenBuilder;
use crate::api::handle::{Handle, members, unless_empty};
use crate::api::logging_configuration::LoggingConfiguration;
use crate::api::participant::Participant;
use crate::api::room_update::RoomUpdate;
use crate::proto::attributes::Attributes;
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::service;

/// A chat room of a mock.
///
/// Its methods are control plane operations and take the same code path as requests over HTTP,
/// except that hooks on operations do not see them.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// assert_eq!(room.arn(), "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001");
/// ```
#[derive(Clone, Debug)]
pub struct Room {
    handle: Handle,
    arn: String,
    id: String,
    name: String,
}

impl Room {
    pub(crate) fn new(handle: Handle, room: &service::room::RoomState) -> Self {
        let (arn, id, name) = (room.arn.clone(), room.id.clone(), room.name.clone());
        Self { handle, arn, id, name }
    }

    /// Reads the response of `CreateRoom`.
    fn read(handle: Handle, created: &Value) -> Self {
        let text = |member: &str| created[member].as_str().unwrap_or_default().to_owned();
        Self { handle, arn: text("arn"), id: text("id"), name: text("name") }
    }

    /// Returns a handle of the room's mock.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, Room};
    ///
    /// fn an_hour_later(room: &Room) {
    ///     room.handle().advance(std::time::Duration::from_secs(3600));
    /// }
    ///
    /// let ivs = MockIvsChat::start();
    /// an_hour_later(&ivs.create_room("lobby"));
    /// ```
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Returns the ARN, which is the `roomIdentifier` of requests.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert!(ivs.create_room("lobby").arn().ends_with(":room/Room00000001"));
    /// ```
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Returns the ID, which is the last part of the ARN.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.create_room("lobby").id(), "Room00000001");
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name that the room had when this value was created; may be empty.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.create_room("lobby").name(), "lobby");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts building a chat token. Without capabilities its user can only receive.
    ///
    /// ```
    /// # use mock_ivs_chat::{Capability, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    /// ```
    pub fn chat_token(&self, user_id: impl Into<String>) -> ChatTokenBuilder {
        ChatTokenBuilder::new(self.handle.clone(), &self.arn, &user_id.into())
    }

    /// Connects an in-process user with all capabilities to this room.
    ///
    /// A participant needs no socket and makes no handshake, so hooks on handshakes do not apply to
    /// it. Hooks on actions, reviews and deliveries do.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert_eq!(bob.user_id(), "bob");
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: a user ID has 1 to 128 characters, and the room must exist.
    #[track_caller]
    pub fn participant(&self, user_id: impl Into<String>) -> Participant {
        self.chat_token(user_id).capabilities(crate::proto::capability::Capability::ALL).join()
    }

    /// Sends an event to the room, as SendEvent does, and returns the event's ID. Empty attributes
    /// are omitted.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// assert_eq!(room.send_event("app:poll", [("question", "tea?")]), "Event0000001");
    /// assert_eq!(room.send_event("app:closed", ()), "Event0000002");
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: a name has 1 to 100 characters, attributes have at most 4,096
    /// bytes, and the room must exist.
    #[track_caller]
    pub fn send_event(
        &self,
        event_name: impl Into<String>,
        attributes: impl Into<Attributes>,
    ) -> String {
        let attributes = attributes.into();
        let attributes = if attributes.is_empty() { Value::Null } else { json!(attributes) };
        let request = members([
            ("roomIdentifier", json!(self.arn)),
            ("eventName", json!(event_name.into())),
            ("attributes", attributes),
        ]);
        id(&self.handle.expect(Operation::SendEvent, request))
    }

    /// Asks the room's clients to delete a message, as DeleteMessage does, and returns the event's
    /// ID. An empty reason is omitted.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.delete_message("Message00001", "spam");
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: an ID has 12 letters and digits, a reason at most 256 characters,
    /// and the room must exist.
    #[track_caller]
    pub fn delete_message(
        &self,
        id_of_message: impl Into<String>,
        reason: impl Into<String>,
    ) -> String {
        let request = members([
            ("roomIdentifier", json!(self.arn)),
            ("id", json!(id_of_message.into())),
            ("reason", unless_empty(&reason.into())),
        ]);
        id(&self.handle.expect(Operation::DeleteMessage, request))
    }

    /// Disconnects all connections of a user, as DisconnectUser does. An empty reason is omitted.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.disconnect_user("bob", "rude");
    /// assert!(!bob.is_connected());
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: a user ID has 1 to 128 characters, a reason at most 256, and the
    /// room must exist.
    #[doc(alias = "kick")]
    #[track_caller]
    pub fn disconnect_user(&self, user_id: impl Into<String>, reason: impl Into<String>) {
        let request = members([
            ("roomIdentifier", json!(self.arn)),
            ("userId", json!(user_id.into())),
            ("reason", unless_empty(&reason.into())),
        ]);
        self.handle.expect(Operation::DisconnectUser, request);
    }

    /// Starts building a change of the room. Settings that are not mentioned are kept.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.update().maximum_message_length(5).apply();
    /// let alice = room.participant("alice");
    /// alice.send_message("too long");
    /// alice.expect_error(ErrorCode::BadRequest).wait();
    /// ```
    pub fn update(&self) -> RoomUpdate {
        RoomUpdate::new(self.handle.clone(), &self.arn)
    }

    /// Deletes the room. Its connections stay open, but the service rejects their actions with
    /// ERROR 404.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let alice = room.participant("alice");
    /// room.delete();
    /// alice.send_message("anybody there?");
    /// alice.expect_error(ErrorCode::NotFound).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the room no longer exists.
    #[track_caller]
    pub fn delete(&self) {
        self.handle.expect(Operation::DeleteRoom, members([("identifier", json!(self.arn))]));
    }
}

fn id(response: &Value) -> String {
    response["id"].as_str().unwrap_or_default().into()
}

/// Builds a room.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs
///     .new_room("lobby")
///     .maximum_message_length(140)
///     .maximum_message_rate_per_second(100)
///     .tags([("stage", "test")])
///     .create();
/// ```
#[derive(Clone, Debug)]
#[must_use = "the room does not exist until `create` is called"]
pub struct RoomBuilder {
    handle: Handle,
    request: serde_json::Map<String, Value>,
}

impl RoomBuilder {
    pub(crate) fn new(handle: Handle, name: &str) -> Self {
        Self { handle, request: members([("name", json!(name))]) }
    }

    /// Sets `maximumMessageLength`, in code points: 1 to 500, and 500 unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.new_room("lobby").maximum_message_length(140).create();
    /// ```
    pub fn maximum_message_length(self, length: u32) -> Self {
        self.with("maximumMessageLength", json!(length))
    }

    /// Sets `maximumMessageRatePerSecond`: 1 to 100, and 10 unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.new_room("lobby").maximum_message_rate_per_second(100).create();
    /// ```
    pub fn maximum_message_rate_per_second(self, rate: u32) -> Self {
        self.with("maximumMessageRatePerSecond", json!(rate))
    }

    /// Sets the tags.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.new_room("lobby").tags([("stage", "test")]).create();
    /// ```
    pub fn tags(self, tags: impl Into<Attributes>) -> Self {
        self.with("tags", json!(tags.into()))
    }

    /// Adds a logging configuration that receives the room's chat logs: 3 at most.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// ```
    pub fn logging_configuration(mut self, configuration: &LoggingConfiguration) -> Self {
        let used =
            self.request.entry("loggingConfigurationIdentifiers").or_insert_with(|| json!([]));
        if let Value::Array(used) = used {
            used.push(json!(configuration.arn()));
        }
        self
    }

    /// Sets any member of the CreateRoom request.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # use serde_json::json;
    /// # let ivs = MockIvsChat::start();
    /// let handler = json!({ "uri": "arn:aws:lambda:us-west-2:123456789012:function:review" });
    /// let room = ivs.new_room("lobby").with("messageReviewHandler", handler).create();
    /// ```
    ///
    /// # Panics
    ///
    /// If the request does not have this member.
    #[track_caller]
    pub fn with(mut self, member: impl Into<String>, value: Value) -> Self {
        let member = member.into();
        self.handle.expect_member(Operation::CreateRoom, &member, &value);
        self.request.insert(member, value);
        self
    }

    /// Creates the room.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.new_room("lobby").create();
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses the request.
    #[expect(clippy::must_use_candidate, reason = "a test may need only the room's existence")]
    #[track_caller]
    pub fn create(self) -> Room {
        let created = self.handle.expect(Operation::CreateRoom, self.request);
        Room::read(self.handle, &created)
    }

    /// Creates the room, unless the service refuses.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let refusal = ivs.new_room("lobby").maximum_message_length(501).try_create().unwrap_err();
    /// assert_eq!(refusal.name(), "ValidationException");
    /// ```
    ///
    /// # Errors
    ///
    /// The exception that the service responds with.
    pub fn try_create(self) -> Result<Room, Exception> {
        let created = self.handle.call(Operation::CreateRoom, Value::Object(self.request))?;
        Ok(Room::read(self.handle, &created))
    }
}
