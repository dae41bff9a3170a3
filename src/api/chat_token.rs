//! Chat tokens: their builder and their values.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::api::handle::{Handle, members};
use crate::api::in_memory::ConnectError;
use crate::api::participant::Participant;
use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::proto::sensitive::{REDACTED, without_sensitive};
use crate::proto::timestamp::Timestamp;

/// A chat token, which a client presents once to connect.
///
/// Documented: the response to `CreateChatToken`. `Debug` hides the token, as AWS's SDKs do.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// let token = ivs.create_room("lobby").chat_token("alice").session_duration_in_minutes(180).create();
/// assert!(token.token.starts_with("AQICAH"));
/// assert_eq!(token.token_expiration_time.to_string(), "2026-01-01T01:00:00Z");
/// assert_eq!(token.session_expiration_time.to_string(), "2026-01-01T03:00:00Z");
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChatToken {
    /// The token: the value for `Sec-WebSocket-Protocol`.
    pub token: String,
    /// The time until which the token can be redeemed.
    pub token_expiration_time: Timestamp,
    /// The time at which its session ends.
    pub session_expiration_time: Timestamp,
}

impl fmt::Debug for ChatToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatToken")
            .field("token", &REDACTED)
            .field("token_expiration_time", &self.token_expiration_time)
            .field("session_expiration_time", &self.session_expiration_time)
            .finish()
    }
}

impl From<&ChatToken> for String {
    fn from(token: &ChatToken) -> Self {
        token.token.clone()
    }
}

impl From<ChatToken> for String {
    fn from(token: ChatToken) -> Self {
        token.token
    }
}

impl AsRef<str> for ChatToken {
    fn as_ref(&self) -> &str {
        &self.token
    }
}

/// Builds a chat token.
///
/// ```
/// use mock_ivs_chat::{Capability, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let token = ivs
///     .create_room("lobby")
///     .chat_token("alice")
///     .capability(Capability::SendMessage)
///     .attributes([("displayName", "Alice")])
///     .session_duration_in_minutes(5)
///     .create();
/// ```
#[derive(Clone)]
#[must_use = "the token does not exist until `create` or `join` is called"]
pub struct ChatTokenBuilder {
    handle: Handle,
    request: Map<String, Value>,
    capabilities: Vec<Capability>,
}

impl ChatToken {
    /// Reads the response of CreateChatToken.
    fn read(response: &Value) -> Self {
        let text = |member: &str| response[member].as_str().unwrap_or_default();
        let time = |member: &str| text(member).parse().expect("the service writes legal times");
        Self {
            token: text("token").into(),
            token_expiration_time: time("tokenExpirationTime"),
            session_expiration_time: time("sessionExpirationTime"),
        }
    }
}

impl fmt::Debug for ChatTokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = without_sensitive(Operation::CreateChatToken, &self.request);
        f.debug_struct("ChatTokenBuilder")
            .field("request", &request)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl ChatTokenBuilder {
    pub(crate) fn new(handle: Handle, room: &str, user_id: &str) -> Self {
        let request = members([("roomIdentifier", json!(room)), ("userId", json!(user_id))]);
        Self { handle, request, capabilities: Vec::new() }
    }

    /// Adds a capability.
    ///
    /// ```
    /// # use mock_ivs_chat::{Capability, MockIvsChat};
    /// # let room = MockIvsChat::start().create_room("lobby");
    /// let token = room.chat_token("alice").capability(Capability::DeleteMessage).create();
    /// ```
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Adds several capabilities.
    ///
    /// ```
    /// # use mock_ivs_chat::{Capability, MockIvsChat};
    /// # let room = MockIvsChat::start().create_room("lobby");
    /// let token = room.chat_token("alice").capabilities(Capability::ALL).create();
    /// ```
    pub fn capabilities(mut self, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        self.capabilities.extend(capabilities);
        self
    }

    /// Sets the user's attributes, which the service adds to each message: at most 1,024 bytes.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let room = MockIvsChat::start().create_room("lobby");
    /// let token = room.chat_token("alice").attributes([("displayName", "Alice")]).create();
    /// ```
    pub fn attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.request.insert("attributes".into(), json!(attributes.into()));
        self
    }

    /// Sets the maximum length of the session: 1 to 180 minutes, and 60 unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let room = MockIvsChat::start().create_room("lobby");
    /// let token = room.chat_token("alice").session_duration_in_minutes(1).create();
    /// ```
    pub fn session_duration_in_minutes(mut self, minutes: u32) -> Self {
        self.request.insert("sessionDurationInMinutes".into(), json!(minutes));
        self
    }

    /// Creates the token.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let room = MockIvsChat::start().create_room("lobby");
    /// let token = room.chat_token("alice").create();
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: a user ID has 1 to 128 characters, and the room must exist.
    #[must_use]
    #[track_caller]
    pub fn create(self) -> ChatToken {
        let handle = self.handle.clone();
        ChatToken::read(&handle.expect(Operation::CreateChatToken, self.members()))
    }

    /// Creates the token, unless the service refuses.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// assert!(room.chat_token("alice").try_create().is_ok());
    /// let refusal = room.chat_token("").try_create().unwrap_err();
    /// assert_eq!(refusal.name(), "ValidationException");
    /// ```
    ///
    /// # Errors
    ///
    /// The exception that the service responds with.
    pub fn try_create(self) -> Result<ChatToken, Exception> {
        let handle = self.handle.clone();
        let response = handle.call(Operation::CreateChatToken, Value::Object(self.members()))?;
        Ok(ChatToken::read(&response))
    }

    fn members(mut self) -> Map<String, Value> {
        if !self.capabilities.is_empty() {
            self.request.insert("capabilities".into(), json!(self.capabilities));
        }
        self.request
    }

    /// Creates the token and connects an in-process participant with it.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let listener = ivs.create_room("lobby").chat_token("alice").join();
    /// listener.send_message("hello?");
    /// listener.expect_error(ErrorCode::Forbidden).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses the token or the connection.
    #[track_caller]
    pub fn join(self) -> Participant {
        let handle = self.handle.clone();
        Participant::connect(handle, &self.create())
    }

    /// Creates the token and connects a participant with it, unless the service refuses.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// assert_eq!(room.chat_token("").try_join().unwrap_err().status(), Some(400));
    /// assert!(room.chat_token("alice").try_join().is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// If the service refuses the token or the connection, with the HTTP status of the refusal.
    pub fn try_join(self) -> Result<Participant, ConnectError> {
        let handle = self.handle.clone();
        let token = self.try_create().map_err(|exception| {
            let message = format!("{}: {}", exception.name(), exception.message());
            ConnectError::refused("chat token", exception.status(), message)
        })?;
        Participant::try_connect(handle, &token)
    }
}
