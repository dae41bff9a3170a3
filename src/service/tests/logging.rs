//! Tests of logging configurations and chat logs.

use serde_json::{Value, json};

use super::{Scene, text};
use crate::proto::operation::Operation;
use crate::service::chat_log::ChatLogDestination;
use crate::service::quota::{Quota, Quotas};

fn configuration(scene: &mut Scene, destination: &Value) -> String {
    let request = json!({ "name": "archive", "destinationConfiguration": destination });
    text(&scene.call(Operation::CreateLoggingConfiguration, request), "arn")
}

fn firehose(name: &str) -> Value {
    json!({ "firehose": { "deliveryStreamName": name } })
}

#[test]
fn a_configuration_is_created_read_changed_and_deleted() {
    let mut scene = Scene::new();
    let request = json!({
        "name": "archive",
        "destinationConfiguration": { "s3": { "bucketName": "bucket" }, "firehose": null },
        "tags": { "a": "b" },
    });
    let created = scene.call(Operation::CreateLoggingConfiguration, request);
    let expected = json!({
        "arn": "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/Logging00001",
        "createTime": "2026-01-01T00:00:00.25Z",
        "destinationConfiguration": { "s3": { "bucketName": "bucket" } },
        "id": "Logging00001",
        "name": "archive",
        "state": "ACTIVE",
        "tags": { "a": "b" },
        "updateTime": "2026-01-01T00:00:00.377Z",
    });
    assert_eq!(Value::Object(created.clone()), expected);
    let arn = text(&created, "arn");
    let identifier = json!({ "identifier": arn });
    scene.advance(1_000);
    let read = scene.call(Operation::GetLoggingConfiguration, identifier.clone());
    assert_eq!(read, created);
    let request = json!({ "identifier": arn, "destinationConfiguration": firehose("f") });
    let updated = scene.call(Operation::UpdateLoggingConfiguration, request);
    assert_eq!(updated["destinationConfiguration"], firehose("f"));
    assert_eq!(
        (&updated["name"], &updated["updateTime"]),
        (&json!("archive"), &json!("2026-01-01T00:00:01.25Z"))
    );
    assert_eq!(updated["createTime"], "2026-01-01T00:00:00.25Z");
    let request = json!({ "identifier": arn, "name": "new" });
    let updated = scene.call(Operation::UpdateLoggingConfiguration, request);
    assert_eq!(
        (&updated["name"], &updated["destinationConfiguration"]),
        (&json!("new"), &firehose("f"))
    );
    assert!(scene.call(Operation::DeleteLoggingConfiguration, identifier.clone()).is_empty());
    for operation in [
        Operation::GetLoggingConfiguration,
        Operation::UpdateLoggingConfiguration,
        Operation::DeleteLoggingConfiguration,
    ] {
        let exception = scene.refused(operation, identifier.clone());
        assert_eq!((exception.status(), &exception.body()["resourceId"]), (404, &json!(arn)));
        assert_eq!(exception.message(), format!("logging configuration {arn} does not exist"));
    }
}

#[test]
fn the_update_of_a_new_configuration_is_later_than_its_creation_and_never_goes_back() {
    let mut scene = Scene::new();
    let arn = configuration(&mut scene, &firehose("a"));
    let identifier = json!({ "identifier": arn });
    let times = |configuration: &serde_json::Map<String, Value>| {
        (text(configuration, "createTime"), text(configuration, "updateTime"))
    };
    let created = scene.call(Operation::GetLoggingConfiguration, identifier.clone());
    let expected = ("2026-01-01T00:00:00.25Z".to_owned(), "2026-01-01T00:00:00.377Z".to_owned());
    assert_eq!(times(&created), expected);
    let updated = scene.call(Operation::UpdateLoggingConfiguration, identifier.clone());
    assert_eq!(times(&updated), expected, "the clock has not moved");
    scene.advance(1_000);
    let updated = scene.call(Operation::UpdateLoggingConfiguration, identifier);
    assert_eq!(text(&updated, "updateTime"), "2026-01-01T00:00:01.25Z");
}

#[test]
fn a_configuration_that_a_room_uses_cannot_be_deleted() {
    let mut scene = Scene::new();
    let arn = configuration(&mut scene, &firehose("a"));
    let other = configuration(&mut scene, &firehose("b"));
    let room = scene.room(json!({ "loggingConfigurationIdentifiers": [arn] }));
    let exception =
        scene.refused(Operation::DeleteLoggingConfiguration, json!({ "identifier": arn }));
    assert_eq!((exception.status(), exception.name()), (409, "ConflictException"));
    assert_eq!(
        exception.message(),
        format!("the logging configuration is used by the room {room}")
    );
    scene.call(Operation::DeleteLoggingConfiguration, json!({ "identifier": other }));
    scene.call(
        Operation::UpdateRoom,
        json!({ "identifier": room, "loggingConfigurationIdentifiers": [] }),
    );
    scene.call(Operation::DeleteLoggingConfiguration, json!({ "identifier": arn }));
}

