//! Moderation: messages are deleted and users disconnected, by clients and by the application.

use std::time::Duration;

use mock_ivs_chat::{Attributes, EntryKind, ErrorCode, MockIvsChat, Operation, Quota, Quotas};
use rstest::rstest;
use serde_json::json;

use crate::support::{connect, frozen, full_token, sdk};

#[test]
fn a_deletion_is_an_event_with_both_spellings_of_the_id() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    alice.say("buy now");
    bob.delete("Message00001", "spam");
    let text = ivs.log().user("alice").entries().pop().unwrap().text().unwrap().to_owned();
    assert_eq!(
        text,
        concat!(
            r#"{"Type":"EVENT","Id":"Event0000001","RequestId":"bob-1","EventName":"aws:DELETE_MESSAGE","#,
            r#""Attributes":{"MessageID":"Message00001","MessageId":"Message00001","Reason":"spam"},"#,
            r#""SendTime":"2026-01-01T00:00:00Z"}"#
        )
    );
}

#[test]
fn a_disconnection_is_an_event_and_then_a_close() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    let mark = ivs.log().mark();
    bob.kick("alice", "rude");
    assert!(!alice.is_connected() && bob.is_connected());
    insta::assert_snapshot!(ivs.log().since(mark), @r#"
    bob > {"Action":"DISCONNECT_USER","RequestId":"bob-1","UserId":"alice","Reason":"rude"}
      alice, bob < {"Type":"EVENT","Id":"Event0000001","RequestId":"bob-1","EventName":"aws:DISCONNECT_USER","Attributes":{"Reason":"rude","UserId":"alice"},"SendTime":"2026-01-01T00:00:00Z"}
      alice closed 1000 "rude"
    "#);
}

#[rstest]
#[case::unknown("Message99999")]
#[case::of_an_event("Event0000001")]
#[case::no_id_at_all("Not an id, with spaces!")]
fn any_id_can_be_deleted(#[case] id: &str) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.delete(id, "");
    let attributes = alice.expect_event_blocking("aws:DELETE_MESSAGE").attributes.unwrap();
    let expected = [("MessageID", id), ("MessageId", id), ("Reason", "")];
    assert_eq!(attributes, Attributes::from(expected));
}

#[rstest]
#[case::written_empty(false)]
#[case::left_out(true)]
fn a_reason_that_was_not_given(#[case] omits: bool) {
    let builder = MockIvsChat::builder();
    let ivs = if omits { builder.omit_empty_reason().start() } else { builder.start() };
    let alice = ivs.create_room("lobby").participant("alice");
    alice.delete("Message00001", "");
    alice.kick("nobody", "");
    let reason = (!omits).then(String::new);
    for event in ["aws:DELETE_MESSAGE", "aws:DISCONNECT_USER"] {
        let attributes = alice.expect_event_blocking(event).attributes.unwrap();
        assert_eq!(attributes.get("Reason").cloned(), reason);
    }
}

#[test]
fn a_user_who_is_not_there_is_disconnected_all_the_same() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    alice.kick("nobody", "gone");
    room.disconnect_user("nobody", "gone");
    for _ in 0..2 {
        let event = alice.expect_event_blocking("aws:DISCONNECT_USER");
        let expected = Attributes::from([("Reason", "gone"), ("UserId", "nobody")]);
        assert_eq!(event.attributes, Some(expected));
    }
    assert!(alice.is_connected());
}

#[rstest]
#[case(r#"{"Action":"DELETE_MESSAGE","RequestId":"r1"}"#, "Id is missing or empty")]
#[case(r#"{"Action":"DELETE_MESSAGE","RequestId":"r1","Id":""}"#, "Id is missing or empty")]
#[case(r#"{"Action":"DISCONNECT_USER","RequestId":"r1"}"#, "UserId is missing or empty")]
#[case(
    r#"{"Action":"DISCONNECT_USER","RequestId":"r1","UserId":""}"#,
    "UserId is missing or empty"
)]
fn moderation_needs_an_object(#[case] frame: &str, #[case] message: &str) {
    let ivs = frozen();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send(frame);
    let error = alice.expect_error_blocking(ErrorCode::BadRequest);
    assert_eq!((&*error.error_message, &*error.request_id), (message, "r1"));
}

