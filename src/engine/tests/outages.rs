//! Outages: the end of all connections, and of one that does not read.

use super::scene::Scene;
use crate::engine::io::{Ending, Input};
use crate::log::record::OutageEvent;
use crate::proto::close::{Close, CloseCode};
use crate::service::ConnectionId;

/// Returns a scene with alice, who has a stream, and bob, who has none.
fn scene() -> (Scene, ConnectionId, ConnectionId) {
    let mut scene = Scene::new();
    let both = (scene.connect("alice"), scene.join("bob"));
    scene.log();
    (scene, both.0, both.1)
}

#[test]
fn all_connections_can_be_closed() {
    let (mut scene, alice, bob) = scene();
    let close = Box::new(Close::new(CloseCode::SERVICE_RESTART, "bye"));
    let lines = scene.feed(Input::Outage(OutageEvent::Close(close)));
    assert_eq!(lines, ["finish 1 1012 bye", "remove 2"]);
    let logged = scene.log();
    assert_eq!(logged[0], r#"outage: all are closed 1012 "bye""#);
    assert_eq!(logged.len(), 3, "{logged:?}");
    assert!(!scene.engine.is_connected(alice) && !scene.engine.is_connected(bob));
}

#[test]
fn all_connections_can_be_disconnected() {
    let (mut scene, alice, bob) = scene();
    assert_eq!(scene.feed(Input::Outage(OutageEvent::Disconnect)), ["finish 1", "remove 2"]);
    assert_eq!(scene.log(), ["outage: all are disconnected", "  alice is gone", "  bob is gone"]);
    assert!(!scene.engine.is_connected(alice) && !scene.engine.is_connected(bob));
    assert!(scene.feed(Input::Outage(OutageEvent::Disconnect)).is_empty());
    assert_eq!(scene.log(), ["outage: all are disconnected"]);
}

#[test]
fn connections_end_before_they_are_cut() {
    for outage in [OutageEvent::Begin, OutageEvent::Restart, OutageEvent::Stop, OutageEvent::End] {
        let (mut scene, alice, bob) = scene();
        let name = outage.name();
        // The driver cuts the stream of alice, and says so by its end.
        assert_eq!(scene.feed(Input::Outage(outage)), ["remove 2"], "{name}");
        assert_eq!(scene.log()[1..], ["  alice is gone", "  bob is gone"], "{name}");
        assert!(!scene.engine.is_connected(alice) && !scene.engine.is_connected(bob));
        assert!(!scene.engine.has_ended(alice) && scene.engine.has_ended(bob));
        assert_eq!(scene.end(alice, Ending::Stream), ["remove 1"]);
        assert!(scene.log().is_empty());
    }
}

#[test]
fn connections_that_have_ended_are_not_part_of_an_outage() {
    let (mut scene, alice, _) = scene();
    scene.close(alice);
    scene.log();
    assert_eq!(scene.feed(Input::Outage(OutageEvent::Disconnect)), ["remove 2"]);
    assert_eq!(scene.log(), ["outage: all are disconnected", "  bob is gone"]);
}

#[test]
fn the_log_says_when_an_outage_ends() {
    let (mut scene, ..) = scene();
    assert!(scene.feed(Input::OutageEnded).is_empty());
    assert_eq!(scene.log(), ["outage: ends"]);
}

#[test]
fn the_end_of_the_mock_ends_streams_and_records_nothing() {
    let (mut scene, alice, bob) = scene();
    assert!(scene.feed(Input::Shutdown).is_empty() && scene.log().is_empty());
    assert!(!scene.engine.is_connected(alice) && scene.engine.is_connected(bob));
}

#[test]
fn a_client_that_does_not_read_is_reset() {
    let (mut scene, alice, _) = scene();
    let lines = scene.feed(Input::Overflow { connection: alice });
    assert_eq!(lines, ["reset 1", "remove 1"]);
    assert_eq!(scene.log(), [r#"alice closed 1008 "the client does not read""#]);
    assert!(!scene.engine.is_connected(alice));
}

#[test]
fn a_slow_reader_that_has_left_is_reset_without_an_entry() {
    let (mut scene, alice, _) = scene();
    scene.close(alice);
    scene.log();
    assert_eq!(scene.feed(Input::Overflow { connection: alice }), ["reset 1", "remove 1"]);
    assert!(scene.log().is_empty());
}