#[test]
fn an_account_has_a_maximum_of_configurations() {
    let mut scene = Scene::with_quotas(Quotas::aws().with(Quota::LoggingConfigurations, 2));
    configuration(&mut scene, &firehose("a"));
    configuration(&mut scene, &firehose("b"));
    let request = json!({ "destinationConfiguration": firehose("c") });
    let exception = scene.refused(Operation::CreateLoggingConfiguration, request);
    assert_eq!((exception.status(), &exception.body()["limit"]), (402, &json!(2)));
}

#[test]
fn configurations_are_listed_the_latest_change_first() {
    let mut scene = Scene::new();
    let first = configuration(&mut scene, &firehose("a"));
    configuration(&mut scene, &firehose("b"));
    scene.call(Operation::UpdateLoggingConfiguration, json!({ "identifier": first }));
    let list = scene.call(Operation::ListLoggingConfigurations, json!({ "maxResults": 1 }));
    assert_eq!(list["loggingConfigurations"][0]["arn"], first);
    let next = json!({ "nextToken": list["nextToken"] });
    let list = scene.call(Operation::ListLoggingConfigurations, next);
    assert_eq!(list["loggingConfigurations"].as_array().unwrap().len(), 1);
    assert_eq!(list["loggingConfigurations"][0]["id"], "Logging00002");
}

#[test]
fn a_room_must_name_configurations_that_exist() {
    let mut scene = Scene::new();
    let unknown = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/none";
    let request = json!({ "loggingConfigurationIdentifiers": [unknown] });
    assert_eq!(scene.refused(Operation::CreateRoom, request).status(), 404);
    let room = scene.room(json!({}));
    let request = json!({ "identifier": room, "loggingConfigurationIdentifiers": [unknown] });
    assert_eq!(scene.refused(Operation::UpdateRoom, request).status(), 404);
}

#[test]
fn messages_and_events_are_written_to_each_destination_of_their_room() {
    let mut scene = Scene::new();
    let s3 = configuration(&mut scene, &json!({ "s3": { "bucketName": "bucket" } }));
    let logs = configuration(&mut scene, &json!({ "cloudWatchLogs": { "logGroupName": "group" } }));
    let stream = configuration(&mut scene, &firehose("stream"));
    let room = scene.room(json!({ "loggingConfigurationIdentifiers": [s3, logs, stream] }));
    let alice = scene.connect(&room, "alice");
    scene.send_message(alice, "hello");
    let destinations: Vec<_> =
        scene.service.chat_logs().iter().map(|record| record.destination.clone()).collect();
    let key = "AWSLogs/123456789012/IVSChatLogs/1.0/us-west-2/room_Room00000001/2026/01/01/00/\
               123456789012_IVSChatLogs_1.0_us-west-2_room_Room00000001_20260101T0000Z_00000000.log.gz";
    let expected = [
        ChatLogDestination::S3 { bucket_name: "bucket".into(), key: key.into() },
        ChatLogDestination::CloudWatchLogs {
            log_group_name: "group".into(),
            log_stream_name: "aws/IVSChatLogs/1.0/room_Room00000001".into(),
        },
        ChatLogDestination::Firehose { delivery_stream_name: "stream".into() },
    ];
    assert_eq!(destinations, expected);
    let record = &scene.service.chat_logs()[0];
    assert_eq!((&record.logging_configuration_arn, &record.room_arn), (&s3, &room));
    assert_eq!(record.message().unwrap().content, "hello");
    assert!(record.event().is_none());
    let expected = format!(
        r#"{{"event_timestamp":"2026-01-01T00:00:00.250Z","type":"MESSAGE","payload":{},"version":"1.0"}}"#,
        record.frame.encode()
    );
    assert_eq!(record.to_string(), expected);
    scene.advance(5);
    scene.call(Operation::SendEvent, json!({ "roomIdentifier": room, "eventName": "poll" }));
    let record = &scene.service.chat_logs()[3];
    assert_eq!(record.event().unwrap().event_name, "poll");
    assert!(record.message().is_none());
    assert!(
        record.text.starts_with(r#"{"event_timestamp":"2026-01-01T00:00:00.255Z","type":"EVENT","#)
    );
    scene.send_message(alice, "");
    assert_eq!(scene.service.chat_logs().len(), 6, "errors are not logged");
}
