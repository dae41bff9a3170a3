//! Logging configurations, and the chat logs that rooms yield to them.

use std::io::Read;
use std::time::Duration;

use aws_sdk_ivschat::types::{
    CreateLoggingConfigurationState, DestinationConfiguration, FirehoseDestinationConfiguration,
    LoggingConfigurationState,
};
use flate2::read::GzDecoder;
use mock_ivs_chat::{
    Clock, ErrorCode, MockIvsChat, Operation, Quota, Quotas, logging::ChatLogDestination,
};
use serde_json::{Value, json};

use crate::control_plane_support::{http, sdk};

fn frozen() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-02T03:04:05.678912Z")).start()
}

#[tokio::test]
async fn the_sdk_creates_gets_updates_lists_and_deletes_a_logging_configuration() {
    let ivs = frozen();
    let sdk = sdk(&ivs);
    let firehose = |name: &str| {
        let destination = FirehoseDestinationConfiguration::builder().delivery_stream_name(name);
        DestinationConfiguration::Firehose(destination.build().unwrap())
    };
    let created = sdk
        .create_logging_configuration()
        .name("archive")
        .destination_configuration(firehose("one"))
        .tags("stage", "test")
        .send()
        .await
        .unwrap();
    assert_eq!(created.state(), Some(&CreateLoggingConfigurationState::Active));
    let arn = created.arn().unwrap();
    let got = sdk.get_logging_configuration().identifier(arn).send().await.unwrap();
    assert_eq!((got.name(), got.id(), got.arn()), (Some("archive"), created.id(), created.arn()));
    assert_eq!(got.state(), Some(&LoggingConfigurationState::Active));
    assert_eq!(got.tags().unwrap()["stage"], "test");
    assert!(got.create_time() < got.update_time(), "{got:?}");

    ivs.advance(Duration::from_secs(1));
    let update = sdk.update_logging_configuration().identifier(arn);
    let updated = update.destination_configuration(firehose("two")).send().await.unwrap();
    assert_eq!((updated.name(), updated.create_time()), (Some("archive"), got.create_time()));
    assert_eq!(updated.destination_configuration(), Some(&firehose("two")));
    assert!(updated.update_time() > got.update_time());

    let listed = sdk.list_logging_configurations().send().await.unwrap();
    assert_eq!(listed.logging_configurations().len(), 1);
    assert_eq!(listed.logging_configurations()[0].arn(), Some(arn));
    sdk.delete_logging_configuration().identifier(arn).send().await.unwrap();
    let error = sdk.get_logging_configuration().identifier(arn).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[test]
fn a_new_logging_configuration_shows_each_of_its_members() {
    let ivs = frozen();
    let request = json!({ "destinationConfiguration": { "s3": { "bucketName": "my-bucket" } } });
    assert_eq!(
        http(&ivs, "POST", "/CreateLoggingConfiguration", &request.to_string()).json(),
        json!({
            "arn": "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/Logging00001",
            "createTime": "2026-01-02T03:04:05.678Z",
            "destinationConfiguration": { "s3": { "bucketName": "my-bucket" } },
            "id": "Logging00001",
            "name": "",
            "state": "ACTIVE",
            "tags": {},
            "updateTime": "2026-01-02T03:04:05.805Z",
        })
    );
}

#[tokio::test]
async fn a_logging_configuration_in_use_cannot_be_deleted() {
    let ivs = MockIvsChat::start();
    let archive = ivs.new_logging_configuration("archive").s3("bucket").create();
    let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    let delete = sdk(&ivs).delete_logging_configuration().identifier(archive.arn());
    let error = delete.clone().send().await.unwrap_err().into_service_error();
    assert!(error.is_conflict_exception(), "{error:?}");
    let identifier = json!({ "identifier": archive.arn() }).to_string();
    let answer = http(&ivs, "POST", "/DeleteLoggingConfiguration", &identifier);
    answer.assert_error(409, "ConflictException");
    room.update().logging_configurations(&[]).apply();
    delete.send().await.unwrap();
}

#[test]
fn a_logging_configuration_is_free_once_its_room_is_deleted() {
    let ivs = MockIvsChat::start();
    let archive = ivs.new_logging_configuration("archive").s3("bucket").create();
    ivs.new_room("lobby").logging_configuration(&archive).create().delete();
    archive.delete();
}

#[test]
fn an_eleventh_logging_configuration_is_refused_unless_the_quota_is_off() {
    let create = |ivs: &MockIvsChat| {
        ivs.call(
            Operation::CreateLoggingConfiguration,
            json!({ "destinationConfiguration": { "s3": { "bucketName": "bucket" } } }),
        )
    };
    let ivs = MockIvsChat::start();
    for _ in 0..10 {
        create(&ivs).unwrap();
    }
    let refusal = create(&ivs).unwrap_err();
    assert_eq!((refusal.status(), refusal.name()), (402, "ServiceQuotaExceededException"));
    assert_eq!(refusal.body()["limit"], 10);
    let quotas = Quotas::aws().without(Quota::LoggingConfigurations);
    let ivs = MockIvsChat::builder().quotas(quotas).start();
    for _ in 0..20 {
        create(&ivs).unwrap();
    }
    let page = ivs.call(Operation::ListLoggingConfigurations, json!({ "maxResults": 15 })).unwrap();
    let rest = json!({ "maxResults": 15, "nextToken": page["nextToken"] });
    let rest = ivs.call(Operation::ListLoggingConfigurations, rest).unwrap();
    assert_eq!(rest["loggingConfigurations"].as_array().unwrap().len(), 5);
}

#[test]
fn a_room_yields_the_records_of_its_messages_and_events_to_each_destination() {
    let ivs = frozen();
    let s3 = ivs.new_logging_configuration("s3").s3("my-bucket").create();
    let logs = ivs.new_logging_configuration("logs").cloud_watch_logs("/chat").create();
    let firehose = ivs.new_logging_configuration("firehose").firehose("my-stream").create();
    let room = ivs.new_room("lobby");
    let room =
        [&s3, &logs, &firehose].into_iter().fold(room, |room, c| room.logging_configuration(c));
    let room = room.create();
    let alice = room.participant("alice");
    alice.send_message("hello");
    room.send_event("app:poll", [("question", "tea?")]);

    let records = ivs.chat_logs();
    let destinations: Vec<_> = records[..3].iter().map(|record| &record.destination).collect();
    let key = "AWSLogs/123456789012/IVSChatLogs/1.0/us-west-2/room_Room00000001/2026/01/02/03/\
               123456789012_IVSChatLogs_1.0_us-west-2_room_Room00000001_20260102T0304Z_00000000.log.gz";
    assert_eq!(
        destinations,
        [
            &ChatLogDestination::S3 { bucket_name: "my-bucket".into(), key: key.into() },
            &ChatLogDestination::CloudWatchLogs {
                log_group_name: "/chat".into(),
                log_stream_name: "aws/IVSChatLogs/1.0/room_Room00000001".into(),
            },
            &ChatLogDestination::Firehose { delivery_stream_name: "my-stream".into() },
        ]
    );
    assert_eq!(records.len(), 6);
    assert_eq!(
        (records[0].logging_configuration_arn.as_str(), records[0].room_arn.as_str()),
        (s3.arn(), room.arn())
    );
    let message = alice.expect_message("hello").wait();
    assert_eq!(records[0].message(), Some(&message));
    assert_eq!(records[5].event().unwrap().event_name, "app:poll");
}

#[test]
fn an_object_in_s3_is_gzip_with_one_record_per_line() {
    let ivs = MockIvsChat::builder()
        .clock(Clock::frozen_at("2026-01-02T03:04:05Z"))
        .quotas(Quotas::unlimited())
        .start();
    let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    let alice = room.participant("alice");
    // More than fits into one block of the format.
    for number in 0..300 {
        alice.send_message(format!("{number} {}", "🙂".repeat(100)));
    }
    let objects = ivs.chat_log_objects("my-bucket");
    let (key, object) = objects.first_key_value().unwrap();
    assert!(key.ends_with(".log.gz"), "{key}");
    let mut text = String::new();
    GzDecoder::new(object.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.len() > 65_536, "{}", text.len());
    let records: Vec<_> = ivs.chat_logs().iter().map(ToString::to_string).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), records);
    assert_eq!(objects.len(), 1);
    assert!(ivs.chat_log_objects("another").is_empty());
}

