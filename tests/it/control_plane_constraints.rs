//! The constraints on every member of every request: one table, sent by the SDK and by hand.

use mock_ivs_chat::{MockIvsChat, Operation, Quota, Quotas};
use serde_json::{Value, json};

use crate::control_plane_support::{
    Failed, Refusal, Resources, Wire, call_by_hand, call_by_sdk, sdk,
};

use Operation as Op;

/// A member that is set to a value, the field that the error must name, and the constraint.
type Case = (&'static str, Value, &'static str, &'static str);

fn refused(operation: Operation) -> Vec<Case> {
    let mut cases = match operation {
        Op::CreateChatToken => vec![
            ("userId", json!(null), "userId", "must not be null"),
            ("userId", json!(""), "userId", "greater than or equal to 1"),
            ("userId", json!("é".repeat(129)), "userId", "less than or equal to 128"),
            ("userId", json!(7), "userId", "must be a string"),
            ("capabilities", json!("SEND_MESSAGE"), "capabilities", "must be a list"),
            ("capabilities", json!(["SEND_MESSAGE", "FLY"]), "capabilities[1]", "enum value set"),
            ("capabilities", json!([null]), "capabilities[0]", "must be a string"),
            ("sessionDurationInMinutes", json!(0), "sessionDurationInMinutes", "equal to 1"),
            ("sessionDurationInMinutes", json!(181), "sessionDurationInMinutes", "equal to 180"),
            ("sessionDurationInMinutes", json!(1.5), "sessionDurationInMinutes", "an integer"),
            ("sessionDurationInMinutes", json!("60"), "sessionDurationInMinutes", "an integer"),
            ("attributes", json!({ "key": "x".repeat(1022) }), "attributes", "at most 1024 bytes"),
            ("attributes", json!({ "key": "é".repeat(511) }), "attributes", "at most 1024 bytes"),
            ("attributes", json!({ "key": 1 }), "attributes.key", "must be a string"),
            ("attributes", json!([]), "attributes", "must be a map"),
        ],
        Op::DeleteMessage => vec![
            ("id", json!(null), "id", "must not be null"),
            ("id", json!("Message0001"), "id", "greater than or equal to 12"),
            ("id", json!("Message000001"), "id", "less than or equal to 12"),
            ("id", json!("Message-0001"), "id", "regular expression"),
        ],
        Op::DisconnectUser => vec![
            ("userId", json!(null), "userId", "must not be null"),
            ("userId", json!(""), "userId", "greater than or equal to 1"),
            ("userId", json!("x".repeat(129)), "userId", "less than or equal to 128"),
        ],
        Op::ListRooms => vec![
            ("messageReviewHandlerUri", json!("x"), "messageReviewHandlerUri", "expression"),
            ("messageReviewHandlerUri", lambda(171), "messageReviewHandlerUri", "equal to 170"),
        ],
        Op::SendEvent => vec![
            ("eventName", json!(null), "eventName", "must not be null"),
            ("eventName", json!(""), "eventName", "greater than or equal to 1"),
            ("eventName", json!("x".repeat(101)), "eventName", "less than or equal to 100"),
            ("attributes", json!({ "key": "x".repeat(4094) }), "attributes", "at most 4096 bytes"),
            ("attributes", json!({ "key": null }), "attributes.key", "must be a string"),
        ],
        Op::TagResource => vec![("tags", json!(null), "tags", "must not be null")],
        Op::UntagResource => vec![
            ("tagKeys", json!([]), "tagKeys", "must not be null"),
            ("tagKeys", json!([""]), "tagKeys[0]", "greater than or equal to 1"),
            ("tagKeys", json!(["x".repeat(129)]), "tagKeys[0]", "less than or equal to 128"),
            ("tagKeys", json!(vec!["x"; 51]), "tagKeys", "at most 50 items"),
        ],
        Op::CreateLoggingConfiguration => vec![(
            "destinationConfiguration",
            json!(null),
            "destinationConfiguration",
            "must not be null",
        )],
        _ => vec![],
    };
    for member in members(operation) {
        cases.extend(refused_anywhere(member));
    }
    cases
}

/// The members of an operation that are the same wherever they are.
fn members(operation: Operation) -> &'static [&'static str] {
    match operation {
        Op::CreateChatToken | Op::SendEvent => &["roomIdentifier"],
        Op::CreateLoggingConfiguration => &["name", "destinationConfiguration", "tags"],
        Op::CreateRoom => &[
            "name",
            "maximumMessageRatePerSecond",
            "maximumMessageLength",
            "messageReviewHandler",
            "tags",
            "loggingConfigurationIdentifiers",
        ],
        Op::DeleteLoggingConfiguration | Op::GetLoggingConfiguration => {
            &["identifier of a logging configuration"]
        }
        Op::DeleteMessage | Op::DisconnectUser => &["roomIdentifier", "reason"],
        Op::DeleteRoom | Op::GetRoom => &["identifier of a room"],
        Op::ListLoggingConfigurations => &["nextToken", "maxResults"],
        Op::ListRooms => &["name", "nextToken", "maxResults", "loggingConfigurationIdentifier"],
        Op::ListTagsForResource | Op::UntagResource => &["resourceArn"],
        Op::TagResource => &["resourceArn", "tags"],
        Op::UpdateLoggingConfiguration => {
            &["identifier of a logging configuration", "name", "destinationConfiguration"]
        }
        Op::UpdateRoom => &[
            "identifier of a room",
            "name",
            "maximumMessageRatePerSecond",
            "maximumMessageLength",
            "messageReviewHandler",
            "loggingConfigurationIdentifiers",
        ],
        other => panic!("{other} is new to this test"),
    }
}

