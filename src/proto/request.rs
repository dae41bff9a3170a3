//! Requests: control plane requests as typed values, one struct for each operation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::exception::Exception;
use crate::proto::model;
use crate::proto::operation::Operation;

/// A validated request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    CreateChatToken(CreateChatToken),
    CreateLoggingConfiguration(CreateLoggingConfiguration),
    CreateRoom(CreateRoom),
    DeleteLoggingConfiguration(Identifier),
    DeleteMessage(DeleteMessage),
    DeleteRoom(Identifier),
    DisconnectUser(DisconnectUser),
    GetLoggingConfiguration(Identifier),
    GetRoom(Identifier),
    ListLoggingConfigurations(Paging),
    ListRooms(ListRooms),
    ListTagsForResource(ListTagsForResource),
    SendEvent(SendEvent),
    TagResource(TagResource),
    UntagResource(UntagResource),
    UpdateLoggingConfiguration(UpdateLoggingConfiguration),
    UpdateRoom(UpdateRoom),
}

impl Request {
    /// Validates and parses the members of a request.
    pub(crate) fn read(
        operation: Operation,
        members: &Map<String, Value>,
    ) -> Result<Self, Exception> {
        // First, because `typed` panics for members that break a constraint.
        model::validate(operation, members)?;
        Ok(match operation {
            Operation::CreateChatToken => Self::CreateChatToken(typed(members)),
            Operation::CreateLoggingConfiguration => {
                Self::CreateLoggingConfiguration(typed(members))
            }
            Operation::CreateRoom => Self::CreateRoom(typed(members)),
            Operation::DeleteLoggingConfiguration => {
                Self::DeleteLoggingConfiguration(typed(members))
            }
            Operation::DeleteMessage => Self::DeleteMessage(typed(members)),
            Operation::DeleteRoom => Self::DeleteRoom(typed(members)),
            Operation::DisconnectUser => Self::DisconnectUser(typed(members)),
            Operation::GetLoggingConfiguration => Self::GetLoggingConfiguration(typed(members)),
            Operation::GetRoom => Self::GetRoom(typed(members)),
            Operation::ListLoggingConfigurations => Self::ListLoggingConfigurations(typed(members)),
            Operation::ListRooms => Self::ListRooms(typed(members)),
            Operation::ListTagsForResource => Self::ListTagsForResource(typed(members)),
            Operation::SendEvent => Self::SendEvent(typed(members)),
            Operation::TagResource => Self::TagResource(typed(members)),
            Operation::UntagResource => Self::UntagResource(typed(members)),
            Operation::UpdateLoggingConfiguration => {
                Self::UpdateLoggingConfiguration(typed(members))
            }
            Operation::UpdateRoom => Self::UpdateRoom(typed(members)),
        })
    }
}

/// Parses validated members. This cannot fail, because the table of constraints is at least as
/// strict as the types. A test parses a request with every member of every operation.
fn typed<'a, T: Deserialize<'a>>(members: &'a Map<String, Value>) -> T {
    T::deserialize(members).expect("validated members fit the request's type")
}

/// A request whose only member is the ARN of a resource.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Identifier {
    pub(crate) identifier: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateChatToken {
    pub(crate) room_identifier: String,
    pub(crate) user_id: String,
    // A set, because a capability that is listed twice grants nothing more.
    pub(crate) capabilities: Option<BTreeSet<Capability>>,
    pub(crate) session_duration_in_minutes: Option<u32>,
    pub(crate) attributes: Option<Attributes>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateLoggingConfiguration {
    pub(crate) name: Option<String>,
    pub(crate) destination_configuration: DestinationConfiguration,
    pub(crate) tags: Option<Tags>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRoom {
    pub(crate) name: Option<String>,
    pub(crate) maximum_message_rate_per_second: Option<u32>,
    pub(crate) maximum_message_length: Option<u32>,
    pub(crate) message_review_handler: Option<MessageReviewHandler>,
    pub(crate) tags: Option<Tags>,
    pub(crate) logging_configuration_identifiers: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteMessage {
    pub(crate) room_identifier: String,
    pub(crate) id: String,
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisconnectUser {
    pub(crate) room_identifier: String,
    pub(crate) user_id: String,
    pub(crate) reason: Option<String>,
}

/// The members that select a page of a list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paging {
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRooms {
    pub(crate) name: Option<String>,
    pub(crate) message_review_handler_uri: Option<String>,
    pub(crate) logging_configuration_identifier: Option<String>,
    // Not `#[serde(flatten)]`, which would read the whole request into a map first.
    pub(crate) next_token: Option<String>,
    pub(crate) max_results: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTagsForResource {
    pub(crate) resource_arn: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendEvent {
    pub(crate) room_identifier: String,
    pub(crate) event_name: String,
    pub(crate) attributes: Option<Attributes>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagResource {
    pub(crate) resource_arn: String,
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagResource {
    pub(crate) resource_arn: String,
    pub(crate) tag_keys: BTreeSet<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateLoggingConfiguration {
    pub(crate) identifier: String,
    pub(crate) name: Option<String>,
    pub(crate) destination_configuration: Option<DestinationConfiguration>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateRoom {
    pub(crate) identifier: String,
    pub(crate) name: Option<String>,
    pub(crate) maximum_message_rate_per_second: Option<u32>,
    pub(crate) maximum_message_length: Option<u32>,
    pub(crate) message_review_handler: Option<MessageReviewHandler>,
    pub(crate) logging_configuration_identifiers: Option<Vec<String>>,
}

/// The tags of a resource, by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The review handler of a room as set by a request, whole or in part.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageReviewHandler {
    pub(crate) uri: Option<String>,
    pub(crate) fallback_result: Option<FallbackResult>,
}

/// The result for a message whose review fails.
///
/// Documented: `ALLOW` is the default.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FallbackResult {
    #[default]
    Allow,
    Deny,
}

impl FallbackResult {
    /// Returns the name in requests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
        }
    }
}

/// The destination of chat logs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
// Written as an enum, which gives an object with one member. It cannot be read as one, because a
// union may also have members that are `null`.
#[serde(rename_all = "camelCase", try_from = "DestinationMembers")]
pub(crate) enum DestinationConfiguration {
    S3(S3Destination),
    CloudWatchLogs(CloudWatchLogsDestination),
    Firehose(FirehoseDestination),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct S3Destination {
    pub(crate) bucket_name: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CloudWatchLogsDestination {
    pub(crate) log_group_name: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirehoseDestination {
    pub(crate) delivery_stream_name: String,
}

/// A union as it is in JSON: one member is present, and the others are absent or `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DestinationMembers {
    s3: Option<S3Destination>,
    cloud_watch_logs: Option<CloudWatchLogsDestination>,
    firehose: Option<FirehoseDestination>,
}

impl TryFrom<DestinationMembers> for DestinationConfiguration {
    type Error = &'static str;

    fn try_from(members: DestinationMembers) -> Result<Self, Self::Error> {
        let DestinationMembers { s3, cloud_watch_logs, firehose } = members;
        match (s3, cloud_watch_logs, firehose) {
            (Some(s3), None, None) => Ok(Self::S3(s3)),
            (None, Some(logs), None) => Ok(Self::CloudWatchLogs(logs)),
            (None, None, Some(firehose)) => Ok(Self::Firehose(firehose)),
            // `validate` refuses other numbers of members before, with the exception that the
            // service sends.
            _ => Err("a destination has exactly one member"),
        }
    }
}
