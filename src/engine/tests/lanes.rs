//! Lanes: the events of one connection in one direction keep their order while a closure decides.

use super::scene::{Scene, always, asks, user};
use crate::engine::io::{Ending, Input};
use crate::hook::action::ActionVerdict;
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::event::HookVerdict;
use crate::hook::registry::AnyRule;
use crate::proto::close::CloseCode;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

const PASS: HookVerdict = HookVerdict::Action(ActionVerdict::Pass);

fn delivery(verdict: DeliveryVerdict) -> HookVerdict {
    HookVerdict::Delivery(verdict)
}

/// Returns a scene in which a closure decides about "a" of alice.
fn asked_about_an_action() -> (Scene, ConnectionId, ConnectionId) {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Action(asks(user("alice"))));
    assert_eq!(scene.send(alice, "a").len(), 1);
    (scene, alice, bob)
}

/// Returns a scene in which a closure decides about "a" of bob on its way to alice.
fn asked_about_a_delivery() -> (Scene, ConnectionId, ConnectionId) {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    scene.install(AnyRule::Delivery(asks(user("alice"))));
    assert_eq!(scene.send(bob, "a").len(), 2);
    (scene, alice, bob)
}

#[test]
fn later_actions_wait_and_are_asked_about_one_by_one() {
    let (mut scene, alice, _) = asked_about_an_action();
    assert!(scene.send(alice, "b").is_empty() && scene.send(alice, "c").is_empty());
    let ask = |number, text| {
        format!("ask {number} hook 1 about SEND_MESSAGE {text:?} of alice 1 in lobby")
    };
    assert_eq!(scene.verdict(1, PASS), [r#"send [1, 2] MESSAGE "a""#.to_owned(), ask(2, "b")]);
    let ignore = HookVerdict::Action(ActionVerdict::Ignore);
    assert_eq!(scene.verdict(2, ignore), [ask(3, "c")]);
    assert_eq!(scene.verdict(3, PASS), [r#"send [1, 2] MESSAGE "c""#]);
}

#[test]
fn waiting_actions_go_on_without_the_hook_once_it_is_removed() {
    let (mut scene, alice, _) = asked_about_an_action();
    scene.send(alice, "b");
    scene.remove(crate::hook::ids::HookId::new(1, 0));
    let sent = [r#"send [1, 2] MESSAGE "a""#, r#"send [1, 2] MESSAGE "b""#];
    assert_eq!(scene.verdict(1, PASS), sent);
    assert_eq!(scene.send(alice, "c").len(), 1);
}

#[test]
fn other_connections_continue() {
    let (mut scene, _, bob) = asked_about_an_action();
    assert_eq!(scene.send(bob, "b"), [r#"send [1, 2] MESSAGE "b""#]);
    let (mut scene, _, bob) = asked_about_a_delivery();
    assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
}

#[test]
fn pings_get_a_pong_while_an_action_waits() {
    let (mut scene, alice, _) = asked_about_an_action();
    let payload = Payload::Ping(std::sync::Arc::default());
    let lines = scene.feed(Input::Frame { connection: alice, payload });
    assert_eq!(lines, [r#"send [1] pong """#]);
}

#[test]
fn the_end_of_a_client_waits_for_its_actions() {
    let (mut scene, alice, _) = asked_about_an_action();
    assert!(scene.close(alice).is_empty() && scene.end(alice, Ending::Stream).is_empty());
    assert!(scene.engine.is_connected(alice));
    let lines = scene.verdict(1, PASS);
    assert_eq!(lines, [r#"send [1, 2] MESSAGE "a""#, "finish 1 1000 bye", "remove 1"]);
}

#[test]
fn later_deliveries_and_the_close_frame_wait() {
    let (mut scene, _, bob) = asked_about_a_delivery();
    assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
    let kick = r#"{"Action":"DISCONNECT_USER","UserId":"alice"}"#;
    let payload = Payload::from_client_text(kick);
    let lines = scene.feed(Input::Frame { connection: bob, payload });
    assert_eq!(lines, ["send [2] EVENT aws:DISCONNECT_USER"]);
    let pass = || delivery(DeliveryVerdict::Pass);
    let lines = scene.verdict(1, pass());
    assert_eq!(lines[0], r#"send [1] MESSAGE "a""#);
    assert!(lines[1].starts_with(r#"ask 2 hook 1 about MESSAGE "b" to alice 1"#));
    assert!(scene.verdict(2, delivery(DeliveryVerdict::Drop))[0].starts_with("ask 3 "));
    let lines = scene.verdict(3, pass());
    assert_eq!(lines, ["send [1] EVENT aws:DISCONNECT_USER", "finish 1 1000"]);
}

#[test]
fn a_frame_that_no_hook_matches_waits_until_a_closure_has_decided_about_the_frame_before() {
    let (mut scene, alice, bob) = asked_about_a_delivery();
    scene.remove(crate::hook::ids::HookId::new(1, 0));
    assert_eq!(scene.send(bob, "b"), [r#"send [2] MESSAGE "b""#]);
    let answer = ActionVerdict::Respond("raw".into());
    scene.install(AnyRule::Action(always(user("alice"), answer)));
    assert!(scene.send(alice, "x").is_empty());
    let lines = scene.verdict(1, delivery(DeliveryVerdict::Pass));
    let sent = [r#"send [1] MESSAGE "a""#, r#"send [1] MESSAGE "b""#, "send [1] raw"];
    assert_eq!(lines, sent);
    // The whole room shares an output again.
    assert_eq!(scene.send(bob, "c"), [r#"send [1, 2] MESSAGE "c""#]);
}

#[test]
fn a_frame_that_waits_is_seen_by_the_hooks_that_are_installed_by_then() {
    let (mut scene, _, bob) = asked_about_a_delivery();
    scene.remove(crate::hook::ids::HookId::new(1, 0));
    scene.send(bob, "b");
    scene.install(AnyRule::Delivery(always(user("alice"), DeliveryVerdict::Drop)));
    assert!(scene.verdict(1, delivery(DeliveryVerdict::Pass)).is_empty());
}

#[test]
fn a_disconnection_by_a_closure_discards_the_frames_queued_after_it() {
    let (mut scene, _, bob) = asked_about_a_delivery();
    scene.send(bob, "b");
    let reason = String::new();
    let verdict = DeliveryVerdict::Disconnect { code: CloseCode::GOING_AWAY, reason };
    let lines = scene.verdict(1, delivery(verdict));
    assert_eq!(lines[0], "finish 1 1001");
    // The frame behind it is asked about, and whatever the closure answers, it does not leave.
    assert!(lines[1].starts_with("ask 2 "), "{lines:?}");
    assert!(scene.verdict(2, delivery(DeliveryVerdict::Pass)).is_empty());
}

#[test]
fn a_delivery_that_passes_an_open_gate_keeps_its_place() {
    let mut scene = Scene::new();
    let (_, bob) = scene.alice_and_bob();
    let gate = scene.gate();
    scene.open(gate);
    scene.install(AnyRule::Delivery(asks(user("alice"))));
    scene.send(bob, "a");
    scene.send(bob, "b");
    scene.remove(crate::hook::ids::HookId::new(1, 0));
    let lines = scene.verdict(1, delivery(DeliveryVerdict::Hold(gate)));
    assert_eq!(lines, [r#"send [1] MESSAGE "a""#, r#"send [1] MESSAGE "b""#]);
}
