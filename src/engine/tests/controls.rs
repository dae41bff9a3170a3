//! Controls: the actions of the test on single connections, and the state that it can ask for.

use std::time::Duration;

use super::scene::{Scene, asks, message, user};
use crate::engine::control::Control;
use crate::engine::io::{Input, Way};
use crate::hook::action::ActionVerdict;
use crate::hook::chain::Rule;
use crate::hook::delivery::Corruption;
use crate::hook::frequency::Frequency;
use crate::hook::registry::AnyRule;
use crate::proto::close::{Close, CloseCode};
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a scene with alice, who has a stream, and bob, who has none.
fn scene() -> (Scene, ConnectionId, ConnectionId) {
    let mut scene = Scene::new();
    let both = (scene.connect("alice"), scene.join("bob"));
    scene.log();
    (scene, both.0, both.1)
}

fn control(scene: &mut Scene, connection: ConnectionId, control: Control) -> Vec<String> {
    scene.feed(Input::Control { connection, control })
}

fn push(text: &str) -> Control {
    Control::Push(Payload::from_text(text.to_owned()))
}

fn throttle(way: Way, bytes_per_second: Option<u32>) -> Control {
    Control::Throttle { way, bytes_per_second }
}

#[test]
fn a_connection_can_be_closed_reset_and_expired() {
    let controls = [
        (Control::Close(Close::new(CloseCode::NORMAL, "bye")), "finish 1 1000 bye", "closed"),
        (Control::Reset, "reset 1", "reset"),
        (Control::Expire, "send [1] ERROR 401 session has expired", "session expired"),
    ];
    for (how, output, logged) in controls {
        let (mut scene, alice, bob) = scene();
        let lines = control(&mut scene, alice, how.clone());
        assert_eq!(lines[0], output);
        assert_eq!(lines.last().unwrap(), "return Controlled(true)");
        assert_eq!(scene.log()[0], format!("alice ~ {logged} by the test"));
        assert!(!scene.engine.is_connected(alice) && scene.engine.is_connected(bob));
        assert_eq!(control(&mut scene, alice, how), ["return Controlled(false)"]);
        assert!(scene.log().is_empty());
    }
}

#[test]
fn a_frame_can_be_pushed_as_it_is_or_corrupted() {
    let (mut scene, alice, _) = scene();
    let lines = control(&mut scene, alice, push("text"));
    assert_eq!(lines, ["send [1] text", "return Controlled(true)"]);
    assert_eq!(scene.log(), ["alice ~ frame pushed by the test", "  alice < text"]);
    let binary = Control::PushCorrupted { text: "{}".into(), corruption: Corruption::Binary };
    let lines = control(&mut scene, alice, binary);
    assert_eq!(lines, ["send [1] binary {}", "return Controlled(true)"]);
    let truncated = Control::PushCorrupted { text: "{}".into(), corruption: Corruption::Truncated };
    let lines = control(&mut scene, alice, truncated);
    assert_eq!(lines[0], "send [1] {} (false false false 1)");
    assert!(!scene.engine.is_connected(alice), "{lines:?}");
}

#[test]
fn only_a_connection_with_a_stream_has_a_bandwidth() {
    let (mut scene, alice, bob) = scene();
    let limits = [
        (
            throttle(Way::Inbound, Some(7)),
            "throttle 1 Inbound Some(7)",
            "inbound bandwidth limited to 7 bytes a second",
        ),
        (
            throttle(Way::Outbound, Some(8)),
            "throttle 1 Outbound Some(8)",
            "outbound bandwidth limited to 8 bytes a second",
        ),
        (throttle(Way::Inbound, None), "throttle 1 Inbound None", "inbound bandwidth limit lifted"),
    ];
    for (how, output, logged) in limits {
        let lines = control(&mut scene, alice, how.clone());
        assert_eq!(lines, [output, "return Controlled(true)"]);
        assert_eq!(scene.log(), [format!("alice ~ {logged} by the test")]);
        assert_eq!(control(&mut scene, bob, how), ["return Controlled(false)"]);
        assert!(scene.log().is_empty());
    }
}

