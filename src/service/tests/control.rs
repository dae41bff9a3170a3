//! Tests of operations on rooms, tags and events.

use serde_json::{Value, json};

use super::{LAMBDA, Scene, text};
use crate::proto::operation::Operation;
use crate::service::quota::{Quota, Quotas};
use crate::service::room::RoomKey;
use crate::service::session::Refusal;

#[test]
fn a_room_has_defaults() {
    let mut scene = Scene::new();
    let created = scene.call(Operation::CreateRoom, json!({}));
    let expected = json!({
        "arn": "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001",
        "createTime": "2026-01-01T00:00:00.25Z",
        "id": "Room00000001",
        "maximumMessageLength": 500,
        "maximumMessageRatePerSecond": 10,
        "name": "",
        "tags": {},
        "updateTime": "2026-01-01T00:00:00.25Z",
    });
    assert_eq!(Value::Object(created.clone()), expected);
    let read = scene.call(Operation::GetRoom, json!({ "identifier": created["arn"] }));
    assert_eq!(read, created);
}

#[test]
fn an_update_changes_the_members_that_it_has() {
    let mut scene = Scene::new();
    let created = scene.call(
        Operation::CreateRoom,
        json!({
            "name": "lobby",
            "maximumMessageLength": 7,
            "maximumMessageRatePerSecond": 8,
            "messageReviewHandler": { "uri": LAMBDA, "fallbackResult": "DENY" },
            "loggingConfigurationIdentifiers": [],
            "tags": { "a": "b" },
        }),
    );
    let arn = text(&created, "arn");
    let mut update = |members: Value| {
        let mut request = json!({ "identifier": arn });
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        scene.call(Operation::UpdateRoom, request)
    };
    assert_eq!(update(json!({})), created);
    let handler = |uri: &str, result: &str| json!({ "uri": uri, "fallbackResult": result });
    assert_eq!(created["messageReviewHandler"], handler(LAMBDA, "DENY"));
    assert_eq!(update(json!({ "name": "" }))["name"], "");
    assert_eq!(update(json!({ "maximumMessageLength": 1 }))["maximumMessageLength"], 1);
    assert_eq!(
        update(json!({ "maximumMessageRatePerSecond": 2 }))["maximumMessageRatePerSecond"],
        2
    );
    let changed = update(json!({ "messageReviewHandler": { "fallbackResult": "ALLOW" } }));
    assert_eq!(changed["messageReviewHandler"], handler(LAMBDA, "ALLOW"));
    let changed = update(json!({ "messageReviewHandler": { "uri": "" } }));
    assert_eq!(changed["messageReviewHandler"], handler("", "ALLOW"));
    assert_eq!(changed["loggingConfigurationIdentifiers"], json!([]));
    assert_eq!(changed["tags"], json!({ "a": "b" }));
}

#[test]
fn an_update_sets_a_handler_that_was_absent() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let request = json!({ "identifier": room, "messageReviewHandler": { "uri": LAMBDA } });
    scene.advance(1_000);
    let updated = scene.call(Operation::UpdateRoom, request);
    assert_eq!(updated["messageReviewHandler"]["fallbackResult"], "ALLOW");
    assert_eq!(updated["updateTime"], "2026-01-01T00:00:01.25Z");
    assert_eq!(updated["createTime"], "2026-01-01T00:00:00.25Z");
}

#[test]
fn a_deleted_room_does_not_exist() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    assert!(scene.call(Operation::DeleteRoom, json!({ "identifier": room })).is_empty());
    assert!(scene.service.rooms.is_empty());
    for operation in [Operation::GetRoom, Operation::UpdateRoom, Operation::DeleteRoom] {
        let exception = scene.refused(operation, json!({ "identifier": room }));
        assert_eq!((exception.status(), exception.name()), (404, "ResourceNotFoundException"));
        assert_eq!(exception.body()["resourceId"], room);
    }
    let request = json!({ "roomIdentifier": room, "userId": "alice" });
    assert_eq!(scene.refused(Operation::CreateChatToken, request).status(), 404);
}

#[test]
fn an_account_has_a_maximum_of_rooms() {
    let mut scene = Scene::with_quotas(Quotas::aws().with(Quota::Rooms, 2));
    let room = scene.room(json!({}));
    scene.room(json!({}));
    let exception = scene.refused(Operation::CreateRoom, json!({}));
    assert_eq!((exception.status(), &exception.body()["limit"]), (402, &json!(2)));
    scene.call(Operation::DeleteRoom, json!({ "identifier": room }));
    scene.room(json!({}));
}

