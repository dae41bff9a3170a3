//! Reviews: the hooks on message reviews, the review handlers of the test, and their responses.
//!
//! A review is not part of its sender's connection: like a Lambda function that runs for a while,
//! it delays one message and no other.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::io::{Answer, ClosureId, Output};
use crate::engine::questions::{Asked, Evaluation, Parked};
use crate::engine::timers::{Deferred, Delay};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::filter::EventContext;
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::hook::review::ReviewVerdict;
use crate::log::record::{ReviewFailure, Reviewed, Reviewer};
use crate::proto::frame::ChatMessage;
use crate::proto::request::FallbackResult;
use crate::service::output::{ReviewCall, ReviewEnd, ReviewId, ReviewOutcome};
use crate::service::review_handler::{ReviewRequest, ReviewResponse};
use crate::service::room::RoomState;

impl Engine {
    /// Evaluates the hooks on reviews that come after `last`.
    pub(super) fn review(&mut self, cause: u64, call: ReviewCall, last: HookId) {
        let request = self.review_request(&call);
        let room = self.service.room(call.room).map(RoomState::names);
        let context = EventContext {
            user_id: Some(&call.message.sender.user_id),
            room: room.as_ref(),
            connection: Some(call.connection),
            text: &call.message.content,
            request_id: &call.message.request_id,
            ..EventContext::default()
        };
        let event = || HookEvent::Review(request);
        match self.consult(&context, last, event) {
            Evaluation::Pass => self.ask_handler(cause, call),
            Evaluation::Verdict(hook, verdict) => {
                self.apply_review_verdict(cause, &hook, verdict, call);
            }
            Evaluation::Asked(asked) => {
                if let Some(hook) = &asked.origin {
                    self.set_reviewer(call.review, Reviewer::Hook(Arc::clone(hook)));
                }
                self.park(asked, Parked::Review { cause, call });
            }
        }
    }

    pub(super) fn review_decided(
        &mut self,
        cause: u64,
        call: ReviewCall,
        hook: HookId,
        origin: &Arc<HookOrigin>,
        answer: Answer,
    ) {
        match self.verdict_of(hook, answer, |_| ReviewVerdict::Respond(ReviewResponse::fail())) {
            ReviewVerdict::Pass => self.review(cause, call, hook),
            verdict => {
                self.apply_review_verdict(cause, origin, verdict, call);
            }
        }
    }

    fn apply_review_verdict(
        &mut self,
        cause: u64,
        hook: &Arc<HookOrigin>,
        verdict: ReviewVerdict,
        call: ReviewCall,
    ) {
        let connection = Some(call.connection);
        self.set_reviewer(call.review, Reviewer::Hook(Arc::clone(hook)));
        let delay = match verdict {
            ReviewVerdict::Pass => return self.ask_handler(cause, call),
            ReviewVerdict::Respond(review) => {
                self.record_effect(cause, connection, hook, "reviewed");
                return self.conclude_review(cause, &call, review);
            }
            ReviewVerdict::Delay(duration) => Delay::Clock(duration),
            ReviewVerdict::DelayRealTime(duration) => Delay::RealTime(duration),
            ReviewVerdict::Hold(gate) => Delay::Gate(gate),
        };
        self.defer(cause, connection, hook, delay, Deferred::Review(Box::new(call)));
    }

    /// Asks the review handler of the room.
    ///
    /// Assumed: a room may have a function that does not exist, and its invocation fails.
    pub(super) fn ask_handler(&mut self, cause: u64, call: ReviewCall) {
        let handler = self.handlers.get(&call.uri).copied();
        self.set_reviewer(call.review, Reviewer::Handler(handler.map(|handler| handler.0)));
        let Some(handler) = handler else {
            let response = ReviewResponse::failure("the test has set no handler for its function");
            return self.conclude_review(cause, &call, response);
        };
        let event = HookEvent::ReviewHandler(self.review_request(&call));
        let name = Arc::<str>::from(call.uri.as_str());
        let question = self.ask(ClosureId::Handler(handler), name, event);
        let asked = Asked { question, hook: HookId::default(), origin: None };
        self.park(asked, Parked::ReviewHandler { call });
    }

