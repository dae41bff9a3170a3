//! Operations: each verdict of a hook on them.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::scene::{Scene, always, asks, containing, http_origin, user};
use crate::engine::io::CallId;
use crate::engine::io::Input;
use crate::hook::event::HookVerdict;
use crate::hook::filter::Filter;
use crate::hook::operation::OperationVerdict;
use crate::hook::registry::AnyRule;
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;

/// A verdict about a call of SendEvent while alice is in the room, the outputs, and the text for
/// the log.
type Case = (OperationVerdict, &'static [&'static str], &'static str);

/// Marks that the operation is carried out, which reaches participants in the log only.
const EVENT: &str = "carried out";
const ID: &str = r#"{"id":"Event0000001"}"#;

fn cases() -> Vec<Case> {
    let respond =
        OperationVerdict::Respond { status: 418, body: "tea".into(), headers: Headers::default() };
    vec![
        (OperationVerdict::Fail(Exception::throttling("slow")), &["respond 1 429 "], "failed"),
        (respond, &["respond 1 raw 418 tea"], "answered"),
        (
            OperationVerdict::EmptyBody,
            &[EVENT, "respond 1 raw 200 "],
            "answered with an empty body",
        ),
        (
            OperationVerdict::TruncatedBody,
            &[EVENT, r#"respond 1 raw 200 {"id":"Eve"#],
            "body truncated",
        ),
        (
            OperationVerdict::CloseInHead,
            &[EVENT, r#"respond 1 cut in the head {"id":"Event0000001"}"#],
            "closed in the head",
        ),
        (
            OperationVerdict::CloseInBody,
            &[EVENT, r#"respond 1 cut in the body {"id":"Event0000001"}"#],
            "closed in the body",
        ),
        (OperationVerdict::Reset, &["respond 1 reset"], "reset"),
        (OperationVerdict::NeverRespond, &[EVENT, "respond 1 never"], "left without a response"),
        (OperationVerdict::Delay(Duration::from_secs(1)), &[EVENT], "delayed 1s"),
        (
            OperationVerdict::DelayRealTime(Duration::from_secs(1)),
            &[EVENT, "timer 1 1s"],
            "delayed 1s of real time",
        ),
        (OperationVerdict::Pass, &[EVENT, r#"respond 1 {"id":"Event0000001"}"#], ""),
    ]
}

#[test]
fn each_verdict_has_its_effect_from_a_value_and_from_a_closure() {
    for (verdict, outputs, effect) in cases() {
        let line = format!("~ {effect} by \"h\"");
        let is_logged = |lines: &[String]| lines.iter().any(|logged| logged.contains(&line));
        let outputs: Vec<_> = outputs.iter().filter(|line| **line != EVENT).collect();
        let begins = |lines: &[String]| {
            lines.len() == outputs.len()
                && lines.iter().zip(&outputs).all(|(line, expected)| line.starts_with(**expected))
        };
        let mut scene = Scene::new();
        let hook = scene.install(AnyRule::Operation(always(Filter::default(), verdict.clone())));
        let lines = scene.event("app:e");
        assert!(begins(&lines), "{verdict:?}: {lines:?}");
        assert_eq!(is_logged(&scene.log()), !effect.is_empty(), "{verdict:?}");
        assert_eq!(scene.engine.hook_hits(hook) > 0, !effect.is_empty());

        let mut scene = Scene::new();
        scene.install(AnyRule::Operation(asks(Filter::default())));
        assert_eq!(scene.event("app:e").len(), 1);
        let lines = scene.verdict(1, HookVerdict::Operation(verdict.clone()));
        assert!(begins(&lines), "{verdict:?}: {lines:?}");
        assert_eq!(is_logged(&scene.log()), !effect.is_empty(), "{verdict:?}");
    }
}

#[test]
fn operations_are_carried_out_unless_they_fail_or_are_reset() {
    for (verdict, outputs, _) in cases() {
        let mut scene = Scene::new();
        let alice = scene.join("alice");
        scene.install(AnyRule::Operation(always(Filter::default(), verdict.clone())));
        scene.log();
        scene.event("app:e");
        let delivered = scene.log().iter().any(|line| line.contains("alice < "));
        assert_eq!(delivered, outputs.contains(&EVENT), "{verdict:?}");
        assert!(scene.engine.is_connected(alice));
    }
}

#[test]
fn responses_that_wait_are_given_later() {
    let second = Duration::from_secs(1);
    let mut scene = Scene::new();
    let gate = scene.gate();
    scene.install(AnyRule::Operation(always(containing("held"), OperationVerdict::Hold(gate))));
    scene.install(AnyRule::Operation(always(Filter::default(), OperationVerdict::Delay(second))));
    assert!(scene.event("app:held").is_empty());
    assert!(scene.event("app:e").is_empty());
    assert_eq!(scene.advance(second), [r#"respond 2 {"id":"Event0000002"}"#]);
    assert_eq!(scene.open(gate), [format!("respond 1 {ID}")]);
}

#[test]
fn the_response_to_a_client_that_has_gone_away_is_not_delivered() {
    let mut scene = Scene::new();
    let gate = scene.gate();
    scene.install(AnyRule::Operation(always(containing("held"), OperationVerdict::Hold(gate))));
    scene.event("app:held");
    scene.engine.abandon_call(CallId(1));
    scene.log();
    scene.open(gate);
    let log = scene.log();
    let undelivered =
        "http ~ 200 not delivered to the client of SendEvent: the connection has ended";
    assert!(log.iter().any(|line| line.trim_start() == undelivered), "{log:?}");
    // Only that call: the next one has its response.
    scene.event("app:e");
    let log = scene.log();
    assert!(log.iter().any(|line| line.trim_start().starts_with("http < 200")), "{log:?}");
}

/// Each condition of a hook on operations, for SendEvent and CreateChatToken.
#[rstest]
#[case(Filter::default(), true, true)]
#[case(user("carol"), false, true)]
#[case(user("dave"), false, false)]
#[case(Filter { rooms: vec!["lobby".into()], ..Filter::default() }, true, true)]
#[case(Filter { rooms: vec!["attic".into()], ..Filter::default() }, false, false)]
#[case(Filter { operation: Some(Operation::SendEvent), ..Filter::default() }, true, false)]
#[case(Filter { operation: Some(Operation::CreateChatToken), ..Filter::default() }, false, true)]
#[case(containing("app:e"), true, false)]
fn a_hook_is_about_the_calls_that_all_of_its_conditions_fit(
    #[case] filter: Filter,
    #[case] is_about_event: bool,
    #[case] is_about_token: bool,
) {
    let mut scene = Scene::new();
    scene.install(AnyRule::Operation(always(filter, OperationVerdict::Reset)));
    let is_reset = |lines: Vec<String>| lines[0].ends_with(" reset");
    assert_eq!(is_reset(scene.event("app:e")), is_about_event);
    let request = json!({ "roomIdentifier": scene.room.clone(), "userId": "carol" });
    assert_eq!(is_reset(scene.http(Operation::CreateChatToken, request)), is_about_token);
}

#[test]
fn the_room_of_a_call_is_known_by_either_identifier() {
    let mut scene = Scene::new();
    let filter = Filter { rooms: vec!["lobby".into()], ..Filter::default() };
    scene.install(AnyRule::Operation(always(filter, OperationVerdict::Reset)));
    let identifier = scene.room.clone();
    let lines = scene.http(Operation::GetRoom, json!({ "identifier": identifier }));
    assert_eq!(lines, ["respond 1 reset"]);
}

#[test]
fn a_closure_is_shown_the_access_key() {
    let mut scene = Scene::new();
    scene.install(AnyRule::Operation(asks(Filter::default())));
    let request = json!({ "identifier": "x" });
    let lines = scene.http(Operation::GetRoom, request);
    assert_eq!(lines, [r#"ask 1 hook 1 about GetRoom {"identifier":"x"} by AKID"#]);
}

#[test]
fn broken_bodies_of_failures_are_cut_too() {
    let mut scene = Scene::new();
    scene.install(AnyRule::Operation(always(Filter::default(), OperationVerdict::TruncatedBody)));
    let lines = scene.http(Operation::GetRoom, json!({ "identifier": "x" }));
    assert!(lines[0].starts_with("respond 1 raw 400 {"), "{lines:?}");
    assert!(!lines[0].ends_with('}'), "{lines:?}");
}

#[test]
fn responses_without_content_have_an_empty_text_and_tokens_stay_out_of_the_log() {
    let mut scene = Scene::new();
    let identifier = scene.room.clone();
    let request = json!({ "roomIdentifier": identifier.clone(), "userId": "carol" });
    let response = scene.http(Operation::CreateChatToken, request);
    let token = response[0].split(r#""token":""#).nth(1).unwrap().split('"').next().unwrap();
    let logged = scene.log().join("\n");
    assert!(!logged.contains(token) && logged.contains("http < 200 {"), "{logged}");
    assert!(logged.contains(r#""token":"#), "{logged}");
    scene.http(Operation::DeleteRoom, json!({ "identifier": identifier }));
    assert!(scene.log().contains(&"  http < 204".to_owned()));
}

#[test]
fn a_call_that_is_refused_before_it_is_one_is_recorded() {
    let mut scene = Scene::new();
    for operation in [None, Some(Operation::GetRoom)] {
        let exception = Box::new(Exception::validation("no"));
        let body = "b".to_owned();
        let origin = http_origin();
        assert!(scene.feed(Input::InvalidCall { origin, operation, body, exception }).is_empty());
        let lines = scene.log();
        assert_eq!(lines[0], "http > POST / b");
        assert!(lines[1].starts_with("  http < 400 ValidationException"), "{lines:?}");
    }
}
