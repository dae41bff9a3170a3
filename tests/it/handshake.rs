//! The handshake of a WebSocket: who is let in, and how others are told that they are not.

use std::time::Duration;

use mock_ivs_chat::log::{EntryKind, Matcher};
use mock_ivs_chat::{MockIvsChat, Quota, Quotas};
use rstest::rstest;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::raw::{
    CLOSE, FINAL, HELLO, PING, PONG, RawClient, TEXT, close_payload, frame, handshake,
};
use crate::support::{connect, frozen, full_token, try_connect};

/// The answer that RFC 6455 itself gives to its sample key, which `handshake` sends.
const SAMPLE_ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

#[tokio::test]
async fn the_offered_token_is_echoed_as_the_subprotocol() {
    let ivs = MockIvsChat::start();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let mut alice = RawClient::open(&ivs).await;
    let response = alice.request(&handshake(&token)).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("Sec-WebSocket-Protocol"), Some(&*token.token));
    assert_eq!(response.header("Sec-WebSocket-Accept"), Some(SAMPLE_ANSWER));
    assert_eq!(response.header("Upgrade"), Some("websocket"));
    assert_eq!(response.header("Connection"), Some("Upgrade"));
    assert_eq!(response.header("Sec-WebSocket-Extensions"), None);
}

#[tokio::test]
async fn of_several_subprotocols_the_first_is_taken_and_echoed() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (first, second) = (full_token(&room, "alice").token, full_token(&room, "bob").token);
    let mut client = RawClient::open(&ivs).await;
    let response = client.request(&handshake(format!("{first}, {second}"))).await;
    assert_eq!(response.header("Sec-WebSocket-Protocol"), Some(&*first));
    assert_eq!(ivs.log().kind(EntryKind::Connected).entries()[0].user_id(), Some("alice"));
    // The second was not used up.
    RawClient::connect(&ivs, second).await;
}

#[rstest]
#[case::no_path("GET / HTTP/1.1", "GET / HTTP/1.1")]
#[case::any_path("GET / HTTP/1.1", "GET /some/path?with=query HTTP/1.1")]
#[case::absolute_url("GET / HTTP/1.1", "GET http://localhost/ HTTP/1.1")]
#[case::any_host("Host: localhost", "Host: edge.ivschat.us-west-2.amazonaws.com")]
#[case::any_origin("Host: localhost", "Host: localhost\r\nOrigin: https://example.com")]
#[case::opaque_origin("Host: localhost", "Host: localhost\r\nOrigin: null")]
#[case::lists_as_firefox_sends_them("Connection: Upgrade", "Connection: keep-alive, Upgrade")]
#[case::values_in_any_case("Upgrade: websocket", "UPGRADE: WebSocket")]
#[case::names_in_any_case("Sec-WebSocket-Protocol", "sec-websocket-protocol")]
#[case::extensions(
    "Host: localhost",
    "Host: localhost\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
)]
#[tokio::test]
async fn a_client_may_vary_its_handshake(#[case] usual: &str, #[case] instead: &str) {
    let ivs = MockIvsChat::start();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let request = handshake(token).replace(usual, instead);
    let response = RawClient::open(&ivs).await.request(&request).await;
    assert_eq!(response.status, 101);
    // Nothing that was offered and not asked for by the mock is accepted.
    assert_eq!(response.header("Sec-WebSocket-Extensions"), None);
}

#[rstest]
#[case::post(400, "GET /", "POST /")]
#[case::old_http(400, "HTTP/1.1", "HTTP/1.0")]
#[case::no_connection_header(400, "Connection: Upgrade\r\n", "")]
#[case::connection_without_upgrade(400, "Connection: Upgrade", "Connection: keep-alive")]
#[case::no_key(400, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")]
#[case::short_key(400, "dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")]
#[case::key_that_is_not_base64(400, "dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all!!!!!!!")]
#[case::no_version(426, "Sec-WebSocket-Version: 13\r\n", "")]
#[case::old_version(426, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8")]
#[tokio::test]
async fn a_handshake_against_the_rules_is_refused_and_uses_up_no_token(
    #[case] status: u16,
    #[case] usual: &str,
    #[case] instead: &str,
) {
    let ivs = MockIvsChat::start();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let request = handshake(&token).replace(usual, instead);
    let response = RawClient::open(&ivs).await.request(&request).await;
    assert_eq!(response.status, status);
    assert!(!response.message().is_empty());
    assert_eq!(response.header("Sec-WebSocket-Protocol"), None);
    let version = (status == 426).then_some("13");
    assert_eq!(response.header("Sec-WebSocket-Version"), version);
    assert_eq!(ivs.log().kind(EntryKind::HandshakeRefused).entries()[0].status(), Some(status));
    RawClient::connect(&ivs, token).await;
}

