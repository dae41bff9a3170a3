//! Chat log records: the objects that arrive at the destinations of logging configurations.

use std::fmt;

use crate::proto::frame::{ChatEvent, ChatMessage, Frame};
use crate::proto::timestamp::Timestamp;

/// A record of a room's chat log, with its destination.
///
/// A room with a logging configuration yields a record for each message and event that its clients
/// receive. `Display` writes the JSON text.
///
/// Documented: "Logging" of the Amazon IVS Chat User Guide. Observed: the order of the record's
/// members, and that its payload is the frame as delivered. Assumed: no delay. AWS delivers after
/// seconds or minutes; the mock delivers a record as soon as it sends the frame.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat, logging::ChatLogDestination};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// let archive = ivs.new_logging_configuration("archive").cloud_watch_logs("/chat").create();
/// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
/// room.participant("alice").send_message("hello");
///
/// let [record] = &ivs.chat_logs()[..] else { panic!("one message was sent") };
/// assert_eq!(record.message().unwrap().content, "hello");
/// assert_eq!(
///     record.destination,
///     ChatLogDestination::CloudWatchLogs {
///         log_group_name: "/chat".into(),
///         log_stream_name: format!("aws/IVSChatLogs/1.0/room_{}", room.id()),
///     }
/// );
/// assert!(record.text.starts_with(r#"{"event_timestamp":"2026-01-01T00:00:00.000Z","type":"MESSAGE","#));
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ChatLogRecord {
    /// The destination of the record.
    pub destination: ChatLogDestination,
    /// The logging configuration that names the destination.
    pub logging_configuration_arn: String,
    /// The room of the message or event.
    pub room_arn: String,
    /// The time at which the message or event was sent.
    pub at: Timestamp,
    /// The record itself: a JSON object.
    pub text: String,
    /// The record's payload: a MESSAGE or an EVENT.
    pub frame: Frame,
}

/// Shows the frame instead of the text, because the text names users.
impl fmt::Debug for ChatLogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatLogRecord")
            .field("destination", &self.destination)
            .field("logging_configuration_arn", &self.logging_configuration_arn)
            .field("room_arn", &self.room_arn)
            .field("at", &self.at)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

impl ChatLogRecord {
    /// Returns the payload if it is a MESSAGE.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// room.participant("alice").send_message("hello");
    /// assert_eq!(ivs.chat_logs()[0].message().unwrap().sender.user_id, "alice");
    /// ```
    #[must_use]
    pub const fn message(&self) -> Option<&ChatMessage> {
        match &self.frame {
            Frame::Message(message) => Some(message),
            Frame::Event(_) | Frame::Error(_) => None,
        }
    }

    /// Returns the payload if it is an EVENT.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let archive = ivs.new_logging_configuration("archive").firehose("my-stream").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// room.send_event("app:poll", [("question", "tea?")]);
    /// assert_eq!(ivs.chat_logs()[0].event().unwrap().event_name, "app:poll");
    /// ```
    #[must_use]
    pub const fn event(&self) -> Option<&ChatEvent> {
        match &self.frame {
            Frame::Event(event) => Some(event),
            Frame::Message(_) | Frame::Error(_) => None,
        }
    }
}

impl fmt::Display for ChatLogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The destination of a chat log record.
///
/// Documented: "Logging" of the Amazon IVS Chat User Guide.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, logging::ChatLogDestination};
///
/// let ivs = MockIvsChat::start();
/// let archive = ivs.new_logging_configuration("archive").firehose("my-stream").create();
/// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
/// room.participant("alice").send_message("hello");
/// let delivery_stream_name = "my-stream".to_owned();
/// assert_eq!(ivs.chat_logs()[0].destination, ChatLogDestination::Firehose { delivery_stream_name });
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ChatLogDestination {
    /// A log stream of CloudWatch Logs.
    CloudWatchLogs {
        /// The log group of the logging configuration.
        log_group_name: String,
        /// The log stream, one for each room: `aws/IVSChatLogs/1.0/room_` and the room's id.
        log_stream_name: String,
    },
    /// A delivery stream of Firehose.
    Firehose {
        /// The delivery stream of the logging configuration.
        delivery_stream_name: String,
    },
    /// An object in S3. The real service collects the records of several minutes and compresses
    /// them.
    S3 {
        /// The bucket of the logging configuration.
        bucket_name: String,
        /// The object's key, which contains account, region, room and minute.
        key: String,
    },
}
