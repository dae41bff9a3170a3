//! Message review: the call of a review handler, and the effect of its result.

use crate::proto::attributes::Attributes;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::{Exception, FieldFailure};
use crate::proto::frame::{ChatError, ChatMessage, Frame};
use crate::proto::request::{FallbackResult, MessageReviewHandler};
use crate::proto::timestamp::Timestamp;
use crate::service::output::{ReviewCall, ReviewEnd, ReviewId, ReviewOutcome};
use crate::service::room::{ReviewHandler, RoomKey};
use crate::service::{ConnectionId, Deadline, Output, Service, Settings};

/// A message that waits for its review.
#[derive(Debug)]
pub(crate) struct PendingReview {
    connection: ConnectionId,
    room: RoomKey,
    message: ChatMessage,
    deadline: Timestamp,
    fallback_result: FallbackResult,
}

impl Service {
    /// Refuses a review handler that the service could not call.
    ///
    /// Observed: the text, for a function that the service may not call. Assumed: that a function
    /// of another region or account is refused in the same way.
    pub(super) fn check_review_handler(
        &self,
        handler: Option<&MessageReviewHandler>,
    ) -> Result<(), Exception> {
        let uri = handler.and_then(|handler| handler.uri.as_deref()).unwrap_or_default();
        let Settings { region, account_id, .. } = &self.settings;
        let is_own = uri.starts_with(&format!("arn:aws:lambda:{region}:{account_id}:"));
        if uri.is_empty() || is_own {
            return Ok(());
        }
        let why = "invalid lambda permission".into();
        Err(Exception::fields(&[FieldFailure { name: "uri".into(), why }]))
    }

    /// Calls the review handler of a room for a message.
    ///
    /// Assumed: messages do not wait for the reviews of those before them.
    pub(super) fn review(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        room: RoomKey,
        handler: ReviewHandler,
        message: ChatMessage,
        out: &mut Vec<Output>,
    ) {
        self.review_count += 1;
        let review = ReviewId(self.review_count);
        // The addition saturates, so a very long timeout means that the review never times out.
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
        let fallback_result = handler.fallback_result;
        let pending = PendingReview { connection, room, message, deadline, fallback_result };
        self.reviews.insert(review, pending);
    }

    /// Applies the outcome of a review; returns whether the outcome was valid, or `None` if the
    /// review has ended already.
    ///
    /// Assumed: a response that comes after the fallback changes nothing.
    pub(crate) fn reviewed(
        &mut self,
        review: ReviewId,
        outcome: ReviewOutcome,
        out: &mut Vec<Output>,
    ) -> Option<ReviewEnd> {
        let pending = self.reviews.remove(&review)?;
        // Otherwise `next_deadline` would name a moment at which nothing happens.
        self.deadlines.remove(&(pending.deadline, Deadline::Review(review)));
        Some(self.finish_review(pending, outcome, out))
    }

    /// Returns `true` if a review has not ended.
    pub(crate) fn is_reviewing(&self, review: ReviewId) -> bool {
        self.reviews.contains_key(&review)
    }

    /// Ends a review that took too long.
    pub(super) fn review_timed_out(&mut self, review: ReviewId, out: &mut Vec<Output>) {
        if let Some(pending) = self.reviews.remove(&review) {
            out.push(Output::ReviewTimedOut {
                review,
                message_id: pending.message.id.clone(),
                fallback: pending.fallback_result,
            });
            self.finish_review(pending, ReviewOutcome::Failed, out);
        }
    }

    /// Sends or denies a message by the outcome of its review; returns which of
    /// the two decided: the outcome, or the fallback result in place of an invalid one.
    fn finish_review(
        &mut self,
        pending: PendingReview,
        outcome: ReviewOutcome,
        out: &mut Vec<Output>,
    ) -> ReviewEnd {
        let PendingReview { connection, room, mut message, fallback_result, .. } = pending;
        // Judged by the room as it is now, because it may have been changed or deleted during the
        // review.
        let is_valid = self.is_valid(room, &outcome);
        match outcome {
            ReviewOutcome::Allow { content, attributes } if is_valid => {
                message.content = content.unwrap_or(message.content);
                // Assumed: attributes that are present replace those of the message.
                message.attributes = attributes.or(message.attributes);
                self.broadcast(room, Frame::Message(message), out);
            }
            ReviewOutcome::Deny { attributes } if is_valid => {
                let reason = attributes.and_then(|attributes| attributes.get("Reason").cloned());
                self.deny(connection, message, reason, out);
            }
            _ => match fallback_result {
                FallbackResult::Allow => self.broadcast(room, Frame::Message(message), out),
                FallbackResult::Deny => self.deny(connection, message, None, out),
            },
        }
        if is_valid { ReviewEnd::Decided } else { ReviewEnd::Fallback(fallback_result) }
    }

    /// Returns `true` if the service accepts an outcome.
    fn is_valid(&self, room: RoomKey, outcome: &ReviewOutcome) -> bool {
        *outcome != ReviewOutcome::Failed && self.review_error(room, outcome).is_none()
    }

    /// Returns the member and the rule that keep the service from accepting a response.
    pub(crate) fn review_error(&self, room: RoomKey, outcome: &ReviewOutcome) -> Option<String> {
        let (content, attributes) = match outcome {
            ReviewOutcome::Allow { content, attributes } => (content.as_deref(), attributes),
            ReviewOutcome::Deny { attributes } => (None, attributes),
            ReviewOutcome::Failed => return None,
        };
        // A deleted room accepts no new content, so the fallback result applies.
        let maximum = self.rooms.get(&room).map_or(0, |room| room.maximum_message_length as usize);
        let content_error = content.and_then(|content| content_error(content, maximum));
        content_error.or_else(|| attributes.as_ref().and_then(attributes_error))
    }

    /// Observed: the text is the handler's reason. Assumed: the text when there is none, code 406
    /// after a fallback to DENY, too, and that nobody is told if the sender has left.
    fn deny(
        &mut self,
        connection: ConnectionId,
        message: ChatMessage,
        reason: Option<String>,
        out: &mut Vec<Output>,
    ) {
        // The sender may have gone during the review.
        if !self.sessions.contains_key(&connection) {
            return;
        }
        let error = ChatError {
            id: message.id,
            request_id: message.request_id,
            error_code: ErrorCode::NotAcceptable,
            error_message: reason.unwrap_or_else(|| "message was rejected during review".into()),
        };
        out.push(Output::Deliver { to: vec![connection], frame: Frame::Error(error) });
    }
}

/// Documented: an allowed content has 1 to the room's maximum of characters.
fn content_error(content: &str, maximum: usize) -> Option<String> {
    match content.chars().count() {
        0 => Some("Content is empty".into()),
        count if count > maximum => {
            Some(format!("Content has {count} characters, and the maximum is {maximum}"))
        }
        _ => None,
    }
}

/// Documented: attributes have at most 1 KB.
fn attributes_error(attributes: &Attributes) -> Option<String> {
    let bytes = attributes.size_bytes();
    (bytes > MAXIMUM_ATTRIBUTE_BYTES).then(|| {
        format!("Attributes have {bytes} bytes, and the maximum is {MAXIMUM_ATTRIBUTE_BYTES}")
    })
}

const MAXIMUM_ATTRIBUTE_BYTES: usize = 1_024;
