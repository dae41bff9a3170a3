//! Single connections: who is connected, and what a test does to one of them.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use mock_ivs_chat::hook::Corruption;
use mock_ivs_chat::log::{Direction, EntryKind};
use mock_ivs_chat::{ChatError, CloseCode, ErrorCode, Handle};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{connect, frozen, full_token, unlimited};
use crate::wire;

/// The log, but for the calls that prepare a test.
fn transcript(ivs: &Handle) -> String {
    let log = ivs.log().to_string();
    log.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("test ")).collect()
}

fn error_frame() -> ChatError {
    ChatError::new("Error0000009", ErrorCode::TooManyRequests, "slow down")
}

#[tokio::test]
async fn a_room_knows_its_connections_of_clients_and_participants() {
    let ivs = frozen();
    let (lobby, other) = (ivs.create_room("lobby"), ivs.create_room("lobby"));
    let client = connect(&ivs, &full_token(&lobby, "alice")).await;
    let first = lobby.participant("bob");
    let second = lobby.participant("bob");
    let carol = other.participant("carol");
    ivs.advance(Duration::from_secs(60));
    let own = lobby.connections();
    let users: Vec<_> = own.iter().map(|c| (c.user_id(), c.is_participant())).collect();
    assert_eq!(users, [("alice", false), ("bob", true), ("bob", true)]);
    assert_eq!(lobby.connected_users(), ["alice", "bob"]);
    assert_eq!(lobby.connection("bob").id(), second.connection().id());
    assert_eq!((ivs.connections().len(), other.connections().len()), (4, 1));
    assert_eq!((own[0].age(), own[0].room()), (Duration::from_secs(60), "lobby"));
    assert_eq!(ivs.connection(carol.connection()).unwrap().user_id(), "carol");
    assert_eq!(
        format!("{:?}", own[0]),
        r#"Connection { id: 1, user_id: "alice", room: "lobby", .. }"#
    );
    drop((first, client));
    ivs.log().user("alice").wait_for(|entry| entry.kind() == EntryKind::Disconnected).await;
    assert!(!own[0].is_open() && !own[0].close(CloseCode::NORMAL, "too late"));
    assert!(ivs.connection(own[0].id()).is_none());
    assert_eq!(lobby.connected_users(), ["bob"]);
}

#[test]
fn an_unknown_user_is_reported_at_the_line_of_the_test() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let _bob = room.participant("bob");
    let lookup = std::panic::AssertUnwindSafe(|| room.connection("alice"));
    let panic = std::panic::catch_unwind(lookup).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    let expected = "user \"alice\" is not connected to this room; connected users: \"bob\"\n";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test]
async fn one_client_is_closed_or_reset_and_the_others_stay() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let mut bob = connect(&ivs, &full_token(&room, "bob")).await;
    let carol = room.participant("carol");
    assert!(room.connection("alice").close(CloseCode::GOING_AWAY, "maintenance"));
    assert_eq!(alice.next_close().await, (1001, "maintenance".into()));
    assert!(room.connection("bob").reset());
    assert!(matches!(bob.next_raw().await, Some(Err(_))));
    assert_eq!(room.connected_users(), ["carol"]);
    assert!(carol.is_connected());
    assert_snapshot!(transcript(&ivs), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    bob connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    carol connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice ~ closed by the test
      alice closed 1001 "maintenance"
    bob ~ reset by the test
    "#);
}

#[tokio::test]
async fn a_client_that_resumes_loses_nothing() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    let connection = room.connection("alice");
    connection.stall();
    for content in ["one", "two"] {
        bob.send_message(content);
    }
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "three" })).await;
    ivs.settled().await;
    assert!(connection.is_stalled() && connection.is_open());
    assert_eq!(connection.queued_frames(), 2);
    assert!(connection.queued_bytes() > 0);
    assert_eq!(ivs.log().user("alice").kind(EntryKind::FrameReceived).entries().len(), 0);
    connection.resume();
    for content in ["one", "two", "three"] {
        assert_eq!(alice.next_frame().await["Content"], content);
    }
    ivs.settled().await;
    assert!(!connection.is_stalled());
    assert_eq!((connection.queued_frames(), connection.queued_bytes()), (0, 0));
}

#[tokio::test]
async fn a_client_that_a_hook_has_stalled_gets_everything_and_then_the_close_frame() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = wire::in_memory(&ivs, &wire::token(&room, "alice")).await;
    let bob = room.participant("bob");
    ivs.on_delivery().to("alice").once().stall();
    bob.send_message("hello");
    let connection = room.connection("alice");
    room.disconnect_user("alice", "rude");
    assert!(!connection.is_open());
    assert!(connection.resume());
    assert_eq!(wire::receive(&mut alice).await["Content"], "hello");
    assert!(wire::end(&mut alice).await.is_some());
}

