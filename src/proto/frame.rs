//! Frame: a frame that the service sends to a client, as a value and as text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::proto::attributes::Attributes;
use crate::proto::error_code::ErrorCode;
use crate::proto::sensitive::REDACTED;
use crate::proto::timestamp::Timestamp;

/// A frame that the service sends to a client.
///
/// It serializes to the layout of the wire, including the order of members.
///
/// Observed: the order of the members, `RequestId` as `""` when there is none, and `null` for the
/// attributes of a message that has none. Assumed: the order within an ERROR, and
/// that its `RequestId` is empty if the request had none.
///
/// ```
/// use mock_ivs_chat::Frame;
///
/// let text = r#"{"Type":"ERROR","Id":"Error0000001","RequestId":"","ErrorCode":429,"ErrorMessage":"rate limit exceeded"}"#;
/// let frame: Frame = serde_json::from_str(text).unwrap();
/// assert_eq!(frame.request_id(), "");
/// assert_eq!(serde_json::to_string(&frame).unwrap(), text);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "Type")]
pub enum Frame {
    /// `"Type":"MESSAGE"`.
    Message(ChatMessage),
    /// `"Type":"EVENT"`.
    Event(ChatEvent),
    /// `"Type":"ERROR"`.
    Error(ChatError),
}

impl Frame {
    /// Returns the `Id` of the frame.
    ///
    /// ```
    /// # use mock_ivs_chat::Frame;
    /// # let text = r#"{"Type":"ERROR","Id":"Error0000001","RequestId":"","ErrorCode":500,"ErrorMessage":""}"#;
    /// # let frame: Frame = serde_json::from_str(text).unwrap();
    /// assert_eq!(frame.id(), "Error0000001");
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Message(message) => &message.id,
            Self::Event(event) => &event.id,
            Self::Error(error) => &error.id,
        }
    }

    /// Returns the `RequestId` of the frame; empty if the request had none.
    ///
    /// ```
    /// # use mock_ivs_chat::Frame;
    /// # let text = r#"{"Type":"ERROR","Id":"Error0000001","RequestId":"r1","ErrorCode":500,"ErrorMessage":""}"#;
    /// # let frame: Frame = serde_json::from_str(text).unwrap();
    /// assert_eq!(frame.request_id(), "r1");
    /// ```
    #[must_use]
    pub fn request_id(&self) -> &str {
        match self {
            Self::Message(message) => &message.request_id,
            Self::Event(event) => &event.request_id,
            Self::Error(error) => &error.request_id,
        }
    }

    /// Returns the text of the frame on the wire.
    ///
    /// Assumed: it has no spaces between members, and escapes only what JSON must escape.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("a frame has only string keys, so it is always JSON")
    }
}

impl From<ChatMessage> for Frame {
    fn from(message: ChatMessage) -> Self {
        Self::Message(message)
    }
}

impl From<ChatEvent> for Frame {
    fn from(event: ChatEvent) -> Self {
        Self::Event(event)
    }
}

impl From<ChatError> for Frame {
    fn from(error: ChatError) -> Self {
        Self::Error(error)
    }
}

/// A message to the room.
///
/// Documented: "Message (Subscribe)" of the messaging API reference.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.send_message("hello");
/// let message = bob.expect_message("hello").wait();
/// assert_eq!(message.sender.user_id, "alice");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct ChatMessage {
    // Here and in the frames below, the order of the fields is the order of the members on the wire.
    /// The id that the service gave it: 12 letters and digits.
    pub id: String,
    /// The `RequestId` of the SEND_MESSAGE; empty if it had none.
    pub request_id: String,
    /// The attributes of the SEND_MESSAGE; `None`, written `null`, if it had none.
    pub attributes: Option<Attributes>,
    /// The text, as sent or as the message review changed it.
    pub content: String,
    /// The time at which the service received it.
    pub send_time: Timestamp,
    /// The sender.
    pub sender: Sender,
}

