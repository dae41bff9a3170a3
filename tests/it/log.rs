//! The log of what crossed real sockets, as text and as YAML.

use mock_ivs_chat::{
    Clock, MockIvsChat,
    log::{Direction, EntryKind, Matcher},
};
use serde_json::json;

use crate::support::{connect, frozen, full_token, sdk, snapshot, unlimited};

/// A chat in which all that can be logged happens, one thing after the other.
async fn chat(ivs: &MockIvsChat) {
    let sdk = sdk(ivs);
    let room = sdk.create_room().name("lobby").send().await.expect("the mock creates rooms");
    let room = ivs.room(room.arn().expect("a room has an ARN"));
    let mut alice = connect(ivs, full_token(&room, "alice")).await;
    let mut bob = connect(ivs, room.chat_token("bob").create()).await;
    alice
        .send(json!({
            "Action": "SEND_MESSAGE",
            "Content": "hello",
            "RequestId": "0b2e4ab0-5b3e-4d6e-9d2b-6a1f8c3d7e90",
        }))
        .await;
    let id = alice.next_frame().await["Id"].clone();
    bob.next_frame().await;
    bob.send(json!({ "Action": "DELETE_MESSAGE", "Id": id, "RequestId": "b1" })).await;
    bob.next_frame().await;
    alice.send_text("no JSON").await;
    alice.next_frame().await;
    let kick = sdk.disconnect_user().room_identifier(room.arn()).user_id("bob").reason("rude");
    kick.send().await.expect("the mock disconnects users");
    alice.next_frame().await;
    bob.next_frame().await;
    bob.next_close().await;
    assert!(crate::support::try_connect(ivs, "AQICAHabc!#0").await.is_err());
    alice.close().await;
    ivs.log().kind(EntryKind::Closed).direction(Direction::Inbound).wait_for(|_| true).await;
}

#[tokio::test]
async fn the_transcript_of_a_chat_on_a_frozen_clock() {
    let ivs = frozen();
    chat(&ivs).await;
    snapshot!(ivs.log());
}

#[tokio::test]
async fn the_transcript_of_a_client_on_the_clock_of_the_system() {
    let ivs = MockIvsChat::start();
    chat(&ivs).await;
    snapshot!(ivs.log().user("alice"));
}

#[tokio::test]
async fn the_entries_of_a_chat_as_yaml() {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    chat(&ivs).await;
    snapshot!(yaml ivs.log());
}

#[tokio::test]
async fn the_log_keeps_the_exact_bytes() {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    let text = " { \"Action\":\"SEND_MESSAGE\",\"Content\":\"\\u0068i\" }\n";
    alice.send_text(text).await;
    let frame = alice.next_frame().await;
    let received = ivs.log().direction(Direction::Inbound).kind(EntryKind::FrameReceived).entries();
    assert_eq!(received[0].bytes(), Some(text.as_bytes()));
    let sent = ivs.log().kind(EntryKind::FrameSent).entries();
    let text: serde_json::Value = serde_json::from_str(sent[0].text().unwrap()).unwrap();
    assert_eq!(text, frame);
    assert_eq!(sent[0].cause(), Some(received[0].index()));
}

#[test]
fn the_last_entry_of_a_view_is_found_however_far_it_is_from_the_end() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("first");
    for _ in 0..1_500 {
        bob.send_message("hello");
    }
    let first = ivs.log().matching(Matcher::send_message().from("alice"));
    assert_eq!(first.count(), 1);
    assert!(first.last().unwrap().text().unwrap().contains(r#""Content":"first""#));
    let view = ivs.log().user("alice");
    assert_eq!(view.last().unwrap().index(), view.entries().last().unwrap().index());
    assert!(ivs.log().since(ivs.log().mark()).last().is_none());
    assert_eq!(ivs.log().since(ivs.log().mark()).count(), 0);
}