#[test]
fn a_participant_stalls_and_resumes_like_a_client() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let connection = alice.connection();
    connection.stall();
    bob.send_message("one");
    alice.send_message("two");
    bob.expect_message("one").wait();
    assert_eq!((alice.received().len(), bob.received().len()), (0, 1));
    connection.resume();
    bob.expect_message("two").wait();
    alice.expect_message("one").wait();
    alice.expect_message("two").wait();
    assert!(!connection.limit_bandwidth(Direction::Outbound, 1));
    assert_snapshot!(transcript(&ivs), @r#"
    alice connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    bob connects to lobby with SEND_MESSAGE, DISCONNECT_USER, DELETE_MESSAGE
    alice ~ stalled by the test
    bob > {"Action":"SEND_MESSAGE","RequestId":"bob-1","Content":"one"}
      alice ~ withheld from a stalled connection by the test: {"Type":"MESSAGE","Id":"Message00001","RequestId":"bob-1","Attributes":null,"Content":"one","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"bob","Attributes":{}}}
      bob < {"Type":"MESSAGE","Id":"Message00001","RequestId":"bob-1","Attributes":null,"Content":"one","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"bob","Attributes":{}}}
    alice ~ resumed by the test
      alice < {"Type":"MESSAGE","Id":"Message00001","RequestId":"bob-1","Attributes":null,"Content":"one","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"bob","Attributes":{}}}
    alice > {"Action":"SEND_MESSAGE","RequestId":"alice-1","Content":"two"}
      alice, bob < {"Type":"MESSAGE","Id":"Message00002","RequestId":"alice-1","Attributes":null,"Content":"two","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"alice","Attributes":{}}}
    "#);
}

#[tokio::test]
async fn frames_are_pushed_to_one_client_and_pass_no_hooks() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let bob = room.participant("bob");
    ivs.on_delivery().drop_frame();
    let connection = room.connection("alice");
    connection.push_frame(error_frame());
    assert_eq!(alice.next_frame().await["ErrorCode"], 429);
    connection.push_text("no JSON");
    assert_eq!(alice.next_raw().await.unwrap().unwrap(), Message::text("no JSON"));
    connection.push_corrupted(error_frame(), Corruption::MissingMember("Id".into()));
    let text = alice.next_raw().await.unwrap().unwrap().into_text().unwrap();
    assert!(text.starts_with(r#"{"Type":"ERROR","RequestId""#), "{text}");
    connection.ping("x".repeat(200));
    assert_eq!(alice.next_raw().await.unwrap().unwrap(), Message::Ping("x".repeat(125).into()));
    connection.push_corrupted(error_frame(), Corruption::Truncated);
    assert!(!matches!(alice.next_raw().await, Some(Ok(_))));
    assert!(bob.received().is_empty());
    let actions = ivs.log().kind(EntryKind::TestAction).entries();
    assert_eq!(actions.len(), 5);
    let line = "alice ~ frame pushed, corrupted: Truncated, by the test";
    assert_eq!(actions[4].to_string(), line);
}

#[tokio::test]
async fn bandwidth_is_limited_in_either_direction_and_the_limit_is_lifted() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let mut alice = connect(&ivs, &full_token(&room, "alice")).await;
    let connection = room.connection("alice");
    for direction in [Direction::Inbound, Direction::Outbound] {
        connection.limit_bandwidth(direction, 4_000);
        let start = Instant::now();
        alice.echoes(&"x".repeat(400)).await;
        let elapsed = start.elapsed();
        // Each 200 bytes cost 50 ms, but the last of them.
        assert!(elapsed >= Duration::from_millis(50), "{direction:?}: {elapsed:?}");
        connection.unlimit_bandwidth(direction);
    }
    // At 1 byte a second this would take minutes, were the limit not lifted.
    connection.limit_bandwidth(Direction::Outbound, 1);
    connection.push_frame(error_frame());
    connection.unlimit_bandwidth(Direction::Outbound);
    assert_eq!(alice.next_frame().await["ErrorCode"], 429);
    connection.limit_bandwidth(Direction::Inbound, 1);
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "hello" })).await;
    connection.unlimit_bandwidth(Direction::Inbound);
    assert_eq!(alice.next_frame().await["Content"], "hello");
    let refused =
        std::panic::AssertUnwindSafe(|| connection.limit_bandwidth(Direction::Inbound, 0));
    assert!(std::panic::catch_unwind(refused).is_err());
}

#[test]
fn a_later_hook_goes_before_an_earlier_one_by_its_priority() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let default = ivs.on_action().named("default").ignore();
    let own = ivs.on_action().priority(1).once().reject(ErrorCode::NotAcceptable, "no");
    let last = ivs.on_action().priority(-1).ignore();
    alice.send_message("one");
    alice.expect_error(ErrorCode::NotAcceptable).wait();
    alice.send_message("two");
    assert_eq!((own.hits(), default.hits(), last.hits()), (1, 1, 0));
}

#[test]
fn all_renderings_show_what_the_test_does_to_a_connection() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let _alice = room.participant("alice");
    room.connection("alice").push_text("no JSON");
    let log = ivs.log();
    assert!(log.per_connection().to_string().contains("\n  ~ frame pushed by the test\n"));
    assert!(log.to_mermaid().contains("~ frame pushed by the test"));
    assert!(log.to_json_lines().contains(r#""kind":"test_action""#));
    let entry = log.kind(EntryKind::TestAction).entries().remove(0);
    assert_eq!(serde_json::to_value(&entry).unwrap()["effect"], "frame pushed");
}
