//! Gates: points at which things wait until the test lets them go.

use mock_ivs_chat::{Operation, Review};
use serde_json::json;

use crate::raw::{RawClient, handshake};
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
    ivs.log().wait_for_n(2, |entry| entry.hook().is_some()).await;
    assert_eq!((gate.waiting(), bob.received().len()), (2, 0));
    assert!(gate.release_one());
    bob.expect_message("one").await;
    gate.release();
    bob.expect_message("two").await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "three" })).await;
    bob.expect_message("three").await;
    assert!(!gate.release_one(), "nothing waits any more");
}

#[test]
fn a_delivery_waits_before_it_leaves() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let gate = ivs.on_delivery().to("bob").nth(1).hold();
    alice.say("held");
    gate.reached_blocking();
    alice.say("overtakes");
    bob.expect_message_blocking("overtakes");
    assert_eq!(bob.received().len(), 1);
    gate.release();
    bob.expect_message_blocking("held");
}

#[tokio::test]
async fn an_answer_over_http_waits_after_the_operation() {
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

#[tokio::test]
async fn a_handshake_waits_before_the_token_is_redeemed() {
    let ivs = unlimited();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let gate = ivs.on_handshake().hold();
    let mut client = RawClient::open(&ivs).await;
    client.write(handshake(&token)).await;
    gate.reached().await;
    ivs.advance(std::time::Duration::from_secs(3600));
    gate.release();
    let response = client.response().await;
    assert_eq!((response.status, response.message()), (401, "chat token has expired".to_owned()));
}

#[test]
fn a_review_waits_before_its_handler_is_asked() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    room.review_with(|_| Review::allow().content("reviewed"));
    let alice = room.participant("alice");
    let gate = ivs.on_review().hold();
    alice.say("hello");
    gate.reached_blocking();
    assert!(alice.received().is_empty());
    gate.release();
    alice.expect_message_blocking("reviewed");
}

#[test]
fn what_waits_when_the_mock_ends_is_dropped_and_reported() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let gate = ivs.on_action().hold();
    alice.say("hello");
    drop(alice);
    let report = ivs.finish().unwrap();
    assert_eq!(report.waiting_at_gates(), 1);
    gate.release();
}
