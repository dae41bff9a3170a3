//! Message review: what a review handler is asked, what it may answer, and what follows.

use crate::proto::attributes::Attributes;
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::{Error, Frame, Message};
use crate::proto::timestamp::Timestamp;
use crate::service::messaging::MAXIMUM_ATTRIBUTE_BYTES;
use crate::service::room::{ReviewHandler, RoomKey};
use crate::service::{ConnectionId, Deadline, Output, Service};

/// A review's number within the fixture.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ReviewId(pub(crate) u64);

/// A message that waits for its review.
#[derive(Debug)]
pub(crate) struct PendingReview {
    connection: ConnectionId,
    room: RoomKey,
    message: Message,
    deadline: Timestamp,
    denies_on_failure: bool,
}

/// A call of a review handler.
#[derive(Clone, Debug)]
pub(crate) struct ReviewCall {
    pub(crate) review: ReviewId,
    pub(crate) connection: ConnectionId,
    pub(crate) room: RoomKey,
    pub(crate) room_arn: String,
    pub(crate) uri: String,
    pub(crate) message: Message,
}

/// What came of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ReviewOutcome {
    /// `ReviewResult` is `ALLOW`; what is given takes the place of what was sent.
    Allow { content: Option<String>, attributes: Option<Attributes> },
    /// `ReviewResult` is `DENY`; the attributes may have a `Reason`.
    Deny { attributes: Option<Attributes> },
    /// The handler failed or its answer was not valid.
    Failed,
}

impl Service {
    /// Hands a message to the room's review handler.
    pub(super) fn review(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        room: RoomKey,
        handler: ReviewHandler,
        message: Message,
        out: &mut Vec<Output>,
    ) {
        self.reviews_made += 1;
        let review = ReviewId(self.reviews_made);
        let deadline = now + self.settings.review_timeout;
        self.deadlines.insert((deadline, Deadline::Review(review)));
        let room_arn = self.rooms[&room].arn.clone();
        out.push(Output::Review(ReviewCall {
            review,
            connection,
            room,
            room_arn,
            uri: handler.uri,
            message: message.clone(),
        }));
        let denies_on_failure = handler.denies_on_failure;
        let pending = PendingReview { connection, room, message, deadline, denies_on_failure };
        self.reviews.insert(review, pending);
    }

    /// Takes the outcome of a review, and says whether it was one that counts; one that comes too
    /// late changes nothing.
    pub(crate) fn reviewed(
        &mut self,
        review: ReviewId,
        outcome: ReviewOutcome,
        out: &mut Vec<Output>,
    ) -> Option<bool> {
        let pending = self.reviews.remove(&review)?;
        self.deadlines.remove(&(pending.deadline, Deadline::Review(review)));
        Some(self.conclude(pending, outcome, out))
    }

    /// Ends a review that took too long.
    pub(super) fn fall_back(&mut self, review: ReviewId, out: &mut Vec<Output>) {
        if let Some(pending) = self.reviews.remove(&review) {
            out.push(Output::ReviewTimedOut { message_id: pending.message.id.clone() });
            self.conclude(pending, ReviewOutcome::Failed, out);
        }
    }

    /// Does with a message what its review says; says whether that was an outcome that counts.
    fn conclude(
        &mut self,
        pending: PendingReview,
        outcome: ReviewOutcome,
        out: &mut Vec<Output>,
    ) -> bool {
        let PendingReview { connection, room, mut message, denies_on_failure, .. } = pending;
        let longest = self.rooms.get(&room).map_or(0, |room| room.maximum_message_length as usize);
        let counts = match &outcome {
            ReviewOutcome::Allow { content, attributes } => {
                is_content(content.as_deref(), longest) && are_attributes(attributes)
            }
            ReviewOutcome::Deny { attributes } => are_attributes(attributes),
            ReviewOutcome::Failed => false,
        };
        match outcome {
            ReviewOutcome::Allow { content, attributes } if counts => {
                message.content = content.unwrap_or(message.content);
                // Assumed: attributes that are given replace those of the message.
                message.attributes = attributes.or(message.attributes);
                self.broadcast(room, Frame::Message(message), out);
            }
            ReviewOutcome::Deny { attributes } if counts => {
                let reason = attributes.and_then(|attributes| attributes.get("Reason").cloned());
                self.deny(connection, message, reason, out);
            }
            _ if denies_on_failure => self.deny(connection, message, None, out),
            _ => self.broadcast(room, Frame::Message(message), out),
        }
        counts
    }

    /// Observed: the text is the handler's reason. Assumed: the text when there is none.
    fn deny(
        &mut self,
        connection: ConnectionId,
        message: Message,
        reason: Option<String>,
        out: &mut Vec<Output>,
    ) {
        if !self.sessions.contains_key(&connection) {
            return;
        }
        let error = Error {
            id: message.id,
            request_id: message.request_id,
            error_code: ErrorCode::NotAcceptable,
            error_message: reason.unwrap_or_else(|| "message was rejected during review".into()),
        };
        out.push(Output::Deliver { to: vec![connection], frame: Frame::Error(error) });
    }
}

/// Documented: an allowed content has 1 to the room's maximum length.
fn is_content(content: Option<&str>, longest: usize) -> bool {
    content.is_none_or(|text| !text.is_empty() && text.chars().count() <= longest)
}

/// Documented: attributes have at most 1 KB.
fn are_attributes(attributes: &Option<Attributes>) -> bool {
    attributes.as_ref().is_none_or(|map| map.size_bytes() <= MAXIMUM_ATTRIBUTE_BYTES)
}
