//! Tests of tokens and sessions.

use std::time::Duration;

use serde_json::json;

use super::{Scene, text};
use crate::proto::capability::Capability;
use crate::proto::operation::Operation;
use crate::service::quota::{Quota, Quotas};
use crate::service::session::Refusal;
use crate::service::{ConnectionId, Settings};

#[test]
fn a_token_is_redeemed_once() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "name": "lobby" }));
    let token = scene.token_with(json!({
        "roomIdentifier": room,
        "userId": "alice",
        "capabilities": ["DELETE_MESSAGE", "SEND_MESSAGE", "DELETE_MESSAGE"],
    }));
    let admission = scene.service.connect(scene.now, ConnectionId(1), Some(&token)).unwrap();
    assert_eq!((&*admission.user_id, &*admission.room.label), ("alice", "lobby"));
    assert_eq!(admission.capabilities, [Capability::SendMessage, Capability::DeleteMessage]);
    assert!(scene.service.is_connected(ConnectionId(1)));
    assert!(!scene.service.is_connected(ConnectionId(2)));
    assert_eq!(scene.try_connect(&token), Err(Refusal::UsedToken));
}

#[test]
fn a_used_token_stays_used_after_it_has_expired() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let (used, unused) = (scene.token(&room, "alice"), scene.token(&room, "alice"));
    scene.try_connect(&used).unwrap();
    scene.advance(3_600_000);
    assert_eq!(scene.try_connect(&used), Err(Refusal::UsedToken));
    assert_eq!(scene.try_connect(&unused), Err(Refusal::ExpiredToken));
}

#[test]
fn a_token_expires_at_the_moment_that_its_response_names() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let (first, second) = (scene.token(&room, "alice"), scene.token(&room, "alice"));
    // The clock is 250 ms into a second, and expirations have whole seconds.
    scene.advance(3_599_749);
    assert!(scene.try_connect(&first).is_ok());
    scene.advance(1);
    assert_eq!(scene.try_connect(&second), Err(Refusal::ExpiredToken));
}

#[test]
fn lifetimes_follow_the_request_and_the_settings() {
    let settings = Settings { token_lifetime: Duration::from_secs(60), ..Settings::default() };
    let mut scene = Scene::with(settings);
    let room = scene.room(json!({}));
    let mut times = |minutes: Option<u32>| {
        let request = json!({
            "roomIdentifier": room, "userId": "alice", "sessionDurationInMinutes": minutes,
        });
        let response = scene.call(Operation::CreateChatToken, request);
        (text(&response, "tokenExpirationTime"), text(&response, "sessionExpirationTime"))
    };
    let expected = ("2026-01-01T00:01:00Z".to_owned(), "2026-01-01T01:00:00Z".to_owned());
    assert_eq!(times(None), expected);
    let expected = ("2026-01-01T00:01:00Z".to_owned(), "2026-01-01T03:00:00Z".to_owned());
    assert_eq!(times(Some(180)), expected);
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let request =
        json!({ "roomIdentifier": room, "userId": "alice", "sessionDurationInMinutes": 2 });
    let response = scene.call(Operation::CreateChatToken, request);
    assert_eq!(response["tokenExpirationTime"], "2026-01-01T00:02:00Z");
    assert_eq!(response["sessionExpirationTime"], "2026-01-01T00:02:00Z");
}

#[test]
fn a_handshake_is_refused_for_the_first_reason_that_applies() {
    let mut scene = Scene::with_quotas(Quotas::aws().with(Quota::ConcurrentConnections, 1));
    let room = scene.room(json!({}));
    let none = scene.service.connect(scene.now, ConnectionId(9), None);
    assert_eq!(none.unwrap_err(), Refusal::MissingToken);
    for malformed in [
        "",
        "token",
        "AQICAHabc",
        "AQICAHabc!#",
        "AQICAHabc!#x",
        "AQICAHabc!#12",
        "AQICAHa b!#0",
        "BQICAHabc!#0",
    ] {
        assert_eq!(scene.try_connect(malformed), Err(Refusal::MalformedToken), "{malformed}");
    }
    for unknown in ["AQICAHabc!#0", "AQICAHa-_9!#1", "AQICAH!#0"] {
        assert_eq!(scene.try_connect(unknown), Err(Refusal::UnknownToken), "{unknown}");
    }
    let tokens: Vec<_> = (0..3).map(|_| scene.token(&room, "alice")).collect();
    assert_eq!(scene.try_connect(&tokens[0]), Ok(ConnectionId(scene.connections)));
    assert_eq!(scene.try_connect(&tokens[1]), Err(Refusal::TooManyConnections));
    assert!(scene.service.remove_session(ConnectionId(scene.connections - 1)));
    assert!(scene.try_connect(&tokens[1]).is_ok(), "the refused token stayed unused");
    scene.call(Operation::DeleteRoom, json!({ "identifier": room }));
    assert_eq!(scene.try_connect(&tokens[2]), Err(Refusal::RoomNotFound));
}

