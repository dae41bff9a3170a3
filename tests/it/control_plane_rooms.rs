//! Rooms over the control plane: create, get, update, list, delete, and their limits.

use std::time::Duration;

use aws_sdk_ivschat::types::{FallbackResult, MessageReviewHandler};
use mock_ivs_chat::log::{Lint, Matcher};
use mock_ivs_chat::{Capability, Clock, ErrorCode, MockIvsChat, Operation, Quota, Quotas};
use serde_json::{Value, json};

use crate::control_plane_support::{Failed, Resources, Wire, call_by_hand, call_by_sdk, http, sdk};

fn frozen() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00.5Z")).start()
}

#[test]
fn a_new_room_has_the_defaults_and_no_member_that_was_never_set() {
    let ivs = frozen();
    let room = http(&ivs, "POST", "/CreateRoom", "{}").json();
    assert_eq!(
        room,
        json!({
            "arn": "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001",
            "createTime": "2026-01-01T00:00:00.5Z",
            "id": "Room00000001",
            "maximumMessageLength": 500,
            "maximumMessageRatePerSecond": 10,
            "name": "",
            "tags": {},
            "updateTime": "2026-01-01T00:00:00.5Z",
        })
    );
    let identifier = json!({ "identifier": room["arn"] }).to_string();
    assert_eq!(http(&ivs, "POST", "/GetRoom", &identifier).json(), room);
}

#[test]
fn a_null_member_is_an_absent_one_and_an_empty_one_is_not() {
    let ivs = frozen();
    let nulls = json!({
        "name": null, "tags": null, "messageReviewHandler": null,
        "maximumMessageLength": null, "loggingConfigurationIdentifiers": null,
    });
    let room = ivs.call(Operation::CreateRoom, nulls).unwrap();
    assert!(room.get("messageReviewHandler").is_none(), "{room}");
    assert!(room.get("loggingConfigurationIdentifiers").is_none(), "{room}");
    let empty = json!({ "messageReviewHandler": {}, "loggingConfigurationIdentifiers": [] });
    let room = ivs.call(Operation::CreateRoom, empty).unwrap();
    assert_eq!(room["messageReviewHandler"], json!({ "uri": "", "fallbackResult": "ALLOW" }));
    assert_eq!(room["loggingConfigurationIdentifiers"], json!([]));
}

#[tokio::test]
async fn the_sdk_reads_back_what_it_wrote() {
    let ivs = frozen();
    let resources = Resources::create(&ivs);
    let sdk = sdk(&ivs);
    let uri = "arn:aws:lambda:us-west-2:123456789012:function:review";
    let created = sdk
        .create_room()
        .name("stage")
        .maximum_message_length(140)
        .maximum_message_rate_per_second(100)
        .message_review_handler(MessageReviewHandler::builder().uri(uri).build())
        .logging_configuration_identifiers(&resources.logging_configuration)
        .tags("stage", "test")
        .send()
        .await
        .unwrap();
    let room = sdk.get_room().identifier(created.arn().unwrap()).send().await.unwrap();
    assert_eq!((room.arn(), room.id(), room.name()), (created.arn(), created.id(), Some("stage")));
    assert_eq!(
        (room.maximum_message_length(), room.maximum_message_rate_per_second()),
        (Some(140), Some(100))
    );
    let handler = room.message_review_handler().unwrap();
    assert_eq!(
        (handler.uri(), handler.fallback_result()),
        (Some(uri), Some(&FallbackResult::Allow))
    );
    assert_eq!(room.logging_configuration_identifiers(), [resources.logging_configuration]);
    assert_eq!(room.tags().unwrap()["stage"], "test");
    assert_eq!(room.create_time(), created.update_time());
    assert_eq!(room.create_time().unwrap().as_secs_f64().fract(), 0.5);
}

#[tokio::test]
async fn an_update_changes_what_it_mentions_and_the_update_time() {
    let ivs = frozen();
    let resources = Resources::create(&ivs);
    let arn = &resources.room;
    let before = ivs.call(Operation::GetRoom, json!({ "identifier": arn })).unwrap();
    ivs.advance(Duration::from_secs(1));
    sdk(&ivs).update_room().identifier(arn).maximum_message_length(7).send().await.unwrap();
    let after = ivs.call(Operation::GetRoom, json!({ "identifier": arn })).unwrap();
    let mut expected = before;
    expected["maximumMessageLength"] = json!(7);
    expected["updateTime"] = json!("2026-01-01T00:00:01.5Z");
    assert_eq!(after, expected);
}

