//! Headers of requests in hooks and the log, and of responses.

use std::sync::{Arc, OnceLock};

use mock_ivs_chat::hook::{HandshakeVerdict, OperationVerdict};
use mock_ivs_chat::log::EntryKind;
use mock_ivs_chat::{Exception, Headers, MockIvsChat, Operation};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::control_plane_support::{Wire, http, sdk};
use crate::support::{connect, try_connect};

#[tokio::test]
async fn hooks_and_the_log_have_the_headers_of_a_call_without_its_secrets() {
    let ivs = MockIvsChat::start();
    let agent = Arc::new(OnceLock::new());
    let seen = Arc::clone(&agent);
    ivs.on_any_operation().named("look").decide(move |call| {
        let agent = call.headers.get("User-Agent").unwrap_or_default();
        seen.set(agent.to_owned()).unwrap();
        OperationVerdict::Pass
    });
    sdk(&ivs).list_rooms().send().await.unwrap();
    assert!(agent.get().unwrap().contains("aws-sdk-rust"), "{agent:?}");
    let entries = ivs.log().entries();
    let headers = entries[0].headers().unwrap();
    assert!(headers.get("amz-sdk-request").unwrap().contains("attempt=1"), "{headers:?}");
    let authorization = headers.get("authorization").unwrap();
    assert!(authorization.ends_with("Signature=[signature]"), "{authorization}");
    let har: serde_json::Value = serde_json::from_str(&ivs.log().to_har()).unwrap();
    let headers = har["log"]["entries"][0]["request"]["headers"].as_array().unwrap();
    assert!(headers.iter().any(|header| header["name"] == "amz-sdk-request"), "{headers:?}");
}

#[tokio::test]
async fn hooks_have_the_headers_of_a_handshake_without_its_token() {
    let ivs = MockIvsChat::start();
    let headers = Arc::new(OnceLock::new());
    let seen = Arc::clone(&headers);
    ivs.on_handshake().named("look").decide(move |handshake| {
        seen.set(handshake.headers.clone()).unwrap();
        HandshakeVerdict::Pass
    });
    let token = ivs.create_room("lobby").chat_token("alice").create();
    drop(connect(&ivs, &token).await);
    let headers = headers.get().unwrap();
    assert_eq!(headers.get("Sec-WebSocket-Protocol"), Some("[token]"));
    assert!(headers.get("host").unwrap().starts_with("127.0.0.1:"), "{headers:?}");
    assert!(!format!("{headers:?}").contains(&token.token));
}

#[tokio::test]
async fn the_log_has_the_headers_of_handshakes_without_their_tokens() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    drop(connect(&ivs, &token).await);
    let _ = try_connect(&ivs, &token).await.unwrap_err();
    drop(room.participant("bob"));
    let headers_of = |kind| {
        let entries = ivs.log().kind(kind).entries();
        entries.iter().map(|entry| entry.headers().cloned()).collect::<Vec<_>>()
    };
    let connected = headers_of(EntryKind::Connected);
    let refused = headers_of(EntryKind::HandshakeRefused);
    assert_eq!((connected.len(), refused.len()), (2, 1));
    assert_eq!(connected[1], None, "a participant has no handshake");
    for headers in [&connected[0], &refused[0]] {
        let headers = headers.as_ref().unwrap();
        assert_eq!(headers.get("sec-websocket-version"), Some("13"));
        assert_eq!(headers.get("Sec-WebSocket-Protocol"), Some("[token]"));
    }
    let text = ivs.log().to_har();
    assert!(!text.contains(&token.token), "{text}");
    let har: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    let handshakes: Vec<_> = entries
        .iter()
        .filter(|entry| entry["_resourceType"] == "websocket")
        .map(|entry| {
            let headers = entry["request"]["headers"].as_array().unwrap();
            let has_version = headers.iter().any(|h| h["name"] == "sec-websocket-version");
            (entry["response"]["status"].as_u64().unwrap(), has_version)
        })
        .collect();
    assert_eq!(handshakes, [(101, true), (401, true), (101, false)]);
}

#[tokio::test]
async fn the_log_has_the_headers_of_a_handshake_that_breaks_the_protocol() {
    let ivs = MockIvsChat::start();
    let mut wire = Wire::open(&ivs);
    wire.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nuser-agent: me\r\n\r\n");
    assert_eq!(wire.read().status, 426);
    let entry = ivs.log().last().unwrap();
    assert_eq!(entry.headers().unwrap().get("user-agent"), Some("me"));
}

#[test]
fn a_failure_can_have_headers() {
    let ivs = MockIvsChat::start();
    let throttled = Exception::throttling("slow down").header("Retry-After", "2");
    ivs.on_operation(Operation::ListRooms).once().fail(throttled);
    let answer = http(&ivs, "POST", "/ListRooms", &json!({}).to_string());
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    let answer = http(&ivs, "POST", "/ListRooms", "{}");
    assert_eq!((answer.status, answer.header("retry-after")), (200, None));
}

#[test]
fn a_raw_response_can_have_headers() {
    let ivs = MockIvsChat::start();
    let headers = [("Retry-After", "2"), ("Content-Type", "text/plain")];
    ivs.on_any_operation().once().respond_with_headers(503, "try later", headers);
    let answer = http(&ivs, "POST", "/ListRooms", "{}");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[test]
#[should_panic(
    expected = "the header Content-Length cannot be set, because it follows from the body"
)]
fn a_header_that_frames_the_body_is_refused() {
    let ivs = MockIvsChat::start();
    ivs.on_any_operation().respond_with_headers(503, "try later", [("Content-Length", "5")]);
}

#[test]
fn a_header_of_a_closure_does_not_change_the_frame_of_the_body() {
    let ivs = MockIvsChat::start();
    ivs.on_any_operation().named("framed").decide(|_| OperationVerdict::Respond {
        status: 503,
        body: "try later".into(),
        headers: Headers::from_iter([("content-length", "5"), ("retry-after", "2")]),
    });
    let answer = http(&ivs, "POST", "/ListRooms", "{}");
    assert_eq!(
        (answer.header("content-length"), answer.header("retry-after")),
        (Some("9"), Some("2"))
    );
    ivs.verify();
}

#[tokio::test]
async fn a_refused_handshake_can_have_headers() {
    let ivs = MockIvsChat::start();
    let headers = [("Retry-After", "2")];
    ivs.on_handshake().once().refuse_with_headers(503, "try later", headers);
    let token = ivs.create_room("lobby").chat_token("alice").create();
    let refusal = try_connect(&ivs, &token).await.unwrap_err();
    let Error::Http(response) = refusal else { panic!("{refusal}") };
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "2");
}

#[test]
#[should_panic(expected = "the header Retry-After cannot have the value \"2\\r\\nX: y\"")]
fn a_header_with_a_line_break_is_refused() {
    let ivs = MockIvsChat::start();
    ivs.on_handshake().refuse_with_headers(503, "try later", [("Retry-After", "2\r\nX: y")]);
}
