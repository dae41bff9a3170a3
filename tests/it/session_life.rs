//! How connections end: by expiry, by a moderator, by the client, or by accident.

use std::time::Duration;

use mock_ivs_chat::{ErrorCode, MockIvsChat, log::EntryKind};
use rstest::rstest;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::raw::{CLOSE, FINAL, HELLO, PING, RawClient, TEXT, close_payload, frame, handshake};
use crate::support::{connect, frozen, full_token};

const MINUTE: Duration = Duration::from_secs(60);
const EXPIRY: &str = r#"{"ErrorCode":401,"ErrorMessage":"session has expired"}"#;

#[tokio::test]
async fn a_session_ends_with_error_401_and_a_close_that_says_so_in_json() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let bob = room.chat_token("bob").session_duration_in_minutes(61).join();
    ivs.advance(60 * MINUTE);
    let error = alice.next_frame().await;
    assert_eq!((&error["ErrorCode"], &error["RequestId"]), (&json!(401), &json!("")));
    assert_eq!(error["ErrorMessage"], "session has expired");
    assert_eq!(alice.next_close().await, (1000, EXPIRY.to_owned()));
    assert!(bob.is_connected());
}

#[tokio::test]
async fn sessions_that_expire_within_one_advance_do_so_each_at_its_own_time() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let _bob = room.chat_token("bob").session_duration_in_minutes(2).join();
    let _alice = room.chat_token("alice").session_duration_in_minutes(1).join();
    ivs.advance(5 * MINUTE);
    let closed = ivs.log().kind(EntryKind::Closed).entries();
    let closed: Vec<_> =
        closed.iter().map(|entry| (entry.user_id().unwrap(), entry.at().to_string())).collect();
    let expected = [("alice", "2026-01-01T00:01:00Z"), ("bob", "2026-01-01T00:02:00Z")];
    assert_eq!(closed, expected.map(|(user, at)| (user, at.to_owned())));
}

#[tokio::test]
async fn a_session_expires_by_itself_on_the_clock_of_the_system() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").session_duration_in_minutes(1).create();
    let ends = token.session_expiration_time;
    let mut alice = connect(&ivs, token).await;
    // All but a moment, which the timer has to notice.
    let moment = Duration::from_millis(100);
    ivs.advance(ends.since(ivs.now()) - moment);
    assert_eq!(alice.next_frame().await["ErrorCode"], 401);
    assert_eq!(alice.next_close().await, (1000, EXPIRY.to_owned()));
}

#[tokio::test]
async fn a_disconnected_user_gets_the_event_before_the_close() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let mut bob = connect(&ivs, full_token(&room, "bob")).await;
    let kick = json!({ "Action": "DISCONNECT_USER", "UserId": "alice", "Reason": "rude", "RequestId": "k1" });
    bob.send(kick).await;
    for client in [&mut alice, &mut bob] {
        let event = client.next_frame().await;
        assert_eq!(
            (&event["EventName"], &event["RequestId"]),
            (&json!("aws:DISCONNECT_USER"), &json!("k1"))
        );
        assert_eq!(event["Attributes"], json!({ "Reason": "rude", "UserId": "alice" }));
    }
    assert_eq!(alice.next_close().await, (1000, "rude".to_owned()));
    bob.echoes("peace").await;
}

#[tokio::test]
async fn all_connections_of_the_user_in_that_room_are_closed_and_no_others() {
    let ivs = MockIvsChat::start();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let mut first = connect(&ivs, full_token(&lobby, "alice")).await;
    let mut second = connect(&ivs, full_token(&lobby, "alice")).await;
    let mut elsewhere = connect(&ivs, full_token(&stage, "alice")).await;
    let mut namesake = connect(&ivs, full_token(&lobby, "Alice")).await;
    lobby.disconnect_user("alice", "");
    for client in [&mut first, &mut second] {
        assert_eq!(client.next_frame().await["EventName"], "aws:DISCONNECT_USER");
        assert_eq!(client.next_close().await, (1000, String::new()));
    }
    assert_eq!(namesake.next_frame().await["RequestId"], "");
    namesake.echoes("not me").await;
    assert_eq!(elsewhere.echoes("not here").await["Id"].as_str().map(str::len), Some(12));
}

