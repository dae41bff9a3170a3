//! Participant: a user who lives inside the mock, with no client and no socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::api::chat_token::ChatToken;
use crate::api::handle::Handle;
use crate::api::log::Log;
use crate::api::wait::{Taken, Wait, fail};
use crate::log::entry::Entry;
use crate::log::matcher::Pattern;
use crate::log::record::Party;
use crate::proto::attributes::Attributes;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{Error, Event, Frame, Message};
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

/// A user who lives inside the mock.
///
/// What a participant sends and receives are frames as those of any client; only no bytes are
/// moved. What it receives it keeps, as in a mailbox: each `expect_…` takes out the first frame
/// that matches and leaves the others for later. Its requests have the ids `bob-1`, `bob-2` and so
/// on.
///
/// It leaves when it is dropped.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.say("hello");
/// let message = bob.expect_message_blocking("hello");
/// bob.delete(&message.id, "too loud");
/// let event = alice.expect_event_blocking("aws:DELETE_MESSAGE");
/// assert_eq!(event.attributes.unwrap()["Reason"], "too loud");
/// ```
#[derive(Debug)]
#[must_use = "a participant leaves when it is dropped"]
pub struct Participant {
    handle: Handle,
    party: Arc<Party>,
    requests: AtomicU32,
    taken: Arc<Taken>,
}

impl Participant {
    #[track_caller]
    pub(crate) fn connect(handle: Handle, token: &ChatToken) -> Self {
        let party = handle.driver().join(&token.token).unwrap_or_else(|refused| {
            fail(handle.driver(), format_args!("the participant was refused: {}", refused.message))
        });
        Self { handle, party, requests: AtomicU32::new(0), taken: Arc::default() }
    }