fn refused_anywhere(member: &'static str) -> Vec<Case> {
    const ROOM: &str = "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001";
    const LOGGING: &str =
        "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/Logging00001";
    match member {
        "roomIdentifier" => arn(member, LOGGING),
        "identifier of a room" => arn("identifier", LOGGING),
        "identifier of a logging configuration" => arn("identifier", ROOM),
        "loggingConfigurationIdentifier" => arn(member, ROOM).split_off(1),
        "resourceArn" => vec![
            (member, json!(""), member, "greater than or equal to 1"),
            (member, json!(format!("{ROOM}{}", "x".repeat(128))), member, "equal to 128"),
            (member, json!("Room00000001"), member, "regular expression"),
            (member, json!("arn:aws:ivs:us-west-2:1:channel/a"), member, "regular expression"),
        ],
        "name" => vec![
            (member, json!("x".repeat(129)), member, "less than or equal to 128"),
            (member, json!("a b"), member, "regular expression"),
            (member, json!("é"), member, "regular expression"),
            (member, json!(["a"]), member, "must be a string"),
        ],
        "reason" => vec![
            (member, json!(""), member, "greater than or equal to 1"),
            (member, json!("é".repeat(257)), member, "less than or equal to 256"),
        ],
        "maximumMessageRatePerSecond" => range(member, 1, 100),
        "maximumMessageLength" => range(member, 1, 500),
        "maxResults" => range(member, 1, 50),
        "nextToken" => vec![
            (member, json!("x".repeat(1025)), member, "less than or equal to 1024"),
            (member, json!("forged"), member, "nextToken of an earlier page"),
        ],
        "messageReviewHandler" => handlers(),
        "loggingConfigurationIdentifiers" => vec![
            (member, json!([LOGGING, LOGGING, LOGGING, LOGGING]), member, "at most 3 items"),
            (member, json!([""]), "loggingConfigurationIdentifiers[0]", "equal to 1"),
            (member, json!([ROOM]), "loggingConfigurationIdentifiers[0]", "regular expression"),
            (
                member,
                json!([format!("{LOGGING}{}", "x".repeat(128))]),
                "loggingConfigurationIdentifiers[0]",
                "equal to 128",
            ),
        ],
        "tags" => vec![
            (member, tags(51), member, "at most 50 tags"),
            (
                member,
                json!({ "": "x" }),
                "tags",
                "map keys must have length greater than or equal to 1",
            ),
            (
                member,
                json!({ "x".repeat(129): "x" }),
                "tags",
                "map keys must have length less than or equal to 128",
            ),
            (member, json!({ "key": "x".repeat(257) }), "tags.key", "less than or equal to 256"),
            (member, json!({ "key": true }), "tags.key", "must be a string"),
        ],
        "destinationConfiguration" => destinations(),
        other => panic!("{other} has no cases"),
    }
}

fn arn(member: &'static str, other: &str) -> Vec<Case> {
    vec![
        (member, json!(null), member, "must not be null"),
        (member, json!(""), member, "greater than or equal to 1"),
        (member, json!(format!("{other}{}", "x".repeat(128))), member, "equal to 128"),
        (member, json!("Room00000001"), member, "regular expression"),
        (member, json!(other), member, "regular expression"),
        (member, json!({}), member, "must be a string"),
    ]
}

fn range(member: &'static str, min: i64, max: i64) -> Vec<Case> {
    vec![
        (member, json!(min - 1), member, "greater than or equal to"),
        (member, json!(max + 1), member, "less than or equal to"),
        (member, json!(u64::MAX), member, "less than or equal to"),
        (member, json!(i64::MIN), member, "greater than or equal to"),
        (member, json!(1.0), member, "must be an integer"),
        (member, json!("1"), member, "must be an integer"),
    ]
}

