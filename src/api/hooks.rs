//! Hooks of a handle: builders, review handlers and verification.

use std::panic::Location;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::gate::Gate;
use crate::api::handle::{Handle, members};
use crate::api::hook::Hook;
use crate::api::report::Report;
use crate::api::room::Room;
use crate::api::wait::{fail, fail_about};
use crate::driver::closures::Closure;
use crate::hook::builder::{HookBuilder, HookSpec};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::point::{Actions, Deliveries, Handshakes, Operations, Reviews};
use crate::proto::operation::Operation;
use crate::proto::string_pattern::StringPattern;
use crate::service::review_handler::{ReviewRequest, ReviewResponse};

impl Handle {
    /// Starts building a hook on handshakes of clients. A
    /// [`Participant`](crate::Participant) makes no handshake, so no hook sees it connect.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_handshake().times(2).refuse(429, "slow down");
    /// ```
    #[track_caller]
    pub fn on_handshake(&self) -> HookBuilder<Handshakes, Self> {
        HookBuilder::new(self.clone())
    }

    /// Starts building a hook on actions and on all other frames that clients send.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().from("alice").ignore();
    /// ```
    #[track_caller]
    pub fn on_action(&self) -> HookBuilder<Actions, Self> {
        HookBuilder::new(self.clone())
    }

    /// Starts building a hook on message reviews.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_review().from("alice").respond(ReviewResponse::time_out());
    /// ```
    #[track_caller]
    pub fn on_review(&self) -> HookBuilder<Reviews, Self> {
        HookBuilder::new(self.clone())
    }

    /// Starts building a hook on deliveries. It is evaluated once for each frame and recipient.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_delivery().to("bob").drop_frame();
    /// ```
    #[track_caller]
    pub fn on_delivery(&self) -> HookBuilder<Deliveries, Self> {
        HookBuilder::new(self.clone())
    }

    /// Starts building a hook on one control plane operation requested over HTTP.
    ///
    /// ```
    /// # use mock_ivs_chat::{Exception, MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_operation(Operation::CreateChatToken).once().fail(Exception::throttling("slow down"));
    /// ```
    #[track_caller]
    pub fn on_operation(&self, operation: Operation) -> HookBuilder<Operations, Self> {
        HookBuilder::new(self.clone()).operation(operation)
    }

    /// Starts building a hook on all control plane operations requested over HTTP.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_any_operation().respond(503, "Service Unavailable");
    /// ```
    #[track_caller]
    pub fn on_any_operation(&self) -> HookBuilder<Operations, Self> {
        HookBuilder::new(self.clone())
    }

    /// Installs a hook that was built as a value.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook};
    /// # let ivs = MockIvsChat::start();
    /// let loss = hook::on_delivery().every(3).drop_frame();
    /// let installed = ivs.install(loss);
    /// assert_eq!(installed.hits(), 0);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most tests do not use the hook later")]
    #[track_caller]
    pub fn install(&self, hook: HookSpec) -> Hook {
        let HookSpec { mut rule, closure, holds, is_data } = hook;
        if is_data {
            rule.written_at(Location::caller());
        }
        // The layer of hooks is below the driver and cannot name its closures, so it keeps them as
        // `Any`.
        let closure = closure.and_then(|closure| closure.downcast_ref::<Closure>().cloned());
        let gate = holds.then(|| self.gate());
        if let Some(gate) = &gate {
            rule.hold(gate.id);
        }
        Hook::new(self.clone(), self.driver().install_hook(rule, closure), gate)
    }

