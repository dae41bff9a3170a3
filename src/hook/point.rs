//! Hook points: the places where hooks are evaluated, and what their events and verdicts have in
//! common.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hook::action::{ActionVerdict, InboundFrame};
use crate::hook::chain::{Chain, Rule};
use crate::hook::delivery::{DeliveryVerdict, OutboundFrame};
use crate::hook::describe::Describe;
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::handshake::{HandshakeRequest, HandshakeVerdict};
use crate::hook::ids::GateId;
use crate::hook::operation::{OperationCall, OperationVerdict};
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::review::ReviewVerdict;
use crate::hook::verdict::Verdict;
use crate::service::review_handler::ReviewRequest;

/// A hook point: one of [`Handshakes`], [`Actions`], [`Reviews`], [`Deliveries`] and
/// [`Operations`].
pub trait HookPoint: sealed::HookPoint {
    /// The event that a closure receives.
    type Event: Send + 'static;
    /// The verdict that a closure returns.
    type Verdict: Send + 'static;
}

/// The name of a hook point.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PointName {
    Handshake,
    Action,
    Review,
    Delivery,
    Operation,
}

/// Hooks on handshakes, evaluated before the service sees the token.
#[derive(Clone, Copy, Debug)]
pub enum Handshakes {}

/// Hooks on actions, evaluated before the service sees a client's frame.
#[derive(Clone, Copy, Debug)]
pub enum Actions {}

/// Hooks on reviews, evaluated before the review handler sees a message.
#[derive(Clone, Copy, Debug)]
pub enum Reviews {}

/// Hooks on deliveries, evaluated before a frame leaves, once for each recipient.
#[derive(Clone, Copy, Debug)]
pub enum Deliveries {}

/// Hooks on operations, evaluated before the service sees an HTTP request. Requests made by the
/// test's own Rust code do not pass through hooks.
#[derive(Clone, Copy, Debug)]
pub enum Operations {}

mod sealed {
    use super::{AnyRule, Duration, GateId, HookEvent, HookVerdict, Rule};

    /// The crate-private part of a hook point.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait HookPoint: Sized + 'static {
        /// The method that starts a hook of the hook point.
        const START: &'static str;
        /// The method that sets the user.
        const USER: &'static str;

        fn rule(rule: Rule<Self::Verdict>) -> AnyRule
        where
            Self: super::HookPoint;
        fn event(event: HookEvent) -> Option<Self::Event>
        where
            Self: super::HookPoint;
        fn verdict(verdict: Self::Verdict) -> HookVerdict
        where
            Self: super::HookPoint;
        fn pass() -> Self::Verdict
        where
            Self: super::HookPoint;
        fn delay(duration: Duration) -> Self::Verdict
        where
            Self: super::HookPoint;
        fn delay_real_time(duration: Duration) -> Self::Verdict
        where
            Self: super::HookPoint;
        fn hold(gate: GateId) -> Self::Verdict
        where
            Self: super::HookPoint;
    }
}

/// Implements a hook point. All verdicts can pass an event on, delay it and hold it, and the types
/// that are the union of all hook points have one variant for each.
///
/// The arguments are the hook point, its event and its verdict, its variant in [`AnyRule`],
/// [`HookEvent`] and [`HookVerdict`], and its chain in [`HookRegistry`].
macro_rules! hook_point {
    ($point:ident, $event:ident, $verdict:ident, $variant:ident, $chain:ident) => {
        impl HookPoint for $point {
            type Event = $event;
            type Verdict = $verdict;
        }

        impl sealed::HookPoint for $point {
            const START: &'static str = <$verdict as Describe>::POINT;
            const USER: &'static str = <$verdict as Describe>::USER;

            fn rule(rule: Rule<$verdict>) -> AnyRule {
                AnyRule::$variant(rule)
            }

            // A closure is asked only about events of its own hook point. Closures of all points
            // have one type in the driver, so the compiler cannot know that.
            fn event(event: HookEvent) -> Option<$event> {
                match event {
                    HookEvent::$variant(event) => Some(event),
                    _ => None,
                }
            }

            fn verdict(verdict: $verdict) -> HookVerdict {
                HookVerdict::$variant(verdict)
            }

            fn pass() -> $verdict {
                $verdict::Pass
            }

            fn delay(duration: Duration) -> $verdict {
                $verdict::Delay(duration)
            }

            fn delay_real_time(duration: Duration) -> $verdict {
                $verdict::DelayRealTime(duration)
            }

            fn hold(gate: GateId) -> $verdict {
                $verdict::Hold(gate)
            }
        }

        impl $verdict {
            /// Holds the event at a gate until the gate is released.
            ///
            /// A gate of another mock and a released gate hold nothing.
            ///
            /// ```
            #[doc = concat!("# use mock_ivs_chat::{MockIvsChat, hook::", stringify!($verdict), "};")]
            /// # let ivs = MockIvsChat::start();
            /// let gate = ivs.gate();
            #[doc = concat!("let verdict = ", stringify!($verdict), "::hold(&gate);")]
            /// ```
            #[must_use]
            pub fn hold(gate: impl AsRef<GateId>) -> Self {
                Self::Hold(*gate.as_ref())
            }
        }

        impl Verdict for $verdict {
            fn pass() -> Self {
                Self::Pass
            }

            fn is_pass(&self) -> bool {
                matches!(self, Self::Pass)
            }

            fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self> {
                &mut hooks.$chain
            }

            fn of(verdict: HookVerdict) -> Option<Self> {
                match verdict {
                    HookVerdict::$variant(verdict) => Some(verdict),
                    _ => None,
                }
            }
        }
    };
}

hook_point!(Handshakes, HandshakeRequest, HandshakeVerdict, Handshake, handshakes);
hook_point!(Actions, InboundFrame, ActionVerdict, Action, actions);
hook_point!(Reviews, ReviewRequest, ReviewVerdict, Review, reviews);
hook_point!(Deliveries, OutboundFrame, DeliveryVerdict, Delivery, deliveries);
hook_point!(Operations, OperationCall, OperationVerdict, Operation, operations);