#[test]
fn a_handler_is_cleared_by_an_empty_uri_and_its_fallback_kept() {
    let ivs = MockIvsChat::start();
    let uri = "arn:aws:lambda:us-west-2:123456789012:function:review";
    let handler = json!({ "uri": uri, "fallbackResult": "DENY" });
    let room = ivs.new_room("lobby").with("messageReviewHandler", handler).create();
    let shown = || {
        ivs.call(Operation::GetRoom, json!({ "identifier": room.arn() })).unwrap()
            ["messageReviewHandler"]
            .take()
    };
    let alice = room.participant("alice");
    alice.send_message("denied, for no handler answers");
    alice.expect_error(ErrorCode::NotAcceptable).wait();
    room.update().with("messageReviewHandler", json!({ "uri": "" })).apply();
    assert_eq!(shown(), json!({ "uri": "", "fallbackResult": "DENY" }));
    alice.send_message("not reviewed any more");
    alice.expect_message("not reviewed any more").wait();
    room.update().with("messageReviewHandler", json!({ "uri": uri })).apply();
    assert_eq!(shown(), json!({ "uri": uri, "fallbackResult": "DENY" }));
}

#[test]
fn a_list_of_logging_configurations_is_replaced_whole_and_emptied_by_an_empty_one() {
    let ivs = MockIvsChat::start();
    let [one, two, three] = ["one", "two", "three"]
        .map(|name| ivs.new_logging_configuration(name).s3("bucket").create());
    let room =
        ivs.new_room("lobby").logging_configuration(&one).logging_configuration(&two).create();
    let used = || {
        ivs.call(Operation::GetRoom, json!({ "identifier": room.arn() })).unwrap()
            ["loggingConfigurationIdentifiers"]
            .take()
    };
    assert_eq!(used(), json!([one.arn(), two.arn()]));
    room.update().name("stage").apply();
    assert_eq!(used(), json!([one.arn(), two.arn()]));
    room.update().logging_configurations(&[&three]).apply();
    assert_eq!(used(), json!([three.arn()]));
    room.update().logging_configurations(&[]).apply();
    assert_eq!(used(), json!([]));
}

#[tokio::test]
async fn an_absent_resource_is_not_found() {
    let ivs = MockIvsChat::start();
    let resources = Resources::create(&ivs);
    let (sdk, mut wire) = (sdk(&ivs), Wire::open(&ivs));
    let about_a_resource = Operation::ALL.into_iter().filter_map(|operation| {
        let request = resources.request(operation);
        let members = ["identifier", "roomIdentifier", "resourceArn"];
        let member = members.into_iter().find(|member| request.get(member).is_some())?;
        Some((operation, member, request))
    });
    for (operation, member, request) in about_a_resource {
        let arn = request[member].as_str().unwrap();
        for other in [
            arn.replace("us-west-2", "eu-west-1"),
            arn.replace("123456789012", "210987654321"),
            arn.replace("0001", "9999"),
        ] {
            let mut request = request.clone();
            request[member] = json!(other);
            let answer = call_by_hand(&mut wire, operation, &request);
            answer.assert_error(404, "ResourceNotFoundException");
            let body = answer.json();
            assert_eq!(
                (&body["resourceId"], &body["resourceType"]),
                (&json!(other), &json!("ROOM"))
            );
            match call_by_sdk(&sdk, operation, &request).await {
                Err(Failed::Refused(refusal)) => assert_eq!(refusal.body, body),
                unexpected => panic!("{operation}: {unexpected:?}"),
            }
        }
    }
    let request = json!({ "loggingConfigurationIdentifiers": [
        resources.logging_configuration.replace("0001", "9999"),
    ] });
    for operation in [Operation::CreateRoom, Operation::UpdateRoom] {
        let mut request = request.clone();
        request["identifier"] = json!(resources.room);
        let refusal = ivs.call(operation, request).unwrap_err();
        assert_eq!(refusal.name(), "ResourceNotFoundException", "{operation}");
    }
}

#[tokio::test]
async fn a_deleted_room_is_unknown_to_the_control_plane_and_its_connections_stay_open() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let alice = room.participant("alice");
    let sdk = sdk(&ivs);
    sdk.delete_room().identifier(room.arn()).send().await.unwrap();
    let error =
        sdk.get_room().identifier(room.arn()).send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error:?}");
    assert!(alice.is_connected());
    alice.send_message("anybody there?");
    alice.expect_error(ErrorCode::NotFound).await;
    let error = sdk.delete_room().identifier(room.arn()).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    assert!(sdk.list_rooms().send().await.unwrap().rooms().is_empty());
}

