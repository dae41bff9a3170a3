//! Review: what a hook on message reviews can make of them.

use std::time::Duration;

use crate::hook::builder::{Destination, HookBuilder, Reviews, sealed};
use crate::hook::chain::{Chain, Rule};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::verdict::Verdict;
use crate::service::review_handler::{ReviewRequest, ReviewResponse};

/// What becomes of the review of a message.
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
    /// The next hook is asked, and after the last the review handler.
    Pass,
    /// The handler is not asked; this is the answer.
    Respond(ReviewResponse),
    /// The handler is asked later, by the mock's clock.
    Delay(Duration),
    /// The handler is asked later, by real time.
    DelayRealTime(Duration),
    /// The handler is asked when the gate is released.
    Hold(GateId),
}

impl ReviewVerdict {
    /// Makes the event wait at a gate until the gate is released.
    ///
    /// A gate of another mock, or one that was released, holds nothing.
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

impl<D: Destination> HookBuilder<Reviews, D> {
    /// Only of messages from this user.
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

    /// Answers in the handler's place.
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
