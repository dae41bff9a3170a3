//! Matcher: a condition on log entries, as a value that can explain how an entry differs.

use std::fmt;
use std::sync::Arc;

use crate::log::conflict::can_have;
use crate::log::entry::Entry;
use crate::log::fields::Name;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::operation::Operation;
use crate::proto::payload::Key;

/// A condition on log entries.
///
/// A matcher is a value: it can be kept, cloned and passed to any wait. If nothing matches, the
/// failure names the nearest entry and the fields that differ, which is impossible with a closure.
///
/// A matcher for a request compares the members of that request: [`Matcher::user`] is `userId`
/// there, and [`Matcher::id`], [`Matcher::reason`] and [`Matcher::attribute`] compare the members
/// with these names.
///
/// # Panics
///
/// Each method that adds a condition panics if no entry can satisfy it together with the earlier
/// ones, such as [`Matcher::content`] of a ping. An assertion that nothing matches would prove
/// nothing.
///
/// # Examples
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, log::Matcher};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.send_message("hello");
/// let greeting = Matcher::message().from("alice").content("hello");
/// ivs.log().expect(greeting.clone().to("bob")).wait();
/// assert_eq!(ivs.log().matching(greeting).entries().len(), 2);
/// ```
#[derive(Clone)]
#[must_use = "a matcher does nothing until entries are compared with it"]
pub struct Matcher {
    pub(super) fields: Vec<Field>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) expected: Expected,
}

#[derive(Clone)]
pub(super) enum Expected {
    Is(String),
    Contains(String),
}

/// A closure of the test, with its description.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) what: String,
    pub(super) holds: Arc<dyn Fn(&Entry) -> bool + Send + Sync>,
}

impl Matcher {
    /// Matches any entry.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// assert_eq!(ivs.log().matching(Matcher::any().room("lobby").from("alice")).entries().len(), 4);
    /// ```
    pub const fn any() -> Self {
        Self { fields: Vec::new(), conditions: Vec::new() }
    }

    pub(super) fn of_type(name: &str) -> Self {
        Self::any().is(Name::Type, name)
    }

    /// Matches a MESSAGE that was sent to a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().from("alice").content("hello")).wait();
    /// ```
    pub fn message() -> Self {
        Self::of_type("MESSAGE")
    }

    /// Matches an EVENT with this name that was sent to a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// ivs.log().expect(Matcher::event("app:poll").attribute("question", "tea?")).wait();
    /// ```
    pub fn event(event_name: impl Into<String>) -> Self {
        Self::of_type("EVENT").is(Name::Named, event_name)
    }

    /// Matches an ERROR with this code that was sent to a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// alice.send_message("");
    /// ivs.log().expect(Matcher::error(ErrorCode::BadRequest).to("alice")).wait();
    /// ```
    pub fn error(error_code: ErrorCode) -> Self {
        Self::of_type("ERROR").is(Name::Code, error_code.code().to_string())
    }

    /// Matches a `SEND_MESSAGE` from a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::send_message().content("hello").request_id("alice-1")).wait();
    /// ```
    pub fn send_message() -> Self {
        Self::of_type("SEND_MESSAGE")
    }

    /// Matches a `DELETE_MESSAGE` from a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").delete_message("Message00001", "spam");
    /// ivs.log().expect(Matcher::delete_message().id("Message00001").reason("spam")).wait();
    /// ```
    pub fn delete_message() -> Self {
        Self::of_type("DELETE_MESSAGE")
    }

    /// Matches a `DISCONNECT_USER` from a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").disconnect_user("bob", "rude");
    /// ivs.log().expect(Matcher::disconnect_user().user("bob")).wait();
    /// ```
    pub fn disconnect_user() -> Self {
        Self::of_type("DISCONNECT_USER")
    }

    /// Matches a successful handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.log().expect(Matcher::connect().from("alice").room("lobby")).wait();
    /// ```
    pub fn connect() -> Self {
        Self::of_type("connect")
    }

    /// Matches a refused handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.log().assert_none(Matcher::refused_handshake().status(401));
    /// ```
    pub fn refused_handshake() -> Self {
        Self::of_type("refused handshake")
    }

    /// Matches a close frame: from the service with [`Matcher::to`], from a client with
    /// [`Matcher::from`].
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.disconnect_user("alice", "rude");
    /// let close = Matcher::close().to("alice").close_code(CloseCode::NORMAL).reason("rude");
    /// ivs.log().expect(close).wait();
    /// ```
    pub fn close() -> Self {
        Self::of_type("close")
    }

    /// Matches a request for a control plane operation.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect(Matcher::request(Operation::CreateRoom)).wait();
    /// ```
    pub fn request(operation: Operation) -> Self {
        Self::of_type("request").is(Name::Operation, operation.name())
    }

    /// Matches the response to a request for a control plane operation.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect(Matcher::response(Operation::CreateRoom).status(200)).wait();
    /// ```
    pub fn response(operation: Operation) -> Self {
        Self::of_type("response").is(Name::Operation, operation.name())
    }

