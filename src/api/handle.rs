//! Handle: everything that a test can do with a mock, from any thread.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::log::Log;
use crate::api::logging_configuration::LoggingConfigurationBuilder;
use crate::api::room::{Room, RoomBuilder};
use crate::api::wait::fail;
use crate::driver::Driver;
use crate::log::filter::Filter;
use crate::log::lint::Finding;
use crate::net::server::Server;
use crate::proto::exception::Exception;
use crate::proto::json::to_text;
use crate::proto::model::unknown_member;
use crate::proto::operation::Operation;
use crate::proto::timestamp::Timestamp;
use crate::service::chat_log::ChatLogRecord;

/// A handle of a mock, with everything that a test can do with it. It is cheap to clone, and can be
/// used on any thread.
///
/// A handle does not keep the mock alive. Once the [`MockIvsChat`](crate::MockIvsChat) is dropped,
/// clients are disconnected, nothing listens any more, and a wait for something that has not
/// happened yet fails immediately. The log can still be read, and participants can still send
/// messages to each other.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let handle = ivs.handle();
/// drop(ivs);
/// assert!(handle.log().entries().is_empty());
/// ```
#[derive(Clone)]
pub struct Handle {
    driver: Arc<Driver>,
    server: Arc<Server>,
}

impl Handle {
    pub(crate) const fn new(driver: Arc<Driver>, server: Arc<Server>) -> Self {
        Self { driver, server }
    }

