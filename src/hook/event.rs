//! Event: the questions to closures and their results, for every hook point.

use crate::hook::action::{ActionVerdict, InboundFrame};
use crate::hook::delivery::{DeliveryVerdict, OutboundFrame};
use crate::hook::handshake::{HandshakeRequest, HandshakeVerdict};
use crate::hook::operation::{OperationCall, OperationVerdict};
use crate::hook::review::ReviewVerdict;
use crate::service::review_handler::{ReviewRequest, ReviewResponse};

/// An event that a test closure decides about.
#[expect(unnameable_types, reason = "only sealed traits mention it")]
#[derive(Clone, Debug)]
pub enum HookEvent {
    Handshake(HandshakeRequest),
    Action(InboundFrame),
    Review(ReviewRequest),
    Delivery(OutboundFrame),
    Operation(OperationCall),
    /// A message for a review handler.
    ReviewHandler(ReviewRequest),
}

/// The result of a test closure.
#[expect(unnameable_types, reason = "only sealed traits mention it")]
#[derive(Clone, Debug)]
pub enum HookVerdict {
    Handshake(HandshakeVerdict),
    Action(ActionVerdict),
    Review(ReviewVerdict),
    Delivery(DeliveryVerdict),
    Operation(OperationVerdict),
    /// The response of a review handler.
    ReviewHandler(ReviewResponse),
}
