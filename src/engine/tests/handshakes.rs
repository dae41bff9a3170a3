//! Handshakes: each verdict of a hook on them, and what becomes of handshakes that wait.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::scene::{Scene, always, asks, containing, user};
use crate::engine::KeepAlive;
use crate::engine::io::{Arrangement, HandshakeId, Input};
use crate::hook::event::HookVerdict;
use crate::hook::filter::Filter;
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::ids::HookId;
use crate::hook::registry::AnyRule;
use crate::proto::close::CloseCode;
use crate::proto::headers::Headers;
use crate::service::Settings;

/// A verdict about a handshake of alice, the outputs, and the text for the log.
type Case = (HandshakeVerdict, &'static [&'static str], &'static str);

fn cases() -> Vec<Case> {
    let disconnect =
        HandshakeVerdict::Disconnect { code: CloseCode::TRY_AGAIN_LATER, reason: "busy".into() };
    vec![
        (
            HandshakeVerdict::refuse(503, "later"),
            &["refuse 503 later"],
            "handshake refused with 503",
        ),
        (
            disconnect,
            &["accept and close 1 1013 busy"],
            "handshake accepted, then closed with 1013",
        ),
        (HandshakeVerdict::Reset, &["reset the handshake"], "handshake reset"),
        (
            HandshakeVerdict::NeverRespond,
            &["never answer the handshake"],
            "handshake left without a response",
        ),
        (
            HandshakeVerdict::LimitBandwidth(100),
            &["limit 100", "accept 1"],
            "link slowed to 100 bytes a second",
        ),
        (HandshakeVerdict::Delay(Duration::from_secs(1)), &[], "delayed 1s"),
        (
            HandshakeVerdict::DelayRealTime(Duration::from_secs(1)),
            &["timer 1 1s"],
            "delayed 1s of real time",
        ),
        (HandshakeVerdict::Pass, &["accept 1"], ""),
    ]
}

#[test]
fn each_verdict_has_its_effect_from_a_value_and_from_a_closure() {
    for (verdict, outputs, effect) in cases() {
        let line = format!("~ {effect} by \"h\"");
        let is_logged = |lines: &[String]| lines.iter().any(|logged| logged.contains(&line));
        let mut scene = Scene::new();
        let token = scene.token("alice");
        let hook = scene.install(AnyRule::Handshake(always(user("alice"), verdict.clone())));
        assert_eq!(scene.handshake(Some(token)), outputs, "{verdict:?}");
        assert_eq!(is_logged(&scene.log()), !effect.is_empty(), "{verdict:?}");
        assert_eq!(scene.engine.hook_hits(hook) > 0, !effect.is_empty());

        let mut scene = Scene::new();
        let token = scene.token("alice");
        scene.install(AnyRule::Handshake(asks(user("alice"))));
        assert_eq!(scene.handshake(Some(token)).len(), 1);
        let lines = scene.verdict(1, HookVerdict::Handshake(verdict.clone()));
        assert_eq!(lines, outputs, "{verdict:?}");
        assert_eq!(is_logged(&scene.log()), !effect.is_empty(), "{verdict:?}");
    }
}

#[rstest]
#[case(user("alice"), true)]
#[case(user("bob"), false)]
#[case(Filter { rooms: vec!["lobby".into()], ..Filter::default() }, true)]
#[case(Filter { rooms: vec!["attic".into()], ..Filter::default() }, false)]
#[case(containing("/"), true)]
#[case(containing("?"), false)]
fn a_hook_is_about_the_handshakes_that_all_of_its_conditions_fit(
    #[case] filter: Filter,
    #[case] fits: bool,
) {
    let mut scene = Scene::new();
    let token = scene.token("alice");
    scene.install(AnyRule::Handshake(always(filter, HandshakeVerdict::Reset)));
    let expected = if fits { "reset the handshake" } else { "accept 1" };
    assert_eq!(scene.handshake(Some(token)), [expected]);
}

#[test]
fn a_closure_is_asked_about_unknown_tokens_too() {
    let mut scene = Scene::new();
    scene.install(AnyRule::Handshake(asks(Filter::default())));
    assert_eq!(scene.handshake(None), ["ask 1 hook 1 about nobody in no room at /"]);
    let lines = scene.verdict(1, HookVerdict::Handshake(HandshakeVerdict::Pass));
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("refuse 401 "), "{lines:?}");
    assert!(scene.log().iter().any(|line| line.starts_with("handshake refused 401: ")));
}

