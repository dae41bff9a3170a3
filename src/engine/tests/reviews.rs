//! Reviews: the conditions and verdicts of hooks on them, and the responses of handlers.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::scene::{LAMBDA, Scene, always, asks, user};
use crate::engine::io::{Answer, Arrangement, HandlerId, Input};
use crate::hook::event::HookVerdict;
use crate::hook::filter::Filter;
use crate::hook::registry::AnyRule;
use crate::hook::review::ReviewVerdict;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;
use crate::service::review_handler::ReviewResponse;

const ALLOWED: &str = r#"send [1, 2] MESSAGE "hi""#;
const DENIED: &str = "send [1] ERROR 406 message was rejected during review";

/// Returns a scene with a handler, alice and bob.
fn scene() -> Scene {
    let mut scene = Scene::reviewed();
    scene.alice_and_bob();
    let (uri, handler) = (LAMBDA.to_owned(), HandlerId(1));
    scene.feed(Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
    scene
}

const ALICE: ConnectionId = ConnectionId(1);

/// Each condition of a hook on reviews, for "hi" of alice with the request "r1" on connection 1 in
/// the lobby.
#[rstest]
#[case(Filter::default(), true)]
#[case(user("alice"), true)]
#[case(user("bob"), false)]
#[case(Filter { rooms: vec!["lobby".into()], ..Filter::default() }, true)]
#[case(Filter { rooms: vec!["attic".into()], ..Filter::default() }, false)]
#[case(Filter { connection: Some(ConnectionId(1)), ..Filter::default() }, true)]
#[case(Filter { connection: Some(ConnectionId(2)), ..Filter::default() }, false)]
#[case(Filter { containing: vec!["hi".into()], ..Filter::default() }, true)]
#[case(Filter { containing: vec!["ho".into()], ..Filter::default() }, false)]
#[case(Filter { request_id: Some("r1".into()), ..Filter::default() }, true)]
#[case(Filter { request_id: Some("r2".into()), ..Filter::default() }, false)]
fn a_hook_is_about_the_reviews_that_all_of_its_conditions_fit(
    #[case] filter: Filter,
    #[case] fits: bool,
) {
    let mut scene = scene();
    let verdict = ReviewVerdict::Respond(ReviewResponse::deny("no"));
    scene.install(AnyRule::Review(always(filter, verdict)));
    let expected = if fits { "send [1] ERROR 406 no" } else { "ask 1 handler 1 " };
    let lines = scene.send(ALICE, "hi");
    assert!(lines.len() == 1 && lines[0].starts_with(expected), "{lines:?}");
}

#[test]
fn each_verdict_has_its_effect_from_a_value_and_from_a_closure() {
    let moment = Duration::from_millis(10);
    let ask = r#"ask 1 handler 1 about "hi" of alice at 192.0.2.1"#;
    let cases: [(ReviewVerdict, &[&str], &str); 4] = [
        (ReviewVerdict::Pass, &[ask], ""),
        (ReviewVerdict::Respond(ReviewResponse::allow()), &[ALLOWED], "reviewed"),
        (ReviewVerdict::Delay(moment), &[], "delayed 10ms"),
        (ReviewVerdict::DelayRealTime(moment), &["timer 1 10ms"], "delayed 10ms of real time"),
    ];
    for (verdict, outputs, effect) in cases {
        let line = format!("alice ~ {effect} by \"h\"");
        let mut scene = scene();
        scene.install(AnyRule::Review(always(Filter::default(), verdict.clone())));
        assert_eq!(scene.send(ALICE, "hi"), outputs, "{verdict:?}");
        let is_logged = scene.log().iter().any(|logged| logged.contains(&line));
        assert_eq!(is_logged, !effect.is_empty(), "{verdict:?}");

        let mut scene = self::scene();
        scene.install(AnyRule::Review(asks(Filter::default())));
        assert_eq!(scene.send(ALICE, "hi").len(), 1);
        let lines = scene.verdict(1, HookVerdict::Review(verdict.clone()));
        let outputs: Vec<_> = outputs.iter().map(|line| line.replace("ask 1", "ask 2")).collect();
        assert_eq!(lines, outputs, "{verdict:?}");
    }
}

#[test]
fn a_review_is_held_or_delayed_until_its_handler_is_asked() {
    let mut scene = scene();
    let gate = scene.gate();
    scene.install(AnyRule::Review(always(user("alice"), ReviewVerdict::Hold(gate))));
    let delay = ReviewVerdict::Delay(Duration::from_millis(10));
    scene.install(AnyRule::Review(always(user("bob"), delay)));
    assert!(scene.send(ALICE, "hi").is_empty());
    assert!(scene.send(ConnectionId(2), "hi").is_empty());
    let asked = scene.advance(Duration::from_millis(10));
    assert_eq!(asked, [r#"ask 1 handler 1 about "hi" of bob at 192.0.2.1"#]);
    let asked = scene.open(gate);
    assert_eq!(asked, [r#"ask 2 handler 1 about "hi" of alice at 192.0.2.1"#]);
}

/// The answers of a handler, the output, and the result in the log.
#[rstest]
#[case(|| Answer::Verdict(HookVerdict::ReviewHandler(ReviewResponse::allow())), ALLOWED, "ALLOW")]
#[case(|| respond(ReviewResponse::allow().content("hi")), ALLOWED, "ALLOW")]
#[case(|| respond(ReviewResponse::allow().content("ho")), r#"send [1, 2] MESSAGE "ho""#, "ALLOW, changed")]
#[case(|| respond(ReviewResponse::allow().attributes([("a", "b")])), ALLOWED, "ALLOW, changed")]
#[case(|| respond(ReviewResponse::deny("spam")), "send [1] ERROR 406 spam", "DENY \"spam\"")]
#[case(|| respond(ReviewResponse::deny_without_reason()), DENIED, "DENY")]
#[case(|| respond(ReviewResponse::fail()), DENIED, "failed; fallback DENY")]
#[case(|| respond(ReviewResponse::allow().content("")), DENIED, "failed: Content is empty; fallback DENY")]
#[case(|| Answer::Panicked, DENIED, "failed: the handler panicked; fallback DENY")]
#[case(|| Answer::Unavailable, DENIED, "failed; fallback DENY")]
#[case(|| Answer::Verdict(HookVerdict::Review(ReviewVerdict::Pass)), DENIED, "failed; fallback DENY")]
fn a_handler_decides(#[case] answer: fn() -> Answer, #[case] sent: &str, #[case] result: &str) {
    let mut scene = scene();
    let asked = scene.send(ALICE, "hi");
    assert_eq!(asked, [r#"ask 1 handler 1 about "hi" of alice at 192.0.2.1"#]);
    scene.log();
    assert_eq!(scene.answer(1, answer()), [sent]);
    assert_eq!(scene.log()[0], format!("review of Message00001: {result}"));
}

fn respond(review: ReviewResponse) -> Answer {
    Answer::Verdict(HookVerdict::ReviewHandler(review))
}

#[test]
fn attributes_that_stay_the_same_are_not_a_change() {
    let mut scene = scene();
    let frame = json!({
        "Action": "SEND_MESSAGE", "Content": "hi", "Attributes": { "a": "b" },
    });
    let payload = Payload::from_client_text(frame.to_string());
    scene.feed(Input::Frame { connection: ALICE, payload });
    scene.log();
    scene.answer(1, respond(ReviewResponse::allow().attributes([("a", "b")])));
    assert_eq!(scene.log()[0], "review of Message00001: ALLOW");
}

#[test]
fn a_handler_that_does_not_respond_is_given_up_at_its_deadline() {
    let mut scene = scene();
    scene.send(ALICE, "hi");
    assert!(scene.answer(1, respond(ReviewResponse::time_out())).is_empty());
    assert_eq!(scene.advance(Duration::from_millis(200)), [DENIED]);
    assert!(
        scene.log().iter().any(|line| line == "review of Message00001: timed out; fallback DENY")
    );
}

#[test]
fn a_message_without_a_handler_fails_its_review() {
    let mut scene = Scene::reviewed();
    scene.alice_and_bob();
    assert_eq!((scene.engine.handler(LAMBDA), scene.engine.mock()), (None, 1));
    assert_eq!(scene.send(ALICE, "hi"), [DENIED]);
    let (uri, handler) = (LAMBDA.to_owned(), HandlerId(1));
    scene.feed(Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
    assert_eq!(scene.engine.handler(LAMBDA), Some(HandlerId(1)));
}

#[test]
fn a_participant_has_the_address_of_the_mock() {
    let mut scene = Scene::reviewed();
    let alice = scene.join("alice");
    let (uri, handler) = (LAMBDA.to_owned(), HandlerId(1));
    scene.feed(Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
    assert_eq!(scene.send(alice, "hi"), [r#"ask 1 handler 1 about "hi" of alice at 127.0.0.1"#]);
}
