//! Reviews: messages to the test's review handlers, and their answers to the service.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;

use crate::driver::Driver;
use crate::driver::later::{Later, Until};
use crate::driver::step::Step;
use crate::hook::filter::Facts;
use crate::hook::verdict::ReviewVerdict;
use crate::log::record::{Reviewed, What};
use crate::proto::frame::Message;
use crate::service::output::{ReviewCall, ReviewOutcome};
use crate::service::review_handler::{Review, ReviewRequest};

/// The review handlers of the test, by the ARN of the Lambda function that they stand for.
#[derive(Default)]
pub(super) struct Reviewers(BTreeMap<String, Reviewer>);

/// A review handler of the test.
#[derive(Clone)]
pub(crate) enum Reviewer {
    Sync(Arc<Mutex<SyncReviewer>>),
    Async(Arc<AsyncReviewer>),
}

type SyncReviewer = dyn FnMut(&ReviewRequest) -> Review + Send;
type AsyncReviewer = dyn Fn(ReviewRequest) -> ReviewFuture + Send + Sync;

/// The answer of an asynchronous review handler.
pub(crate) type ReviewFuture = Pin<Box<dyn Future<Output = Review> + Send>>;

impl fmt::Debug for Reviewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Driver {
    /// Has a handler of the test answer for a Lambda function.
    pub(crate) fn set_reviewer(&self, arn: String, reviewer: Reviewer) {
        // What was there before is dropped outside the lock: its end may run any code.
        let before = self.state.lock().reviewers.0.insert(arn, reviewer);
        drop(before);
    }
}

impl Step<'_> {
    /// Asks the hooks on reviews what becomes of one.
    pub(super) fn review(&mut self, cause: u64, call: ReviewCall) {
        let request = self.review_request(&call);
        let room = self.state.service.room(call.room).map(|room| room.label().to_owned());
        let facts = Facts {
            user_id: Some(&call.message.sender.user_id),
            room: room.as_deref(),
            connection: Some(call.connection),
            text: &call.message.content,
            request_id: &call.message.request_id,
            ..Facts::default()
        };
        let verdict = self.ask(|hooks| &mut hooks.reviews, &facts, || request.clone());
        let connection = Some(call.connection);
        let (hook, until) = match verdict {
            None | Some((_, ReviewVerdict::Pass)) => return self.ask_reviewer(cause, call),
            Some((hook, ReviewVerdict::Answer(review))) => {
                self.note(cause, connection, &hook, "reviewed");
                return self.conclude_review(cause, &call, review);
            }
            Some((hook, ReviewVerdict::Delay(duration))) => (hook, Until::Clock(duration)),
            Some((hook, ReviewVerdict::DelayRealTime(duration))) => {
                (hook, Until::RealTime(duration))
            }
            Some((hook, ReviewVerdict::Hold(gate))) => (hook, Until::Released(gate)),
        };
        self.stop(cause, connection, &hook, &until, Later::Review(Box::new(call)));
    }

    /// Asks the review handler of the room. Without one the invocation fails, as that of a
    /// function that does not exist.
    pub(super) fn ask_reviewer(&mut self, cause: u64, call: ReviewCall) {
        let request = self.review_request(&call);
        let whose = format!("the review handler {}", call.uri);
        match self.state.reviewers.0.get(&call.uri).cloned() {
            None => self.conclude_review(cause, &call, Review::fail()),
            Some(Reviewer::Sync(reviewer)) => {
                // A handler whose own doing brings a message here again is busy, as a Lambda
                // function without concurrency would be.
                let ask = || reviewer.try_lock().map(|mut reviewer| reviewer(&request));
                let review = self.unlocked(&whose, ask).flatten().unwrap_or(Review::fail());
                // The handler took time, if only of the system's clock.
                self.catch_up();
                self.conclude_review(cause, &call, review);
            }
            Some(Reviewer::Async(reviewer)) => {
                let driver = Arc::clone(self.driver);
                self.driver.runtime.spawn(async move {
                    let answered = caught(reviewer, request).await;
                    driver.step(|step| {
                        let review = answered.unwrap_or_else(|payload| {
                            step.state.keep_panic(&whose, &*payload);
                            Review::fail()
                        });
                        let cause = step.state.log.len();
                        step.conclude_review(cause, &call, review);
                    });
                });
            }
        }
    }

    fn conclude_review(&mut self, cause: u64, call: &ReviewCall, review: Review) {
        // A handler that does not answer in time is given up at its deadline.
        let Some(outcome) = review.into_outcome() else { return };
        let result = describe(&outcome, &call.message);
        let (now, mut outputs) = (self.now, Vec::new());
        if let Some(counts) = self.state.service.reviewed(call.review, outcome, &mut outputs) {
            let result = if counts { result } else { "failed".into() };
            let message_id = call.message.id.clone();
            let reviewed = What::Reviewed(Box::new(Reviewed { message_id, result }));
            self.state.record(now, cause, reviewed);
            self.release(cause, outputs);
        }
    }

    fn review_request(&self, call: &ReviewCall) -> ReviewRequest {
        let connection = self.state.connection(call.connection);
        let wire = connection.and_then(|connection| connection.wire.as_ref());
        let ip = wire.and_then(|wire| wire.link.peer_ip());
        ReviewRequest::new(call, ip.unwrap_or_else(|| "127.0.0.1".into()))
    }
}

/// Calls an asynchronous handler; a panic of it, at the call or later, is a value.
async fn caught(
    reviewer: Arc<AsyncReviewer>,
    request: ReviewRequest,
) -> std::thread::Result<Review> {
    let mut answer = catch_unwind(AssertUnwindSafe(|| reviewer(request)))?;
    std::future::poll_fn(move |cx| {
        match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(review)) => Poll::Ready(Ok(review)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

fn describe(outcome: &ReviewOutcome, message: &Message) -> String {
    match outcome {
        ReviewOutcome::Allow { content, attributes } => {
            let is_same = content.as_ref().is_none_or(|content| *content == message.content)
                && attributes.as_ref().is_none_or(|map| Some(map) == message.attributes.as_ref());
            if is_same { "ALLOW".into() } else { "ALLOW, changed".into() }
        }
        ReviewOutcome::Deny { attributes } => {
            match attributes.as_ref().and_then(|attributes| attributes.get("Reason")) {
                Some(reason) => format!("DENY {reason:?}"),
                None => "DENY".into(),
            }
        }
        ReviewOutcome::Failed => "failed".into(),
    }
}