#[test]
fn the_response_to_a_deletion_has_no_body() {
    let ivs = MockIvsChat::start();
    let resources = Resources::create(&ivs);
    let mut wire = Wire::open(&ivs);
    for operation in [Operation::DeleteRoom, Operation::DeleteLoggingConfiguration] {
        let answer = call_by_hand(&mut wire, operation, &resources.request(operation));
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert_eq!(answer.header("Content-Type"), None);
        answer.assert_aws_shaped();
    }
}

fn names(page: &Value) -> Vec<&str> {
    page["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap()).collect()
}

#[test]
fn the_latest_change_comes_first_even_if_the_clock_stands_still() {
    let ivs = frozen();
    let [a, _, _] = ["a", "b", "c"].map(|name| ivs.create_room(name));
    let list = || ivs.call(Operation::ListRooms, json!({})).unwrap();
    assert_eq!(names(&list()), ["c", "b", "a"]);
    a.update().maximum_message_length(1).apply();
    assert_eq!(names(&list()), ["a", "c", "b"]);
    ivs.call(Operation::TagResource, json!({ "resourceArn": ivs.room("b").arn(), "tags": {} }))
        .unwrap();
    assert_eq!(names(&list()), ["a", "c", "b"], "tagging is not an update");
}

#[test]
fn a_summary_is_the_room_without_its_two_limits() {
    let ivs = frozen();
    let mut room = ivs.call(Operation::CreateRoom, json!({ "tags": { "a": "b" } })).unwrap();
    room.as_object_mut().unwrap().retain(|member, _| !member.starts_with("maximum"));
    assert_eq!(ivs.call(Operation::ListRooms, json!({})).unwrap(), json!({ "rooms": [room] }));
}

#[test]
fn filters_are_exact_and_can_be_combined() {
    let ivs = MockIvsChat::start();
    let archive = ivs.new_logging_configuration("archive").s3("bucket").create();
    let uri = "arn:aws:lambda:us-west-2:123456789012:function:review";
    ivs.new_room("a").logging_configuration(&archive).create();
    ivs.new_room("b").with("messageReviewHandler", json!({ "uri": uri })).create();
    ivs.create_room("ab");
    let list = |filter: Value| ivs.call(Operation::ListRooms, filter).unwrap();
    assert_eq!(names(&list(json!({ "name": "a" }))), ["a"]);
    assert_eq!(names(&list(json!({ "messageReviewHandlerUri": uri }))), ["b"]);
    let used = json!({ "loggingConfigurationIdentifier": archive.arn() });
    assert_eq!(names(&list(used)), ["a"]);
    let both = json!({ "name": "b", "loggingConfigurationIdentifier": archive.arn() });
    assert!(names(&list(both)).is_empty());
}

#[tokio::test]
async fn the_sdks_paginator_sees_each_room_once() {
    let ivs = MockIvsChat::start();
    for number in 0..120 {
        ivs.create_room(format!("room-{number}"));
    }
    let pages = sdk(&ivs).list_rooms().into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let rooms = pages.iter().flat_map(|page| page.rooms());
    let seen: Vec<_> = rooms.map(|room| room.name().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..120).rev().map(|number| format!("room-{number}")).collect();
    assert_eq!(seen, expected);
    let first = ivs.call(Operation::ListRooms, json!({})).unwrap();
    assert_eq!(names(&first).len(), 50);
    assert!(first["nextToken"].as_str().unwrap().len() <= 1024);
}

#[test]
fn pages_survive_what_changes_meanwhile() {
    let ivs = frozen();
    let rooms: Vec<_> = (0..6).map(|number| ivs.create_room(number.to_string())).collect();
    let page = |token: Value| {
        ivs.call(Operation::ListRooms, json!({ "maxResults": 2, "nextToken": token })).unwrap()
    };
    let first = page(json!(null));
    assert_eq!(names(&first), ["5", "4"]);
    // One that was listed and one that was not are updated, one is deleted, one created.
    rooms[5].update().maximum_message_length(1).apply();
    rooms[1].update().maximum_message_length(1).apply();
    rooms[2].delete();
    ivs.create_room("new");
    let second = page(first["nextToken"].clone());
    assert_eq!(names(&second), ["3", "1"]);
    let third = page(second["nextToken"].clone());
    assert_eq!(names(&third), ["0"]);
    assert!(third.get("nextToken").is_none(), "the last page says that it is: {third}");
    assert_eq!(names(&page(first["nextToken"].clone())), ["3", "1"], "a token can be used again");
    assert_eq!(names(&page(json!(null))), ["new", "1"]);
}

#[test]
fn a_page_token_of_one_list_is_invalid_in_another() {
    let ivs = MockIvsChat::start();
    for name in ["a", "b"] {
        ivs.create_room(name);
    }
    let page = ivs.call(Operation::ListRooms, json!({ "maxResults": 1 })).unwrap();
    let refusal = ivs
        .call(Operation::ListLoggingConfigurations, json!({ "nextToken": page["nextToken"] }))
        .unwrap_err();
    assert_eq!(refusal.body()["fieldList"][0]["name"], "nextToken");
}

#[tokio::test]
async fn more_rooms_than_the_quota_are_refused_with_402_and_the_limit() {
    let quotas = Quotas::aws().with(Quota::Rooms, 1);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let answer = http(&ivs, "POST", "/CreateRoom", "{}");
    answer.assert_error(402, "ServiceQuotaExceededException");
    assert_eq!(answer.json()["limit"], 1);
    let error = sdk(&ivs).create_room().send().await.unwrap_err().into_service_error();
    assert!(error.is_service_quota_exceeded_exception(), "{error:?}");
    ivs.log().expect_n(2, Matcher::quota_exceeded(Quota::Rooms)).await;
    assert!(ivs.lint().iter().all(|finding| finding.lint != Lint::RateExceeded));
    room.delete();
    ivs.create_room("lobby");
}

#[test]
fn each_quota_of_a_number_or_a_size_has_an_entry_in_the_log() {
    let configurations = Quota::LoggingConfigurations;
    let bytes = Quota::MessageAttributeBytes;
    let quotas = Quotas::aws().with(configurations, 0).with(bytes, 3);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    ivs.new_logging_configuration("all").s3("bucket").try_create().unwrap_err();
    ivs.log().expect(Matcher::quota_exceeded(configurations)).wait();
    let alice = ivs.create_room("lobby").participant("alice");
    alice.send_message_with("hello", [("ab", "cd")]);
    let entry = ivs.log().expect(Matcher::quota_exceeded(bytes)).wait();
    assert_eq!(entry.to_string(), "quota exceeded: bytes of message attributes, 3");
    alice.expect_error(ErrorCode::PayloadTooLarge).wait();
}

#[tokio::test]
async fn calls_are_throttled_at_the_documented_rates_if_asked_for() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let quotas = Quotas::aws().with_http_throttling();
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let resources = Resources::create(&ivs);
    let mut wire = Wire::open(&ivs);
    for _ in 0..5 {
        assert_eq!(call_by_hand(&mut wire, Operation::ListRooms, &json!({})).status, 200);
    }
    call_by_hand(&mut wire, Operation::ListRooms, &json!({}))
        .assert_error(429, "ThrottlingException");
    let event = resources.request(Operation::SendEvent);
    for _ in 0..100 {
        assert_eq!(call_by_hand(&mut wire, Operation::SendEvent, &event).status, 200);
    }
    let answer = call_by_hand(&mut wire, Operation::SendEvent, &event);
    answer.assert_error(429, "ThrottlingException");
    assert_eq!(answer.json()["limit"], 100);
    let send = sdk(&ivs).send_event().room_identifier(&resources.room).event_name("app:poll");
    let error = send.clone().send().await.unwrap_err().into_service_error();
    assert!(error.is_throttling_exception(), "{error:?}");
    ivs.advance(Duration::from_millis(10));
    send.send().await.unwrap();
}

