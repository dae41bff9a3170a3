//! Review: the event and the verdicts of hooks on message reviews.

use std::time::Duration;

use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::describe::{Describe, delay, delay_real_time};
use crate::hook::filter::Filter;
use crate::hook::ids::GateId;
use crate::hook::point::{PointName, Reviews};
use crate::service::review_handler::ReviewResponse;

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

impl Describe for ReviewVerdict {
    const NAME: PointName = PointName::Review;
    const POINT: &'static str = "on_review";
    const EVENT: &'static str = "message to review";

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
    #[track_caller]
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.only(&Filter { user_id: Some(user_id.into()), ..Filter::default() })
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
