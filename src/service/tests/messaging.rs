//! Tests of actions: their frames, their refusals and their rates.

use serde_json::{Value, json};

use super::Scene;
use crate::proto::error_code::ErrorCode;
use crate::proto::operation::Operation;
use crate::proto::publish::Publish;
use crate::service::quota::{Quota, Quotas};
use crate::service::{ConnectionId, Settings};

fn send(content: &str) -> Value {
    json!({ "Action": "SEND_MESSAGE", "RequestId": "r1", "Content": content })
}

fn delete(id: &str, reason: &str) -> Value {
    json!({ "Action": "DELETE_MESSAGE", "RequestId": "r2", "Id": id, "Reason": reason })
}

fn disconnect(user: &str, reason: &str) -> Value {
    json!({ "Action": "DISCONNECT_USER", "RequestId": "r3", "UserId": user, "Reason": reason })
}

#[test]
fn a_message_goes_to_all_connections_of_its_room() {
    let mut scene = Scene::new();
    let (room, other) = (scene.room(json!({})), scene.room(json!({})));
    let token = scene.token_with(json!({
        "roomIdentifier": room, "userId": "alice", "attributes": { "name": "Ann" },
        "capabilities": ["SEND_MESSAGE"],
    }));
    let alice = scene.try_connect(&token).unwrap();
    scene.connect(&room, "bob");
    scene.connect(&other, "carol");
    let mut frame = send("hello");
    frame["Attributes"] = json!({ "a": "b" });
    assert_eq!(
        scene.publish(alice, &frame),
        [r#"[1, 2] Message00001 r1 "hello" from alice {"name":"Ann"} attributes {"a":"b"}"#]
    );
    assert_eq!(
        scene.publish(alice, &send("again")),
        [r#"[1, 2] Message00002 r1 "again" from alice {"name":"Ann"} attributes null"#]
    );
}

#[test]
fn the_length_of_a_message_counts_characters() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "maximumMessageLength": 3 }));
    let alice = scene.connect(&room, "alice");
    assert!(scene.send_message(alice, "äöü")[0].contains("\"äöü\""));
    assert_eq!(
        scene.send_message(alice, "abcd"),
        [r#"[1] Message00002 "r1" 400 Bad Request Message exceeds maximum length"#]
    );
    assert_eq!(
        scene.send_message(alice, ""),
        [r#"[1] Message00003 "r1" 400 Bad Request Content is missing or empty"#]
    );
}

#[test]
fn the_attributes_of_a_message_have_a_limit() {
    let mut scene = Scene::with_quotas(Quotas::aws().with(Quota::MessageAttributeBytes, 4));
    let room = scene.room(json!({}));
    let alice = scene.connect(&room, "alice");
    let mut frame = send("hello");
    frame["Attributes"] = json!({ "ab": "cd" });
    assert!(scene.publish(alice, &frame)[0].contains("\"hello\""));
    frame["Attributes"] = json!({ "ab": "cde" });
    assert_eq!(
        scene.publish(alice, &frame),
        [
            "exceeded bytes of message attributes: 4",
            r#"[1] Message00002 "r1" 413 Payload Too Large Attributes are 5 bytes; the maximum is 4"#
        ]
    );
}

#[test]
fn each_action_needs_its_capability() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let cases = [
        (send("hello"), "SEND_MESSAGE", "Message00001", "r1"),
        (delete("Message00001", ""), "DELETE_MESSAGE", "Error0000001", "r2"),
        (disconnect("bob", ""), "DISCONNECT_USER", "Error0000002", "r3"),
    ];
    let all = ["SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"];
    for (frame, needed, id, request_id) in cases {
        let others: Vec<_> = all.into_iter().filter(|other| *other != needed).collect();
        let token = scene.token_with(json!({
            "roomIdentifier": room, "userId": "alice", "capabilities": others,
        }));
        let alice = scene.try_connect(&token).unwrap();
        let error = format!(
            "[{}] {id} {request_id:?} 403 Forbidden the chat token lacks the capability {needed}",
            alice.0
        );
        assert_eq!(scene.publish(alice, &frame), [error]);
    }
}

