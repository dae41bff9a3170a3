//! `LoggingConfiguration`: where rooms are logged, as a test sets it up.

use serde_json::{Map, Value, json};

use crate::api::handle::{Handle, members};
use crate::proto::attributes::Attributes;
use crate::proto::operation::Operation;

/// A logging configuration of the mock.
///
/// What rooms yield to it is in [`Handle::chat_logs`].
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
    /// The ARN: what an application puts into `loggingConfigurationIdentifiers`.
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

    /// The id, which is the last part of the ARN.
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

    /// The name that it had when this value was made; it can be empty.
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

    /// Deletes it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.new_logging_configuration("archive").s3("my-bucket").create().delete();
    /// ```
    ///
    /// # Panics
    ///
    /// If it does not exist any more, or if a room uses it.
    #[track_caller]
    pub fn delete(&self) {
        let request = members([("identifier", json!(self.arn))]);
        self.handle.expect(Operation::DeleteLoggingConfiguration, request);
    }
}

/// A logging configuration that is still to be created. It needs exactly one destination; the last
/// one that is named counts.
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
#[must_use = "the logging configuration is not there until `create` is called"]
pub struct LoggingConfigurationBuilder {
    handle: Handle,
    request: Map<String, Value>,
}

impl LoggingConfigurationBuilder {
    pub(crate) fn new(handle: Handle, name: String) -> Self {
        Self { handle, request: members([("name", Value::String(name))]) }
    }

    /// Logs to a log group of CloudWatch Logs.
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

    /// Logs to a delivery stream of Firehose.
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

    /// Logs to a bucket of S3.
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

    /// Sets any member of the request to `CreateLoggingConfiguration`.
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
    pub fn with(mut self, member: impl Into<String>, value: Value) -> Self {
        self.request.insert(member.into(), value);
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
    /// If the service refuses it: it needs a destination, and there can be 10 of them.
    #[must_use]
    #[track_caller]
    pub fn create(self) -> LoggingConfiguration {
        let created = self.handle.expect(Operation::CreateLoggingConfiguration, self.request);
        let text = |member: &str| created[member].as_str().unwrap_or_default().to_owned();
        let (arn, id, name) = (text("arn"), text("id"), text("name"));
        LoggingConfiguration { handle: self.handle, arn, id, name }
    }
}