    pub(crate) const fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    pub(crate) const fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Returns the address that the mock listens on.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// assert!(ivs.addr().ip().is_loopback());
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has no port: see [`MockIvsChatBuilder::in_memory`](crate::MockIvsChatBuilder::in_memory).
    #[must_use]
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        let Some(addr) = self.server.endpoints().plain else {
            fail(&self.driver, "the mock has no port: it was started with `in_memory()`")
        };
        addr
    }

    /// Returns the URL for chat clients, such as `ws://127.0.0.1:40123`. It takes the place of
    /// `wss://edge.ivschat.us-west-2.amazonaws.com`, and any path is served.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.ws_url(), format!("ws://{}", ivs.addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has no port: see [`MockIvsChatBuilder::in_memory`](crate::MockIvsChatBuilder::in_memory).
    #[must_use]
    #[track_caller]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.server.endpoints().authority(self.addr()))
    }

    /// Returns the URL of the control plane, such as `http://127.0.0.1:40123`, which is the
    /// `endpoint_url` for an AWS SDK.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.endpoint_url(), format!("http://{}", ivs.addr()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has no port: see [`MockIvsChatBuilder::in_memory`](crate::MockIvsChatBuilder::in_memory).
    #[must_use]
    #[track_caller]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.endpoints().authority(self.addr()))
    }

    /// Returns the time on the mock clock.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    /// assert_eq!(ivs.now().to_string(), "2026-01-01T00:00:00Z");
    /// ```
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.driver.now()
    }

    /// Moves the mock clock forward immediately. Everything that becomes due happens in order, at
    /// its own time; when this returns, all frames that it causes are on their way.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mock_ivs_chat::{ErrorCode, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.advance(Duration::from_secs(3600));
    /// alice.expect_error(ErrorCode::Unauthorized).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the target is beyond the range of the clock, which ends in the year 2554.
    #[track_caller]
    pub fn advance(&self, duration: Duration) {
        // `from_unix` saturates, so a time that it changes is out of range.
        let is_in_range = self
            .now()
            .to_unix()
            .checked_add(duration)
            .is_some_and(|end| Timestamp::from_unix(end).to_unix() == end);
        assert!(is_in_range, "`advance` by {duration:?} leads beyond the clock's last year, 2554");
        self.driver.advance(duration);
    }

    /// Returns a view of the log: all frames, handshakes, and HTTP requests and responses, and
    /// beside them the events inside the mock, such as hooks that fired, reviews, quotas, outages
    /// and advances of the clock.
    ///
    /// The view is live: it shows what is recorded later, too.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// println!("{}", ivs.log());
    /// ```
    #[must_use]
    pub fn log(&self) -> Log {
        Log { driver: Arc::clone(&self.driver), filter: Filter::default() }
    }

    /// Returns client behavior that the service rejects, or accepts only incidentally; see
    /// [`Lint`](crate::log::Lint).
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// assert_eq!(ivs.lint(), []);
    /// ```
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        self.log().lint()
    }

    /// Creates a room with the service's default settings.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// assert_eq!(ivs.create_room("lobby").name(), "lobby");
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: a name has at most 128 letters, digits, `-` and `_`.
    #[track_caller]
    pub fn create_room(&self, name: impl Into<String>) -> Room {
        self.new_room(name).create()
    }

    /// Starts building a room with its own settings.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.new_room("lobby").maximum_message_length(100).create();
    /// ```
    pub fn new_room(&self, name: impl Into<String>) -> RoomBuilder {
        RoomBuilder::new(self.clone(), &name.into())
    }

    /// Starts building a logging configuration, which rooms can then name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// ```
    pub fn new_logging_configuration(
        &self,
        name: impl Into<String>,
    ) -> LoggingConfigurationBuilder {
        LoggingConfigurationBuilder::new(self.clone(), name.into())
    }

    /// Returns the records that rooms with logging configurations have written so far, in the order
    /// in which they were sent.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// room.participant("alice").send_message("hello");
    /// assert_eq!(ivs.chat_logs()[0].message().unwrap().content, "hello");
    /// ```
    #[must_use]
    pub fn chat_logs(&self) -> Vec<ChatLogRecord> {
        self.driver.chat_logs()
    }

    /// Returns the room of this name, ID or ARN, however it was created. Of several rooms with one
    /// name it is the oldest; a condition on a room name, such as [`Log::room`](crate::Log::room),
    /// admits all of them.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// assert_eq!(ivs.room("lobby").arn(), room.arn());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such room; the message names the existing ones.
    #[must_use]
    #[track_caller]
    pub fn room(&self, room: impl Into<String>) -> Room {
        let room = room.into();
        match self.lookup_room(&room) {
            Ok(room) => room,
            Err(labels) => {
                let rooms = listed(&labels);
                fail(&self.driver, format_args!("no room {room:?}; rooms: {rooms}"))
            }
        }
    }

    /// Returns the room of this name, ID or ARN, or `None` if there is none.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert!(ivs.find_room("lobby").is_some());
    /// assert!(ivs.find_room("loby").is_none());
    /// ```
    #[must_use]
    pub fn find_room(&self, room: impl Into<String>) -> Option<Room> {
        self.lookup_room(&room.into()).ok()
    }

    /// Returns the room, or the labels of the existing ones.
    fn lookup_room(&self, room: &str) -> Result<Room, Vec<String>> {
        self.driver.find_room(|_, candidate| {
            let is_it = [&candidate.name, &candidate.id, &candidate.arn].iter().any(|n| *n == room);
            is_it.then(|| Room::new(self.clone(), candidate))
        })
    }

    /// Returns all rooms, in the order in which they were created.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// ivs.create_room("stage");
    /// let names: Vec<_> = ivs.rooms().iter().map(|room| room.name().to_owned()).collect();
    /// assert_eq!(names, ["lobby", "stage"]);
    /// ```
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        self.driver.rooms(|room| Room::new(self.clone(), room))
    }

    /// Stops the mock clock, whatever its source. From now on only [`Handle::advance`] moves it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.freeze_clock();
    /// assert!(ivs.is_clock_frozen());
    /// ```
    pub fn freeze_clock(&self) {
        self.driver.freeze_clock();
    }

    /// Returns `true` if only [`Handle::advance`] moves the mock clock.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    /// assert!(MockIvsChat::builder().clock(clock).start().is_clock_frozen());
    /// ```
    #[must_use]
    pub fn is_clock_frozen(&self) -> bool {
        self.driver.is_clock_frozen()
    }

    /// Calls any operation of the control plane, as an application does over HTTP. `request` and
    /// the result are the JSON bodies. Members that belong in the path or the query are in
    /// `request`, too.
    ///
    /// Hooks on operations apply to requests over HTTP only, so a call of the test is never refused
    /// by the test's own hooks. The same holds for the methods of [`Room`].
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, Operation};
    /// use serde_json::json;
    ///
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.call(Operation::CreateRoom, json!({ "maximumMessageLength": 100 })).unwrap();
    /// assert_eq!(room["maximumMessageLength"], 100);
    /// let refusal = ivs.call(Operation::GetRoom, json!({})).unwrap_err();
    /// assert_eq!(refusal.name(), "ValidationException");
    /// ```
    ///
    /// # Errors
    ///
    /// The exception that the service responds with.
    pub fn call(&self, operation: Operation, request: Value) -> Result<Value, Exception> {
        match request {
            Value::Object(members) => {
                let body = to_text(&members);
                self.driver.call_operation(operation, members, body).map(Value::Object)
            }
            other => {
                // A call that is refused has its entries in the log all the same.
                let exception = Exception::validation("request body is not a JSON object");
                let body = other.to_string();
                Err(self.driver.refuse_test_call(operation, body, exception))
            }
        }
    }

    /// Fails for a member that an operation does not have, because the service would ignore it.
    #[track_caller]
    pub(super) fn expect_member(&self, operation: Operation, name: &str, value: &Value) {
        if let Some((path, known)) = unknown_member(operation, name, value) {
            let known: Vec<_> = known.iter().map(|member| member.name).collect();
            let message =
                format!("{operation} has no member `{path}`; members: {}", known.join(", "));
            fail(&self.driver, message);
        }
    }

    /// Calls an operation on behalf of a test that has no use for a refusal.
    #[track_caller]
    pub(crate) fn expect(&self, operation: Operation, members: Map<String, Value>) -> Value {
        match self.call(operation, Value::Object(members)) {
            Ok(response) => response,
            Err(exception) => {
                fail(&self.driver, format_args!("{operation} was refused: {exception}"))
            }
        }
    }
}

/// One line without secrets, because handles are in most values that tests print.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", address(&self.server))
    }
}

/// The addresses of a mock, as `Debug` shows them.
pub(super) fn address(server: &Server) -> String {
    server.endpoints().plain.map_or_else(|| "in memory".into(), |addr| addr.to_string())
}

/// Returns the first of some names, as a failure lists them.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(|name| format!("{name:?}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        count if count > MOST_NAMES => format!("{shown} and {} more", count - MOST_NAMES),
        _ => shown,
    }
}

/// The number of names that a failure lists.
const MOST_NAMES: usize = 10;

/// Returns the members of a request, without those that are `null`.
pub(crate) fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(member, value)| (member.to_owned(), value)).collect()
}

/// A text as a member; an empty one is left out.
pub(crate) fn unless_empty(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