fn destinations() -> Vec<Case> {
    const MEMBER: &str = "destinationConfiguration";
    let of = |kind: &str, name: &str, value: &str| json!({ kind: { name: value } });
    let (bucket, group, stream) = (
        "destinationConfiguration.s3.bucketName",
        "destinationConfiguration.cloudWatchLogs.logGroupName",
        "destinationConfiguration.firehose.deliveryStreamName",
    );
    let s3 = |value: &str| of("s3", "bucketName", value);
    let logs = |value: &str| of("cloudWatchLogs", "logGroupName", value);
    let firehose = |value: &str| of("firehose", "deliveryStreamName", value);
    let two =
        json!({ "s3": { "bucketName": "bucket" }, "firehose": { "deliveryStreamName": "a" } });
    vec![
        (MEMBER, json!({}), MEMBER, "exactly one of"),
        (MEMBER, two, MEMBER, "exactly one of"),
        (MEMBER, json!({ "s3": null }), MEMBER, "exactly one of"),
        (MEMBER, json!({ "s3": {} }), bucket, "must not be null"),
        (MEMBER, s3("ab"), bucket, "greater than or equal to 3"),
        (MEMBER, s3(&"x".repeat(64)), bucket, "less than or equal to 63"),
        (MEMBER, s3("Bucket"), bucket, "regular expression"),
        (MEMBER, logs(""), group, "greater than or equal to 1"),
        (MEMBER, logs(&"x".repeat(513)), group, "less than or equal to 512"),
        (MEMBER, logs("a b"), group, "regular expression"),
        (MEMBER, firehose(""), stream, "greater than or equal to 1"),
        (MEMBER, firehose(&"x".repeat(65)), stream, "less than or equal to 64"),
        (MEMBER, firehose("a/b"), stream, "regular expression"),
    ]
}

fn handlers() -> Vec<Case> {
    const MEMBER: &str = "messageReviewHandler";
    vec![
        (MEMBER, json!({ "uri": "x" }), "messageReviewHandler.uri", "regular expression"),
        (MEMBER, json!({ "uri": lambda(171) }), "messageReviewHandler.uri", "equal to 170"),
        (
            MEMBER,
            json!({ "fallbackResult": "MAYBE" }),
            "messageReviewHandler.fallbackResult",
            "enum value set: [ALLOW, DENY]",
        ),
        (MEMBER, json!("x"), MEMBER, "must be an object"),
    ]
}

fn lambda(length: usize) -> Value {
    let start = "arn:aws:lambda:us-west-2:123456789012:function:";
    json!(format!("{start}{}", "f".repeat(length - start.len())))
}

fn tags(count: usize) -> Value {
    (0..count).map(|number| (format!("key{number}"), json!("value"))).collect()
}

#[tokio::test]
async fn a_broken_constraint_is_refused_with_its_field() {
    let ivs = MockIvsChat::start();
    let resources = Resources::create(&ivs);
    let (sdk, mut wire) = (sdk(&ivs), Wire::open(&ivs));
    let (mut cases, mut by_sdk) = (0, 0);
    for operation in Operation::ALL {
        for (member, value, field, why) in refused(operation) {
            let mut request = resources.request(operation);
            request[member] = value;
            let answer = call_by_hand(&mut wire, operation, &request);
            let context = format!("{operation} {member}: {answer:?}");
            assert_eq!(
                (answer.status, answer.error_type()),
                (400, "ValidationException"),
                "{context}"
            );
            let body = answer.json();
            assert_eq!(body["reason"], "FIELD_VALIDATION_FAILED", "{context}");
            assert_eq!(body["fieldList"][0]["name"], field, "{context}");
            assert_eq!(body["fieldList"].as_array().unwrap().len(), 1, "{context}");
            let message = body["fieldList"][0]["message"].as_str().unwrap();
            let prefix = format!("Request member: {field} failed to satisfy the constraints: ");
            assert!(message.starts_with(&prefix) && message.contains(why), "{context}");
            assert_eq!(body["message"], message, "{context}");

            match call_by_sdk(&sdk, operation, &request).await {
                Err(Failed::Unsendable) => {}
                Err(Failed::Refused(refusal)) => {
                    let error_type = "ValidationException".to_owned();
                    assert_eq!(refusal, Refusal { status: 400, error_type, body }, "{context}");
                    by_sdk += 1;
                }
                Ok(()) => panic!("accepted from the SDK: {context}"),
            }
            cases += 1;
        }
    }
    // Both roads were taken.
    assert!(by_sdk > 100 && cases > by_sdk, "{by_sdk} of {cases}");
}