#[rstest]
#[case::empty("", "chat token is missing: it must be the value of Sec-WebSocket-Protocol")]
#[case::another_protocol("chat", "chat token is malformed")]
#[case::without_an_end("AQICAHabc", "chat token is malformed")]
#[case::bad_alphabet("AQICAH+++!#0", "chat token is malformed")]
#[case::bad_digit("AQICAHabc!#x", "chat token is malformed")]
#[case::never_issued("AQICAHabc!#0", "chat token is unknown")]
#[tokio::test]
async fn an_invalid_token_is_refused_with_401(#[case] token: &str, #[case] message: &str) {
    let ivs = MockIvsChat::start();
    let response = RawClient::open(&ivs).await.request(&handshake(token)).await;
    assert_eq!((response.status, response.message().as_str()), (401, message));
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    assert_eq!(response.header("Sec-WebSocket-Protocol"), None);
}

#[tokio::test]
async fn a_handshake_without_the_header_lacks_a_token() {
    let ivs = MockIvsChat::start();
    let request = handshake("x").replace("Sec-WebSocket-Protocol: x\r\n", "");
    let response = RawClient::open(&ivs).await.request(&request).await;
    let message = "chat token is missing: it must be the value of Sec-WebSocket-Protocol";
    assert_eq!((response.status, response.message().as_str()), (401, message));
}

#[tokio::test]
async fn a_token_is_accepted_nowhere_but_in_its_header() {
    let ivs = MockIvsChat::start();
    let token = ivs.create_room("lobby").chat_token("alice").create().token;
    let request = handshake("x")
        .replace("Sec-WebSocket-Protocol: x", &format!("Authorization: {token}"))
        .replace("GET /", "GET /?token=AQICAHabc");
    let response = RawClient::open(&ivs).await.request(&request).await;
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn a_token_works_once() {
    let ivs = frozen();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let first = RawClient::connect(&ivs, &token).await;
    let refused = RawClient::open(&ivs).await.request(&handshake(&token)).await;
    assert_eq!((refused.status, &*refused.message()), (401, "chat token was already used"));
    // Also once its connection has ended.
    drop(first);
    ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
    let refused = RawClient::open(&ivs).await.request(&handshake(&token)).await;
    assert_eq!((refused.status, &*refused.message()), (401, "chat token was already used"));
}

#[tokio::test]
async fn an_expired_token_is_refused_with_401() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let [early, late] = [room.chat_token("alice").create(), room.chat_token("bob").create()];
    ivs.advance(Duration::from_nanos(3_600_000_000_000 - 1));
    RawClient::connect(&ivs, early).await;
    ivs.advance(Duration::from_nanos(1));
    let refused = RawClient::open(&ivs).await.request(&handshake(late)).await;
    assert_eq!((refused.status, &*refused.message()), (401, "chat token has expired"));
}

#[tokio::test]
async fn a_token_of_a_deleted_room_is_refused_with_404() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    room.delete();
    let refused = RawClient::open(&ivs).await.request(&handshake(token)).await;
    let message = "room of the chat token does not exist";
    assert_eq!((refused.status, refused.message().as_str()), (404, message));
}

#[tokio::test]
async fn a_token_of_another_fixture_is_unknown() {
    let (ivs, other) = (MockIvsChat::start(), MockIvsChat::start());
    let token = other.create_room("lobby").chat_token("alice").create();
    let refused = RawClient::open(&ivs).await.request(&handshake(token)).await;
    assert_eq!((refused.status, &*refused.message()), (401, "chat token is unknown"));
}

#[tokio::test]
async fn a_websocket_library_reports_the_refusal_as_http() {
    let ivs = MockIvsChat::start();
    let refusal = try_connect(&ivs, "AQICAHabc!#0").await.unwrap_err();
    assert!(matches!(&refusal, Error::Http(response) if response.status() == 401), "{refusal}");
    let request = ivs.ws_url().into_client_request().unwrap();
    let refusal = tokio_tungstenite::connect_async(request).await.unwrap_err();
    assert!(matches!(&refusal, Error::Http(response) if response.status() == 401), "{refusal}");
}

#[tokio::test]
async fn a_refused_client_may_try_again_on_the_same_stream() {
    let ivs = MockIvsChat::start();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let mut alice = RawClient::open(&ivs).await;
    assert_eq!(alice.request(&handshake("AQICAHabc!#0")).await.status, 401);
    assert_eq!(alice.request(&handshake(token)).await.status, 101);
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    assert_eq!(alice.next_frame().await["Content"], "hello");
}

