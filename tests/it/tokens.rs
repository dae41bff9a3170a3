//! Chat tokens: what they look like, what they say, and until when they are good.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ivschat::types::ChatTokenCapability;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, log::EntryKind};
use serde_json::json;

use crate::support::{connect, frozen, sdk};

#[test]
fn tokens_look_like_those_of_the_service() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let plain = room.chat_token("alice").create().token;
    let large = room
        .chat_token("alice")
        .capabilities(Capability::ALL)
        .attributes([("biography", "x".repeat(200))])
        .create()
        .token;
    for token in [&plain, &large] {
        let body = token.strip_prefix("AQICAH").and_then(|rest| rest.strip_suffix("!#0")).unwrap();
        assert!(body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
    }
    assert!((550..760).contains(&plain.len()) && large.len() > plain.len());
}

#[test]
fn tokens_are_never_the_same() {
    let fixtures = [frozen(), frozen(), frozen()];
    let rooms = fixtures.each_ref().map(|ivs| ivs.create_room("lobby"));
    let tokens = (0..300).map(|n| rooms[n % 3].chat_token("alice").create().token);
    assert_eq!(tokens.collect::<BTreeSet<_>>().len(), 300);
}

#[tokio::test]
async fn tokens_can_be_made_to_last_a_minute_as_in_2022() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let minute = Duration::from_secs(60);
    let ivs = MockIvsChat::builder().clock(clock).token_lifetime(minute).start();
    let room = ivs.create_room("lobby");
    let [used, unused] = [room.chat_token("alice").create(), room.chat_token("bob").create()];
    assert_eq!(unused.token_expiration_time.to_string(), "2026-01-01T00:01:00Z");
    let _alice = connect(&ivs, used).await;
    ivs.advance(minute);
    assert!(crate::support::try_connect(&ivs, unused).await.is_err());
    // The connection outlives its token.
    assert!(ivs.log().kind(EntryKind::Closed).entries().is_empty());
}

#[tokio::test]
async fn the_settings_of_an_sdk_token_reach_the_clients() {
    let ivs = frozen();
    let sdk = sdk(&ivs);
    let room = sdk.create_room().name("lobby").send().await.unwrap();
    let token = sdk
        .create_chat_token()
        .room_identifier(room.arn().unwrap())
        .user_id("alice")
        .capabilities(ChatTokenCapability::SendMessage)
        .attributes("displayName", "Alice")
        .session_duration_in_minutes(180)
        .send()
        .await
        .unwrap();
    assert_eq!(token.token_expiration_time().unwrap().to_string(), "2026-01-01T01:00:00Z");
    assert_eq!(token.session_expiration_time().unwrap().to_string(), "2026-01-01T03:00:00Z");
    let mut alice = connect(&ivs, token.token().unwrap()).await;
    let message = alice.echoes("hello").await;
    let sender = json!({ "UserId": "alice", "Attributes": { "displayName": "Alice" } });
    assert_eq!(message["Sender"], sender);
    alice.send(json!({ "Action": "DELETE_MESSAGE", "Id": message["Id"] })).await;
    assert_eq!(alice.next_frame().await["ErrorCode"], 403);
}

#[test]
fn a_token_never_appears_whole_where_it_could_be_printed() {
    let ivs = frozen();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let printed = format!("{token:?} {} {:?} {:?}", ivs.log(), ivs.log(), ivs.log().entries());
    assert!(!printed.contains(&token.token[..20]), "{printed}");
    assert!(printed.contains("[token-1]"));
}