/// The extreme values that are still legal.
fn accepted(operation: Operation) -> Vec<(&'static str, Value)> {
    let name = json!("x".repeat(128));
    let handler = json!({ "uri": lambda(170), "fallbackResult": "DENY" });
    match operation {
        Op::CreateChatToken => vec![
            ("userId", json!("é".repeat(128))),
            ("capabilities", json!(["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"])),
            ("capabilities", json!([])),
            ("sessionDurationInMinutes", json!(1)),
            ("sessionDurationInMinutes", json!(180)),
            ("attributes", json!({ "key": "x".repeat(1021) })),
            ("attributes", json!({})),
        ],
        Op::CreateLoggingConfiguration => vec![
            ("name", name),
            ("name", json!("")),
            ("tags", tags(50)),
            ("tags", json!({ "x".repeat(128): "x".repeat(256), "empty": "" })),
            ("destinationConfiguration", json!({ "s3": { "bucketName": "a.b" } })),
            ("destinationConfiguration", json!({ "s3": { "bucketName": "x".repeat(63) } })),
            (
                "destinationConfiguration",
                json!({ "cloudWatchLogs": { "logGroupName": "/".repeat(512) } }),
            ),
            (
                "destinationConfiguration",
                json!({ "firehose": { "deliveryStreamName": "_".repeat(64) } }),
            ),
        ],
        Op::CreateRoom | Op::UpdateRoom => vec![
            ("name", name),
            ("maximumMessageRatePerSecond", json!(1)),
            ("maximumMessageRatePerSecond", json!(100)),
            ("maximumMessageLength", json!(1)),
            ("maximumMessageLength", json!(500)),
            ("messageReviewHandler", handler),
            ("messageReviewHandler", json!({ "uri": "" })),
            ("loggingConfigurationIdentifiers", json!([])),
        ],
        Op::DeleteMessage => vec![("reason", json!("é".repeat(256)))],
        Op::DisconnectUser => {
            vec![("reason", json!("é".repeat(256))), ("userId", json!("x".repeat(128)))]
        }
        Op::ListLoggingConfigurations => {
            vec![("maxResults", json!(1)), ("maxResults", json!(50)), ("nextToken", json!(""))]
        }
        Op::ListRooms => vec![
            ("name", name),
            ("maxResults", json!(1)),
            ("maxResults", json!(50)),
            ("nextToken", json!("")),
            ("messageReviewHandlerUri", json!("")),
            ("messageReviewHandlerUri", lambda(170)),
        ],
        Op::SendEvent => vec![
            ("eventName", json!("é".repeat(100))),
            ("attributes", json!({ "key": "x".repeat(4093) })),
            ("attributes", json!({})),
        ],
        Op::TagResource => vec![("tags", json!({ "key": "" })), ("tags", json!({}))],
        Op::UntagResource => vec![("tagKeys", json!(vec!["x"; 50])), ("tagKeys", json!(["&=é %"]))],
        _ => vec![],
    }
}

#[tokio::test]
async fn the_extreme_values_are_legal() {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited().with(Quota::Rooms, 1_000)).start();
    let resources = Resources::create(&ivs);
    let (sdk, mut wire) = (sdk(&ivs), Wire::open(&ivs));
    for operation in Operation::ALL {
        for (member, value) in accepted(operation) {
            let mut request = resources.request(operation);
            request[member] = value;
            let answer = call_by_hand(&mut wire, operation, &request);
            assert_eq!(
                answer.status,
                operation.success_status(),
                "{operation} {member} {answer:?}"
            );
            assert_eq!(
                call_by_sdk(&sdk, operation, &request).await,
                Ok(()),
                "{operation} {member}"
            );
        }
    }
}

#[test]
fn every_offending_field_is_named() {
    let ivs = MockIvsChat::start();
    let request = json!({ "name": "a b", "maximumMessageLength": 0, "tags": { "": "x" } });
    let answer = call_by_hand(&mut Wire::open(&ivs), Op::CreateRoom, &request);
    let fields = answer.json()["fieldList"].clone();
    let names: Vec<_> = fields.as_array().unwrap().iter().map(|field| &field["name"]).collect();
    assert_eq!(names, ["name", "maximumMessageLength", "tags"]);
}

#[test]
fn members_that_no_operation_has_are_ignored() {
    let ivs = MockIvsChat::start();
    let request = json!({ "name": "lobby", "colour": "red" });
    assert_eq!(call_by_hand(&mut Wire::open(&ivs), Op::CreateRoom, &request).status, 200);
}