#[tokio::test]
async fn frames_may_follow_the_handshake_request_before_its_response() {
    let ivs = MockIvsChat::start();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let mut alice = RawClient::open(&ivs).await;
    let mut bytes = handshake(token).into_bytes();
    bytes.extend(frame(FINAL | TEXT, HELLO.as_bytes()));
    bytes.extend(frame(FINAL | PING, b"after"));
    bytes.extend(frame(FINAL | CLOSE, &close_payload(1000, b"")));
    alice.write(bytes).await;
    assert_eq!(alice.response().await.status, 101);
    assert_eq!(alice.next_frame().await["Content"], "hello");
    assert_eq!(alice.next().await, (FINAL | PONG, b"after".to_vec()));
    assert_eq!(alice.next_close().await.0, 1000);
}

#[tokio::test]
async fn a_handshake_may_arrive_byte_by_byte() {
    let ivs = MockIvsChat::start();
    let token = full_token(&ivs.create_room("lobby"), "alice");
    let mut alice = RawClient::open(&ivs).await;
    for byte in handshake(token).bytes() {
        alice.write([byte]).await;
    }
    assert_eq!(alice.response().await.status, 101);
}

#[tokio::test]
async fn a_client_that_disconnects_during_its_handshake_does_not_affect_others() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = full_token(&room, "alice");
    let mut alice = RawClient::open(&ivs).await;
    alice.write(&handshake(&token).as_bytes()[..50]).await;
    drop(alice);
    // Nobody saw a token, so it still works.
    let mut alice = RawClient::open(&ivs).await;
    alice.write(handshake(token)).await;
    drop(alice);
    ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
    RawClient::connect(&ivs, full_token(&room, "bob")).await;
}

#[tokio::test]
async fn too_many_connections_are_refused_with_429() {
    let quotas = Quotas::aws().with(Quota::ConcurrentConnections, 1);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let (first, second) = (full_token(&room, "alice"), full_token(&room, "bob"));
    let alice = RawClient::connect(&ivs, first).await;
    let refused = RawClient::open(&ivs).await.request(&handshake(&second)).await;
    assert_eq!((refused.status, &*refused.message()), (429, "too many concurrent connections"));
    ivs.log().expect(Matcher::quota_exceeded(Quota::ConcurrentConnections)).await;
    drop(alice);
    ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
    // The refusal did not use the token up.
    RawClient::connect(&ivs, second).await;
}

#[tokio::test]
async fn refusals_are_logged_without_tokens() {
    let ivs = frozen();
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let _alice = RawClient::connect(&ivs, &token).await;
    for offered in [&token.token, "AQICAHsecretsecretsecret!#0", "secretsecretsecret"] {
        RawClient::open(&ivs).await.request(&handshake(offered)).await;
    }
    let log = ivs.log().kind(EntryKind::HandshakeRefused);
    insta::assert_snapshot!(log, @r#"
    handshake refused 401: chat token was already used ([token-1])
    handshake refused 401: chat token is unknown ([unknown-token])
    handshake refused 401: chat token is malformed ([unknown-token])
    "#);
}

#[tokio::test]
async fn a_bad_token_can_be_refused_with_a_close_frame_instead() {
    let ivs = MockIvsChat::builder().close_refused_handshakes().start();
    let room = ivs.create_room("lobby");
    let token = full_token(&room, "alice");
    let mut alice = connect(&ivs, &token).await;
    let late = room.chat_token("bob").create();
    room.delete();
    let cases = [
        ("AQICAHabc!#0", r#"{"ErrorCode":401,"ErrorMessage":"chat token is unknown"}"#),
        (&*token.token, r#"{"ErrorCode":401,"ErrorMessage":"chat token was already used"}"#),
        (
            &*late.token,
            r#"{"ErrorCode":404,"ErrorMessage":"room of the chat token does not exist"}"#,
        ),
    ];
    for (token, reason) in cases {
        let closed = connect(&ivs, token).await.next_close().await;
        assert_eq!(closed, (1000, reason.to_owned()));
    }
    // The longest reason there is fits into a close frame whole.
    let request = handshake("x").replace("Sec-WebSocket-Protocol: x\r\n", "");
    let mut client = RawClient::open(&ivs).await;
    assert_eq!(client.request(&request).await.status, 101);
    let (_, reason) = client.next_close().await;
    assert!(reason.ends_with("the value of Sec-WebSocket-Protocol\"}"), "{reason}");
    assert_eq!(ivs.log().kind(EntryKind::HandshakeRefused).entries().len(), 4);
    alice.send(serde_json::json!({})).await;
    assert_eq!(alice.next_frame().await["ErrorCode"], 400);
}