#[test]
fn rooms_are_listed_by_all_conditions_of_the_request() {
    let mut scene = Scene::new();
    let destination = json!({ "firehose": { "deliveryStreamName": "a" } });
    let mut configuration = || {
        let request = json!({ "destinationConfiguration": destination });
        text(&scene.call(Operation::CreateLoggingConfiguration, request), "arn")
    };
    let (first, second) = (configuration(), configuration());
    scene.room(json!({ "name": "a", "messageReviewHandler": { "uri": LAMBDA } }));
    scene.room(json!({ "name": "b", "messageReviewHandler": { "uri": LAMBDA } }));
    scene.room(json!({ "name": "a", "loggingConfigurationIdentifiers": [first] }));
    scene.room(json!({ "name": "b", "loggingConfigurationIdentifiers": [second] }));
    let mut ids = |request: Value| {
        let list = scene.call(Operation::ListRooms, request);
        let ids = list["rooms"].as_array().unwrap().iter().map(|room| {
            assert!(room.get("maximumMessageLength").is_none());
            room["id"].as_str().unwrap()[11..].to_owned()
        });
        ids.collect::<String>()
    };
    assert_eq!(ids(json!({})), "4321");
    assert_eq!(ids(json!({ "name": "a" })), "31");
    assert_eq!(ids(json!({ "messageReviewHandlerUri": LAMBDA })), "21");
    assert_eq!(ids(json!({ "messageReviewHandlerUri": "" })), "43");
    assert_eq!(ids(json!({ "messageReviewHandlerUri": LAMBDA, "name": "b" })), "2");
    assert_eq!(ids(json!({ "loggingConfigurationIdentifier": first })), "3");
    assert_eq!(ids(json!({ "loggingConfigurationIdentifier": second, "name": "a" })), "");
}

#[test]
fn an_event_goes_to_its_room() {
    let mut scene = Scene::new();
    let (room, other) = (scene.room(json!({})), scene.room(json!({})));
    scene.connect(&room, "alice");
    scene.connect(&other, "bob");
    let request =
        json!({ "roomIdentifier": room, "eventName": "poll", "attributes": { "a": "b" } });
    let (response, outputs) = scene.try_call_with_outputs(Operation::SendEvent, request);
    assert_eq!(response.unwrap()["id"], "Event0000001");
    assert_eq!(outputs, [r#"[1] Event0000001 "" poll {"a":"b"}"#]);
    let request = json!({ "roomIdentifier": room, "eventName": "poll" });
    let (_, outputs) = scene.try_call_with_outputs(Operation::SendEvent, request);
    assert_eq!(outputs, [r#"[1] Event0000002 "" poll null"#]);
}

#[test]
fn tags_belong_to_rooms_and_configurations() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "tags": { "a": "1", "b": "2" } }));
    let request =
        json!({ "destinationConfiguration": { "firehose": { "deliveryStreamName": "a" } } });
    let configuration = text(&scene.call(Operation::CreateLoggingConfiguration, request), "arn");
    for arn in [&room, &configuration] {
        let tags = json!({ "b": "3", "c": "4" });
        let request = json!({ "resourceArn": arn, "tags": tags });
        assert!(scene.call(Operation::TagResource, request).is_empty());
    }
    let list = |scene: &mut Scene, arn: &str| {
        scene.call(Operation::ListTagsForResource, json!({ "resourceArn": arn }))["tags"].clone()
    };
    assert_eq!(list(&mut scene, &room), json!({ "a": "1", "b": "3", "c": "4" }));
    assert_eq!(list(&mut scene, &configuration), json!({ "b": "3", "c": "4" }));
    let request = json!({ "resourceArn": room, "tagKeys": ["a", "c", "x"] });
    assert!(scene.call(Operation::UntagResource, request).is_empty());
    assert_eq!(list(&mut scene, &room), json!({ "b": "3" }));
    let unknown = "arn:aws:ivschat:us-west-2:123456789012:room/none";
    let exception =
        scene.refused(Operation::ListTagsForResource, json!({ "resourceArn": unknown }));
    assert_eq!((exception.status(), &exception.body()["resourceId"]), (404, &json!(unknown)));
}

#[test]
fn a_resource_has_at_most_50_tags() {
    let mut scene = Scene::new();
    let room = scene.room(json!({}));
    let tags = |range: std::ops::Range<u32>| -> Value {
        Value::Object(range.map(|number| (number.to_string(), json!(""))).collect())
    };
    let request = |tags: Value| json!({ "resourceArn": room, "tags": tags });
    scene.call(Operation::TagResource, request(tags(0..50)));
    scene.call(Operation::TagResource, request(tags(10..20)));
    let exception = scene.refused(Operation::TagResource, request(tags(50..51)));
    assert_eq!(exception.body()["fieldList"][0]["name"], "tags");
    let list = scene.call(Operation::ListTagsForResource, json!({ "resourceArn": room }));
    assert_eq!(list["tags"].as_object().unwrap().len(), 50, "nothing was added");
}