    /// Receives the response of a handler, or of a hook in its place.
    pub(super) fn conclude_review(
        &mut self,
        cause: u64,
        call: &ReviewCall,
        review: ReviewResponse,
    ) {
        // A handler that does not respond in time is given up at its deadline.
        let (failure, kind) = (review.failure_reason(), review.kind_of_failure());
        let Some(outcome) = review.into_outcome() else { return };
        let failure = failure.or_else(|| self.service.review_error(call.room, &outcome));
        let failed_outcome = kind.describe(failure.as_deref());
        let result = describe(&outcome, &call.message);
        let mut outputs = Vec::new();
        // `None` if the review has timed out meanwhile: its result is recorded already.
        if let Some(end) = self.service.reviewed(call.review, outcome, &mut outputs) {
            let reviewer = self.take_reviewer(call.review);
            let failed = match end {
                ReviewEnd::Decided => None,
                ReviewEnd::Fallback(fallback) => {
                    Some(ReviewFailure { reviewer, outcome: failed_outcome, fallback })
                }
            };
            let result = match (end, failure) {
                (ReviewEnd::Decided, _) => result,
                (ReviewEnd::Fallback(fallback), Some(reason)) => {
                    format!("failed: {reason}; {}", shown(fallback))
                }
                (ReviewEnd::Fallback(fallback), None) => format!("failed; {}", shown(fallback)),
            };
            let message_id = call.message.id.clone();
            self.record_review(cause, Reviewed { message_id, result, failure: failed });
            self.apply(cause, outputs);
        }
    }

    /// Records that a review took too long. A later response of its handler has no effect.
    pub(super) fn review_timed_out(
        &mut self,
        cause: u64,
        review: ReviewId,
        message_id: String,
        fallback: FallbackResult,
    ) {
        // Only closures that are asked now are withdrawn. A review that a hook delays or holds
        // still reaches its handler, as a slow function still runs, and `reviewed` ignores the
        // result.
        let moot = self.questions.withdraw(|parked| match parked {
            Parked::Review { call, .. } | Parked::ReviewHandler { call } => {
                call.message.id == message_id
            }
            _ => false,
        });
        self.outputs.extend(moot.into_iter().map(Output::Withdraw));
        let result = format!("timed out; {}", shown(fallback));
        let timeout = humantime::format_duration(self.service.settings().review_timeout);
        let reviewer = self.take_reviewer(review);
        let outcome = match reviewer {
            Reviewer::Handler(_) => format!("timed out after {timeout}"),
            Reviewer::Hook(_) => format!("kept the review until it timed out after {timeout}"),
        };
        let failure = Some(ReviewFailure { reviewer, outcome, fallback });
        self.record_review(cause, Reviewed { message_id, result, failure });
    }

    /// Records what has a review now, unless the review has ended.
    fn set_reviewer(&mut self, review: ReviewId, reviewer: Reviewer) {
        if self.service.is_reviewing(review) {
            self.reviewers.insert(review, reviewer);
        }
    }

    fn take_reviewer(&mut self, review: ReviewId) -> Reviewer {
        self.reviewers.remove(&review).unwrap_or(Reviewer::Handler(None))
    }

    fn review_request(&self, call: &ReviewCall) -> ReviewRequest {
        let ip =
            self.connections.open.get(call.connection).and_then(|open| open.peer_ip.as_deref());
        ReviewRequest::new(call, ip.unwrap_or("127.0.0.1").into())
    }
}

/// Returns the response in the answer of a review handler. A handler that has panicked, or that
/// could not be asked, fails.
pub(super) fn response_of(answer: Answer) -> ReviewResponse {
    match answer {
        Answer::Verdict(HookVerdict::ReviewHandler(review)) => review,
        Answer::Panicked => ReviewResponse::panicked(),
        Answer::Verdict(_) | Answer::Unavailable => ReviewResponse::fail(),
    }
}

/// A fallback result as the log shows it. It decides about a message whose review has failed.
fn shown(fallback: FallbackResult) -> String {
    format!("fallback {}", fallback.name())
}

fn describe(outcome: &ReviewOutcome, message: &ChatMessage) -> String {
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
