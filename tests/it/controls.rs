//! Actions of a test on the whole mock: resets, outages that accept, and clients of other protocols.

use std::time::Duration;

use mock_ivs_chat::log::{EntryKind, Lint};
use mock_ivs_chat::{ErrorCode, MockIvsChat, Operation};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::raw::RawClient;
use crate::support::{assert_refused, connect, frozen, full_token, unlimited};

#[tokio::test]
async fn a_reset_mock_is_as_good_as_new() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let old_token = full_token(&room, "alice");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    let mark = ivs.log().mark();
    ivs.on_action().expect(1..).ignore();
    room.review_with(|_| panic!("it is dropped before"));
    ivs.reset();
    assert_eq!(alice.next_close().await, (1001, "the mock was reset".into()));
    assert!(!bob.is_connected() && ivs.connections().is_empty());
    ivs.settled().await;
    assert_eq!(ivs.log().entries().len(), 0);
    assert_eq!(ivs.log().dropped(), 0);
    assert!(ivs.call(Operation::ListRooms, json!({})).unwrap()["rooms"] == json!([]));
    assert_eq!(ivs.connect(&old_token).await.unwrap_err().status(), Some(404));
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message("hello");
    alice.expect_message("hello").await;
    assert!(ivs.log().to_string().contains("alice connects to lobby"));
    assert!(ivs.log().since(mark).entries().len() > 1);
    ivs.verify();
}

#[test]
fn rooms_hooks_and_log_are_reset_one_by_one() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let hook = ivs.on_action().reject(ErrorCode::NotAcceptable, "no");
    alice.send_message("one");
    ivs.clear_log();
    alice.send_message("two");
    assert_eq!((hook.hits(), ivs.log().kind(EntryKind::FrameReceived).entries().len()), (2, 1));
    ivs.reset_hooks();
    alice.send_message("three");
    alice.expect_message("three").wait();
    ivs.reset_rooms();
    assert!(!alice.is_connected());
    let log = ivs.log().to_string();
    let end = "~ all rooms deleted by the test\n  alice closed 1001 \"the mock was reset\"\n";
    assert!(log.ends_with(end), "{log}");
}

/// Connects to a mock that resets each connection. The client may notice it while it connects.
async fn attempt_in_vain(ivs: &MockIvsChat) {
    if let Ok(mut client) = TcpStream::connect(ivs.addr()).await {
        assert!(!matches!(client.read(&mut [0]).await, Ok(1)));
    }
}

#[tokio::test]
async fn attempts_to_connect_are_recorded_in_an_accepting_outage() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let outage = ivs.accepting_outage();
    assert!(!matches!(alice.next_raw().await, Some(Ok(_))));
    for attempt in 1..=2 {
        attempt_in_vain(&ivs).await;
        assert_eq!(ivs.log().kind(EntryKind::Unserved).entries().len(), attempt);
    }
    assert!(ivs.connect(full_token(&room, "bob")).await.is_err());
    assert_eq!(ivs.log().kind(EntryKind::Unserved).entries().len(), 3);
    ivs.restart();
    attempt_in_vain(&ivs).await;
    outage.end();
    connect(&ivs, &full_token(&room, "alice")).await.echoes("back").await;
    assert!(ivs.log().to_string().contains("a client connects during the outage and is cut off\n"));
    assert!(ivs.lint().iter().all(|finding| finding.lint != Lint::ProtocolForeign));
}

#[tokio::test]
async fn of_a_refusing_and_an_accepting_outage_both_must_end() {
    let ivs = MockIvsChat::start();
    let (accepting, refusing) = (ivs.accepting_outage(), ivs.outage());
    assert_refused(ivs.addr());
    accepting.end();
    assert_refused(ivs.addr());
    refusing.end();
    let room = ivs.create_room("lobby");
    connect(&ivs, &full_token(&room, "alice")).await.echoes("back").await;
}

#[tokio::test]
async fn http_connections_are_closed_after_each_response_while_the_switch_is_on() {
    let ivs = unlimited();
    let request = "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    let mut client = RawClient::open(&ivs).await;
    assert_eq!(client.request(request).await.header("Connection"), None);
    ivs.close_http_connections(true);
    assert_eq!(client.request(request).await.header("Connection"), Some("close"));
    client.end().await;
    ivs.close_http_connections(false);
    let mut client = RawClient::open(&ivs).await;
    for _ in 0..2 {
        assert_eq!(client.request(request).await.status, 200);
    }
}

#[tokio::test]
async fn clients_of_other_protocols_are_in_the_log_and_the_lint_names_them() {
    let ivs = unlimited();
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let hello = "\u{16}\u{3}\u{1}\0\u{4}abcd";
    for (first_bytes, text) in [
        (preface, "a client speaks HTTP/2, but the mock serves HTTP/1.1 only"),
        (hello, "a client begins a TLS handshake on a port without TLS"),
    ] {
        ivs.clear_log();
        let mut client = RawClient::open(&ivs).await;
        client.write(first_bytes).await;
        ivs.log().wait_for(|entry| entry.kind() == EntryKind::Unserved).await;
        let mut rest = Vec::new();
        let read = client.stream.read_to_end(&mut rest);
        let read = tokio::time::timeout(Duration::from_secs(30), read).await;
        assert!(read.is_ok(), "the connection is not left open");
        let findings = ivs.lint();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].lint, findings[0].message.as_str()), (Lint::ProtocolForeign, text));
    }
}
