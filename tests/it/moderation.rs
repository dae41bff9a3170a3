//! Moderation: messages are deleted and users disconnected, by clients and by the application.

use std::time::Duration;

use mock_ivs_chat::{ErrorCode, MockIvsChat, Operation, Quota, Quotas, log::EntryKind};
use rstest::rstest;
use serde_json::json;

use crate::support::{connect, full_token, sdk};

#[rstest]
#[case(Quota::DeleteMessage, "deletions of messages in all rooms, 2")]
#[case(Quota::DisconnectUser, "disconnections of users in all rooms, 2")]
fn moderation_has_a_rate_over_all_rooms(#[case] quota: Quota, #[case] exceeded: &str) {
    let clock = mock_ivs_chat::Clock::frozen_at("2026-01-01T00:00:00Z");
    let quotas = Quotas::unlimited().with(quota, 2);
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let alice = ivs.create_room("lobby").participant("alice");
    let bob = ivs.create_room("stage").participant("bob");
    let act = |person: &mock_ivs_chat::Participant| match quota {
        Quota::DeleteMessage => person.delete_message("Message00001", ""),
        _ => person.disconnect_user("nobody", ""),
    };
    act(&alice);
    act(&bob);
    act(&alice);
    let error = alice.expect_error(ErrorCode::TooManyRequests).wait();
    assert_eq!((&*error.error_message, &*error.id), ("rate limit exceeded", "Error0000001"));
    let log = ivs.log().kind(EntryKind::QuotaExceeded).entries();
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
    let ivs =
        MockIvsChat::builder().clock(clock).quotas(Quotas::unlimited().with(quota, 2)).start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    match quota {
        Quota::DeleteMessage => alice.delete_message("Message00001", ""),
        _ => alice.disconnect_user("nobody", ""),
    };
    let request = json!({ "roomIdentifier": room.arn(), member: value });
    ivs.call(operation, request.clone()).unwrap();
    let refusal = ivs.call(operation, request).unwrap_err();
    assert_eq!((refusal.status(), refusal.name()), (429, "ThrottlingException"));
    match quota {
        Quota::DeleteMessage => alice.delete_message("Message00001", ""),
        _ => alice.disconnect_user("nobody", ""),
    };
    alice.expect_error(ErrorCode::TooManyRequests).wait();
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
