//! Review: the event and the verdicts of hooks on message reviews.

use std::time::Duration;

use crate::hook::builder::{Destination, HookBuilder, Reviews, sealed};
use crate::hook::chain::{Chain, Rule};
use crate::hook::describe::{Describe, delay, delay_real_time};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::verdict::Verdict;
use crate::service::review_handler::{ReviewRequest, ReviewResponse};

/// The effect of a hook on a message review.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, ReviewResponse, hook::ReviewVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_review().named("strict").decide(|_| ReviewVerdict::Respond(ReviewResponse::deny("no")));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReviewVerdict {
    /// Leaves the review to the next hook, and after the last hook to the review handler.
    Pass,
    /// Responds instead of the handler.
    Respond(ReviewResponse),
    /// Delays the request to the handler on the mock clock.
    Delay(Duration),
    /// Delays the request to the handler in real time.
    DelayRealTime(Duration),
    /// Delays the request to the handler until the gate is released.
    Hold(GateId),
}

impl ReviewVerdict {
    /// Holds the event at a gate until the gate is released.
    ///
    /// A gate of another mock and a released gate hold nothing.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::ReviewVerdict};
    /// # let ivs = MockIvsChat::start();
    /// let gate = ivs.gate();
    /// let verdict = ReviewVerdict::hold(&gate);
    /// ```
    #[must_use]
    pub fn hold(gate: impl AsRef<GateId>) -> Self {
        Self::Hold(*gate.as_ref())
    }
}

impl Verdict for ReviewVerdict {
    fn pass() -> Self {
        Self::Pass
    }

    fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self> {
        &mut hooks.reviews
    }

    fn of(verdict: HookVerdict) -> Option<Self> {
        match verdict {
            HookVerdict::Review(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl sealed::HookPoint for Reviews {
    fn rule(rule: Rule<ReviewVerdict>) -> AnyRule {
        AnyRule::Review(rule)
    }

    fn event(event: HookEvent) -> Option<ReviewRequest> {
        match event {
            HookEvent::Review(event) => Some(event),
            _ => None,
        }
    }

    fn verdict(verdict: ReviewVerdict) -> HookVerdict {
        HookVerdict::Review(verdict)
    }

    fn pass() -> ReviewVerdict {
        ReviewVerdict::Pass
    }

    fn delay(duration: Duration) -> ReviewVerdict {
        ReviewVerdict::Delay(duration)
    }

    fn delay_real_time(duration: Duration) -> ReviewVerdict {
        ReviewVerdict::DelayRealTime(duration)
    }

    fn hold(gate: GateId) -> ReviewVerdict {
        ReviewVerdict::Hold(gate)
    }
}

impl Describe for ReviewVerdict {
    const POINT: &'static str = "on_review";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Respond(_) => "respond(…)".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
        }
    }
}

impl<D: Destination> HookBuilder<Reviews, D> {
    /// Matches only messages from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_review().from("alice").respond(ReviewResponse::time_out());
    /// ```
    pub fn from(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// Responds instead of the handler.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_review().respond(ReviewResponse::fail());
    /// ```
    pub fn respond(self, response: ReviewResponse) -> D::Installed {
        self.always(ReviewVerdict::Respond(response))
    }
}
