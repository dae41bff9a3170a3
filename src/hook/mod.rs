//! Hooks: faults and other behavior that a test injects at defined points.
//!
//! A hook defines *where* it applies (handshakes, actions, reviews, deliveries or operations),
//! *when* (to whom, to which events, how often) and its *effect*. The hooks of one hook point are
//! evaluated in the order in which they were installed, unless a
//! [priority](HookBuilder::priority) is set. The first hook that fires wins.

pub(crate) mod action;
#[cfg(test)]
mod argument_tests;
pub(crate) mod builder;
pub(crate) mod chain;
pub(crate) mod delivery;
pub(crate) mod describe;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod frames;
pub(crate) mod frequency;
pub(crate) mod handshake;
pub(crate) mod hits;
pub(crate) mod ids;
mod json;
pub(crate) mod operation;
pub(crate) mod origin;
pub(crate) mod point;
pub(crate) mod registry;
pub(crate) mod review;
#[cfg(test)]
mod status_tests;
#[cfg(test)]
mod tests;
pub(crate) mod verdict;

pub use crate::hook::action::{ActionVerdict, InboundFrame};
pub use crate::hook::builder::{Destination, HookBuilder, HookSpec};
pub use crate::hook::delivery::{Corruption, DeliveryVerdict, OutboundFrame};
pub use crate::hook::frames::FramePoint;
pub use crate::hook::handshake::{HandshakeRequest, HandshakeVerdict};
pub use crate::hook::hits::Hits;
pub use crate::hook::ids::GateId;
pub use crate::hook::operation::{OperationCall, OperationVerdict};
pub use crate::hook::point::{Actions, Deliveries, Handshakes, HookPoint, Operations, Reviews};
pub use crate::hook::review::ReviewVerdict;
use crate::proto::operation::Operation;

/// Returns a builder for a hook on handshakes, as a value that can be installed later.
///
/// ```
/// use mock_ivs_chat::hook;
///
/// let refusal = hook::on_handshake().once().refuse(503, "try later");
/// ```
#[track_caller]
pub fn on_handshake() -> HookBuilder<Handshakes, ()> {
    HookBuilder::new(())
}

/// Returns a builder for a hook on actions and on all other frames that clients send.
///
/// ```
/// use mock_ivs_chat::hook;
///
/// let reset = hook::on_action().nth(2).reset();
/// ```
#[track_caller]
pub fn on_action() -> HookBuilder<Actions, ()> {
    HookBuilder::new(())
}

/// Returns a builder for a hook on message reviews.
///
/// ```
/// use mock_ivs_chat::{ReviewResponse, hook};
///
/// let denial = hook::on_review().respond(ReviewResponse::deny("no"));
/// ```
#[track_caller]
pub fn on_review() -> HookBuilder<Reviews, ()> {
    HookBuilder::new(())
}

/// Returns a builder for a hook on deliveries.
///
/// ```
/// use mock_ivs_chat::hook;
///
/// let loss = hook::on_delivery().every(3).drop_frame();
/// ```
#[track_caller]
pub fn on_delivery() -> HookBuilder<Deliveries, ()> {
    HookBuilder::new(())
}

/// Returns a builder for a hook on one control plane operation.
///
/// ```
/// use mock_ivs_chat::{Exception, Operation, hook};
///
/// let failure = hook::on_operation(Operation::SendEvent).fail(Exception::throttling("slow down"));
/// ```
#[track_caller]
pub fn on_operation(operation: Operation) -> HookBuilder<Operations, ()> {
    HookBuilder::new(()).operation(operation)
}

/// Returns a builder for a hook on all control plane operations.
///
/// ```
/// use mock_ivs_chat::hook;
///
/// let outage = hook::on_any_operation().respond(503, "Service Unavailable");
/// ```
#[track_caller]
pub fn on_any_operation() -> HookBuilder<Operations, ()> {
    HookBuilder::new(())
}
