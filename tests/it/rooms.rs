//! Rooms: what happens in one stays there, and a user may be in it more than once.

use mock_ivs_chat::{Attributes, Capability, EntryKind};
use serde_json::json;

use crate::support::{connect, frozen, full_token};

#[test]
fn rooms_do_not_hear_each_other() {
    let ivs = frozen();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let (alice, bob) = (lobby.participant("alice"), stage.participant("bob"));
    alice.say("in the lobby");
    alice.delete("Message00001", "");
    alice.kick("bob", "wrong room");
    lobby.send_event("app:bell", Attributes::new());
    assert!(bob.received().is_empty() && bob.is_connected());
    bob.say("on stage");
    assert_eq!(alice.received().len(), 4);
}

#[test]
fn rooms_of_the_same_name_are_two_rooms() {
    let ivs = frozen();
    let (one, other) = (ivs.create_room("lobby"), ivs.create_room("lobby"));
    assert_ne!(one.arn(), other.arn());
    let (alice, bob) = (one.participant("alice"), other.participant("bob"));
    alice.say("hello");
    assert!(bob.received().is_empty());
}

#[test]
fn a_deleted_room_takes_no_other_with_it() {
    let ivs = frozen();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let bob = stage.participant("bob");
    lobby.delete();
    bob.say("still here");
    bob.expect_message_blocking("still here");
}

#[tokio::test]
async fn each_connection_of_a_user_gets_everything() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let mut phone = connect(&ivs, full_token(&room, "alice")).await;
    let mut laptop = connect(&ivs, full_token(&room, "alice")).await;
    phone.send(json!({ "Action": "SEND_MESSAGE", "Content": "hi", "RequestId": "p1" })).await;
    let message = phone.next_frame().await;
    assert_eq!(laptop.next_frame().await, message);
    assert_eq!(message["Sender"]["UserId"], "alice");
}

#[test]
fn connections_of_a_user_have_their_own_capabilities_attributes_and_labels() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let writer = room
        .chat_token("alice")
        .capability(Capability::SendMessage)
        .attributes([("device", "phone")])
        .join();
    let reader = room.chat_token("alice").join();
    let mark = ivs.log().mark();
    writer.say("hello");
    reader.say("me too");
    insta::assert_snapshot!(ivs.log().since(mark), @r#"
    alice > {"Action":"SEND_MESSAGE","RequestId":"alice-1","Content":"hello"}
      alice, alice#2 < {"Type":"MESSAGE","Id":"Message00001","RequestId":"alice-1","Attributes":null,"Content":"hello","SendTime":"2026-01-01T00:00:00Z","Sender":{"UserId":"alice","Attributes":{"device":"phone"}}}
    alice#2 > {"Action":"SEND_MESSAGE","RequestId":"alice#2-1","Content":"me too"}
      alice#2 < {"Type":"ERROR","Id":"Message00002","RequestId":"alice#2-1","ErrorCode":403,"ErrorMessage":"the chat token lacks the capability SEND_MESSAGE"}
    "#);
    assert_eq!(ivs.log().user("alice").kind(EntryKind::Connected).entries().len(), 2);
}

#[test]
fn one_connection_less_is_not_all_of_them() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (phone, laptop) = (room.participant("alice"), room.participant("alice"));
    phone.leave();
    laptop.say("still here");
    laptop.expect_message_blocking("still here");
}