#[rstest]
#[case::ascii("r".repeat(200), "r".repeat(123))]
#[case::just_fits("r".repeat(123), "r".repeat(123))]
#[case::two_bytes_each("é".repeat(100), "é".repeat(61))]
#[case::four_bytes_each("🍵".repeat(100), "🍵".repeat(30))]
#[tokio::test]
async fn a_reason_is_truncated_in_the_close_but_not_in_the_event(
    #[case] reason: String,
    #[case] cut: String,
) {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", &reason);
    assert_eq!(alice.next_frame().await["Attributes"]["Reason"], reason);
    assert_eq!(alice.next_close().await, (1000, cut));
}

#[tokio::test]
async fn a_disconnected_user_may_come_back_with_any_unused_token() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let spare = full_token(&room, "alice");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", "rude");
    alice.next_frame().await;
    alice.next_close().await;
    connect(&ivs, spare).await.echoes("me again").await;
    connect(&ivs, full_token(&room, "alice")).await.echoes("and again").await;
}

#[tokio::test]
async fn a_user_may_disconnect_itself() {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    alice.send(json!({ "Action": "DISCONNECT_USER", "UserId": "alice", "RequestId": "k1" })).await;
    assert_eq!(alice.next_frame().await["RequestId"], "k1");
    assert_eq!(alice.next_close().await, (1000, String::new()));
}

#[tokio::test]
async fn connections_outlive_their_room_but_can_publish_nothing() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let unused = full_token(&room, "alice");
    room.delete();
    for action in [
        json!({ "Action": "SEND_MESSAGE", "Content": "hello?", "RequestId": "r1" }),
        json!({ "Action": "DELETE_MESSAGE", "Id": "Message00001", "RequestId": "r1" }),
        json!({ "Action": "DISCONNECT_USER", "UserId": "alice", "RequestId": "r1" }),
    ] {
        alice.send(action).await;
        let error = alice.next_frame().await;
        assert_eq!((&error["ErrorCode"], &error["RequestId"]), (&json!(404), &json!("r1")));
    }
    let refused = RawClient::open(&ivs).await.request(&handshake(unused)).await;
    assert_eq!(refused.status, 404);
    // The connection itself still lasts until its session ends.
    ivs.advance(60 * MINUTE);
    assert_eq!(alice.next_frame().await["ErrorCode"], 401);
    alice.next_close().await;
}

#[rstest]
#[case::plain(Some((1000, "")), "alice closes 1000\n")]
#[case::leaving(Some((1001, "bye")), "alice closes 1001 \"bye\"\n")]
#[case::of_the_application(Some((4999, "done")), "alice closes 4999 \"done\"\n")]
#[case::registered(Some((3000, "")), "alice closes 3000\n")]
#[case::without_a_code(None, "alice closes without a code\n")]
#[tokio::test]
async fn a_close_from_a_client_is_echoed(
    #[case] close: Option<(u16, &'static str)>,
    #[case] line: &str,
) {
    let ivs = MockIvsChat::start();
    let mut alice = RawClient::connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    let payload =
        close.map_or_else(Vec::new, |(code, reason)| close_payload(code, reason.as_bytes()));
    alice.write(frame(FINAL | CLOSE, &payload)).await;
    assert_eq!(alice.next().await, (FINAL | CLOSE, payload));
    // It is the server that ends the stream, as a client expects it to.
    alice.end().await;
    let log = ivs.log().user("alice").to_string();
    assert!(log.ends_with(line), "{log}");
}

#[tokio::test]
async fn a_websocket_library_closes_cleanly() {
    let ivs = MockIvsChat::start();
    let mut alice = connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    let close = CloseFrame { code: 1000.into(), reason: "bye".into() };
    alice.send_raw(Message::Close(Some(close))).await;
    assert_eq!(alice.next_close().await, (1000, "bye".to_owned()));
    assert_eq!(ivs.log().kind(EntryKind::Closed).entries().len(), 1);
    assert!(ivs.log().kind(EntryKind::Disconnected).entries().is_empty());
}