#[test]
fn deletions_over_http_and_over_websockets_count_together() {
    let quotas = Quotas::aws().with(Quota::DeleteMessage, 2).with_http_throttling();
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let alice = room.chat_token("alice").capability(Capability::DeleteMessage).join();
    room.delete_message("Message00001", "");
    alice.delete_message("Message00001", "");
    let request = json!({ "roomIdentifier": room.arn(), "id": "Message00001" });
    let refusal = ivs.call(Operation::DeleteMessage, request).unwrap_err();
    assert_eq!((refusal.status(), refusal.body()["limit"].as_u64()), (429, Some(2)));
    alice.delete_message("Message00001", "");
    alice.expect_error(ErrorCode::TooManyRequests).wait();
}

#[test]
fn disconnections_over_http_and_over_websockets_count_together() {
    let quotas = Quotas::aws().with(Quota::DisconnectUser, 2).with_http_throttling();
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(quotas).start();
    let room = ivs.create_room("lobby");
    let alice = room.chat_token("alice").capability(Capability::DisconnectUser).join();
    room.disconnect_user("bob", "");
    alice.disconnect_user("bob", "");
    let request = json!({ "roomIdentifier": room.arn(), "userId": "bob" });
    let refusal = ivs.call(Operation::DisconnectUser, request).unwrap_err();
    assert_eq!((refusal.status(), refusal.name()), (429, "ThrottlingException"));
    alice.disconnect_user("bob", "");
    alice.expect_error(ErrorCode::TooManyRequests).wait();
}
