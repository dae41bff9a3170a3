//! Tokens and the three operations that send events, over the control plane.

use std::time::Duration;

use aws_sdk_ivschat::types::ChatTokenCapability;
use futures_util::SinkExt;
use mock_ivs_chat::{Attributes, Clock, ErrorCode, MockIvsChat, Operation};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::control_plane_support::{http, sdk};

fn frozen() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00.75Z")).start()
}

#[test]
fn a_tokens_times_have_whole_seconds_and_the_documented_defaults() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let create = |minutes: Option<u32>| {
        let request = json!({
            "roomIdentifier": room.arn(), "userId": "alice", "sessionDurationInMinutes": minutes,
        });
        let token = http(&ivs, "POST", "/CreateChatToken", &request.to_string()).json();
        let time = |member: &str| token[member].as_str().unwrap().to_owned();
        (time("tokenExpirationTime"), time("sessionExpirationTime"))
    };
    let hour = || "2026-01-01T01:00:00Z".to_owned();
    assert_eq!(create(None), (hour(), hour()));
    assert_eq!(create(Some(180)), (hour(), "2026-01-01T03:00:00Z".into()));
    assert_eq!(create(Some(1)), ("2026-01-01T00:01:00Z".into(), "2026-01-01T00:01:00Z".into()));
}

#[tokio::test]
async fn the_attributes_of_an_sdk_token_are_in_its_messages() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = sdk(&ivs)
        .create_chat_token()
        .room_identifier(room.arn())
        .user_id("alice")
        .capabilities(ChatTokenCapability::SendMessage)
        .attributes("displayName", "Alice")
        .session_duration_in_minutes(5)
        .send()
        .await
        .unwrap();
    let token = token.token().unwrap();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_!#".contains(&byte);
    assert!(token.starts_with("AQICAH") && token.ends_with("!#0"), "{token}");
    assert!(token.bytes().all(legal), "a browser could not offer it: {token}");

    let bob = room.participant("bob");
    let mut request = ivs.ws_url().into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", token.parse().unwrap());
    let (mut alice, _) = connect_async(request).await.unwrap();
    alice.send(r#"{"Action":"SEND_MESSAGE","Content":"hello"}"#.into()).await.unwrap();
    let sender = bob.expect_message("hello").await.sender;
    assert_eq!(sender.user_id, "alice");
    assert_eq!(sender.attributes, Attributes::from([("displayName", "Alice")]));
    alice.send(r#"{"Action":"DISCONNECT_USER","UserId":"bob"}"#.into()).await.unwrap();
    let refused = ivs.log().wait_for(|entry| entry.error().is_some()).await.error().unwrap();
    assert_eq!(refused.error_code, ErrorCode::Forbidden);
}

#[test]
fn a_token_never_appears_in_the_log() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    assert!(!ivs.log().to_string().contains(&token.token));
    let answer = ivs.log().into_iter().last().unwrap();
    assert!(!answer.text().unwrap().contains(&token.token));
}

#[tokio::test]
async fn an_event_sent_by_the_sdk_has_the_id_in_the_response() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    let sdk = sdk(&ivs);
    let send = sdk.send_event().room_identifier(room.arn()).event_name("app:poll");
    let answer = send.clone().attributes("question", "tea?").send().await.unwrap();
    let event = alice.expect_event("app:poll").await;
    assert_eq!(Some(event.id.as_str()), answer.id());
    assert_eq!(
        (event.request_id.as_str(), event.attributes),
        ("", Some([("question", "tea?")].into()))
    );
    // Attributes that were not given are not the same as none.
    send.send().await.unwrap();
    assert_eq!(alice.expect_event("app:poll").await.attributes, None);
    let empty = json!({ "roomIdentifier": room.arn(), "eventName": "app:poll", "attributes": {} });
    ivs.call(Operation::SendEvent, empty).unwrap();
    assert_eq!(alice.expect_event("app:poll").await.attributes, Some(Attributes::new()));
}

#[tokio::test]
async fn a_deletion_by_the_sdk_returns_the_id_of_its_event() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    let sdk = sdk(&ivs);
    let delete = sdk.delete_message().room_identifier(room.arn()).id("Message00001");
    let answer = delete.reason("spam").send().await.unwrap();
    let event = alice.expect_event("aws:DELETE_MESSAGE").await;
    assert_eq!(Some(event.id.as_str()), answer.id());
    assert_ne!(answer.id(), Some("Message00001"));
    let expected =
        [("MessageID", "Message00001"), ("MessageId", "Message00001"), ("Reason", "spam")];
    assert_eq!(event.attributes, Some(expected.into()));
}

#[tokio::test]
async fn a_user_who_is_disconnected_by_the_sdk_sees_the_event_and_is_closed() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let disconnect = sdk(&ivs).disconnect_user().room_identifier(room.arn()).user_id("alice");
    disconnect.clone().reason("rude").send().await.unwrap();
    let expected = Attributes::from([("Reason", "rude"), ("UserId", "alice")]);
    for participant in [&alice, &bob] {
        let event = participant.expect_event("aws:DISCONNECT_USER").await;
        assert_eq!(event.attributes.as_ref(), Some(&expected));
    }
    assert!(!alice.is_connected() && bob.is_connected());
    // A user who is not there makes no difference.
    disconnect.send().await.unwrap();
    bob.expect_event("aws:DISCONNECT_USER").await;
}

#[test]
fn a_token_created_before_its_user_was_disconnected_is_still_good() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice");
    room.disconnect_user("alice", "");
    ivs.advance(Duration::from_secs(60));
    assert!(token.join().is_connected());
}