#[tokio::test]
async fn a_client_that_has_closed_receives_no_frames() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    bob.send_message("before");
    alice.next_frame().await;
    let mut bytes = frame(FINAL | CLOSE, &close_payload(1000, b""));
    bytes.extend(frame(FINAL | TEXT, HELLO.as_bytes()));
    bytes.extend(frame(FINAL | PING, b"still there?"));
    alice.write(bytes).await;
    ivs.log().kind(EntryKind::Closed).wait_for(|_| true).await;
    bob.send_message("after");
    assert_eq!(alice.next_close().await.0, 1000);
    alice.end().await;
    assert_eq!(bob.received().len(), 2, "what followed the close was not read");
}

#[tokio::test]
async fn a_connection_that_ends_within_a_frame_is_logged_as_disconnected() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    alice.write(&frame(FINAL | TEXT, HELLO.as_bytes())[..10]).await;
    drop(alice);
    let gone = ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
    assert_eq!(gone.to_string(), "alice is gone");
    // Nobody is told: there are no events for those who come and go.
    let bob = room.participant("bob");
    bob.send_message("anybody?");
    assert_eq!(bob.received().len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_reset_is_logged_as_disconnected() {
    let ivs = MockIvsChat::start();
    let alice = RawClient::connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    alice.stream.set_zero_linger().unwrap();
    drop(alice);
    let gone = ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
    assert_eq!(gone.user_id(), Some("alice"));
}

#[tokio::test]
async fn a_client_that_ends_its_half_of_the_stream_is_logged_as_disconnected() {
    let ivs = MockIvsChat::start();
    let mut alice = RawClient::connect(&ivs, full_token(&ivs.create_room("lobby"), "alice")).await;
    alice.stream.shutdown().await.unwrap();
    alice.end().await;
    ivs.log().kind(EntryKind::Disconnected).wait_for(|_| true).await;
}

#[tokio::test]
async fn frames_after_the_service_closed_do_nothing() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", "rude");
    alice.write(frame(FINAL | TEXT, HELLO.as_bytes())).await;
    alice.write(frame(FINAL | PING, b"still there?")).await;
    assert_eq!(alice.next_frame().await["EventName"], "aws:DISCONNECT_USER");
    assert_eq!(alice.next_close().await, (1000, "rude".to_owned()));
    alice.write(frame(FINAL | CLOSE, &close_payload(1000, b"rude"))).await;
    alice.end().await;
    bob.send_message("peace");
    assert_eq!(bob.expect_message("peace").await.id, "Message00001");
    assert_eq!(bob.received().len(), 2);
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_after_the_close_changes_nothing() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", "rude");
    alice.write(frame(FINAL | 0x7, b"rubbish")).await;
    alice.next_frame().await;
    assert_eq!(alice.next_close().await, (1000, "rude".to_owned()));
    let log = ivs.log().user("alice").to_string();
    assert!(log.ends_with("alice closed 1000 \"rude\"\n"), "{log}");
}

/// Time is paused, so that the mock's close timeout elapses immediately.
#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_a_close_is_disconnected() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let mut alice = RawClient::connect(&ivs, full_token(&room, "alice")).await;
    room.disconnect_user("alice", "rude");
    alice.next_frame().await;
    alice.next_close().await;
    alice.end().await;
}

#[tokio::test]
async fn a_token_can_be_refreshed_without_missing_a_message() {
    // As the official SDKs do it: the second connection opens before the first closes.
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut old = connect(&ivs, full_token(&room, "alice")).await;
    let mut new = connect(&ivs, full_token(&room, "alice")).await;
    bob.send_message("both");
    assert_eq!(old.next_frame().await, new.next_frame().await);
    old.close().await;
    ivs.log().kind(EntryKind::Closed).wait_for(|_| true).await;
    bob.send_message("one");
    assert_eq!(new.next_frame().await["Content"], "one");
    new.echoes("mine").await;
}

#[test]
fn expiry_of_a_participant_reads_like_that_of_a_client() {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.advance(60 * MINUTE);
    alice.expect_error(ErrorCode::Unauthorized).wait();
    alice.send_message("anybody?");
    insta::assert_snapshot!(ivs.log().user("alice"), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice < {"Type":"ERROR","Id":"Error0000001","RequestId":"","ErrorCode":401,"ErrorMessage":"session has expired"}
      alice closed 1000 "{\"ErrorCode\":401,\"ErrorMessage\":\"session has expired\"}"
    "#);
}