    /// Matches only entries from this user: as the sender of a MESSAGE, or on the user's
    /// connections.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().from("alice")).wait();
    /// ```
    #[track_caller]
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.is(Name::From, user_id)
    }

    /// Matches only frames sent to connections of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().to("alice")).wait();
    /// ```
    #[track_caller]
    pub fn to(self, user_id: impl Into<String>) -> Self {
        self.is(Name::To, user_id)
    }

    /// Matches only connections to this room, given by its name, ID or ARN.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().room("lobby")).wait();
    /// ```
    #[track_caller]
    pub fn room(self, room: impl Into<String>) -> Self {
        self.is(Name::Room, room)
    }

    /// Matches only this `Content`.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().content("hello")).wait();
    /// ```
    #[track_caller]
    pub fn content(self, content: impl Into<String>) -> Self {
        self.is(Name::Content, content)
    }

    /// Matches only a `Content` that contains this text.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().containing("ell")).wait();
    /// ```
    #[track_caller]
    pub fn containing(self, part: impl Into<String>) -> Self {
        self.with(Name::Content, Expected::Contains(part.into()))
    }

    /// Matches only frames with this attribute.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message_with("hello", [("color", "red")]);
    /// ivs.log().expect(Matcher::message().attribute("color", "red")).wait();
    /// ```
    #[track_caller]
    pub fn attribute(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.is(Name::Attribute(key.into()), value)
    }

    /// Matches only this `RequestId`; use `""` for frames without one.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().request_id("alice-1")).wait();
    /// ```
    #[track_caller]
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        self.is(Name::RequestId, request_id)
    }

    /// Matches only this `Id`: of the frame, or of the message that a `DELETE_MESSAGE` names.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// ivs.log().expect(Matcher::message().id("Message00001")).wait();
    /// ```
    #[track_caller]
    pub fn id(self, id: impl Into<String>) -> Self {
        self.is(Name::Id, id)
    }

    /// Matches only a `DISCONNECT_USER` that names this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").disconnect_user("bob", "rude");
    /// ivs.log().expect(Matcher::disconnect_user().user("bob")).wait();
    /// ```
    #[track_caller]
    pub fn user(self, user_id: impl Into<String>) -> Self {
        self.is(Name::User, user_id)
    }

    /// Matches only this reason: of an action or a close frame, or the text of an ERROR or of a
    /// refused handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("");
    /// let error = Matcher::error(ErrorCode::BadRequest).reason("Content is missing or empty");
    /// ivs.log().expect(error).wait();
    /// ```
    #[track_caller]
    pub fn reason(self, reason: impl Into<String>) -> Self {
        self.is(Name::Reason, reason)
    }

    /// Matches only close frames with this code.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").disconnect();
    /// ivs.log().expect(Matcher::close().close_code(CloseCode::NORMAL)).wait();
    /// ```
    #[track_caller]
    pub fn close_code(self, code: CloseCode) -> Self {
        self.is(Name::CloseCode, code.to_string())
    }

    /// Matches only responses and refused handshakes with this HTTP status.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect(Matcher::response(Operation::CreateRoom).status(200)).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 200 and 599.
    #[track_caller]
    pub fn status(self, status: u16) -> Self {
        assert!(
            (200..=599).contains(&status),
            "no response has status {status}: nothing would match"
        );
        self.is(Name::Status, status.to_string())
    }

    /// Matches only entries for which a closure returns `true`, for conditions without a method of
    /// their own. `what` describes the condition in failures. The closure receives only entries
    /// that satisfy all other conditions.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let short = Matcher::message().satisfying("is short", |entry| entry.bytes().unwrap().len() < 500);
    /// ivs.log().expect(short).wait();
    /// ```
    pub fn satisfying(
        mut self,
        what: impl Into<String>,
        holds: impl Fn(&Entry) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push(Condition { what: what.into(), holds: Arc::new(holds) });
        self
    }

    #[track_caller]
    pub(super) fn is(self, name: Name, value: impl Into<String>) -> Self {
        self.with(name, Expected::Is(value.into()))
    }

    #[track_caller]
    fn with(mut self, name: Name, expected: Expected) -> Self {
        let kind = self.expected(&Name::Type).unwrap_or_default();
        assert!(
            can_have(kind, self.expected(&Name::Operation), &name),
            "{kind} has no {name}, so a matcher for `{self}` with one matches nothing"
        );
        // A room has several names, and all of them can hold.
        let other = self.expected(&name).filter(|_| name != Name::Room);
        // A contradiction would make a wait time out, and an assertion that there are no such
        // entries pass.
        if let (Some(other), Expected::Is(value)) = (other, &expected) {
            assert!(
                other == value,
                "the {name} of `{self}` cannot be {value:?} as well as {other:?}: nothing would match"
            );
        }
        self.fields.push(Field { name, expected });
        if !self.can_match() {
            let all = self.to_string();
            self.fields.pop();
            panic!("`{all}` has a condition that `{self}` excludes: nothing would match");
        }
        self
    }

    /// Returns the value that the matcher requires for a field, if it requires an exact value.
    pub(super) fn expected(&self, name: &Name) -> Option<&str> {
        self.fields.iter().find_map(|field| match &field.expected {
            Expected::Is(value) if field.name == *name => Some(value.as_str()),
            _ => None,
        })
    }

    /// Returns the key of all matching entries, if the matcher determines it; see `Record::key`.
    pub(crate) fn key(&self) -> Option<Key> {
        let kind = self.expected(&Name::Type)?;
        let name = match kind {
            "MESSAGE" | "SEND_MESSAGE" => Name::Content,
            "EVENT" | "hook" => Name::Named,
            "ERROR" => Name::Code,
            "request" | "response" => Name::Operation,
            "connect" => Name::From,
            "close" => Name::CloseCode,
            _ => return None,
        };
        // Each key has to be the one that `Record::key` and `Payload::key` make of the same value.
        Some(Key::new(kind, self.expected(&name)?))
    }

    /// Returns `true` if an entry matches.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Matcher};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert!(!Matcher::message().matches(&ivs.log().entries()[0]));
    /// ```
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let mut fields = self.fields.iter();
        // Fields first: a condition is a closure of the test, and may rely on the type that a field
        // asks for.
        fields.all(|field| field.admits(entry)) && self.failing_condition(entry).is_none()
    }

    pub(super) fn failing_condition(&self, entry: &Entry) -> Option<&Condition> {
        self.conditions.iter().find(|condition| !(condition.holds)(entry))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}