impl ChatMessage {
    /// Creates a message as the service sends it, for [`Connection::push_frame`] or for a unit test
    /// of a client.
    ///
    /// It has no `RequestId` and no attributes, and its time is the start of 1970. All members can
    /// be changed afterwards.
    ///
    /// ```
    /// use mock_ivs_chat::{ChatMessage, Frame, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// let mut message = ChatMessage::new("Message00001", "hello", "ghost");
    /// message.send_time = ivs.now();
    /// alice.connection().push_frame(message.clone());
    /// assert_eq!(alice.expect_message("hello").wait(), message);
    /// ```
    ///
    /// [`Connection::push_frame`]: crate::Connection::push_frame
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        content: impl Into<String>,
        sender: impl Into<Sender>,
    ) -> Self {
        Self {
            id: id.into(),
            request_id: String::new(),
            attributes: None,
            content: content.into(),
            send_time: Timestamp::UNIX_EPOCH,
            sender: sender.into(),
        }
    }

    /// Sets the attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::ChatMessage;
    /// let message = ChatMessage::new("Message00001", "hello", "alice").with_attributes([("a", "b")]);
    /// assert_eq!(message.attributes.unwrap()["a"], "b");
    /// ```
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.attributes = Some(attributes.into());
        self
    }
}

/// The sender of a message, from the chat token of the connection.
///
/// Documented: "Message (Subscribe)". Observed: `{}` where the token had no attributes.
///
/// `Debug` hides both members, as that of AWS's SDKs does, because the service's model declares
/// them as sensitive. The members themselves, the transcript and failures show them.
///
/// ```
/// # use mock_ivs_chat::MockIvsChat;
/// # let ivs = MockIvsChat::start();
/// # let room = ivs.create_room("lobby");
/// # let alice = room.participant("alice");
/// # alice.send_message("hello");
/// let sender = alice.expect_message("hello").wait().sender;
/// assert!(sender.attributes.is_empty());
/// ```
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct Sender {
    /// The user id of the chat token.
    pub user_id: String,
    /// The attributes of the chat token.
    pub attributes: Attributes,
}

impl Sender {
    /// Creates a sender without attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::Sender;
    /// let sender = Sender::new("alice");
    /// assert_eq!((&*sender.user_id, sender.attributes.len()), ("alice", 0));
    /// ```
    #[must_use]
    pub fn new(user_id: impl Into<String>) -> Self {
        Self { user_id: user_id.into(), attributes: Attributes::new() }
    }

    /// Sets the attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::Sender;
    /// let sender = Sender::new("alice").with_attributes([("displayName", "Alice")]);
    /// assert_eq!(sender.attributes["displayName"], "Alice");
    /// ```
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.attributes = attributes.into();
        self
    }
}

/// A sender without attributes.
impl<T: Into<String>> From<T> for Sender {
    fn from(user_id: T) -> Self {
        Self::new(user_id)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("user_id", &REDACTED).field("attributes", &REDACTED).finish()
    }
}

/// An event: of the service (`aws:DELETE_MESSAGE`, `aws:DISCONNECT_USER`) or of the application.
///
/// Documented: "Event (Subscribe)". Observed: `aws:DISCONNECT_USER`, which that page omits.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let bob = room.participant("bob");
/// room.send_event("app:poll", [("question", "tea?")]);
/// let event = bob.expect_event("app:poll").wait();
/// assert_eq!(event.attributes.unwrap()["question"], "tea?");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct ChatEvent {
    /// The id that the service gave it: 12 letters and digits.
    pub id: String,
    /// The `RequestId` of the action that caused it; empty for an HTTP operation.
    pub request_id: String,
    /// Its name.
    pub event_name: String,
    /// Its details; `None`, written `null`, if SendEvent gave none.
    pub attributes: Option<Attributes>,
    /// The time at which the service received its cause.
    pub send_time: Timestamp,
}

impl ChatEvent {
    /// The name of the event that asks clients to delete a message.
    pub const DELETE_MESSAGE: &'static str = "aws:DELETE_MESSAGE";
    /// The name of the event about a disconnected user.
    pub const DISCONNECT_USER: &'static str = "aws:DISCONNECT_USER";