#[test]
fn a_stalled_connection_gets_its_frames_when_it_resumes() {
    let (mut scene, alice, bob) = scene();
    assert_eq!(control(&mut scene, alice, Control::Stall), ["stall 1", "return Controlled(true)"]);
    assert_eq!(control(&mut scene, alice, Control::Stall), ["return Controlled(true)"]);
    control(&mut scene, alice, push("one"));
    control(&mut scene, alice, push("three"));
    let info = scene.engine.connection_info(scene.now, alice).unwrap();
    assert!(info.is_stalled && info.has_stream);
    assert_eq!((info.withheld_frames, info.withheld_bytes), (2, "onethree".len()));
    let lines = control(&mut scene, alice, Control::Resume);
    assert_eq!(lines, ["resume 1", "send [1] one", "send [1] three", "return Controlled(true)"]);
    let info = scene.engine.connection_info(scene.now, alice).unwrap();
    assert_eq!((info.is_stalled, info.withheld_frames, info.withheld_bytes), (false, 0, 0));
    // The frames of a participant wait here, those of a client in its stream.
    control(&mut scene, bob, Control::Stall);
    assert!(scene.send(bob, "late").is_empty());
    assert!(!scene.engine.connection_info(scene.now, bob).unwrap().has_stream);
    let lines = control(&mut scene, bob, Control::Resume);
    assert_eq!(lines[0], "resume 2");
    assert_eq!(lines[1], "send [1, 2] MESSAGE \"late\"", "{lines:?}");
}

#[test]
fn a_stalled_connection_with_too_many_bytes_is_dropped() {
    let (mut scene, alice, _) = scene();
    control(&mut scene, alice, Control::Stall);
    // 16 MiB are kept.
    let half = "x".repeat(8 * 1024 * 1024);
    assert_eq!(control(&mut scene, alice, push(&half)), ["return Controlled(true)"]);
    assert_eq!(control(&mut scene, alice, push(&half)), ["return Controlled(true)"]);
    assert!(scene.engine.is_connected(alice));
    let lines = control(&mut scene, alice, push("yz"));
    assert_eq!(lines[0], "reset 1");
    assert!(!scene.engine.is_connected(alice));
}

#[test]
fn a_stalled_connection_that_is_closed_ends_after_its_frames() {
    let (mut scene, alice, _) = scene();
    control(&mut scene, alice, Control::Stall);
    control(&mut scene, alice, push("one"));
    control(&mut scene, alice, Control::Close(Close::new(CloseCode::NORMAL, "bye")));
    let lines = control(&mut scene, alice, Control::Resume);
    assert_eq!(lines, ["resume 1", "send [1] one", "finish 1 1000 bye", "return Controlled(true)"]);
}

#[test]
fn the_state_of_all_open_connections_is_known() {
    let (mut scene, alice, bob) = scene();
    scene.advance(SECOND);
    let carol = scene.connect("carol");
    scene.advance(SECOND);
    let infos: Vec<_> = scene.engine.connection_infos(scene.now).collect();
    let shown: Vec<_> = infos.iter().map(|info| (info.peer.connection, info.age)).collect();
    assert_eq!(shown, [(alice, 2 * SECOND), (bob, 2 * SECOND), (carol, SECOND)]);
    scene.close(alice);
    assert!(scene.engine.connection_info(scene.now, alice).is_none());
    assert_eq!(scene.engine.connection_infos(scene.now).count(), 2);
    assert_eq!(&*scene.engine.peer(bob).unwrap().user_id, "bob");
    assert!(scene.engine.peer(ConnectionId(99)).is_none());
}

#[test]
fn a_reset_deletes_all_rooms_and_ends_all_connections() {
    let (mut scene, alice, bob) = scene();
    let token = scene.token("carol");
    let lines = scene.feed(Input::ResetRooms);
    assert_eq!(lines, ["finish 1 1001 the mock was reset", "remove 2"]);
    let logged = scene.log();
    assert!(logged.iter().any(|line| line.contains("all rooms deleted")), "{logged:?}");
    assert!(!scene.engine.is_connected(alice) && !scene.engine.is_connected(bob));
    assert_eq!(scene.engine.service().rooms().count(), 0);
    let refused = scene.handshake(Some(token));
    assert!(refused[0].starts_with("refuse 404"), "{refused:?}");
}

#[test]
fn a_hook_whose_closure_has_not_returned_says_so() {
    let (mut scene, alice, bob) = scene();
    let hook = scene.install(AnyRule::Action(asks::<ActionVerdict>(user("alice"))));
    let second = Frequency { nth: Some(2), ..Frequency::default() };
    let other = Rule { frequency: second, ..asks::<ActionVerdict>(user("bob")) };
    scene.install(AnyRule::Action(other));
    scene.handle(message(alice, "x"));
    scene.handle(message(bob, "x"));
    let statuses = scene.engine.hook_statuses();
    let why = "1 event matched its conditions, but it fires only at match 2";
    assert_eq!(statuses[1].why_not_fired(), why);
    assert_eq!(
        statuses[0].why_not_fired(),
        "1 event matched its conditions, but its closure has not returned"
    );
    assert_eq!(scene.engine.hook_hits(hook), 0);
}
