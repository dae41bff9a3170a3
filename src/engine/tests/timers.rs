//! Timers: delays by the clock and by real time, and the order of everything that is due.

use std::time::Duration;

use super::scene::{Scene, always, containing, user};
use crate::engine::KeepAlive;
use crate::engine::io::{Input, TimerId};
use crate::hook::action::ActionVerdict;
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::filter::Filter;
use crate::hook::registry::AnyRule;
use crate::log::record::{Event, Until};

const SECOND: Duration = Duration::from_secs(1);

fn delay(scene: &mut Scene, text: &str, seconds: u32) {
    let verdict = ActionVerdict::Delay(SECOND * seconds);
    scene.install(AnyRule::Action(always(containing(text), verdict)));
}

#[test]
fn the_next_deadline_is_the_earliest() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let session = scene.engine.next_deadline().unwrap();
    assert_eq!(session.since(scene.now), SECOND * 3_600);
    delay(&mut scene, "long", 10);
    delay(&mut scene, "short", 5);
    scene.send(alice, "long");
    assert_eq!(scene.engine.next_deadline(), Some(scene.now + SECOND * 10));
    scene.send(alice, "short");
    assert_eq!(scene.engine.next_deadline(), Some(scene.now + SECOND * 5));
    assert_eq!(scene.advance(SECOND * 5), [r#"send [1, 2] MESSAGE "short""#]);
    assert_eq!(scene.engine.next_deadline(), Some(scene.now + SECOND * 5));
    assert_eq!(scene.advance(SECOND * 5), [r#"send [1, 2] MESSAGE "long""#]);
    assert_eq!(scene.engine.next_deadline(), Some(session));
}

#[test]
fn delayed_events_are_counted_until_they_are_due() {
    let keep_alive = KeepAlive { ping_interval: Some(SECOND), idle_timeout: Some(SECOND * 60) };
    let mut scene = Scene::watched(keep_alive);
    let alice = scene.connect("alice");
    assert_eq!(scene.engine.delayed(), None);
    delay(&mut scene, "long", 10);
    delay(&mut scene, "short", 5);
    scene.send(alice, "long");
    assert_eq!(scene.engine.delayed(), Some((1, scene.now + SECOND * 10)));
    scene.send(alice, "short");
    assert_eq!(scene.engine.delayed(), Some((2, scene.now + SECOND * 5)));
    scene.advance(SECOND * 5);
    assert_eq!(scene.engine.delayed(), Some((1, scene.now + SECOND * 5)));
    scene.advance(SECOND * 5);
    assert_eq!(scene.engine.delayed(), None);
}

#[test]
fn the_log_knows_until_when_a_hook_keeps_what() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let gate = scene.gate();
    let delay = |seconds| ActionVerdict::Delay(SECOND * seconds);
    scene.install(AnyRule::Action(always(containing("clock"), delay(5))));
    scene
        .install(AnyRule::Action(always(containing("real"), ActionVerdict::DelayRealTime(SECOND))));
    scene.install(AnyRule::Action(always(containing("gate"), ActionVerdict::Hold(gate))));
    scene.install(AnyRule::Delivery(always(user("bob"), DeliveryVerdict::Delay(SECOND))));
    for text in ["clock", "real", "gate", "delivery"] {
        scene.send(alice, text);
    }
    let fired = scene.engine.log().since(0).filter_map(|(_, record)| match &record.event {
        Event::HookFired(fired) => Some((fired.until, fired.stops_action, fired.payload.is_some())),
        _ => None,
    });
    let expected = [
        (Some(Until::Time(scene.now + SECOND * 5)), true, false),
        (None, true, false),
        (Some(Until::Gate(gate)), true, false),
        (Some(Until::Time(scene.now + SECOND)), false, true),
    ];
    assert_eq!(fired.collect::<Vec<_>>(), expected);
}

#[test]
fn events_that_are_due_together_keep_their_order() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    delay(&mut scene, "", 1);
    scene.send(alice, "a");
    scene.send(bob, "b");
    assert!(scene.advance(SECOND - Duration::from_nanos(1)).is_empty());
    let lines = scene.advance(Duration::from_nanos(1));
    assert_eq!(lines, [r#"send [1, 2] MESSAGE "a""#, r#"send [1, 2] MESSAGE "b""#]);
}

#[test]
fn an_input_comes_after_everything_that_is_due_before_it() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    delay(&mut scene, "late", 1);
    scene.send(alice, "late");
    scene.now = scene.now + SECOND * 2;
    let lines = scene.send(bob, "b");
    assert_eq!(lines, [r#"send [1, 2] MESSAGE "late""#, r#"send [1, 2] MESSAGE "b""#]);
    // Time never goes back.
    scene.send(alice, "late");
    scene.now = "2025-01-01T00:00:00Z".parse().unwrap();
    assert!(scene.send(bob, "b").len() == 1);
    scene.now = "2026-01-01T00:00:03Z".parse().unwrap();
    assert_eq!(scene.send(bob, "b").len(), 2);
}

#[test]
fn a_delay_that_ends_with_a_session_comes_first() {
    let mut scene = Scene::new();
    let (alice, bob) = scene.alice_and_bob();
    for hours in [3_600, 3_601] {
        let verdict = DeliveryVerdict::Delay(SECOND * hours);
        let filter = containing(&hours.to_string());
        scene.install(AnyRule::Delivery(always(filter, verdict)));
    }
    scene.send(alice, "3600");
    scene.send(bob, "3601");
    let lines = scene.advance(SECOND * 3_600);
    assert_eq!(lines[..2], [r#"send [1] MESSAGE "3600""#, r#"send [2] MESSAGE "3600""#]);
    assert!(lines[2].starts_with("send [1] ERROR 401") && lines.len() == 6, "{lines:?}");
    // The connections are closed, so nothing leaves, and nothing is recorded.
    assert!(scene.advance(SECOND).is_empty());
}

#[test]
fn delays_by_real_time_end_one_by_one_and_once() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let verdict = ActionVerdict::DelayRealTime(SECOND);
    scene.install(AnyRule::Action(always(user("alice"), verdict)));
    assert_eq!(scene.send(alice, "a"), ["timer 1 1s"]);
    assert_eq!(scene.send(alice, "b"), ["timer 2 1s"]);
    assert!(scene.advance(SECOND * 5).is_empty());
    let elapsed = |id| Input::RealTimeElapsed(TimerId(id));
    assert_eq!(scene.feed(elapsed(2)), [r#"send [1, 2] MESSAGE "b""#]);
    assert!(scene.feed(elapsed(2)).is_empty());
    assert_eq!(scene.feed(elapsed(1)), [r#"send [1, 2] MESSAGE "a""#]);
}

#[test]
fn gates_are_apart() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let (first, second) = (scene.gate(), scene.gate());
    assert_ne!(first, second);
    for (text, gate) in [("one", first), ("two", second)] {
        scene.install(AnyRule::Action(always(containing(text), ActionVerdict::Hold(gate))));
    }
    scene.send(alice, "one");
    scene.send(alice, "two");
    scene.send(alice, "two");
    let waiting = [first, second].map(|gate| scene.engine.waiting_at(gate));
    assert_eq!((waiting, scene.engine.waiting_at_gates()), ([1, 2], 3));
    let lines = scene.release_one(second);
    assert_eq!(lines, [r#"send [1, 2] MESSAGE "two""#, "released true"]);
    assert_eq!(scene.open(first), [r#"send [1, 2] MESSAGE "one""#]);
    assert_eq!((scene.engine.waiting_at(first), scene.engine.waiting_at_gates()), (0, 1));
}

#[test]
fn a_gate_of_another_mock_holds_nothing() {
    let mut scene = Scene::new();
    let (alice, _) = scene.alice_and_bob();
    let own = scene.gate();
    assert_eq!(own.mock, 1);
    let foreign = crate::hook::ids::GateId { mock: 2, ..own };
    scene.install(AnyRule::Action(always(Filter::default(), ActionVerdict::Hold(foreign))));
    assert_eq!(scene.send(alice, "a"), [r#"send [1, 2] MESSAGE "a""#]);
}

#[test]
fn the_log_says_how_far_the_clock_was_moved() {
    let mut scene = Scene::new();
    scene.feed(Input::Advance(SECOND * 90));
    assert_eq!(scene.log(), ["clock + 1m 30s"]);
}