    /// Creates an event as the service sends it.
    ///
    /// It has no `RequestId` and no attributes, and its time is the start of 1970. All members can
    /// be changed afterwards.
    ///
    /// ```
    /// use mock_ivs_chat::{ChatEvent, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.connection().push_frame(ChatEvent::new("Event0000001", "app:poll"));
    /// assert_eq!(alice.expect_event("app:poll").wait().attributes, None);
    /// ```
    #[must_use]
    pub fn new(id: impl Into<String>, event_name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            request_id: String::new(),
            event_name: event_name.into(),
            attributes: None,
            send_time: Timestamp::UNIX_EPOCH,
        }
    }

    /// Sets the attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::ChatEvent;
    /// let deletion = ChatEvent::new("Event0000001", ChatEvent::DELETE_MESSAGE)
    ///     .with_attributes([("MessageId", "Message00001"), ("Reason", "spam")]);
    /// assert_eq!(deletion.attributes.unwrap()["Reason"], "spam");
    /// ```
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.attributes = Some(attributes.into());
        self
    }
}

/// An error: the response to an action of the client that fails.
///
/// Documented: "WebSocket Errors".
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// alice.send_message("");
/// let error = alice.expect_error(ErrorCode::BadRequest).wait();
/// assert_eq!(error.error_message, "Content is missing or empty");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct ChatError {
    /// The ID of the failed operation: the ID that its message would have had, or a fresh one.
    pub id: String,
    /// The `RequestId` of the failed action; empty if it had none.
    pub request_id: String,
    /// The code.
    pub error_code: ErrorCode,
    /// A description of the fault.
    pub error_message: String,
}

impl ChatError {
    /// Creates an error as the service sends it, without a `RequestId`, which can be set afterwards.
    ///
    /// ```
    /// use mock_ivs_chat::{ChatError, ErrorCode, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// let mut error = ChatError::new("Error0000001", ErrorCode::TooManyRequests, "slow down");
    /// error.request_id = alice.send_message("hello");
    /// alice.connection().push_frame(error);
    /// alice.expect_error(ErrorCode::TooManyRequests).wait();
    /// ```
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        error_code: ErrorCode,
        error_message: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            request_id: String::new(),
            error_code,
            error_message: error_message.into(),
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.code())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The set of codes is closed. A text with another code is therefore not a frame of the
        // service, and the log keeps it as an opaque text.
        Self::try_from(u16::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        r#"{"Type":"MESSAGE","Id":"i","RequestId":"r","Attributes":null,"Content":"c","SendTime":"1970-01-01T00:00:00Z","Sender":{"UserId":"u","Attributes":{}}}"#
    )]
    #[case(
        r#"{"Type":"EVENT","Id":"i","RequestId":"r","EventName":"e","Attributes":{"a":"b"},"SendTime":"1970-01-01T00:00:00Z"}"#
    )]
    #[case(r#"{"Type":"ERROR","Id":"i","RequestId":"r","ErrorCode":400,"ErrorMessage":"m"}"#)]
    fn a_frame_is_read_and_written_as_it_is_on_the_wire(#[case] text: &str) {
        let frame: Frame = serde_json::from_str(text).unwrap();
        assert_eq!((frame.id(), frame.request_id()), ("i", "r"));
        assert_eq!(frame.encode(), text);
    }

    #[test]
    fn an_unknown_code_is_refused() {
        let error = serde_json::from_str::<ErrorCode>("418").unwrap_err().to_string();
        assert_eq!(error, "418 is not an error code of the service");
    }

    #[test]
    fn a_constructed_frame_has_the_layout_of_the_wire() {
        let message = ChatMessage::new("i", "c", Sender::new("u").with_attributes([("k", "v")]));
        assert_eq!(
            Frame::from(message).encode(),
            r#"{"Type":"MESSAGE","Id":"i","RequestId":"","Attributes":null,"Content":"c","SendTime":"1970-01-01T00:00:00Z","Sender":{"UserId":"u","Attributes":{"k":"v"}}}"#
        );
        let event = ChatEvent::new("i", "e").with_attributes([("k", "v")]);
        assert_eq!(
            Frame::from(event).encode(),
            r#"{"Type":"EVENT","Id":"i","RequestId":"","EventName":"e","Attributes":{"k":"v"},"SendTime":"1970-01-01T00:00:00Z"}"#
        );
        let error = ChatError::new("i", ErrorCode::Forbidden, "m");
        assert_eq!(
            Frame::from(error).encode(),
            r#"{"Type":"ERROR","Id":"i","RequestId":"","ErrorCode":403,"ErrorMessage":"m"}"#
        );
    }
}
