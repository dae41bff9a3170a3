//! Room: the settings of a room, and the connections to it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::proto::request::{FallbackResult, MessageReviewHandler, Tags};
use crate::proto::timestamp::Timestamp;
use crate::service::connection_id::ConnectionId;
use crate::service::paging::ChangeHistory;
use crate::service::quota::Bucket;
use crate::service::room_names::RoomNames;

/// Identifies a room within one mock. Numbered from 1, never reused.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RoomKey(pub(crate) u32);

/// The state of a room.
#[derive(Debug)]
pub(crate) struct RoomState {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) history: ChangeHistory,
    pub(crate) maximum_message_length: u32,
    pub(crate) maximum_message_rate_per_second: u32,
    pub(crate) handler: Option<ReviewHandler>,
    pub(crate) logging_configurations: Option<Vec<String>>,
    pub(crate) tags: Tags,
    /// In the order in which they connected.
    pub(crate) members: BTreeSet<ConnectionId>,
    /// Counts messages against the room's rate.
    pub(crate) sent: Bucket,
}

/// The review handler of a room.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ReviewHandler {
    /// The ARN of a Lambda function; empty once it was removed.
    pub(crate) uri: String,
    pub(crate) fallback_result: FallbackResult,
}

impl ReviewHandler {
    /// Applies a request.
    ///
    /// Assumed: a handler in a request changes only the members that it has.
    pub(crate) fn update(&mut self, request: MessageReviewHandler) {
        if let Some(uri) = request.uri {
            self.uri = uri;
        }
        if let Some(fallback_result) = request.fallback_result {
            self.fallback_result = fallback_result;
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        !self.uri.is_empty()
    }

    fn describe(&self) -> Value {
        json!({ "uri": self.uri, "fallbackResult": self.fallback_result })
    }
}

impl RoomState {
    /// Returns the room as CreateRoom, GetRoom and UpdateRoom show it.
    ///
    /// Observed: the handler and the logging configurations are absent if they were never set.
    /// The tags are always present. Assumed: all three show the same members.
    pub(crate) fn describe(&self) -> Map<String, Value> {
        let mut description = self.summarize();
        let limits = [
            ("maximumMessageLength", self.maximum_message_length),
            ("maximumMessageRatePerSecond", self.maximum_message_rate_per_second),
        ];
        description.extend(limits.map(|(member, limit)| (member.to_owned(), limit.into())));
        description
    }

    /// Returns the room as ListRooms shows it, without the two limits.
    ///
    /// Assumed: a list of logging configurations that was emptied is shown as an empty list.
    pub(crate) fn summarize(&self) -> Map<String, Value> {
        let members = [
            ("arn", json!(self.arn)),
            ("createTime", json!(self.created)),
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("tags", json!(self.tags)),
            ("updateTime", json!(self.history.updated)),
        ];
        let optional = [
            ("messageReviewHandler", self.handler.as_ref().map(ReviewHandler::describe)),
            (
                "loggingConfigurationIdentifiers",
                self.logging_configurations.as_ref().map(|arns| json!(arns)),
            ),
        ];
        let optional = optional.into_iter().filter_map(|(member, value)| Some((member, value?)));
        members.into_iter().chain(optional).map(|(m, value)| (m.to_owned(), value)).collect()
    }

    /// Returns the name of the room in the log: its own, or its id if it has none.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }

    /// Returns the names by which a test can refer to the room.
    pub(crate) fn names(&self) -> RoomNames {
        RoomNames { label: self.label().into(), arn: self.arn.as_str().into() }
    }

    /// Returns `true` if the room is logged to this logging configuration.
    pub(crate) fn is_logged_to(&self, arn: &str) -> bool {
        self.logging_configurations.iter().flatten().any(|used| used == arn)
    }
}
