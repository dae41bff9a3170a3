//! Participants: users inside the mock, who cannot be told from clients.

use std::sync::Arc;
use std::time::Duration;

use mock_ivs_chat::{Capability, ErrorCode, Frame, MockIvsChat, log::EntryKind};
use serde_json::json;

use crate::support::{connect, frozen, full_token};

#[tokio::test]
async fn a_participant_and_a_client_chat() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let bob = room.participant("bob");
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    alice.send(json!({ "Action": "SEND_MESSAGE", "Content": "hello", "RequestId": "a1" })).await;
    let message = bob.expect_message("hello").await;
    assert_eq!(alice.next_frame().await["Id"], message.id);
    bob.send_message("hi alice");
    let reply = alice.next_frame().await;
    assert_eq!((&reply["Content"], &reply["RequestId"]), (&json!("hi alice"), &json!("bob-1")));
    bob.delete_message(&message.id, "old");
    assert_eq!(alice.next_frame().await["Attributes"]["Reason"], "old");
    bob.disconnect_user("alice", "late");
    assert_eq!(alice.next_frame().await["EventName"], "aws:DISCONNECT_USER");
    assert_eq!(alice.next_close().await, (1000, "late".to_owned()));
}

#[test]
fn a_participant_receives_the_same_bytes_as_a_client() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _alice = connect(&ivs, full_token(&room, "alice")).await;
        let bob = room.participant("bob");
        bob.send_message_with("hello", [("a", "b")]);
    });
    let sent = ivs.log().kind(EntryKind::FrameSent).entries();
    let [alice, bob] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((alice.user_id(), bob.user_id()), (Some("alice"), Some("bob")));
    assert_eq!(alice.bytes(), bob.bytes());
}

#[test]
fn an_expectation_removes_the_match_and_leaves_the_rest() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("one");
    alice.send_message("two");
    room.send_event("app:bell", [("n", "1")]);
    bob.send_message("");
    assert_eq!(bob.expect_error(ErrorCode::BadRequest).wait().request_id, "bob-1");
    assert_eq!(bob.expect_message("two").wait().id, "Message00002");
    assert_eq!(bob.receive().wait().id(), "Message00001");
    assert!(matches!(bob.receive().wait(), Frame::Event(event) if event.event_name == "app:bell"));
    // Removed frames are still in the list.
    assert_eq!(bob.received().len(), 4);
}

#[test]
fn the_same_content_twice_is_two_messages() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("again");
    alice.send_message("again");
    let (first, second) = (bob.expect_message("again").wait(), bob.expect_message("again").wait());
    assert_eq!([&*first.id, &*second.id], ["Message00001", "Message00002"]);
}

#[tokio::test]
async fn an_expectation_may_be_made_before_its_frame() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), Arc::new(room.participant("bob")));
    let waiting = {
        let bob = Arc::clone(&bob);
        tokio::spawn(async move { bob.expect_message("hello").await })
    };
    tokio::task::yield_now().await;
    alice.send_message("hello");
    assert_eq!(waiting.await.unwrap().sender.user_id, "alice");
}

#[test]
fn an_expectation_that_fails_says_what_it_waited_for_and_what_happened() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(1)).start();
    let bob = ivs.create_room("lobby").participant("bob");
    bob.send_message("hello");
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bob.expect_message("goodbye").wait()
    }));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains(r#"MESSAGE to bob with content "goodbye""#), "{text}");
    assert!(text.contains(file!()), "{text}");
    assert!(text.contains(r#"< MESSAGE "hello""#), "{text}");
}

#[test]
fn a_participant_is_under_the_same_rules_as_a_client() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let reader = room.chat_token("reader").join();
    reader.send_message("hello?");
    reader.expect_error(ErrorCode::Forbidden).wait();
    let writer = room.chat_token("writer").capability(Capability::SendMessage).join();
    for _ in 0..11 {
        writer.send_message("hi");
    }
    writer.expect_error(ErrorCode::TooManyRequests).wait();
}

#[test]
fn a_participant_who_left_or_was_disconnected_sends_nothing() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    room.disconnect_user("bob", "");
    let mark = ivs.log().mark();
    bob.send_message("anybody?");
    assert!(ivs.log().since(mark).entries().is_empty());
    drop(bob);
    assert!(ivs.log().since(mark).entries().is_empty(), "it had been closed already");
    alice.disconnect();
    assert_eq!(ivs.log().since(mark).to_string(), "alice closes 1000\n");
}