#[test]
fn an_action_in_a_deleted_room_is_refused() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let alice = scene.connect(&room, "alice");
    scene.call(Operation::DeleteRoom, json!({ "identifier": room }));
    assert!(scene.service.is_connected(alice));
    assert_eq!(
        scene.send_message(alice, "hello"),
        [r#"[1] Message00001 "r1" 404 Not Found the room does not exist"#]
    );
    assert!(scene.service.remove_session(alice));
}

#[test]
fn a_deletion_is_an_event_for_the_room() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let alice = scene.connect(&room, "alice");
    scene.connect(&room, "bob");
    assert_eq!(
        scene.publish(alice, &delete("Message00009", "spam")),
        [
            r#"[1, 2] Event0000001 "r2" aws:DELETE_MESSAGE {"MessageID":"Message00009","MessageId":"Message00009","Reason":"spam"}"#
        ]
    );
    assert_eq!(
        scene.publish(alice, &delete("", "spam")),
        [r#"[1] Error0000001 "r2" 400 Bad Request Id is missing or empty"#]
    );
    let request = json!({ "roomIdentifier": room, "id": "Message00008" });
    let (response, outputs) = scene.try_call_with_outputs(Operation::DeleteMessage, request);
    assert_eq!(response.unwrap()["id"], "Event0000002");
    assert_eq!(
        outputs,
        [
            r#"[1, 2] Event0000002 "" aws:DELETE_MESSAGE {"MessageID":"Message00008","MessageId":"Message00008","Reason":""}"#
        ]
    );
}

