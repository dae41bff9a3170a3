//! Message review: handlers of the test, the answers that count, and the fallback.

use std::time::Duration;

use mock_ivs_chat::{ErrorCode, MockIvsChat, Participant, ReviewResponse, Room};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{connect, frozen, sdk, unlimited};

const ARN: &str = "arn:aws:lambda:us-west-2:123456789012:function:review";

fn room_with_fallback(ivs: &MockIvsChat, fallback: &str) -> Room {
    let handler = json!({ "uri": ARN, "fallbackResult": fallback });
    ivs.new_room("lobby").maximum_message_length(20).with("messageReviewHandler", handler).create()
}

/// The result of a message: its content and attributes, or the code and text of the error.
fn outcome(alice: &Participant) -> (String, Value) {
    alice.send_message_with("hello", [("color", "red")]);
    match alice.receive().wait() {
        mock_ivs_chat::Frame::Message(message) => (message.content, json!(message.attributes)),
        mock_ivs_chat::Frame::Error(error) => (error.error_message, json!(error.error_code.code())),
        frame => panic!("unexpected: {frame:?}"),
    }
}

const GENERIC: &str = "message was rejected during review";

#[rstest]
fn an_invalid_response_leaves_the_result_to_the_fallback(
    #[values(
        json!({}),
        json!("ALLOW"),
        json!({ "ReviewResult": "MAYBE", "Content": "hello" }),
        json!({ "ReviewResult": "ALLOW" }),
        json!({ "ReviewResult": "ALLOW", "Content": "" }),
        json!({ "ReviewResult": "ALLOW", "Content": 5 }),
        json!({ "ReviewResult": "ALLOW", "Content": "more than twenty characters" }),
        json!({ "ReviewResult": "ALLOW", "Content": "hello", "Attributes": { "a": 1 } }),
        json!({ "ReviewResult": "ALLOW", "Content": "hello", "Attributes": { "a": "x".repeat(1024) } }),
        json!({ "ReviewResult": "DENY", "Attributes": { "Reason": "x".repeat(1024) } }),
        json!({ "errorMessage": "the function crashed" })
    )]
    answer: Value,
    #[values("ALLOW", "DENY")] fallback: &str,
) {
    let ivs = frozen();
    let room = room_with_fallback(&ivs, fallback);
    ivs.review_lambda(ARN, move |_| ReviewResponse::from_json(&answer));
    let expected = match fallback {
        "ALLOW" => ("hello".to_owned(), json!({ "color": "red" })),
        _ => (GENERIC.to_owned(), json!(406)),
    };
    assert_eq!(outcome(&room.participant("alice")), expected);
}

#[tokio::test]
async fn an_asynchronous_handler_responds_when_it_is_ready() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    let (sender, receiver) = tokio::sync::watch::channel(false);
    room.review_with_async(move |request| {
        let mut receiver = receiver.clone();
        async move {
            receiver.wait_for(|is_ready| *is_ready).await.expect("the test is still there");
            ReviewResponse::allow().content(request.content.to_uppercase())
        }
    });
    let alice = room.participant("alice");
    alice.send_message("hello");
    sender.send(true).unwrap();
    alice.expect_message("HELLO").await;
}

#[test]
fn an_asynchronous_handler_that_comes_too_late_changes_nothing() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    room.review_with_async(|_| std::future::pending());
    let alice = room.participant("alice");
    alice.send_message("hello");
    ivs.advance(Duration::from_millis(200));
    alice.expect_message("hello").wait();
}

#[test]
fn a_handler_that_panics_fails_and_is_reported() {
    for is_async in [false, true] {
        let ivs = frozen();
        let room = room_with_fallback(&ivs, "DENY");
        if is_async {
            ivs.review_lambda_async(ARN, |_| async { panic!("no idea") });
        } else {
            ivs.review_lambda(ARN, |_| panic!("no idea"));
        }
        let alice = room.participant("alice");
        alice.send_message("hello");
        let is_over = |entry: &mock_ivs_chat::log::Entry| entry.error().is_some();
        let waiting = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ivs.log().wait_for(is_over).wait()
        }));
        let text = *waiting.unwrap_err().downcast::<String>().unwrap();
        let text = text.replace("\n    ", " ").replace("\n  ", " ");
        let whose = format!("the review handler {ARN} at tests/it/reviews.rs:");
        assert_eq!(text.matches(&whose).count(), 3, "{text}");
        assert!(text.contains(" panicked: no idea"), "{text}");
        assert!(
            text.contains(" panicked; fallback DENY was applied to Message00001, at #6"),
            "{text}"
        );
        alice.expect_error(ErrorCode::NotAcceptable).wait();
        assert_eq!(ivs.finish().wait().unwrap_err().panics().len(), 1);
    }
}

#[test]
fn attributes_of_a_denial_leave_its_reason() {
    let ivs = unlimited();
    let room = ivs.create_room("lobby");
    room.review_with(|_| ReviewResponse::deny("no links").attributes([("rule", "7")]));
    let alice = room.participant("alice");
    alice.send_message("hello");
    assert_eq!(alice.expect_error(ErrorCode::NotAcceptable).wait().error_message, "no links");
}

#[tokio::test]
async fn a_room_of_the_sdk_is_reviewed_by_the_closure_of_its_function() {
    use aws_sdk_ivschat::types::{FallbackResult, MessageReviewHandler};

    let ivs = unlimited();
    let (sender, receiver) = std::sync::mpsc::channel();
    ivs.review_lambda(ARN, move |request| {
        sender.send(request.to_json()).expect("the test is still there");
        ReviewResponse::deny("no")
    });
    let handler =
        MessageReviewHandler::builder().uri(ARN).fallback_result(FallbackResult::Allow).build();
    let room = sdk(&ivs).create_room().message_review_handler(handler).send().await.unwrap();
    let room = ivs.room(room.arn().unwrap());
    let token = room
        .chat_token("alice")
        .capability(mock_ivs_chat::Capability::SendMessage)
        .attributes([("displayName", "Alice")])
        .create();
    let mut alice = connect(&ivs, &token).await;
    let frame = json!({ "Action": "SEND_MESSAGE", "RequestId": "r1", "Content": "hello", "Attributes": { "a": "b" } });
    alice.send(frame).await;
    let error = alice.next_frame().await;
    assert_eq!((&error["ErrorCode"], &error["ErrorMessage"]), (&json!(406), &json!("no")));
    assert_eq!((&error["Id"], &error["RequestId"]), (&json!("Message00001"), &json!("r1")));
    let expected = json!({
        "Content": "hello",
        "MessageId": "Message00001",
        "RoomArn": room.arn(),
        "Attributes": { "a": "b" },
        "Sender": { "Attributes": { "displayName": "Alice" }, "UserId": "alice", "Ip": "127.0.0.1" },
    });
    assert_eq!(receiver.recv().unwrap(), expected);
    assert!(receiver.try_recv().is_err(), "once for each message");
}
