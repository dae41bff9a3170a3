//! Actions: each verdict of a hook on them.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::scene::{Scene, always, asks, containing, user};
use crate::engine::io::{Ending, Input};
use crate::hook::action::ActionVerdict;
use crate::hook::event::HookVerdict;
use crate::hook::filter::Filter;
use crate::hook::registry::AnyRule;
use crate::proto::action::{Action, ActionKind, SendMessage};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

fn disconnect() -> ActionVerdict {
    ActionVerdict::Disconnect { code: CloseCode::GOING_AWAY, reason: "go".into() }
}

/// A verdict about "hi" of alice, the outputs, and the text for the log.
type Case = (ActionVerdict, &'static [&'static str], &'static str);

fn cases() -> Vec<Case> {
    let change = Action::SendMessage(SendMessage::new("ho"));
    vec![
        (
            ActionVerdict::reject(ErrorCode::NotAcceptable, "no"),
            &["send [1] ERROR 406 no"],
            "rejected with 406",
        ),
        (ActionVerdict::Ignore, &[], "ignored"),
        (ActionVerdict::Respond("text".into()), &["send [1] text"], "answered"),
        (ActionVerdict::Change(change), &[r#"send [1, 2] MESSAGE "ho""#], "changed"),
        (
            ActionVerdict::Duplicate,
            &[r#"send [1, 2] MESSAGE "hi""#, r#"send [1, 2] MESSAGE "hi""#],
            "duplicated",
        ),
        (ActionVerdict::Reorder, &[], "reordered"),
        (disconnect(), &["finish 1 1001 go"], "disconnected"),
        (ActionVerdict::Reset, &["reset 1", "remove 1"], "reset"),
        (ActionVerdict::Stall, &["stall 1"], "stalled"),
        (ActionVerdict::Delay(Duration::from_secs(1)), &[], "delayed 1s"),
        (
            ActionVerdict::DelayRealTime(Duration::from_secs(1)),
            &["timer 1 1s"],
            "delayed 1s of real time",
        ),
    ]
}

#[test]
fn each_verdict_has_its_effect_from_a_value_and_from_a_closure() {
    for (verdict, outputs, effect) in cases() {
        let mut scene = Scene::new();
        let (alice, _) = scene.alice_and_bob();
        let hook = scene.install(AnyRule::Action(always(user("alice"), verdict.clone())));
        assert_eq!(scene.send(alice, "hi"), outputs, "{verdict:?}");
        let line = format!("~ {effect} by \"h\"");
        assert!(scene.log().iter().any(|logged| logged.contains(&line)), "{verdict:?}");
        assert_eq!(scene.engine.hook_hits(hook), 1);

        let mut scene = Scene::new();
        let (alice, _) = scene.alice_and_bob();
        scene.install(AnyRule::Action(asks(user("alice"))));
        assert_eq!(scene.send(alice, "hi").len(), 1);
        let lines = scene.verdict(1, HookVerdict::Action(verdict.clone()));
        assert_eq!(lines, outputs, "{verdict:?}");
        assert!(scene.log().iter().any(|logged| logged.contains(&line)), "{verdict:?}");
    }
}

#[test]
fn an_action_that_passes_a_value_goes_to_the_service() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let hook = scene.install(AnyRule::Action(always(Filter::default(), ActionVerdict::Pass)));
    assert_eq!(scene.send(alice, "hi"), [r#"send [1, 2] MESSAGE "hi""#]);
    assert_eq!(scene.engine.hook_hits(hook), 0);
}

#[test]
fn an_action_is_held_until_its_gate_opens() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let gate = scene.gate();
    scene.install(AnyRule::Action(always(user("alice"), ActionVerdict::Hold(gate))));
    assert!(scene.send(alice, "hi").is_empty());
    assert_eq!((scene.engine.waiting_at(gate), scene.engine.waiting_at_gates()), (1, 1));
    assert_eq!(scene.open(gate), [r#"send [1, 2] MESSAGE "hi""#]);
    assert_eq!(scene.send(alice, "hi"), [r#"send [1, 2] MESSAGE "hi""#]);
}

#[test]
fn reordered_actions_follow_the_next_one_in_their_order() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Action(always(containing("late"), ActionVerdict::Reorder)));
    scene.send(alice, "late 1");
    scene.send(alice, "late 2");
    assert_eq!(scene.send(bob, "b").len(), 1);
    assert_eq!(
        scene.send(alice, "next"),
        [
            r#"send [1, 2] MESSAGE "next""#,
            r#"send [1, 2] MESSAGE "late 1""#,
            r#"send [1, 2] MESSAGE "late 2""#
        ]
    );
    assert_eq!(scene.send(alice, "last").len(), 1);
}

#[test]
fn a_connection_that_ends_by_a_verdict_leaves_its_room() {
    for verdict in [disconnect(), ActionVerdict::Reset] {
        let mut scene = Scene::new();
        let (alice, bob) = scene.alice_and_bob();
        scene.install(AnyRule::Action(always(user("alice"), verdict)));
        scene.send(alice, "hi");
        assert!(!scene.engine.is_connected(alice) && scene.engine.is_connected(bob));
        assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
        assert!(scene.send(alice, "again").is_empty());
    }
}

#[test]
fn a_disconnection_closes_once() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    scene.install(AnyRule::Action(asks(user("alice"))));
    scene.send(alice, "hi");
    scene.feed(Input::Outage(crate::log::record::OutageEvent::Disconnect));
    scene.log();
    assert!(scene.verdict(1, HookVerdict::Action(disconnect())).is_empty());
    assert_eq!(scene.log(), [r#"  alice ~ disconnected by "h""#]);
}

#[test]
fn a_stalled_connection_stays_in_its_room_and_receives_nothing() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Action(always(user("alice"), ActionVerdict::Stall)));
    scene.send(alice, "hi");
    scene.log();
    assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
    assert!(scene.engine.is_connected(alice));
    assert!(scene.log().iter().any(|line| line.contains("alice ~ withheld from a stalled")));
}

/// Each condition of a hook on actions, for which "hi" of alice on connection 1 in the lobby fits.
#[rstest]
#[case(Filter { user_id: Some("alice".into()), ..Filter::default() }, true)]
#[case(Filter { user_id: Some("bob".into()), ..Filter::default() }, false)]
#[case(Filter { rooms: vec!["lobby".into()], ..Filter::default() }, true)]
#[case(Filter { rooms: vec!["attic".into()], ..Filter::default() }, false)]
#[case(Filter { connection: Some(ConnectionId(1)), ..Filter::default() }, true)]
#[case(Filter { connection: Some(ConnectionId(2)), ..Filter::default() }, false)]
#[case(Filter { action: Some(ActionKind::SendMessage), ..Filter::default() }, true)]
#[case(Filter { action: Some(ActionKind::DeleteMessage), ..Filter::default() }, false)]
#[case(Filter { request_id: Some("r1".into()), ..Filter::default() }, true)]
#[case(Filter { request_id: Some("r2".into()), ..Filter::default() }, false)]
#[case(Filter { containing: vec!["hi".into()], ..Filter::default() }, true)]
#[case(Filter { containing: vec!["Action".into()], ..Filter::default() }, false)]
#[case(Filter { sender: Some("alice".into()), ..Filter::default() }, false)]
fn a_hook_is_about_the_actions_that_all_of_its_conditions_fit(
    #[case] filter: Filter,
    #[case] fits: bool,
) {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    scene.install(AnyRule::Action(always(filter, ActionVerdict::Ignore)));
    assert_eq!(scene.send(alice, "hi").is_empty(), fits);
}

#[test]
fn a_hook_is_shown_the_text_of_frames_that_are_not_messages() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    scene.install(AnyRule::Action(asks(containing("odd"))));
    let payload = Payload::from_client_binary("odd \u{e9}");
    let lines = scene.feed(Input::Frame { connection: alice, payload });
    assert_eq!(lines, [r#"ask 1 hook 1 about nothing "odd é" of alice 1 in lobby"#]);
    let text = json!({ "Action": "DELETE_MESSAGE", "Id": "odd" }).to_string();
    let payload = Payload::from_client_text(text.clone());
    scene.verdict(1, HookVerdict::Action(ActionVerdict::Ignore));
    let lines = scene.feed(Input::Frame { connection: alice, payload });
    assert_eq!(lines, [format!("ask 2 hook 1 about DELETE_MESSAGE {text:?} of alice 1 in lobby")]);
}

#[test]
fn frames_without_hooks_are_decided_by_the_service() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let payload = Payload::Pong(std::sync::Arc::default());
    assert!(scene.feed(Input::Frame { connection: alice, payload }).is_empty());
    assert_eq!(scene.log(), [r#"alice > pong """#]);
    let payload = Payload::Ping(std::sync::Arc::new("x".into()));
    let lines = scene.feed(Input::Frame { connection: alice, payload });
    assert_eq!(lines, [r#"send [1] pong "x""#]);
}

#[test]
fn frames_after_a_close_frame_have_no_effect() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    assert_eq!(scene.close(alice), ["finish 1 1000 bye"]);
    assert_eq!(scene.log(), [r#"alice closes 1000 "bye""#]);
    assert!(scene.close(alice).is_empty());
    assert!(scene.log().is_empty());
    assert!(scene.send(alice, "hi").is_empty());
    assert_eq!(scene.log().len(), 1);
    assert!(!scene.engine.has_ended(alice));
    assert_eq!(scene.end(alice, Ending::Stream), ["remove 1"]);
    assert!(scene.engine.has_ended(alice) && !scene.engine.has_ended(bob));
    assert!(!scene.engine.has_ended(ConnectionId(0)) && !scene.engine.has_ended(ConnectionId(3)));
    assert!(scene.log().is_empty());
    assert!(scene.end(alice, Ending::Stream).is_empty() && scene.send(alice, "hi").is_empty());
    assert!(scene.log().is_empty());
}

#[test]
fn a_stream_that_ends_without_a_close_frame_is_logged_as_disconnected() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    assert_eq!(scene.end(alice, Ending::Stream), ["remove 1"]);
    assert_eq!(scene.log(), ["alice is gone"]);
}

#[test]
fn a_participant_that_closes_is_removed() {
    let mut scene = Scene::new();
    let alice = scene.join("alice");
    scene.log();
    assert_eq!(scene.close(alice), ["remove 1"]);
    assert_eq!(scene.log(), [r#"alice closes 1000 "bye""#]);
}

#[test]
fn a_protocol_error_closes_once() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let error = || Ending::ProtocolError { code: CloseCode::PROTOCOL_ERROR, reason: "bad".into() };
    assert_eq!(scene.end(alice, error()), ["finish 1 1002 bad"]);
    assert_eq!(scene.log(), [r#"alice closed 1002 "bad""#]);
    assert!(scene.end(alice, error()).is_empty() && scene.log().is_empty());
    // The close frame that the client responds with ends nothing.
    assert!(scene.close(alice).is_empty());
}
