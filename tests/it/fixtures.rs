//! The fixtures for rstest, as a user would use them.

use mock_ivs_chat::fixtures::{frozen_ivs, ivs};
use mock_ivs_chat::{Capability, ErrorCode, MockIvsChat, Room};
use rstest::{fixture, rstest};

use crate::support::snapshot;

/// The fixture that most tests of an application would start with.
#[fixture]
fn lobby(frozen_ivs: MockIvsChat, #[default(500)] longest: u32) -> (MockIvsChat, Room) {
    let room = frozen_ivs.new_room("lobby").maximum_message_length(longest).create();
    (frozen_ivs, room)
}

#[rstest]
fn a_started_mock_comes_as_an_argument(ivs: MockIvsChat) {
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message("hello");
    alice.expect_message("hello").wait();
}

#[rstest]
fn two_arguments_are_two_mocks(ivs: MockIvsChat, frozen_ivs: MockIvsChat) {
    assert_ne!(ivs.addr(), frozen_ivs.addr());
    assert_eq!(frozen_ivs.now().to_string(), "2026-01-01T00:00:00Z");
    assert_ne!(ivs.now(), frozen_ivs.now());
}

#[rstest]
#[tokio::test]
async fn fixtures_work_in_asynchronous_tests(ivs: MockIvsChat) {
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hello");
    bob.expect_message("hello").await;
}

#[rstest]
#[case::short("hi", None)]
#[case::long("hello there", Some(ErrorCode::BadRequest))]
fn cases_and_fixtures_go_together(
    #[with(ivs(), 5)] lobby: (MockIvsChat, Room),
    #[case] content: &str,
    #[case] refused: Option<ErrorCode>,
) {
    let alice = lobby.1.participant("alice");
    alice.send_message(content);
    match refused {
        Some(error_code) => drop(alice.expect_error(error_code).wait()),
        None => drop(alice.expect_message(content).wait()),
    }
}

#[rstest]
fn all_combinations_of_values_are_tried(
    lobby: (MockIvsChat, Room),
    #[values("alice", "bob", "日本")] user_id: &str,
    #[values(Capability::SendMessage, Capability::DeleteMessage)] capability: Capability,
) {
    let participant = lobby.1.chat_token(user_id).capability(capability).join();
    participant.send_message("hello");
    assert_eq!(participant.received().len(), 1);
    assert_eq!(participant.user_id(), user_id);
}

#[rstest]
fn a_frozen_mock_needs_no_redactions(lobby: (MockIvsChat, Room)) {
    let (ivs, room) = lobby;
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.send_message("hello");
    bob.delete_message("Message00001", "too loud");
    bob.disconnect_user("alice", "");
    snapshot!(ivs.log());
}