    /// Creates a gate for hook closures that hold events.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, hook::ActionVerdict};
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.gate();
    /// let verdict = ActionVerdict::hold(&gate);
    /// ivs.on_action().named("hold").decide(move |_| verdict.clone());
    /// alice.send_message("hello");
    /// gate.reached().wait();
    /// gate.release();
    /// alice.expect_message("hello").wait();
    /// ```
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate { id: self.driver().add_gate(), driver: Arc::downgrade(self.driver()) }
    }

    /// Sets a closure that takes the place of a Lambda function. It reviews messages to rooms whose
    /// `messageReviewHandler.uri` is this ARN.
    ///
    /// The closure runs while no lock is held. If it panics, the review fails, and the next wait
    /// and the end of the test report the panic.
    ///
    /// ```
    /// use mock_ivs_chat::{ErrorCode, MockIvsChat, ReviewResponse};
    /// use serde_json::json;
    ///
    /// let ivs = MockIvsChat::start();
    /// let arn = "arn:aws:lambda:us-west-2:123456789012:function:review";
    /// ivs.review_lambda(arn, |_| ReviewResponse::deny("closed"));
    /// let room = ivs.new_room("lobby").with("messageReviewHandler", json!({ "uri": arn })).create();
    /// let alice = room.participant("alice");
    /// alice.send_message("hello");
    /// alice.expect_error(ErrorCode::NotAcceptable).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the text is not the ARN of a Lambda function in the mock's region and account.
    #[track_caller]
    pub fn review_lambda(
        &self,
        arn: impl Into<String>,
        handler: impl FnMut(&ReviewRequest) -> ReviewResponse + Send + 'static,
    ) {
        let arn = self.lambda_arn(arn.into());
        let name = lambda_name(&arn, Location::caller());
        self.driver().set_review_handler(arn, sync_handler(handler), &name);
    }

    /// Sets an asynchronous closure that takes the place of a Lambda function. It runs on the
    /// mock's runtime and has 200 ms on the mock clock.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// let ivs = MockIvsChat::start();
    /// let arn = "arn:aws:lambda:us-west-2:123456789012:function:review";
    /// ivs.review_lambda_async(arn, |request| async move {
    ///     tokio::task::yield_now().await;
    ///     ReviewResponse::allow().content(request.content.to_uppercase())
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If the text is not the ARN of a Lambda function in the mock's region and account.
    #[track_caller]
    pub fn review_lambda_async<F>(
        &self,
        arn: impl Into<String>,
        handler: impl Fn(ReviewRequest) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ReviewResponse> + Send + 'static,
    {
        let arn = self.lambda_arn(arn.into());
        let name = lambda_name(&arn, Location::caller());
        self.driver().set_review_handler(arn, async_handler(handler), &name);
    }

    /// Fails for an ARN that no room can have in its review handler.
    #[track_caller]
    fn lambda_arn(&self, arn: String) -> String {
        let (region, account) = self.driver().region_and_account();
        let own = format!("arn:aws:lambda:{region}:{account}:");
        if arn.is_empty() || !StringPattern::LambdaUri.matches(&arn) {
            let message = format!(
                "{arn:?} is not the ARN of a Lambda function, such as `{own}function:review`"
            );
            fail(self.driver(), message);
        }
        if !arn.starts_with(&own) {
            let message = format!(
                "a room cannot have the review handler {arn:?}: its function must be in region \
                 {region} and account {account}"
            );
            fail(self.driver(), message);
        }
        arn
    }

    /// Checks the test so far, as the end of the mock does: all expectations of hooks are met, no
    /// closure of a hook or of a review handler has panicked or is still running, no task of the
    /// mock has panicked, and no lint passed to
    /// [`MockIvsChatBuilder::deny`](crate::MockIvsChatBuilder::deny) has a finding.
    ///
    /// Data that a client has written and the mock has not read yet is not considered. To check
    /// that a hook does not fire, wait for [`Handle::settled`] first.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.on_handshake().expect(0..=0).refuse(503, "closed");
    /// ivs.verify();
    /// ```
    ///
    /// # Panics
    ///
    /// If one of these checks fails; the message has the report and the transcript.
    #[track_caller]
    pub fn verify(&self) {
        let report = self.report();
        if report.is_failure() {
            let (text, on_page) = (report.marked_text(), report.marked_summary());
            fail_about(self.driver(), &text, &on_page, &report.lanes());
        }
    }

    /// Returns the report on the test so far.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.on_handshake().named("closed").refuse(503, "closed");
    /// assert_eq!(ivs.report().never_fired(), ["closed"]);
    /// ```
    #[must_use]
    pub fn report(&self) -> Report {
        Report::new(self.driver())
    }
}

/// The name of the review handler of a Lambda function, and the line of the test that sets it.
fn lambda_name(arn: &str, caller: &Location<'_>) -> String {
    format!("the review handler {arn} at {caller}")
}

fn sync_handler(
    mut handler: impl FnMut(&ReviewRequest) -> ReviewResponse + Send + 'static,
) -> Closure {
    Closure::new(move |event| {
        let review = request_of(event).map(|request| handler(&request));
        HookVerdict::ReviewHandler(review.unwrap_or_else(ReviewResponse::fail))
    })
}

