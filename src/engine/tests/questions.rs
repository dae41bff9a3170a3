//! Questions: events that wait for closures, and what becomes of them.

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::scene::{LAMBDA, Scene, always, asks, message, user};
use crate::engine::io::{Answer, Arrangement, ClosureId, Ending, HandlerId, HandshakeId, Input};
use crate::engine::{Ancestor, Ancestry};
use crate::hook::action::ActionVerdict;
use crate::hook::chain::Rule;
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::event::HookVerdict;
use crate::hook::filter::Filter;
use crate::hook::frequency::Frequency;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::ids::HookId;
use crate::hook::operation::OperationVerdict;
use crate::hook::registry::AnyRule;
use crate::hook::review::ReviewVerdict;
use crate::proto::operation::Operation;
use crate::service::review_handler::ReviewResponse;

const IGNORE: HookVerdict = HookVerdict::Action(ActionVerdict::Ignore);
const PASS: HookVerdict = HookVerdict::Action(ActionVerdict::Pass);

fn of_closures(closures: &[(u64, ClosureId)], input: Input) -> Input {
    let ancestors =
        closures.iter().map(|(mock, closure)| Ancestor { mock: *mock, closure: *closure });
    let ancestry = Ancestry(Some(ancestors.collect::<Arc<[_]>>()));
    Input::FromClosures { ancestry, input: Box::new(input) }
}

#[test]
fn an_event_waits_for_its_closure_and_then_for_the_next_one() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let first = scene.install(AnyRule::Action(asks(Filter::default())));
    let second = scene.install(AnyRule::Action(asks(Filter::default())));
    let about = r#"SEND_MESSAGE "hi" of alice 1 in lobby"#;
    assert_eq!(scene.send(alice, "hi"), [format!("ask 1 hook 1 about {about}")]);
    assert_eq!(scene.verdict(1, PASS), [format!("ask 2 hook 2 about {about}")]);
    assert_eq!(scene.verdict(2, PASS), [r#"send [1, 2] MESSAGE "hi""#]);
    assert_eq!((scene.engine.hook_hits(first), scene.engine.hook_hits(second)), (0, 0));
    scene.send(alice, "hi");
    assert!(scene.verdict(3, IGNORE).is_empty());
    assert_eq!((scene.engine.hook_hits(first), scene.engine.hook_hits(second)), (1, 0));
}

#[test]
fn a_second_answer_to_a_question_is_ignored() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    scene.install(AnyRule::Action(asks(Filter::default())));
    scene.send(alice, "hi");
    assert_eq!(scene.verdict(1, PASS).len(), 1);
    assert!(scene.verdict(1, PASS).is_empty());
    assert!(scene.verdict(7, PASS).is_empty());
}

#[test]
fn verdicts_beyond_the_limit_of_a_hook_do_not_count() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    let frequency = Frequency { limit: Some(1), ..Frequency::default() };
    let hook = scene.install(AnyRule::Action(Rule { frequency, ..asks(Filter::default()) }));
    scene.send(alice, "a");
    scene.send(bob, "b");
    assert!(scene.verdict(2, IGNORE).is_empty());
    assert_eq!(scene.verdict(1, IGNORE), [r#"send [1, 2] MESSAGE "a""#]);
    assert_eq!(scene.engine.hook_hits(hook), 1);
}

#[test]
fn the_verdict_of_a_removed_hook_counts() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let hook = scene.install(AnyRule::Action(asks(Filter::default())));
    scene.send(alice, "a");
    scene.remove(hook);
    assert!(scene.verdict(1, IGNORE).is_empty());
    assert_eq!(scene.engine.hook_hits(hook), 1);
    scene.feed(Input::arrange(Arrangement::ForgetHook(hook)));
    assert_eq!(scene.engine.hook_hits(hook), 0);
    assert!(scene.engine.hook_statuses().is_empty());
}