#[test]
fn operations_are_throttled_at_their_rates() {
    let mut scene = Scene::with_quotas(Quotas::aws().with_http_throttling());
    for _ in 0..5 {
        scene.room(json!({}));
    }
    let (result, outputs) = scene.try_call_with_outputs(Operation::CreateRoom, json!({}));
    let exception = result.unwrap_err();
    assert_eq!((exception.status(), exception.name()), (429, "ThrottlingException"));
    assert_eq!(exception.message(), "CreateRoom exceeds its rate of 5 calls a second");
    assert_eq!(outputs, ["exceeded calls of CreateRoom: 5"]);
    scene.advance(200);
    scene.room(json!({}));
    scene.refused(Operation::CreateRoom, json!({ "name": 1 }));
}

#[test]
fn three_throttled_operations_name_their_limit() {
    let operation = Quota::Operation;
    let cases = [
        (Operation::SendEvent, operation(Operation::SendEvent)),
        (Operation::DeleteMessage, operation(Operation::DeleteMessage)),
        (Operation::DeleteMessage, Quota::DeleteMessage),
        (Operation::DisconnectUser, operation(Operation::DisconnectUser)),
        (Operation::DisconnectUser, Quota::DisconnectUser),
    ];
    for (operation, quota) in cases {
        let mut scene = Scene::with_quotas(Quotas::unlimited().with(quota, 1));
        let room = scene.room(json!({}));
        let request = json!({
            "roomIdentifier": room, "eventName": "poll", "id": "Message00001", "userId": "alice",
        });
        scene.call(operation, request.clone());
        let (result, outputs) = scene.try_call_with_outputs(operation, request);
        let exception = result.unwrap_err();
        assert_eq!((exception.status(), &exception.body()["limit"]), (429, &json!(1)));
        assert_eq!(outputs, [format!("exceeded {quota}: 1")]);
    }
}

#[test]
fn rooms_are_known_by_key_and_label() {
    let mut scene = Scene::new();
    let (named, unnamed) = (scene.room(json!({ "name": "lobby" })), scene.room(json!({})));
    assert_eq!(&*scene.service.room_names(&named).unwrap().label, "lobby");
    assert_eq!(&*scene.service.room_names(&unnamed).unwrap().label, "Room00000002");
    assert_eq!(scene.service.room_names("none"), None);
    assert_eq!(scene.service.room(RoomKey(1)).unwrap().arn, named);
    assert!(scene.service.room(RoomKey(3)).is_none());
    let keys: Vec<_> = scene.service.rooms().map(|(key, room)| (key.0, room.arn.clone())).collect();
    assert_eq!(keys, [(1, named), (2, unnamed)]);
    assert_eq!(scene.service.settings().region, "us-west-2");
}

#[test]
fn a_reset_deletes_everything_and_no_earlier_token_is_valid() {
    let mut scene = Scene::new();
    let room = scene.room(json!({ "name": "lobby" }));
    let token = scene.token(&room, "bob");
    let alice = scene.connect(&room, "alice");
    let destination = json!({ "s3": { "bucketName": "chat-logs" } });
    let configuration = json!({ "destinationConfiguration": destination });
    scene.call(Operation::CreateLoggingConfiguration, configuration);
    assert!(scene.service.next_deadline().is_some());
    scene.service.reset();
    assert!(!scene.service.is_connected(alice));
    assert_eq!(scene.service.rooms().count(), 0);
    assert_eq!(scene.service.next_deadline(), None);
    assert_eq!(scene.service.room_names(&room), None);
    let listed = scene.call(Operation::ListLoggingConfigurations, json!({}));
    assert_eq!(listed["loggingConfigurations"], json!([]));
    assert_eq!(scene.try_connect(&token), Err(Refusal::RoomNotFound));
    // IDs count on, so nothing later is confused with what the log has about these.
    assert_ne!(scene.room(json!({ "name": "lobby" })), room);
}

#[test]
fn a_client_signs_with_example_credentials_by_default() {
    let scene = Scene::new();
    let (id, secret, token) = scene.service.settings().credentials_for_clients();
    assert_eq!((id.as_str(), secret.as_str(), token), ("AKIDEXAMPLE", "secret", None));
}
