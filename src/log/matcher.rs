//! Pattern: what a test looks for in the log, as a value that can say what differs.

use std::fmt;
use std::sync::Arc;

use crate::log::entry::Entry;
use crate::log::fields::{Fields, TYPE, attribute};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::operation::Operation;

/// What a test looks for in the log.
///
/// A pattern is a value: it can be kept, cloned and given to any wait. When nothing matches, the
/// failure names the nearest entry and the fields in which it differs, which a closure cannot.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, Pattern};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.say("hello");
/// let greeting = Pattern::message().from("alice").content("hello");
/// ivs.log().expect_blocking(greeting.clone().to("bob"));
/// assert_eq!(ivs.log().matching(greeting).entries().len(), 2);
/// ```
#[derive(Clone)]
#[must_use = "a pattern does nothing until something is matched against it"]
pub struct Pattern {
    fields: Vec<Field>,
    conditions: Vec<Condition>,
}

#[derive(Clone)]
struct Field {
    name: String,
    expected: Expected,
}

#[derive(Clone)]
enum Expected {
    Is(String),
    Contains(String),
}

/// What the test says in a closure, with the words for it.
#[derive(Clone)]
struct Condition {
    what: String,
    holds: Arc<dyn Fn(&Entry) -> bool + Send + Sync>,
}

impl Pattern {
    /// Matches any entry.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").say("hello");
    /// assert_eq!(ivs.log().matching(Pattern::any().room("lobby").from("alice")).entries().len(), 4);
    /// ```
    pub const fn any() -> Self {
        Self { fields: Vec::new(), conditions: Vec::new() }
    }

    fn of_type(name: &str) -> Self {
        Self::any().is(TYPE, name)
    }

    /// Matches a MESSAGE that left for a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().from("alice").content("hello"));
    /// ```
    pub fn message() -> Self {
        Self::of_type("MESSAGE")
    }

    /// Matches an EVENT of that name that left for a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// ivs.log().expect_blocking(Pattern::event("app:poll").attribute("question", "tea?"));
    /// ```
    pub fn event(event_name: &str) -> Self {
        Self::of_type("EVENT").is("name", event_name)
    }

    /// Matches an ERROR of that code that left for a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// alice.say("");
    /// ivs.log().expect_blocking(Pattern::error(ErrorCode::BadRequest).to("alice"));
    /// ```
    pub fn error(error_code: ErrorCode) -> Self {
        Self::of_type("ERROR").is("code", error_code.code().to_string())
    }

    /// Matches a `SEND_MESSAGE` of a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::send_message().content("hello").request_id("alice-1"));
    /// ```
    pub fn send_message() -> Self {
        Self::of_type("SEND_MESSAGE")
    }

    /// Matches a `DELETE_MESSAGE` of a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").delete("Message00001", "spam");
    /// ivs.log().expect_blocking(Pattern::delete_message().id("Message00001").reason("spam"));
    /// ```
    pub fn delete_message() -> Self {
        Self::of_type("DELETE_MESSAGE")
    }

    /// Matches a `DISCONNECT_USER` of a client.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").kick("bob", "rude");
    /// ivs.log().expect_blocking(Pattern::disconnect_user().user("bob"));
    /// ```
    pub fn disconnect_user() -> Self {
        Self::of_type("DISCONNECT_USER")
    }

    /// Matches a connection that was let in.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.log().expect_blocking(Pattern::connect().from("alice").room("lobby"));
    /// ```
    pub fn connect() -> Self {
        Self::of_type("connect")
    }

    /// Matches a handshake that was refused.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.log().refute(Pattern::refused_handshake().status(401));
    /// ```
    pub fn refused_handshake() -> Self {
        Self::of_type("refused handshake")
    }

    /// Matches a close frame: of the service with [`Pattern::to`], of a client with
    /// [`Pattern::from`].
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// # let alice = room.participant("alice");
    /// room.disconnect_user("alice", "rude");
    /// let close = Pattern::close().to("alice").close_code(CloseCode::NORMAL).reason("rude");
    /// ivs.log().expect_blocking(close);
    /// ```
    pub fn close() -> Self {
        Self::of_type("close")
    }

    /// Matches a call of an operation of the control plane.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect_blocking(Pattern::call(Operation::CreateRoom));
    /// ```
    pub fn call(operation: Operation) -> Self {
        Self::of_type("call").is("operation", operation.name())
    }

    /// Matches the answer to a call of an operation of the control plane.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect_blocking(Pattern::answer(Operation::CreateRoom).status(200));
    /// ```
    pub fn answer(operation: Operation) -> Self {
        Self::of_type("answer").is("operation", operation.name())
    }

    /// Matches a hook of that name that fired.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().named("silence").ignore();
    /// ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::hook("silence"));
    /// ```
    pub fn hook(name: &str) -> Self {
        Self::of_type("hook").is("name", name)
    }

