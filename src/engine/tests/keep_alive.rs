//! Keep-alive: pings, and the end of connections whose clients are silent.

use std::time::Duration;

use super::scene::Scene;
use crate::engine::KeepAlive;
use crate::engine::io::{Ending, Input};
use crate::proto::payload::Payload;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

const SECOND: Duration = Duration::from_secs(1);

fn pings() -> Scene {
    Scene::watched(KeepAlive { ping_interval: Some(SECOND * 30), idle_timeout: None })
}

fn idles() -> Scene {
    Scene::watched(KeepAlive { ping_interval: None, idle_timeout: Some(SECOND * 60) })
}

fn pong(scene: &mut Scene, connection: ConnectionId) {
    let payload = Payload::Pong(std::sync::Arc::default());
    assert!(scene.feed(Input::Frame { connection, payload }).is_empty());
}

#[test]
fn pings_leave_at_each_interval_for_streams_only() {
    let mut scene = pings();
    scene.connect("alice");
    scene.join("bob");
    assert!(scene.advance(SECOND * 29).is_empty());
    assert_eq!(scene.advance(SECOND), [r#"send [1] ping """#]);
    assert_eq!(scene.advance(SECOND * 60), [r#"send [1] ping """#, r#"send [1] ping """#]);
}

#[test]
fn a_connection_that_has_ended_has_no_timers() {
    let mut scene = pings();
    let alice = scene.connect("alice");
    scene.end(alice, Ending::Stream);
    assert_eq!(scene.engine.next_deadline(), None);
    let mut scene = pings();
    let alice = scene.connect("alice");
    scene.close(alice);
    // The client has not ended its stream yet, but a ping would come after the close frame.
    assert!(scene.advance(SECOND * 30).is_empty());
    assert_eq!(scene.engine.next_deadline(), None);
}

#[test]
fn a_silent_client_is_closed_at_the_timeout() {
    let mut scene = idles();
    scene.connect("alice");
    assert!(scene.advance(SECOND * 59).is_empty());
    assert_eq!(scene.advance(SECOND), ["finish 1 1001 connection is idle"]);
    assert!(scene.advance(SECOND * 600).is_empty());
}

#[test]
fn anything_that_a_client_sends_starts_the_timeout_again() {
    let mut scene = idles();
    let alice = scene.connect("alice");
    scene.advance(SECOND * 20);
    pong(&mut scene, alice);
    assert!(scene.advance(SECOND * 59).is_empty());
    pong(&mut scene, alice);
    assert!(scene.advance(SECOND * 59).is_empty());
    assert_eq!(scene.advance(SECOND), ["finish 1 1001 connection is idle"]);
}

#[test]
fn an_idle_connection_that_has_closed_is_left_alone() {
    let mut scene = idles();
    let alice = scene.connect("alice");
    scene.close(alice);
    scene.log();
    assert!(scene.advance(SECOND * 60).is_empty());
    assert!(scene.log().is_empty());
}

#[test]
fn a_ping_that_is_due_with_the_timeout_leaves_before_the_close_frame() {
    let minute = Some(SECOND * 60);
    let mut scene = Scene::watched(KeepAlive { ping_interval: minute, idle_timeout: minute });
    scene.connect("alice");
    let lines = scene.advance(SECOND * 60);
    assert_eq!(lines, [r#"send [1] ping """#, "finish 1 1001 connection is idle"]);
}

#[test]
fn a_watched_connection_keeps_at_most_two_timers() {
    let keep_alive = KeepAlive { ping_interval: Some(SECOND), idle_timeout: Some(SECOND * 60) };
    let mut scene = Scene::watched(keep_alive);
    let alice = scene.connect("alice");
    for _ in 0..100 {
        pong(&mut scene, alice);
        scene.advance(SECOND);
    }
    let open = scene.engine.connections.open.get(alice).unwrap();
    assert_eq!(open.timers.len(), 2);
    scene.end(alice, Ending::Stream);
    assert_eq!(scene.engine.next_deadline(), None);
}

#[test]
fn at_the_end_of_time_no_timer_is_set() {
    let mut scene = pings();
    scene.now = Timestamp::MAX - SECOND * 31;
    scene.connect("alice");
    // A timer for the last moment would be due whenever it is set, and be set again for ever.
    assert_eq!(scene.advance(SECOND * 30), [r#"send [1] ping """#]);
    scene.advance(SECOND);
}