#[test]
fn a_record_is_the_frame_as_delivered_in_the_observed_layout() {
    let ivs = frozen();
    let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    let alice = room.participant("alice");
    alice.send_raw(r#"{"Action":"SEND_MESSAGE","Content":"hi","RequestId":"r1"}"#);
    alice.disconnect_user("bob", "rude");
    let records: Vec<_> = ivs.chat_logs().iter().map(ToString::to_string).collect();
    let delivered: Vec<_> =
        alice.received().iter().map(|frame| serde_json::to_string(frame).unwrap()).collect();
    let expected: Vec<_> = ["MESSAGE", "EVENT"]
        .iter()
        .zip(delivered)
        .map(|(kind, frame)| {
            format!(
                r#"{{"event_timestamp":"2026-01-02T03:04:05.678Z","type":"{kind}","payload":{frame},"version":"1.0"}}"#
            )
        })
        .collect();
    assert_eq!(records, expected);
    let record: Value = serde_json::from_str(&records[0]).unwrap();
    assert_eq!(record["payload"]["SendTime"], "2026-01-02T03:04:05.678912Z");
}

#[test]
fn undelivered_messages_are_not_logged() {
    let ivs = frozen();
    let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    let uri = "arn:aws:lambda:us-west-2:123456789012:function:review";
    let handler = json!({ "uri": uri, "fallbackResult": "DENY" });
    let room = ivs.new_room("lobby").logging_configuration(&archive);
    let room = room.with("messageReviewHandler", handler).create();
    let alice = room.participant("alice");
    alice.send_message("");
    alice.expect_error(ErrorCode::BadRequest).wait();
    alice.send_message("denied");
    alice.expect_error(ErrorCode::NotAcceptable).wait();
    assert_eq!(ivs.chat_logs(), []);
}

#[test]
fn records_go_where_the_configuration_points_when_they_are_sent() {
    let ivs = frozen();
    let archive = ivs.new_logging_configuration("archive").firehose("one").create();
    let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    let alice = room.participant("alice");
    alice.send_message("to one");
    let destination = json!({ "firehose": { "deliveryStreamName": "two" } });
    let request = json!({ "identifier": archive.arn(), "destinationConfiguration": destination });
    ivs.call(Operation::UpdateLoggingConfiguration, request).unwrap();
    alice.send_message("to two");
    room.update().logging_configurations(&[]).apply();
    alice.send_message("to nobody");
    let streams: Vec<_> = ivs.chat_logs().into_iter().map(|record| record.destination).collect();
    let stream = |name: &str| ChatLogDestination::Firehose { delivery_stream_name: name.into() };
    assert_eq!(streams, [stream("one"), stream("two")]);
}