    /// Narrows it to what this user sent: as the sender of a MESSAGE, or by a connection.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().from("alice"));
    /// ```
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.is("from", user_id)
    }

    /// Narrows it to what left for connections of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().to("alice"));
    /// ```
    pub fn to(self, user_id: impl Into<String>) -> Self {
        self.is("to", user_id)
    }

    /// Narrows it to connections to a room: its name, or its id if it has no name.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().room("lobby"));
    /// ```
    pub fn room(self, room: impl Into<String>) -> Self {
        self.is("room", room)
    }

    /// Narrows it to this `Content`.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().content("hello"));
    /// ```
    pub fn content(self, content: impl Into<String>) -> Self {
        self.is("content", content)
    }

    /// Narrows it to a `Content` that has this part.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().containing("ell"));
    /// ```
    pub fn containing(mut self, part: impl Into<String>) -> Self {
        self.fields
            .push(Field { name: "content".into(), expected: Expected::Contains(part.into()) });
        self
    }

    /// Narrows it to frames with this attribute.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say_with("hello", [("color", "red")]);
    /// ivs.log().expect_blocking(Pattern::message().attribute("color", "red"));
    /// ```
    pub fn attribute(self, key: &str, value: impl Into<String>) -> Self {
        self.is(attribute(key), value)
    }

    /// Narrows it to this `RequestId`; `""` for frames that have none.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().request_id("alice-1"));
    /// ```
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        self.is("request id", request_id)
    }

    /// Narrows it to this `Id`: of the frame, or of the message that a `DELETE_MESSAGE` is about.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// ivs.log().expect_blocking(Pattern::message().id("Message00001"));
    /// ```
    pub fn id(self, id: impl Into<String>) -> Self {
        self.is("id", id)
    }

    /// Narrows it to a `DISCONNECT_USER` of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").kick("bob", "rude");
    /// ivs.log().expect_blocking(Pattern::disconnect_user().user("bob"));
    /// ```
    pub fn user(self, user_id: impl Into<String>) -> Self {
        self.is("user", user_id)
    }

    /// Narrows it to this reason: of an action or a close frame, the text of an ERROR, or that of
    /// a refused handshake.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("");
    /// let error = Pattern::error(ErrorCode::BadRequest).reason("Content is missing or empty");
    /// ivs.log().expect_blocking(error);
    /// ```
    pub fn reason(self, reason: impl Into<String>) -> Self {
        self.is("reason", reason)
    }

    /// Narrows it to close frames of this code.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").leave();
    /// ivs.log().expect_blocking(Pattern::close().close_code(CloseCode::NORMAL));
    /// ```
    pub fn close_code(self, code: CloseCode) -> Self {
        self.is("code", code.to_string())
    }

    /// Narrows it to answers and refused handshakes of this HTTP status.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.log().expect_blocking(Pattern::answer(Operation::CreateRoom).status(200));
    /// ```
    pub fn status(self, status: u16) -> Self {
        self.is("status", status.to_string())
    }

    /// Narrows it by a closure, where the other methods do not reach; `what` says what it looks
    /// for. The closure is asked only about entries that match in all else.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// # ivs.create_room("lobby").participant("alice").say("hello");
    /// let short = Pattern::message().that("is short", |entry| entry.bytes().unwrap().len() < 500);
    /// ivs.log().expect_blocking(short);
    /// ```
    pub fn that(
        mut self,
        what: impl Into<String>,
        holds: impl Fn(&Entry) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.push(Condition { what: what.into(), holds: Arc::new(holds) });
        self
    }

    fn is(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push(Field { name: name.into(), expected: Expected::Is(value.into()) });
        self
    }

    /// Whether an entry matches.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Pattern};
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert!(!Pattern::message().matches(&ivs.log().entries()[0]));
    /// ```
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.compare(entry).differences.is_empty()
    }

    /// Compares an entry with the pattern, field by field.
    pub(crate) fn compare(&self, entry: &Entry) -> Comparison {
        let fields = Fields::read(entry);
        let mut comparison = Comparison { agreements: 0, closeness: 0, differences: Vec::new() };
        for Field { name, expected } in &self.fields {
            let got = fields.get(name);
            if got.is_some_and(|got| expected.admits(got)) {
                comparison.agreements += 1;
            } else {
                let got = got.map_or_else(|| "nothing".into(), |got| shown(name, got));
                let expected = expected.shown(name);
                comparison.differences.push(format!("{name}: expected {expected}, got {got}"));
                comparison.closeness += in_common(&expected, &got);
            }
        }
        for Condition { what, holds } in &self.conditions {
            if comparison.differences.is_empty() && !holds(entry) {
                comparison.differences.push(format!("it is not so that it {what}"));
            }
        }
        comparison
    }
}

/// How near an entry comes to a pattern.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) agreements: usize,
    /// How many characters the values that differ have in common at their start.
    pub(crate) closeness: usize,
    /// One line for each field that differs.
    pub(crate) differences: Vec<String>,
}

impl Expected {
    fn admits(&self, got: &str) -> bool {
        match self {
            Self::Is(value) => got == value,
            Self::Contains(part) => got.contains(part),
        }
    }

    fn shown(&self, name: &str) -> String {
        match self {
            Self::Is(value) => shown(name, value),
            Self::Contains(part) => format!("something with {part:?}"),
        }
    }
}

fn in_common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

/// A value as it is shown: words of the protocol bare, words of the test in quotes.
fn shown(name: &str, value: &str) -> String {
    match name {
        TYPE | "code" | "status" | "operation" => value.to_owned(),
        _ => format!("{value:?}"),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_type = self.fields.first().is_some_and(|field| field.name == TYPE);
        if !has_type {
            f.write_str("any entry")?;
        }
        for (index, Field { name, expected }) in self.fields.iter().enumerate() {
            match expected {
                Expected::Is(value) if name == TYPE => f.write_str(value)?,
                Expected::Is(value) => {
                    let comma = if index == 1 && has_type { " " } else { ", " };
                    write!(f, "{comma}{name} {}", shown(name, value))?;
                }
                Expected::Contains(part) => write!(f, ", {name} with {part:?}")?,
            }
        }
        for Condition { what, .. } in &self.conditions {
            write!(f, ", that {what}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({self})")
    }
}
