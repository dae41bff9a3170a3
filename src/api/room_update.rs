//! `RoomUpdate`: a change of a room's settings.

use serde_json::{Map, Value, json};

use crate::api::handle::{Handle, members};
use crate::api::logging_configuration::LoggingConfiguration;
use crate::proto::operation::Operation;

/// Builds a change of a room's settings.
///
/// Documented: `UpdateRoom` keeps settings that the request does not mention.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// room.update().name("stage").maximum_message_rate_per_second(100).apply();
/// assert_eq!(ivs.room("stage").id(), room.id());
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing changes until `apply` is called"]
pub struct RoomUpdate {
    handle: Handle,
    request: Map<String, Value>,
}

impl RoomUpdate {
    pub(crate) fn new(handle: Handle, arn: &str) -> Self {
        Self { handle, request: members([("identifier", json!(arn))]) }
    }

    /// Sets the name: at most 128 letters, digits, `-` and `_`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").update().name("stage").apply();
    /// assert_eq!(ivs.room("stage").name(), "stage");
    /// ```
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", json!(name.into()))
    }

    /// Sets `maximumMessageLength`, in code points: 1 to 500.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").update().maximum_message_length(140).apply();
    /// ```
    pub fn maximum_message_length(self, length: u32) -> Self {
        self.with("maximumMessageLength", json!(length))
    }

    /// Sets `maximumMessageRatePerSecond`: 1 to 100.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").update().maximum_message_rate_per_second(100).apply();
    /// ```
    pub fn maximum_message_rate_per_second(self, rate: u32) -> Self {
        self.with("maximumMessageRatePerSecond", json!(rate))
    }

    /// Replaces the logging configurations that receive the room's chat logs: 3 at most.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// room.update().logging_configurations(&[]).apply();
    /// archive.delete();
    /// ```
    pub fn logging_configurations(self, configurations: &[&LoggingConfiguration]) -> Self {
        let arns: Vec<_> = configurations.iter().map(|used| used.arn()).collect();
        self.with("loggingConfigurationIdentifiers", json!(arns))
    }

    /// Sets any member of the `UpdateRoom` request.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # use serde_json::json;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.update().with("messageReviewHandler", json!({ "uri": "" })).apply();
    /// ```
    ///
    /// # Panics
    ///
    /// If the request does not have this member.
    #[track_caller]
    pub fn with(mut self, member: impl Into<String>, value: Value) -> Self {
        let member = member.into();
        self.handle.expect_member(Operation::UpdateRoom, &member, &value);
        self.request.insert(member, value);
        self
    }

    /// Applies the change.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").update().name("stage").apply();
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses the request.
    #[track_caller]
    pub fn apply(self) {
        self.handle.expect(Operation::UpdateRoom, self.request);
    }
}
