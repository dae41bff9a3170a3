//! Rooms: what happens in one stays there, and a user may be in it more than once.

use mock_ivs_chat::Attributes;

use crate::support::frozen;

#[test]
fn messages_reach_only_their_own_room() {
    let ivs = frozen();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let (alice, bob) = (lobby.participant("alice"), stage.participant("bob"));
    alice.send_message("in the lobby");
    alice.delete_message("Message00001", "");
    alice.disconnect_user("bob", "wrong room");
    lobby.send_event("app:bell", Attributes::new());
    assert!(bob.received().is_empty() && bob.is_connected());
    bob.send_message("on stage");
    assert_eq!(alice.received().len(), 4);
}

#[test]
fn rooms_of_the_same_name_are_two_rooms() {
    let ivs = frozen();
    let (one, other) = (ivs.create_room("lobby"), ivs.create_room("lobby"));
    assert_ne!(one.arn(), other.arn());
    let (alice, bob) = (one.participant("alice"), other.participant("bob"));
    alice.send_message("hello");
    assert!(bob.received().is_empty());
}

#[test]
fn deleting_a_room_leaves_other_rooms_alone() {
    let ivs = frozen();
    let (lobby, stage) = (ivs.create_room("lobby"), ivs.create_room("stage"));
    let bob = stage.participant("bob");
    lobby.delete();
    bob.send_message("still here");
    bob.expect_message("still here").wait();
}

#[test]
fn closing_one_connection_leaves_the_others_open() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (phone, laptop) = (room.participant("alice"), room.participant("alice"));
    phone.disconnect();
    laptop.send_message("still here");
    laptop.expect_message("still here").wait();
}