#[test]
fn a_held_handshake_connects_when_its_gate_opens() {
    let mut scene = Scene::new();
    let token = scene.token("alice");
    let gate = scene.gate();
    scene.install(AnyRule::Handshake(always(Filter::default(), HandshakeVerdict::Hold(gate))));
    assert!(scene.handshake(Some(token)).is_empty());
    assert_eq!(scene.release_one(gate), ["accept 1", "released true"]);
}

/// Wherever a handshake waits, it is forgotten once its client has gone, and others are not.
#[test]
fn an_abandoned_handshake_is_forgotten_wherever_it_waits() {
    let second = Duration::from_secs(1);
    let mut scene = Scene::new();
    let gate = scene.gate();
    let hook = |scene: &mut Scene, verdict| {
        scene.feed(Input::arrange(Arrangement::RemoveAllHooks));
        scene.install(AnyRule::Handshake(always(Filter::default(), verdict)))
    };
    // Two handshakes each are held, delayed, and delayed by real time.
    for verdict in [
        HandshakeVerdict::Hold(gate),
        HandshakeVerdict::Delay(second),
        HandshakeVerdict::DelayRealTime(second),
    ] {
        hook(&mut scene, verdict);
        for _ in 0..2 {
            let token = scene.token("alice");
            scene.handshake(Some(token));
        }
    }
    for id in [1, 3, 5] {
        assert!(scene.feed(Input::HandshakeAbandoned(HandshakeId(id))).is_empty());
    }
    assert_eq!(scene.engine.waiting_at(gate), 1);
    assert_eq!(scene.open(gate), ["accept 1"]);
    assert_eq!(scene.advance(second), ["accept 2"]);
    let elapsed = |id| Input::RealTimeElapsed(crate::engine::io::TimerId(id));
    assert!(scene.feed(elapsed(3)).is_empty());
    assert_eq!(scene.feed(elapsed(4)), ["accept 3"]);
}

#[test]
fn refused_handshakes_can_be_accepted_and_closed_if_the_token_is_the_reason() {
    let settings = Settings { closes_refused_handshakes: true, ..Settings::default() };
    let mut scene = Scene::with(settings, KeepAlive::default(), json!({}));
    let lines = scene.handshake(Some("unknown".into()));
    assert!(lines[0].starts_with(r#"accept and close 2 1000 {"ErrorCode":401,"#), "{lines:?}");
    let lines = scene.handshake(None);
    let is_closed = lines[0].starts_with("accept and close ");
    assert!(is_closed || lines[0].starts_with("refuse "), "{lines:?}");
}

#[test]
fn the_log_shows_nothing_of_a_text_that_is_not_a_token() {
    let mut scene = Scene::new();
    scene.handshake(Some("0123456789".into()));
    let lines = scene.log();
    assert!(lines[0].ends_with("([unknown-token])"), "{lines:?}");
}

#[test]
fn connections_of_one_user_are_numbered_and_labeled() {
    let mut scene = Scene::new();
    let connections = [scene.connect("alice"), scene.join("alice"), scene.connect("bob")];
    assert_eq!(connections.map(|connection| connection.0), [1, 2, 3]);
    let labels = connections.map(|connection| scene.engine.peer(connection).unwrap().label.clone());
    assert_eq!(labels, ["alice", "alice#2", "bob"]);
    assert!(scene.engine.connections.peer(crate::service::ConnectionId(9)).is_none());
}

#[test]
fn no_hook_sees_a_participant_join() {
    let mut scene = Scene::new();
    let hook = scene
        .install(AnyRule::Handshake(always(Filter::default(), HandshakeVerdict::refuse(500, ""))));
    scene.join("alice");
    assert_eq!((scene.engine.hook_hits(hook), hook), (0, HookId::new(1, 0)));
}

#[test]
fn broken_handshakes_and_clients_that_give_up_are_recorded() {
    let mut scene = Scene::new();
    let (message, headers) = ("no key".to_owned(), Headers::default());
    assert!(scene.feed(Input::InvalidHandshake { status: 400, message, headers }).is_empty());
    scene.feed(Input::GaveUp { operation: None, user_id: Some("alice".into()) });
    let expected = ["handshake refused 400: no key", "alice gives up on the handshake"];
    assert_eq!(scene.log(), expected);
}
