//! `LoggingConfiguration`: a destination of chat logs.

use serde_json::{Map, Value, json};

use crate::api::handle::{Handle, members};
use crate::proto::attributes::Attributes;
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;

/// A logging configuration of a mock.
///
/// [`Handle::chat_logs`] returns the records that rooms write to it.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let archive = ivs.new_logging_configuration("archive").firehose("my-stream").create();
/// assert!(archive.arn().ends_with(":logging-configuration/Logging00001"));
/// ```
#[derive(Clone, Debug)]
pub struct LoggingConfiguration {
    handle: Handle,
    arn: String,
    id: String,
    name: String,
}

impl LoggingConfiguration {
    /// Reads the response of `CreateLoggingConfiguration`.
    fn read(handle: Handle, created: &Value) -> Self {
        let text = |member: &str| created[member].as_str().unwrap_or_default().to_owned();
        Self { handle, arn: text("arn"), id: text("id"), name: text("name") }
    }

    /// Returns the ARN, which requests use in `loggingConfigurationIdentifiers`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// assert!(archive.arn().starts_with("arn:aws:ivschat:us-west-2:"));
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
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// assert_eq!(archive.id(), "Logging00001");
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name that it had when this value was created; may be empty.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// assert_eq!(archive.name(), "archive");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes the logging configuration.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.new_logging_configuration("archive").s3("my-bucket").create().delete();
    /// ```
    ///
    /// # Panics
    ///
    /// If it no longer exists, or if a room uses it.
    #[track_caller]
    pub fn delete(&self) {
        let request = members([("identifier", json!(self.arn))]);
        self.handle.expect(Operation::DeleteLoggingConfiguration, request);
    }
}

/// Builds a logging configuration. It needs exactly one destination; the last one that is set
/// applies.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let archive = ivs
///     .new_logging_configuration("archive")
///     .cloud_watch_logs("/chat")
///     .tags([("stage", "test")])
///     .create();
/// ```
#[derive(Clone, Debug)]
#[must_use = "the logging configuration does not exist until `create` is called"]
pub struct LoggingConfigurationBuilder {
    handle: Handle,
    request: Map<String, Value>,
}

impl LoggingConfigurationBuilder {
    pub(crate) fn new(handle: Handle, name: String) -> Self {
        Self { handle, request: members([("name", Value::String(name))]) }
    }

    /// Sets a CloudWatch Logs log group as the destination.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").cloud_watch_logs("/chat").create();
    /// ```
    pub fn cloud_watch_logs(self, log_group_name: impl Into<String>) -> Self {
        let destination = json!({ "logGroupName": log_group_name.into() });
        self.with("destinationConfiguration", json!({ "cloudWatchLogs": destination }))
    }

    /// Sets a Firehose delivery stream as the destination.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").firehose("my-stream").create();
    /// ```
    pub fn firehose(self, delivery_stream_name: impl Into<String>) -> Self {
        let destination = json!({ "deliveryStreamName": delivery_stream_name.into() });
        self.with("destinationConfiguration", json!({ "firehose": destination }))
    }

    /// Sets an S3 bucket as the destination.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// ```
    pub fn s3(self, bucket_name: impl Into<String>) -> Self {
        let destination = json!({ "bucketName": bucket_name.into() });
        self.with("destinationConfiguration", json!({ "s3": destination }))
    }

    /// Sets the tags.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let tags = [("stage", "test")];
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").tags(tags).create();
    /// ```
    pub fn tags(self, tags: impl Into<Attributes>) -> Self {
        self.with("tags", json!(tags.into()))
    }

    /// Sets any member of the `CreateLoggingConfiguration` request.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # use serde_json::json;
    /// # let ivs = MockIvsChat::start();
    /// let destination = json!({ "s3": { "bucketName": "my-bucket" } });
    /// let archive = ivs
    ///     .new_logging_configuration("archive")
    ///     .with("destinationConfiguration", destination)
    ///     .create();
    /// ```
    ///
    /// # Panics
    ///
    /// If the request does not have this member.
    #[track_caller]
    pub fn with(mut self, member: impl Into<String>, value: Value) -> Self {
        let member = member.into();
        self.handle.expect_member(Operation::CreateLoggingConfiguration, &member, &value);
        self.request.insert(member, value);
        self
    }

    /// Creates the logging configuration.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// ```
    ///
    /// # Panics
    ///
    /// If the service refuses: the configuration needs a destination, and an account has at most
    /// 10.
    #[must_use]
    #[track_caller]
    pub fn create(self) -> LoggingConfiguration {
        let created = self.handle.expect(Operation::CreateLoggingConfiguration, self.request);
        LoggingConfiguration::read(self.handle, &created)
    }

    /// Creates the configuration, unless the service refuses.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let refusal = ivs.new_logging_configuration("archive").try_create().unwrap_err();
    /// assert_eq!(refusal.name(), "ValidationException");
    /// ```
    ///
    /// # Errors
    ///
    /// The exception that the service responds with.
    pub fn try_create(self) -> Result<LoggingConfiguration, Exception> {
        let request = Value::Object(self.request);
        let created = self.handle.call(Operation::CreateLoggingConfiguration, request)?;
        Ok(LoggingConfiguration::read(self.handle, &created))
    }
}
