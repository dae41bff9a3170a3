//! Frame: what a client is sent, as data and as the bytes of the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::proto::attributes::Attributes;
use crate::proto::error_code::ErrorCode;
use crate::proto::timestamp::Timestamp;

/// A frame that the service sends to a client.
///
/// It serialises to the layout of the wire, member order included.
///
/// Observed: the order of the members, `RequestId` as `""` when there is none, and `null` for the
/// attributes of a message that came without any. Assumed: the order within an ERROR.
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
    Message(Message),
    /// `"Type":"EVENT"`.
    Event(Event),
    /// `"Type":"ERROR"`.
    Error(Error),
}

impl Frame {
    /// The frame's `Id`.
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

    /// The frame's `RequestId`; empty if the request had none.
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

    /// The text that crosses the wire.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("a frame has only string keys, so it is always JSON")
    }
}

/// A message that somebody sent to the room.
///
/// Documented: "Message (Subscribe)" of the messaging API reference.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.say("hello");
/// let message = bob.expect_message_blocking("hello");
/// assert_eq!(message.sender.user_id, "alice");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// The id that the service gave it: 12 letters and digits.
    pub id: String,
    /// The `RequestId` of the SEND_MESSAGE; empty if it had none.
    pub request_id: String,
    /// The attributes of the SEND_MESSAGE; `None`, written `null`, if it had none.
    pub attributes: Option<Attributes>,
    /// The text, as sent or as the message review changed it.
    pub content: String,
    /// When the service received it.
    pub send_time: Timestamp,
    /// Who sent it.
    pub sender: Sender,
}

/// Who sent a message, by the chat token of the connection.
///
/// Documented: "Message (Subscribe)". Observed: `{}` where the token had no attributes.
///
/// ```
/// # use mock_ivs_chat::MockIvsChat;
/// # let ivs = MockIvsChat::start();
/// # let room = ivs.create_room("lobby");
/// # let alice = room.participant("alice");
/// # alice.say("hello");
/// let sender = alice.expect_message_blocking("hello").sender;
/// assert!(sender.attributes.is_empty());
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct Sender {
    /// The user id of the chat token.
    pub user_id: String,
    /// The attributes of the chat token.
    pub attributes: Attributes,
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
/// let event = bob.expect_event_blocking("app:poll");
/// assert_eq!(event.attributes.unwrap()["question"], "tea?");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// The id that the service gave it: 12 letters and digits.
    pub id: String,
    /// The `RequestId` of the action that caused it; empty for an HTTP operation.
    pub request_id: String,
    /// Its name.
    pub event_name: String,
    /// Its details; `None`, written `null`, if SendEvent gave none.
    pub attributes: Option<Attributes>,
    /// When the service received what caused it.
    pub send_time: Timestamp,
}

impl Event {
    /// The name of the event that asks clients to delete a message.
    pub const DELETE_MESSAGE: &'static str = "aws:DELETE_MESSAGE";
    /// The name of the event that tells that a user was disconnected.
    pub const DISCONNECT_USER: &'static str = "aws:DISCONNECT_USER";
}

/// An error: what a client is told when an action of its own fails.
///
/// Documented: "WebSocket Errors".
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// alice.say("");
/// let error = alice.expect_error_blocking(ErrorCode::BadRequest);
/// assert_eq!(error.error_message, "Content is missing or empty");
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "PascalCase")]
pub struct Error {
    /// The id of the failed operation: the id that its message would have had, or a fresh one.
    pub id: String,
    /// The `RequestId` of the failed action; empty if it had none.
    pub request_id: String,
    /// The code.
    pub error_code: ErrorCode,
    /// What was wrong, for people.
    pub error_message: String,
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.code())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(u16::deserialize(deserializer)?).map_err(|code| {
            de::Error::custom(format_args!("{code} is no error code of the service"))
        })
    }
}