#[test]
fn refusals_have_statuses_and_texts() {
    let refusals = [
        (
            Refusal::MissingToken,
            401,
            "chat token is missing: it must be the value of Sec-WebSocket-Protocol",
        ),
        (Refusal::MalformedToken, 401, "chat token is malformed"),
        (Refusal::UnknownToken, 401, "chat token is unknown"),
        (Refusal::ExpiredToken, 401, "chat token has expired"),
        (Refusal::UsedToken, 401, "chat token was already used"),
        (Refusal::RoomNotFound, 404, "room of the chat token does not exist"),
        (Refusal::TooManyConnections, 429, "too many concurrent connections"),
    ];
    for (refusal, status, message) in refusals {
        assert_eq!((refusal.status(), refusal.message()), (status, message));
    }
}

#[test]
fn a_tokens_label_and_user_are_known_whatever_became_of_it() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "name": "lobby" }));
    let (first, second) = (scene.token(&room, "alice"), scene.token(&room, "bob"));
    scene.try_connect(&first).unwrap();
    scene.advance(7_200_000);
    assert_eq!(scene.service.token_label(&first).as_deref(), Some("[token-1]"));
    assert_eq!(scene.service.token_label(&second).as_deref(), Some("[token-2]"));
    assert_eq!(scene.service.token_label("AQICAHabc!#0"), None);
    let info = scene.service.token_info(&first).unwrap();
    assert_eq!((&*info.0, info.1.as_ref().map(|room| &*room.label)), ("alice", Some("lobby")));
    scene.call(Operation::DeleteRoom, json!({ "identifier": room }));
    let info = scene.service.token_info(&second).unwrap();
    assert_eq!((&*info.0, info.1.as_ref().map(|room| &*room.label)), ("bob", None));
    assert_eq!(scene.service.token_info("AQICAHabc!#0"), None);
}

#[test]
fn a_session_ends_at_its_expiration_time() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let token = scene.token_with(json!({
        "roomIdentifier": room, "userId": "alice", "sessionDurationInMinutes": 1,
    }));
    assert_eq!(scene.service.next_deadline(), None);
    let alice = scene.try_connect(&token).unwrap();
    let deadline = scene.service.next_deadline().unwrap();
    assert_eq!(deadline.to_string(), "2026-01-01T00:01:00Z");
    assert_eq!(scene.advance(59_749), [""; 0]);
    assert!(scene.service.is_connected(alice));
    assert_eq!(
        scene.advance(1),
        [
            r#"[1] Error0000001 "" 401 Unauthorized session has expired"#,
            r#"close 1 1000 {"ErrorCode":401,"ErrorMessage":"session has expired"}"#,
        ]
    );
    assert!(!scene.service.is_connected(alice));
    assert_eq!(scene.service.next_deadline(), None);
    assert!(!scene.service.remove_session(alice));
}

#[test]
fn a_connection_that_has_ended_gets_no_frames_and_sends_none() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let (alice, bob) = (scene.connect(&room, "alice"), scene.connect(&room, "bob"));
    assert!(scene.service.remove_session(bob));
    assert_eq!(scene.send_message(bob, "late"), [""; 0]);
    let sent = scene.send_message(alice, "hello");
    assert!(sent[0].starts_with("[1] Message00001 "), "{sent:?}");
    assert_eq!(scene.service.deadlines.len(), 1);
}

#[test]
fn a_service_says_whether_it_closes_refused_handshakes() {
    assert!(!Scene::new().service.closes_refused_handshakes());
    let settings = Settings { closes_refused_handshakes: true, ..Settings::default() };
    assert!(Scene::with(settings).service.closes_refused_handshakes());
}