#[test]
fn a_closure_is_not_asked_about_events_that_it_has_caused() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    scene.install(AnyRule::Action(asks(Filter::default())));
    let hook = |number| ClosureId::Hook(HookId::new(number, 0));
    let sent = [r#"send [1, 2] MESSAGE "a""#];
    assert_eq!(scene.feed(of_closures(&[(1, hook(1))], message(alice, "a"))), sent);
    let ancestors = [(2, hook(7)), (1, hook(1))];
    assert_eq!(scene.feed(of_closures(&ancestors, message(alice, "a"))), sent);
    for other in [(2, hook(1)), (1, hook(2)), (1, ClosureId::Handler(HandlerId(1)))] {
        let lines = scene.feed(of_closures(&[other], message(alice, "a")));
        assert!(lines.iter().all(|line| !line.starts_with("send")), "{lines:?}");
    }
    // The ancestry ends with its input.
    let (bob, line) = (crate::service::ConnectionId(2), "ask 2 hook 1 about ");
    assert!(scene.send(bob, "b")[0].starts_with(line));
}

#[test]
fn queued_events_and_consequences_keep_their_ancestry() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let hook = scene.install(AnyRule::Action(asks(Filter::default())));
    scene.install(AnyRule::Delivery(asks(user("bob"))));
    scene.send(alice, "asked");
    let own = [(1, ClosureId::Hook(hook)), (1, ClosureId::Hook(HookId::new(2, 0)))];
    assert!(scene.feed(of_closures(&own, message(alice, "own"))).is_empty());
    let asked = r#"ask 2 hook 2 about MESSAGE "asked" to bob 2 in lobby"#;
    let lines = scene.verdict(1, PASS);
    assert_eq!(lines, [r#"send [1] MESSAGE "asked""#, asked, r#"send [1] MESSAGE "own""#]);
    // Neither closure is asked about the second message, though it has waited for both.
    let pass = HookVerdict::Delivery(DeliveryVerdict::Pass);
    assert_eq!(
        scene.verdict(2, pass),
        [r#"send [2] MESSAGE "asked""#, r#"send [2] MESSAGE "own""#]
    );
}

#[test]
fn a_reordered_action_keeps_its_ancestry_and_not_that_of_the_one_that_overtakes_it() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let frequency = Frequency { limit: Some(1), ..Frequency::default() };
    let reorder = always(user("alice"), ActionVerdict::Reorder);
    scene.install(AnyRule::Action(Rule { frequency, ..reorder }));
    let hook = scene.install(AnyRule::Delivery(asks(user("bob"))));
    let own = [(1, ClosureId::Hook(hook))];
    assert!(scene.feed(of_closures(&own, message(alice, "own"))).is_empty());
    // The closure is asked about the second message, and not about the first, which it has caused.
    let asked = r#"ask 1 hook 2 about MESSAGE "other" to bob 2 in lobby"#;
    let lines = [r#"send [1] MESSAGE "other""#, asked, r#"send [1] MESSAGE "own""#];
    assert_eq!(scene.send(alice, "other"), lines);
    let pass = HookVerdict::Delivery(DeliveryVerdict::Pass);
    let both = [r#"send [2] MESSAGE "other""#, r#"send [2] MESSAGE "own""#];
    assert_eq!(scene.verdict(1, pass), both);
}

#[test]
fn deferred_events_keep_their_ancestry_and_not_that_of_their_release() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let second = std::time::Duration::from_secs(1);
    let delay = always(Filter::default(), ActionVerdict::Delay(second));
    scene.install(AnyRule::Action(delay));
    let asked = scene.install(AnyRule::Delivery(asks(user("bob"))));
    let own = [(1, ClosureId::Hook(asked))];
    assert!(scene.feed(of_closures(&own, message(alice, "own"))).is_empty());
    assert!(scene.feed(message(alice, "other")).is_empty());
    let lines = scene.advance(second);
    let question = r#"ask 1 hook 2 about MESSAGE "other" to bob 2 in lobby"#;
    let sent = ["[1] MESSAGE \"own\"", "[2] MESSAGE \"own\"", "[1] MESSAGE \"other\""];
    assert_eq!(lines[..3], sent.map(|frame| format!("send {frame}")));
    assert_eq!(lines[3..], [question]);
}

#[test]
fn an_abandoned_handshake_withdraws_its_question_and_no_other() {
    let mut scene = Scene::new();
    let (first, second) = (scene.token("alice"), scene.token("alice"));
    scene.install(AnyRule::Handshake(asks(Filter::default())));
    assert_eq!(scene.handshake(Some(first)), ["ask 1 hook 1 about alice in lobby at /"]);
    assert_eq!(scene.handshake(Some(second)), ["ask 2 hook 1 about alice in lobby at /"]);
    assert_eq!(scene.feed(Input::HandshakeAbandoned(HandshakeId(1))), ["withdraw 1"]);
    let pass = || HookVerdict::Handshake(HandshakeVerdict::Pass);
    assert!(scene.verdict(1, pass()).is_empty());
    assert_eq!(scene.verdict(2, pass()), ["accept 1"]);
}

#[test]
fn a_review_that_takes_too_long_withdraws_its_questions_and_no_others() {
    let mut scene = Scene::reviewed();
    let (alice, bob) = scene.alice_and_bob();
    let (uri, handler) = (LAMBDA.to_owned(), HandlerId(4));
    scene.feed(Input::arrange(Arrangement::SetReviewHandler { uri, handler }));
    assert_eq!(scene.send(alice, "a"), [r#"ask 1 handler 4 about "a" of alice at 192.0.2.1"#]);
    scene.install(AnyRule::Review(asks(Filter::default())));
    assert_eq!(scene.send(alice, "b"), [r#"ask 2 hook 1 about "b" of alice at 192.0.2.1"#]);
    scene.advance(std::time::Duration::from_millis(100));
    scene.install(AnyRule::Action(asks(user("bob"))));
    scene.send(alice, "c");
    scene.send(bob, "d");
    let denied = "send [1] ERROR 406 message was rejected during review";
    let lines = scene.advance(std::time::Duration::from_millis(100));
    assert_eq!(lines, ["withdraw 1", denied, "withdraw 2", denied]);
    assert!(scene.verdict(1, HookVerdict::ReviewHandler(ReviewResponse::allow())).is_empty());
    let allowed = HookVerdict::Review(ReviewVerdict::Respond(ReviewResponse::allow()));
    assert_eq!(scene.verdict(3, allowed), [r#"send [1, 2] MESSAGE "c""#]);
    assert_eq!(scene.verdict(4, PASS), [r#"ask 5 hook 1 about "d" of bob at 192.0.2.1"#]);
}

/// Installs a hook at each point, one after the other, and asks each about an event.
fn asked_everywhere() -> Scene {
    let mut scene = Scene::reviewed();
    let (alice, bob) = scene.alice_and_bob();
    let token = scene.token("carol");
    scene.install(AnyRule::Handshake(asks(Filter::default())));
    scene.install(AnyRule::Action(asks(user("bob"))));
    scene.install(AnyRule::Review(asks(Filter::default())));
    scene.install(AnyRule::Delivery(asks(user("alice"))));
    scene.install(AnyRule::Operation(asks(Filter::default())));
    assert_eq!(scene.handshake(Some(token)), ["ask 1 hook 1 about carol in lobby at /"]);
    assert_eq!(scene.send(bob, "b").len(), 1);
    assert_eq!(scene.send(alice, "a").len(), 1);
    // An error of alice is a delivery.
    scene.feed(Input::Frame {
        connection: alice,
        payload: crate::proto::payload::Payload::from_client_text("{"),
    });
    let lines = scene.http(Operation::GetRoom, json!({ "identifier": scene.room.clone() }));
    assert!(lines[0].starts_with("ask 5 hook 5 about GetRoom"), "{lines:?}");
    scene
}

#[test]
fn a_panic_is_a_verdict_at_each_hook_point() {
    let mut scene = asked_everywhere();
    let denied = "ERROR 406 message was rejected during review";
    assert_eq!(scene.answer(1, Answer::Panicked), ["refuse 500 a hook panicked"]);
    assert_eq!(scene.answer(2, Answer::Panicked), ["send [2] ERROR 500 a hook panicked"]);
    assert_eq!(scene.answer(4, Answer::Panicked), ["send [1] ERROR 500 a hook panicked"]);
    assert_eq!(
        scene.answer(3, Answer::Panicked),
        [format!("ask 6 hook 4 about {denied} to alice 1 in lobby")]
    );
    let lines = scene.answer(5, Answer::Panicked);
    assert!(lines[0].starts_with("respond ") && lines[0].contains(" 500 "), "{lines:?}");
    assert!(lines[0].contains("a hook panicked"), "{lines:?}");
    for hook in 1..=5 {
        assert_eq!(scene.engine.hook_hits(HookId::new(hook, 0)), 1, "hook {hook}");
    }
}

#[rstest]
#[case(|| Answer::Unavailable)]
#[case(|| Answer::Verdict(HookVerdict::ReviewHandler(ReviewResponse::allow())))]
fn a_closure_that_cannot_be_asked_decides_nothing(#[case] answer: fn() -> Answer) {
    let mut scene = asked_everywhere();
    assert_eq!(scene.answer(1, answer()), ["accept 3"]);
    assert!(scene.answer(2, answer())[0].starts_with("ask 6 hook 3 about \"b\" of bob"));
    assert_eq!(
        scene.answer(4, answer())[0].split(' ').take(4).collect::<Vec<_>>().join(" "),
        "send [1] ERROR 400"
    );
    let lines = scene.answer(5, answer());
    assert!(lines[0].contains(r#""name":"lobby""#), "{lines:?}");
    // Without a handler the review fails, and the room denies then.
    assert!(scene.answer(3, answer())[0].starts_with("ask 7 hook 4 about ERROR 406"));
    for hook in 1..=5 {
        assert_eq!(scene.engine.hook_hits(HookId::new(hook, 0)), 0, "hook {hook}");
    }
}

#[test]
fn each_hook_point_continues_with_the_next_hook() {
    let mut scene = asked_everywhere();
    let second = |scene: &mut Scene| {
        scene.install(AnyRule::Handshake(always(
            Filter::default(),
            HandshakeVerdict::refuse(503, "no"),
        )));
        scene.install(AnyRule::Review(always(
            Filter::default(),
            ReviewVerdict::Respond(ReviewResponse::allow()),
        )));
        scene.install(AnyRule::Delivery(always(Filter::default(), DeliveryVerdict::Drop)));
        scene.install(AnyRule::Operation(always(Filter::default(), OperationVerdict::Reset)));
    };
    second(&mut scene);
    let pass = HookVerdict::Handshake(HandshakeVerdict::Pass);
    assert_eq!(scene.verdict(1, pass), ["refuse 503 no"]);
    assert!(scene.verdict(4, HookVerdict::Delivery(DeliveryVerdict::Pass)).is_empty());
    assert_eq!(scene.verdict(5, HookVerdict::Operation(OperationVerdict::Pass)).len(), 1);
    // The allowed message is dropped for bob, and alice's closure is asked first.
    let lines = scene.verdict(3, HookVerdict::Review(ReviewVerdict::Pass));
    assert_eq!(lines, [r#"ask 6 hook 4 about MESSAGE "a" to alice 1 in lobby"#]);
}

#[test]
fn a_question_about_a_connection_that_has_ended_changes_nothing() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Delivery(asks(user("bob"))));
    scene.send(alice, "a");
    scene.end(bob, Ending::Stream);
    assert!(scene.verdict(1, HookVerdict::Delivery(DeliveryVerdict::Duplicate)).is_empty());
}