fn async_handler<F>(handler: impl Fn(ReviewRequest) -> F + Send + Sync + 'static) -> Closure
where
    F: Future<Output = ReviewResponse> + Send + 'static,
{
    Closure::new_async(move |event| {
        let review = request_of(event).map(&handler);
        Box::pin(async move {
            HookVerdict::ReviewHandler(match review {
                Some(review) => review.await,
                None => ReviewResponse::fail(),
            })
        })
    })
}

/// Returns the request to a review handler.
fn request_of(event: HookEvent) -> Option<ReviewRequest> {
    match event {
        HookEvent::ReviewHandler(request) => Some(request),
        _ => None,
    }
}

impl Room {
    /// Sets a closure that reviews the messages to this room. A room without a
    /// `messageReviewHandler` gets one through an UpdateRoom request, which the log shows.
    ///
    /// The closure reviews one message at a time. The 200 ms of a message that waits for its turn
    /// run meanwhile, so use [`Room::review_with_async`] for a handler that takes a while.
    ///
    /// ```
    /// use mock_ivs_chat::{ErrorCode, MockIvsChat, ReviewResponse};
    ///
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.review_with(|message| {
    ///     if message.content.contains("http") { ReviewResponse::deny("no links") } else { ReviewResponse::allow() }
    /// });
    /// let alice = room.participant("alice");
    /// alice.send_message("http://example.com");
    /// alice.expect_error(ErrorCode::NotAcceptable).wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the room no longer exists.
    #[track_caller]
    pub fn review_with(
        &self,
        handler: impl FnMut(&ReviewRequest) -> ReviewResponse + Send + 'static,
    ) {
        self.set_review_handler(sync_handler(handler));
    }

    /// Sets an asynchronous closure that reviews the messages to this room; see
    /// [`Handle::review_lambda_async`].
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.review_with_async(|_| async { ReviewResponse::allow().content("reviewed") });
    /// let alice = room.participant("alice");
    /// alice.send_message("hello");
    /// alice.expect_message("reviewed").wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the room no longer exists.
    #[track_caller]
    pub fn review_with_async<F>(&self, handler: impl Fn(ReviewRequest) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ReviewResponse> + Send + 'static,
    {
        self.set_review_handler(async_handler(handler));
    }

    /// Sets the body of a real Lambda function as the room's review handler. It converts the JSON
    /// of the event to the JSON of the response.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// use serde_json::json;
    ///
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// room.review_with_json(|event| json!({ "ReviewResult": "ALLOW", "Content": event["Content"] }));
    /// let alice = room.participant("alice");
    /// alice.send_message("hello");
    /// alice.expect_message("hello").wait();
    /// ```
    ///
    /// # Panics
    ///
    /// If the room no longer exists.
    #[track_caller]
    pub fn review_with_json(&self, mut handler: impl FnMut(Value) -> Value + Send + 'static) {
        self.review_with(move |request| ReviewResponse::from_json(&handler(request.to_json())));
    }

    /// Sets a review handler that failures name only by the line that sets it: its ARN is generated
    /// unless the room has one.
    #[track_caller]
    fn set_review_handler(&self, closure: Closure) {
        let arn = self.review_arn();
        let name = format!("the review handler at {}", Location::caller());
        self.handle().driver().set_review_handler(arn, closure, &name);
    }

    /// Returns the ARN of the room's review handler, adding a handler if there is none.
    #[track_caller]
    fn review_arn(&self) -> String {
        let request = members([("identifier", json!(self.arn()))]);
        let room = self.handle().expect(Operation::GetRoom, request);
        let uri = room["messageReviewHandler"]["uri"].as_str().unwrap_or_default();
        // Only a room without a function is updated, so a test that has configured one keeps its
        // settings.
        if !uri.is_empty() {
            return uri.to_owned();
        }
        // The function must be in the same region and account as the room.
        let place = self.arn().trim_start_matches("arn:aws:ivschat:");
        let place = place.split_once(":room/").map_or(place, |(place, _)| place);
        let uri = format!("arn:aws:lambda:{place}:function:review-{}", self.id());
        let request = members([
            ("identifier", json!(self.arn())),
            ("messageReviewHandler", json!({ "uri": uri })),
        ]);
        self.handle().expect(Operation::UpdateRoom, request);
        uri
    }
}