#[test]
fn an_error_never_has_the_id_of_the_message_that_was_to_be_deleted() {
    // The official SDKs drop a frame whose id they have seen, and would wait for ever.
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    let bob = room.chat_token("bob").join();
    alice.say("hello");
    let message = bob.expect_message_blocking("hello");
    bob.delete(&message.id, "");
    bob.kick("alice", "");
    let first = bob.expect_error_blocking(ErrorCode::Forbidden);
    let second = bob.expect_error_blocking(ErrorCode::Forbidden);
    assert_eq!([&*first.id, &*second.id], ["Error0000001", "Error0000002"]);
}

#[rstest]
#[case(Quota::DeleteMessage, "deletions of messages in all rooms, 2")]
#[case(Quota::DisconnectUser, "disconnections of users in all rooms, 2")]
fn moderation_has_a_rate_over_all_rooms(#[case] quota: Quota, #[case] exceeded: &str) {
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let quotas = Quotas::off().with(quota, 2);
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let alice = ivs.create_room("lobby").participant("alice");
    let bob = ivs.create_room("stage").participant("bob");
    let act = |person: &mock_ivs_chat::Participant| match quota {
        Quota::DeleteMessage => person.delete("Message00001", ""),
        _ => person.kick("nobody", ""),
    };
    act(&alice);
    act(&bob);
    act(&alice);
    let error = alice.expect_error_blocking(ErrorCode::TooManyRequests);
    assert_eq!((&*error.error_message, &*error.id), ("rate limit exceeded", "Error0000001"));
    let log = ivs.log().kind(EntryKind::Exceeded).entries();
    assert_eq!(log[0].to_string(), format!("quota exceeded: {exceeded}"));
    ivs.advance(Duration::from_secs(1));
    act(&alice);
    assert_eq!(alice.received().len(), 3);
}

#[rstest]
#[case(Quota::DeleteMessage, Operation::DeleteMessage, "id", "Message00001")]
#[case(Quota::DisconnectUser, Operation::DisconnectUser, "userId", "nobody")]
fn moderation_over_http_and_over_a_socket_shares_its_rate(
    #[case] quota: Quota,
    #[case] operation: Operation,
    #[case] member: &str,
    #[case] value: &str,
) {
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(Quotas::off().with(quota, 2)).start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    match quota {
        Quota::DeleteMessage => alice.delete("Message00001", ""),
        _ => alice.kick("nobody", ""),
    };
    let request = json!({ "roomIdentifier": room.arn(), member: value });
    ivs.call(operation, request.clone()).unwrap();
    let refusal = ivs.call(operation, request).unwrap_err();
    assert_eq!((refusal.status(), refusal.name()), (429, "ThrottlingException"));
    match quota {
        Quota::DeleteMessage => alice.delete("Message00001", ""),
        _ => alice.kick("nobody", ""),
    };
    alice.expect_error_blocking(ErrorCode::TooManyRequests);
    assert_eq!(alice.received().len(), 3);
}

#[tokio::test]
async fn an_application_moderates_with_the_sdk() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let sdk = sdk(&ivs);
    let mut alice = connect(&ivs, full_token(&room, "alice")).await;
    let message = alice.echoes("buy now").await;
    let id = message["Id"].as_str().unwrap();

    let deletion = sdk.delete_message().room_identifier(room.arn()).id(id).reason("spam");
    let deletion = deletion.send().await.unwrap();
    let event = alice.next_frame().await;
    assert_eq!(event["Id"].as_str(), deletion.id());
    assert_eq!(
        (&event["EventName"], &event["RequestId"]),
        (&json!("aws:DELETE_MESSAGE"), &json!(""))
    );
    assert_eq!(event["Attributes"], json!({ "MessageID": id, "MessageId": id, "Reason": "spam" }));

    let sent = sdk.send_event().room_identifier(room.arn()).event_name("app:warning");
    let sent = sent.attributes("level", "last").send().await.unwrap();
    let event = alice.next_frame().await;
    assert_eq!((event["Id"].as_str(), &event["RequestId"]), (Some(sent.id().unwrap()), &json!("")));
    assert_eq!(event["Attributes"], json!({ "level": "last" }));

    let kick = sdk.disconnect_user().room_identifier(room.arn()).user_id("alice").reason("spam");
    kick.send().await.unwrap();
    let event = alice.next_frame().await;
    assert_eq!(
        (&event["EventName"], &event["RequestId"]),
        (&json!("aws:DISCONNECT_USER"), &json!(""))
    );
    assert_eq!(event["Attributes"], json!({ "Reason": "spam", "UserId": "alice" }));
    assert_eq!(alice.next_close().await, (1000, "spam".to_owned()));
}
