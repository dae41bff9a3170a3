//! Output: the consequences of an input to the service.

use crate::proto::attributes::Attributes;
use crate::proto::close::Close;
use crate::proto::frame::{ChatMessage, Frame};
use crate::proto::request::FallbackResult;
use crate::service::connection_id::ConnectionId;
use crate::service::quota::Quota;
use crate::service::room::RoomKey;

/// A consequence of an input. The order of several matters.
#[derive(Debug)]
pub(crate) enum Output {
    /// Sends a frame to these connections.
    Deliver { to: Vec<ConnectionId>, frame: Frame },
    /// Closes a connection.
    Close { connection: ConnectionId, close: Close },
    /// Records that a quota refused the input. The refusal itself is another output.
    Exceeded { quota: Quota, limit: u32 },
    /// Calls the review handler of a message.
    Review(ReviewCall),
    /// Records that the review of a message took too long.
    ReviewTimedOut { review: ReviewId, message_id: String, fallback: FallbackResult },
}

/// Identifies a review within one mock. Numbered from 1, never reused.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ReviewId(pub(crate) u64);

/// A call of a review handler.
#[derive(Clone, Debug)]
pub(crate) struct ReviewCall {
    pub(crate) review: ReviewId,
    pub(crate) connection: ConnectionId,
    pub(crate) room: RoomKey,
    pub(crate) room_arn: String,
    pub(crate) uri: String,
    pub(crate) message: ChatMessage,
}

/// The reason for the fate of a message under review.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReviewEnd {
    /// The outcome of the review, which was valid.
    Decided,
    /// The fallback result of the room, because the review failed.
    Fallback(FallbackResult),
}

/// The result of a call of a review handler.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ReviewOutcome {
    /// `ReviewResult` is `ALLOW`. Members that are present replace those of the message.
    Allow { content: Option<String>, attributes: Option<Attributes> },
    /// `ReviewResult` is `DENY`. The attributes may have a `Reason`.
    Deny { attributes: Option<Attributes> },
    /// The handler failed, or its response was not valid.
    Failed,
}
