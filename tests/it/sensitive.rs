//! Sensitive members: `Debug` hides them as AWS's SDKs do.

use std::sync::Arc;

use mock_ivs_chat::{
    Capability, Frame, MockIvsChat, Operation, ReviewResponse,
    hook::{ActionVerdict, DeliveryVerdict, HandshakeVerdict, OperationVerdict},
};
use parking_lot::Mutex;
use serde_json::json;

use crate::support::frozen;
use crate::waits::within_limit;

#[test]
fn debug_hides_users_their_attributes_and_tokens_as_the_sdks_of_aws_do() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let room = ivs.create_room("lobby");
    let (shown, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let note = |text: String| shown.lock().push(text);
    room.review_with({
        let shown = Arc::clone(&shown);
        move |request| {
            shown.lock().push(format!("{request:?}"));
            ReviewResponse::allow()
        }
    });
    ivs.on_action().decide({
        let shown = Arc::clone(&shown);
        move |inbound| {
            shown.lock().push(format!("{inbound:?}"));
            ActionVerdict::Pass
        }
    });
    ivs.on_delivery().decide({
        let (shown, seen) = (Arc::clone(&shown), Arc::clone(&seen));
        move |outbound| {
            *seen.lock() += 1;
            shown.lock().push(format!("{outbound:?}"));
            DeliveryVerdict::Pass
        }
    });
    let builder = || room.chat_token("alice-smith").attributes([("name", "Alice Smith")]);
    note(format!("{:?}", builder()));
    let token = builder().create();
    note(format!("{token:?}"));
    let alice = builder().capabilities(Capability::ALL).join();
    note(format!("{alice:?}"));
    alice.send_message("hello");
    alice.disconnect_user("nobody-smith", "rude");
    alice.send_raw(json!({ "action": "JOIN", "token": token.token }).to_string());
    let message = alice.expect_message("hello").wait();
    note(format!("{message:?}"));
    note(format!("{:?}", Frame::Message(message.clone())));
    note(format!("{:?}", ivs.log().into_iter().filter_map(|e| e.action()).collect::<Vec<_>>()));
    assert!(*seen.lock() > 0);
    let shown = shown.lock();
    assert!(shown.len() > 12, "{shown:#?}");
    for text in shown.iter() {
        // The attributes of the event are not sensitive, and say who was disconnected.
        if !text.contains("aws:DISCONNECT_USER") {
            // A participant's request IDs begin with its name.
            let values = ["alice-smith\"", "nobody-smith\"", "Alice Smith"];
            assert!(values.iter().all(|value| !text.contains(value)), "{text}");
        }
        assert!(!text.contains(&token.token[..20]), "{text}");
        assert!(text.contains("*** Sensitive Data Redacted ***") || text.contains("SendMessage"));
    }
    let transcript = ivs.log().to_string();
    assert!(transcript.contains("alice-smith") && transcript.contains("Alice Smith"));
}

#[tokio::test]
async fn debug_of_a_call_hides_what_is_sensitive_in_its_request() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let shown = Arc::new(Mutex::new(Vec::new()));
    ivs.on_any_operation().decide({
        let shown = Arc::clone(&shown);
        move |call| {
            shown.lock().push(format!("{call:?}"));
            OperationVerdict::Pass
        }
    });
    let sdk = crate::control_plane_support::sdk(&ivs);
    let token = sdk.create_chat_token().room_identifier(room.arn()).user_id("alice-smith");
    let token = token.attributes("name", "Alice Smith").send().await.unwrap();
    ivs.on_handshake().decide({
        let shown = Arc::clone(&shown);
        move |handshake| {
            shown.lock().push(format!("{handshake:?}"));
            HandshakeVerdict::Pass
        }
    });
    let _client =
        crate::support::try_connect(&ivs, token.token().unwrap().to_owned()).await.unwrap();
    sdk.disconnect_user().room_identifier(room.arn()).user_id("bob-smith").send().await.unwrap();
    let shown = shown.lock();
    assert_eq!(shown.len(), 3);
    for text in shown.iter() {
        assert!(!text.to_lowercase().contains("smith"), "{text}");
        assert!(text.contains("*** Sensitive Data Redacted ***"), "{text}");
    }
}

#[test]
fn debug_of_every_handle_is_one_short_line_without_tokens() {
    let ivs = frozen();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").create();
    let alice = room.participant("bob");
    alice.send_message(&token.token[..100]);
    let gate = ivs.gate();
    let shown = [
        format!("{:?}", ivs.log().cursor()),
        format!("{:?}", ivs.on_action().from("alice").ignore()),
        format!("{gate:?}"),
        format!("{:?}", room.update()),
        format!("{:?}", ivs.new_room("other")),
        format!("{:?}", room.chat_token("alice")),
        format!("{:?}", ivs.connections()),
        format!("{:?}", alice.expect_message("hi")),
        format!("{:?}", ivs.outage()),
        format!("{:?}", ivs.call(Operation::CreateRoom, json!({ "name": 1 })).unwrap_err()),
    ];
    for text in &shown {
        assert!(text.lines().count() == 1 && text.len() < 400, "{}: {text}", text.len());
        assert!(!text.contains(&token.token[..20]), "{text}");
    }
}

#[test]
fn a_long_run_of_backslashes_is_searched_for_tokens_in_linear_time() {
    within_limit(|| {
        let ivs = frozen();
        let alice = ivs.create_room("lobby").participant("alice");
        // A search that counted the backslashes from each of them anew would take minutes.
        alice.send_raw("\\".repeat(1_000_000));
        assert!(ivs.log().to_string().contains("\\\\\\\\"));
    });
}
