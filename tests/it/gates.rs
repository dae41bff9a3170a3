//! Gates: points at which things wait until the test lets them go.

use std::time::Duration;

use mock_ivs_chat::{MockIvsChat, Operation};
use serde_json::json;

use crate::support::{connect, full_token, sdk, unlimited};

#[tokio::test]
async fn an_action_waits_before_the_service_sees_it() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    let gate = ivs.on_action().from("alice").hold();
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "one" })).await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "two" })).await;
    gate.reached().await;
    gate.reached_n(2).await;
    assert_eq!((gate.waiting(), bob.received().len()), (2, 0));
    assert!(gate.release_one());
    bob.expect_message("one").await;
    gate.release();
    bob.expect_message("two").await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "three" })).await;
    bob.expect_message("three").await;
    assert!(!gate.release_one(), "nothing waits any more");
}

#[tokio::test]
async fn an_http_response_waits_after_the_operation() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let gate = ivs.on_operation(Operation::SendEvent).hold();
    let sdk = sdk(&ivs);
    let arn = room.arn().to_owned();
    let call = tokio::spawn(async move {
        sdk.send_event().room_identifier(arn).event_name("app:hello").send().await
    });
    gate.reached().await;
    bob.expect_event("app:hello").await;
    assert!(!call.is_finished());
    gate.release();
    assert_eq!(call.await.unwrap().unwrap().id(), Some("Event0000001"));
}

#[test]
fn events_that_were_released_count_as_having_reached_the_gate() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(50)).start();
    let alice = ivs.create_room("lobby").participant("alice");
    let gate = ivs.on_action().hold();
    alice.send_message("one");
    gate.release();
    gate.reached_n(1).wait();
    let error = gate.reached_n(2).into_result().wait().unwrap_err().to_string();
    assert!(error.contains("for 2 events to reach the gate"), "{error}");
}

#[test]
fn events_held_when_the_mock_ends_are_dropped_and_reported() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let gate = ivs.on_action().hold();
    alice.send_message("hello");
    drop(alice);
    let report = ivs.finish().wait().unwrap();
    assert_eq!(report.waiting_at_gates(), 1);
    gate.release();
}
