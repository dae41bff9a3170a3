//! Room: a room's settings, and who is connected to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::quota::Bucket;

/// A room's number within the fixture; never used again for another room.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct RoomKey(pub(crate) u32);

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Updated,
    pub(crate) maximum_message_length: u32,
    pub(crate) maximum_message_rate_per_second: u32,
    pub(crate) handler: Option<ReviewHandler>,
    pub(crate) logging_configurations: Option<Vec<String>>,
    pub(crate) tags: BTreeMap<String, String>,
    /// In the order in which they connected.
    pub(crate) members: BTreeSet<ConnectionId>,
    pub(crate) sent: Bucket,
}

/// When a resource was last changed; and, as a clock may stand still, the how manieth changes of
/// any resource its own changes were.
#[derive(Clone, Debug)]
pub(crate) struct Updated {
    pub(crate) at: Timestamp,
    /// Ascending, and never empty: the first is the creation.
    revisions: Vec<u64>,
}

impl Updated {
    pub(crate) fn created(at: Timestamp, revision: u64) -> Self {
        Self { at: at.whole_milliseconds(), revisions: vec![revision] }
    }

    pub(crate) fn touch(&mut self, at: Timestamp, revision: u64) {
        self.at = at.whole_milliseconds();
        self.revisions.push(revision);
    }

    /// The last change that was made until a revision; `None` if the resource was created later.
    pub(crate) fn as_of(&self, revision: u64) -> Option<u64> {
        let count = self.revisions.partition_point(|own| *own <= revision);
        self.revisions[..count].last().copied()
    }
}

/// A room's setting for the review of its messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReviewHandler {
    /// The ARN of a Lambda function; empty once it was removed.
    pub(crate) uri: String,
    /// Whether messages are denied when the review fails.
    pub(crate) denies_on_failure: bool,
}

impl ReviewHandler {
    /// Documented: `fallbackResult` is `ALLOW` unless given.
    pub(crate) fn from_request(request: &Value, earlier: Option<&Self>) -> Self {
        let uri = request["uri"].as_str().map(str::to_owned);
        let denies = request["fallbackResult"].as_str().map(|result| result == "DENY");
        Self {
            uri: uri.or_else(|| earlier.map(|handler| handler.uri.clone())).unwrap_or_default(),
            denies_on_failure: denies
                .or_else(|| earlier.map(|handler| handler.denies_on_failure))
                .unwrap_or_default(),
        }
    }

    fn describe(&self) -> Value {
        let fallback_result = if self.denies_on_failure { "DENY" } else { "ALLOW" };
        json!({ "uri": self.uri, "fallbackResult": fallback_result })
    }
}

impl Room {
    /// The room as CreateRoom, GetRoom and UpdateRoom show it.
    ///
    /// Observed: the handler and the logging configurations are absent if they were never set,
    /// the tags are there even if there are none.
    pub(crate) fn describe(&self) -> Map<String, Value> {
        let mut description = self.summarize();
        let limits = [
            ("maximumMessageLength", self.maximum_message_length),
            ("maximumMessageRatePerSecond", self.maximum_message_rate_per_second),
        ];
        description.extend(limits.map(|(member, limit)| (member.to_owned(), limit.into())));
        description
    }

    /// The room as ListRooms shows it, without the two limits.
    pub(crate) fn summarize(&self) -> Map<String, Value> {
        let members = [
            ("arn", json!(self.arn)),
            ("createTime", json!(self.created)),
            ("id", json!(self.id)),
            ("name", json!(self.name)),
            ("tags", json!(self.tags)),
            ("updateTime", json!(self.updated.at)),
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

    /// How the room is called in the log: by its name, or by its id if it has none.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}