#[test]
fn all_connections_of_a_disconnected_user_are_closed_after_the_event() {
    let mut scene = Scene::new();
    let (room, other) = (scene.room(json!({})), scene.room(json!({})));
    let alice = scene.connect(&room, "alice");
    for (room, user) in [(&room, "bob"), (&room, "bob"), (&other, "bob")] {
        scene.connect(room, user);
    }
    assert_eq!(
        scene.publish(alice, &disconnect("bob", "rude")),
        [
            r#"[1, 2, 3] Event0000001 "r3" aws:DISCONNECT_USER {"Reason":"rude","UserId":"bob"}"#,
            "close 2 1000 rude",
            "close 3 1000 rude",
        ]
    );
    assert!(scene.service.is_connected(ConnectionId(4)));
    assert_eq!(
        scene.publish(alice, &disconnect("nobody", "")),
        [r#"[1] Event0000002 "r3" aws:DISCONNECT_USER {"Reason":"","UserId":"nobody"}"#]
    );
    assert_eq!(
        scene.publish(alice, &disconnect("", "rude")),
        [r#"[1] Error0000001 "r3" 400 Bad Request UserId is missing or empty"#]
    );
    let request = json!({ "roomIdentifier": room, "userId": "alice", "reason": "bye" });
    let (response, outputs) = scene.try_call_with_outputs(Operation::DisconnectUser, request);
    assert!(response.unwrap().is_empty());
    assert_eq!(
        outputs,
        [
            r#"[1] Event0000003 "" aws:DISCONNECT_USER {"Reason":"bye","UserId":"alice"}"#,
            "close 1 1000 bye",
        ]
    );
}

#[test]
fn an_empty_reason_can_be_omitted() {
    let mut scene = Scene::with(Settings { omits_empty_reason: true, ..Settings::default() });
    let room = scene.room(json!({}));
    let alice = scene.connect(&room, "alice");
    let event = scene.publish(alice, &disconnect("bob", ""));
    assert!(event[0].ends_with(r#"{"UserId":"bob"}"#), "{event:?}");
    let event = scene.publish(alice, &disconnect("bob", "rude"));
    assert!(event[0].ends_with(r#"{"Reason":"rude","UserId":"bob"}"#), "{event:?}");
}

#[test]
fn an_unreadable_frame_is_refused_with_a_fresh_id() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let alice = scene.connect(&room, "alice");
    assert_eq!(
        scene.publish(alice, &json!({ "Action": "NOPE", "RequestId": "r1" })),
        [
            r#"[1] Error0000001 "r1" 400 Bad Request unknown Action; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"#
        ]
    );
    assert_eq!(scene.service.error_id(), "Error0000002");
}

#[test]
fn a_rejected_message_has_the_id_that_it_would_have_had() {
    let mut scene = Scene::new();
    let reject = |scene: &mut Scene, frame: &Value| {
        let publish = Publish::decode(frame.to_string().as_bytes());
        let (code, mut out) = (ErrorCode::NotAcceptable, Vec::new());
        scene.service.reject(ConnectionId(5), &publish, code, "no".into(), &mut out);
        super::lines(&out)
    };
    assert_eq!(reject(&mut scene, &send("a")), [r#"[5] Message00001 "r1" 406 Not Acceptable no"#]);
    let deletion = delete("Message00001", "");
    assert_eq!(reject(&mut scene, &deletion), [r#"[5] Error0000001 "r2" 406 Not Acceptable no"#]);
}

/// Publishes a frame until a quota refuses it; returns how often it was accepted, and the
/// outputs of the refusal.
fn until_refused(scene: &mut Scene, frame: &Value) -> (usize, Vec<String>) {
    let connection = ConnectionId(scene.connections);
    for count in 0..2_000 {
        let outputs = scene.publish(connection, frame);
        if outputs[0].starts_with("exceeded") {
            return (count, outputs);
        }
    }
    panic!("no quota refused the frame");
}

#[test]
fn a_connection_has_a_rate() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "maximumMessageRatePerSecond": 100 }));
    scene.connect(&room, "alice");
    let (count, refusal) = until_refused(&mut scene, &send("hello"));
    assert_eq!(count, 10);
    assert_eq!(
        refusal,
        [
            "exceeded messaging requests per connection: 10",
            r#"[1] Message00011 "r1" 429 Too Many Requests rate limit exceeded"#,
        ]
    );
    scene.connect(&room, "alice");
    assert_eq!(until_refused(&mut scene, &delete("Message00001", "")).0, 10);
    scene.connect(&room, "alice");
    assert_eq!(until_refused(&mut scene, &disconnect("bob", "")).0, 10);
    assert_eq!(scene.advance(100), [""; 0]);
    assert_eq!(until_refused(&mut scene, &send("hello")).0, 1);
}

#[test]
fn a_room_has_a_rate_that_counts_messages_only() {
    let unlimited = Quotas::aws().without(Quota::MessagingRequestsPerConnection);
    let mut scene = Scene::with_quotas(unlimited.clone());
    let room = scene.room(json!({ "maximumMessageRatePerSecond": 3 }));
    scene.connect(&room, "alice");
    for _ in 0..5 {
        scene.publish(ConnectionId(1), &delete("Message00001", ""));
    }
    let (count, refusal) = until_refused(&mut scene, &send("hello"));
    assert_eq!((count, refusal[0].as_str()), (3, "exceeded messages per room: 3"));
    let mut scene = Scene::with_quotas(unlimited.with(Quota::SendMessagePerRoom, 4));
    let room = scene.room(json!({}));
    scene.connect(&room, "alice");
    assert_eq!(until_refused(&mut scene, &send("hello")).0, 4);
}

#[test]
fn an_account_has_a_rate_for_each_action() {
    let cases = [
        (Quota::SendMessage, send("hello"), "exceeded messages in all rooms: 2"),
        (
            Quota::DeleteMessage,
            delete("Message00001", ""),
            "exceeded deletions of messages in all rooms: 2",
        ),
        (
            Quota::DisconnectUser,
            disconnect("bob", ""),
            "exceeded disconnections of users in all rooms: 2",
        ),
    ];
    for (quota, frame, exceeded) in cases {
        let mut scene = Scene::with_quotas(Quotas::unlimited().with(quota, 2));
        let room = scene.room(json!({}));
        scene.connect(&room, "alice");
        let (count, refusal) = until_refused(&mut scene, &frame);
        assert_eq!((count, refusal[0].as_str()), (2, exceeded));
        scene.connect(&room, "bob");
        assert_eq!(until_refused(&mut scene, &frame).0, 0, "the rate is shared");
    }
}

#[test]
fn a_refused_action_counts_against_no_rate() {
    let quotas = Quotas::unlimited()
        .with(Quota::MessagingRequestsPerConnection, 2)
        .with(Quota::SendMessage, 1);
    let mut scene = Scene::with_quotas(quotas);
    let room = scene.room(json!({}));
    scene.connect(&room, "alice");
    assert_eq!(until_refused(&mut scene, &send("hello")).0, 1);
    assert_eq!(until_refused(&mut scene, &delete("Message00001", "")).0, 1);
}