    /// The user id.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.create_room("lobby").participant("bob").user_id(), "bob");
    /// ```
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.party.user_id
    }

    /// The connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert_eq!(ivs.log().connection(bob.connection()).entries().len(), 1);
    /// ```
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.party.connection
    }

    /// Whether the connection is still open.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert!(bob.is_connected());
    /// ```
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.driver().is_connected(self.party.connection)
    }

    /// Sends a message; returns its `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// assert_eq!(bob.say("hello"), "bob-1");
    /// ```
    pub fn say(&self, content: &str) -> String {
        let request_id = self.request_id();
        let (id, content) = (json!(request_id), json!(content));
        self.send(format!(r#"{{"Action":"SEND_MESSAGE","RequestId":{id},"Content":{content}}}"#));
        request_id
    }

    /// Sends a message with attributes; returns its `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say_with("hello", [("color", "red")]);
    /// assert_eq!(bob.expect_message_blocking("hello").attributes.unwrap()["color"], "red");
    /// ```
    pub fn say_with(&self, content: &str, attributes: impl Into<Attributes>) -> String {
        let request_id = self.request_id();
        let (id, content, attributes) =
            (json!(request_id), json!(content), json!(attributes.into()));
        self.send(format!(
            r#"{{"Action":"SEND_MESSAGE","RequestId":{id},"Attributes":{attributes},"Content":{content}}}"#
        ));
        request_id
    }

    /// Asks to delete a message, for a reason that may be empty; returns the `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.delete("Message00001", "spam");
    /// bob.expect_event_blocking("aws:DELETE_MESSAGE");
    /// ```
    pub fn delete(&self, id: &str, reason: &str) -> String {
        self.moderate("DELETE_MESSAGE", "Id", id, reason)
    }

    /// Asks to disconnect a user, for a reason that may be empty; returns the `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// alice.kick("bob", "rude");
    /// assert!(!bob.is_connected());
    /// ```
    pub fn kick(&self, user_id: &str, reason: &str) -> String {
        self.moderate("DISCONNECT_USER", "UserId", user_id, reason)
    }

    fn moderate(&self, action: &str, member: &str, value: &str, reason: &str) -> String {
        let request_id = self.request_id();
        let (id, value) = (json!(request_id), json!(value));
        let reason = match reason {
            "" => String::new(),
            _ => format!(r#","Reason":{}"#, json!(reason)),
        };
        self.send(format!(
            r#"{{"Action":"{action}","RequestId":{id},"{member}":{value}{reason}}}"#
        ));
        request_id
    }

    /// Sends any text as a frame. After the connection has ended this does nothing.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send("no JSON");
    /// bob.expect_error_blocking(ErrorCode::BadRequest);
    /// ```
    pub fn send(&self, frame: impl Into<String>) {
        if self.is_connected() {
            let payload = Payload::from_client_text(frame.into());
            self.handle.driver().receive(self.party.connection, payload);
        }
    }

    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{number}", self.party.label)
    }

    /// All frames that it has received, taken out or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// assert_eq!(bob.received().len(), 1);
    /// ```
    #[must_use]
    pub fn received(&self) -> Vec<Frame> {
        self.log().into_iter().filter_map(|entry| entry.frame()).collect()
    }

    /// Takes out the first frame that is there or comes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{Frame, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// assert!(matches!(bob.receive().await, Frame::Message(_)));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn receive(&self) -> Wait<Frame> {
        self.expect(
            Pattern::any().that("is a frame", |entry| entry.frame().is_some()),
            Entry::frame,
        )
    }

    /// Takes out the first frame that is there or comes, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// assert_eq!(bob.receive_blocking().request_id(), "bob-1");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn receive_blocking(&self) -> Frame {
        self.receive().block()
    }

    /// Takes out the first MESSAGE of that content that is there or comes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// bob.expect_message("hello").await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_message(&self, content: impl Into<String>) -> Wait<Message> {
        self.expect(Pattern::message().content(content), Entry::message)
    }

    /// Waits as [`Participant::expect_message`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// bob.expect_message_blocking("hello");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_message_blocking(&self, content: impl Into<String>) -> Message {
        self.expect_message(content).block()
    }

    /// Takes out the first EVENT of that name that is there or comes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// bob.expect_event("app:poll").await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_event(&self, event_name: impl Into<String>) -> Wait<Event> {
        self.expect(Pattern::event(&event_name.into()), Entry::event)
    }

    /// Waits as [`Participant::expect_event`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// bob.expect_event_blocking("app:poll");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_event_blocking(&self, event_name: impl Into<String>) -> Event {
        self.expect_event(event_name).block()
    }

    /// Takes out the first ERROR of that code that is there or comes.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("");
    /// bob.expect_error(ErrorCode::BadRequest).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_error(&self, error_code: ErrorCode) -> Wait<Error> {
        self.expect(Pattern::error(error_code), Entry::error)
    }

    /// Waits as [`Participant::expect_error`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("");
    /// bob.expect_error_blocking(ErrorCode::BadRequest);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_error_blocking(&self, error_code: ErrorCode) -> Error {
        self.expect_error(error_code).block()
    }

    /// Waits for the end of the connection by a close frame of that code; returns the reason.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.disconnect_user("bob", "rude");
    /// assert_eq!(bob.expect_close(CloseCode::NORMAL).await, "rude");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_close(&self, code: CloseCode) -> Wait<String> {
        self.expect(Pattern::close().close_code(code), |entry| {
            entry.close().map(|(_, reason)| reason.to_owned())
        })
    }

    /// Waits as [`Participant::expect_close`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// let bob = room.participant("bob");
    /// room.disconnect_user("bob", "rude");
    /// assert_eq!(bob.expect_close_blocking(CloseCode::NORMAL), "rude");
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn expect_close_blocking(&self, code: CloseCode) -> String {
        self.expect_close(code).block()
    }

    /// Asserts that no MESSAGE of that content has come here by now, taken out or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.refute_message("hello");
    /// ```
    ///
    /// # Panics
    ///
    /// If one has come; see [`Log::refute`].
    #[track_caller]
    pub fn refute_message(&self, content: impl Into<String>) {
        self.log().refute(Pattern::message().content(content));
    }

    /// Asserts that no EVENT of that name has come here by now, taken out or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.refute_event("app:poll");
    /// ```
    ///
    /// # Panics
    ///
    /// If one has come; see [`Log::refute`].
    #[track_caller]
    pub fn refute_event(&self, event_name: &str) {
        self.log().refute(Pattern::event(event_name));
    }

    /// Asserts that no ERROR of that code has come here by now, taken out or not.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.refute_error(ErrorCode::BadRequest);
    /// ```
    ///
    /// # Panics
    ///
    /// If one has come; see [`Log::refute`].
    #[track_caller]
    pub fn refute_error(&self, error_code: ErrorCode) {
        self.log().refute(Pattern::error(error_code));
    }

    /// Leaves the room with a close frame of code 1000.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("bob").leave();
    /// assert!(ivs.log().to_string().ends_with("bob closes 1000\n"));
    /// ```
    pub fn leave(self) {
        drop(self);
    }

    #[track_caller]
    fn expect<T: 'static>(
        &self,
        pattern: Pattern,
        make: impl Fn(&Entry) -> Option<T> + Send + 'static,
    ) -> Wait<T> {
        let (wanted, taken) = (pattern.clone(), Arc::clone(&self.taken));
        let seek = move |entry: &Entry| {
            // What is no longer wanted must not be taken out, so it is taken last.
            wanted.matches(entry).then(|| make(entry)).flatten().filter(|_| taken.take(entry))
        };
        let what = format!("{pattern} to {}", self.party.label);
        Wait::new(&self.log(), what, seek).explained_by(pattern)
    }

    fn log(&self) -> Log {
        self.handle.log().connection(self.party.connection)
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.handle.driver().leave(self.party.connection);
    }
}
