//! Tests of the table of constraints and of the typed requests.

use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::proto::model::{Member, Shape, request, unknown_member, validate};
use crate::proto::operation::Operation;
use crate::proto::request::{DestinationConfiguration, FallbackResult, Request};

const ROOM: &str = "arn:aws:ivschat:us-west-2:123456789012:room/a";
const LOGGING: &str = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/a";
const LAMBDA: &str = "arn:aws:lambda:us-west-2:123456789012:function:f";

/// Returns a legal value of a member.
fn example(member: &Member) -> Value {
    match (&member.shape, member.name) {
        (Shape::Structure(members), _) => {
            Value::Object(members.iter().map(|m| (m.name.to_owned(), example(m))).collect())
        }
        (Shape::Union(members), _) => json!({ members[0].name: example(&members[0]) }),
        (Shape::List { of: Shape::Enum(words), .. }, _) => json!(words),
        (Shape::List { .. }, "loggingConfigurationIdentifiers") => json!([LOGGING]),
        (Shape::List { .. }, _) => json!(["a", "b"]),
        (Shape::Enum(words), _) => json!(words[0]),
        (Shape::Integer { max, .. }, _) => json!(max),
        (Shape::Attributes { .. } | Shape::Tags { .. }, _) => json!({ "a": "b" }),
        (Shape::String { .. }, "roomIdentifier" | "identifier" | "resourceArn") => json!(ROOM),
        (Shape::String { .. }, "uri" | "messageReviewHandlerUri") => json!(LAMBDA),
        (Shape::String { .. }, "loggingConfigurationIdentifier") => json!(LOGGING),
        (Shape::String { .. }, "id") => json!("Message00001"),
        (Shape::String { .. }, _) => json!("abc"),
    }
}

/// Returns a request with all members of an operation, or only the required ones.
fn full(operation: Operation, is_minimal: bool) -> Map<String, Value> {
    let members = request(operation).iter().filter(|member| member.required || !is_minimal);
    let mut full: Map<_, _> =
        members.map(|member| (member.name.to_owned(), example(member))).collect();
    if operation.name().contains("LoggingConfiguration") && full.contains_key("identifier") {
        full.insert("identifier".into(), json!(LOGGING));
    }
    full
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is not an object") };
    object
}

/// Returns the faults of a request: the name of each member and the constraint that it breaks.
fn faults(operation: Operation, request: Value) -> Vec<String> {
    let Err(exception) = validate(operation, &object(request)) else { return Vec::new() };
    assert_eq!(exception.body()["reason"], "FIELD_VALIDATION_FAILED");
    let fields = exception.body()["fieldList"].as_array().unwrap();
    let texts = fields.iter().map(|field| {
        let (name, message) = (field["name"].as_str().unwrap(), field["message"].as_str().unwrap());
        let (_, why) = message.split_once(" failed to satisfy the constraints: ").unwrap();
        format!("{name}: {why}")
    });
    texts.collect()
}

#[test]
fn every_request_of_the_table_can_be_read() {
    for operation in Operation::ALL {
        for is_minimal in [false, true] {
            let mut request = full(operation, is_minimal);
            let read = Request::read(operation, &request).unwrap();
            let variant = format!("{read:?}");
            assert!(variant.starts_with(&format!("{operation}(")), "{variant}");
            request.insert("unknown".into(), json!(1));
            assert_eq!(Request::read(operation, &request).unwrap(), read);
        }
    }
}

#[test]
fn null_is_absent_unless_the_member_is_required() {
    for operation in Operation::ALL {
        for member in request(operation) {
            let mut request = full(operation, false);
            request.insert(member.name.into(), Value::Null);
            let faults = faults(operation, Value::Object(request.clone()));
            if member.required {
                assert_eq!(faults, [format!("{}: must not be null", member.name)]);
            } else {
                assert!(faults.is_empty(), "{faults:?}");
                assert!(Request::read(operation, &request).is_ok());
            }
        }
    }
}

#[test]
fn every_member_reaches_its_field() {
    let read = |operation, request: Value| Request::read(operation, &object(request)).unwrap();
    let request = json!({
        "name": "n", "maximumMessageRatePerSecond": 1, "maximumMessageLength": 2,
        "messageReviewHandler": { "uri": LAMBDA, "fallbackResult": "DENY" },
        "tags": { "a": "b" }, "loggingConfigurationIdentifiers": [LOGGING],
    });
    let Request::CreateRoom(room) = read(Operation::CreateRoom, request) else { panic!() };
    assert_eq!(room.name.as_deref(), Some("n"));
    assert_eq!(room.maximum_message_rate_per_second, Some(1));
    assert_eq!(room.maximum_message_length, Some(2));
    let handler = room.message_review_handler.unwrap();
    assert_eq!(handler.uri.as_deref(), Some(LAMBDA));
    assert_eq!(handler.fallback_result, Some(FallbackResult::Deny));
    assert_eq!(room.tags.unwrap()["a"], "b");
    assert_eq!(room.logging_configuration_identifiers, Some(vec![LOGGING.to_owned()]));
    let request = json!({
        "destinationConfiguration": { "s3": null, "firehose": { "deliveryStreamName": "f" } },
    });
    let read = read(Operation::CreateLoggingConfiguration, request);
    let Request::CreateLoggingConfiguration(configuration) = read else { panic!() };
    let destination = configuration.destination_configuration;
    assert_eq!(json!(destination), json!({ "firehose": { "deliveryStreamName": "f" } }));
}

#[test]
fn a_destination_is_exactly_one() {
    let both = json!({ "s3": { "bucketName": "b" }, "firehose": { "deliveryStreamName": "f" } });
    for value in [json!({}), both] {
        let error = serde_json::from_value::<DestinationConfiguration>(value).unwrap_err();
        assert_eq!(error.to_string(), "a destination has exactly one member");
    }
    for text in [
        r#"{"s3":{"bucketName":"b"}}"#,
        r#"{"cloudWatchLogs":{"logGroupName":"g"}}"#,
        r#"{"firehose":{"deliveryStreamName":"f"}}"#,
    ] {
        let read: DestinationConfiguration = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

fn strings(length: usize) -> [Value; 3] {
    let text = |length: usize| json!("a".repeat(length));
    [text(length - 1), text(length), text(length + 1)]
}

#[test]
fn strings_have_lengths_in_characters() {
    let request =
        |reason: Value| json!({ "roomIdentifier": ROOM, "id": "Message00001", "reason": reason });
    let found = strings(256).map(|reason| faults(Operation::DeleteMessage, request(reason)));
    let too_long = "reason: must have length less than or equal to 256".to_owned();
    assert_eq!(found, [vec![], vec![], vec![too_long]]);
    let umlauts = request(json!("ä".repeat(256)));
    assert!(faults(Operation::DeleteMessage, umlauts).is_empty());
    let empty = faults(Operation::DeleteMessage, request(json!("")));
    assert_eq!(empty, ["reason: must have length greater than or equal to 1"]);
    let request = |id: Value| json!({ "roomIdentifier": ROOM, "id": id });
    let found = strings(12).map(|id| faults(Operation::DeleteMessage, request(id)).len());
    assert_eq!(found, [1, 0, 1]);
}

#[rstest]
#[case(json!(0), "must have value greater than or equal to 1")]
#[case(json!(-5), "must have value greater than or equal to 1")]
#[case(json!(501), "must have value less than or equal to 500")]
#[case(json!(u64::MAX), "must have value less than or equal to 500")]
#[case(json!(1.0), "must be an integer")]
#[case(json!("1"), "must be an integer")]
#[case(json!([1]), "must be an integer")]
fn an_integer_is_in_its_range(#[case] length: Value, #[case] fault: &str) {
    let found = faults(Operation::CreateRoom, json!({ "maximumMessageLength": length }));
    assert_eq!(found, [format!("maximumMessageLength: {fault}")]);
    for legal in [1, 500] {
        let request = json!({ "maximumMessageLength": legal });
        assert!(faults(Operation::CreateRoom, request).is_empty());
    }
}

#[rstest]
#[case(json!({ "name": "a b" }), "name: must satisfy regular expression pattern: [a-zA-Z0-9-_]*")]
#[case(json!({ "name": 1 }), "name: must be a string")]
#[case(json!({ "messageReviewHandler": 1 }), "messageReviewHandler: must be an object")]
#[case(
    json!({ "messageReviewHandler": { "fallbackResult": "MAYBE" } }),
    "messageReviewHandler.fallbackResult: must satisfy enum value set: [ALLOW, DENY]"
)]
#[case(
    json!({ "messageReviewHandler": { "fallbackResult": 1 } }),
    "messageReviewHandler.fallbackResult: must be a string"
)]
#[case(json!({ "tags": [] }), "tags: must be a map")]
#[case(json!({ "tags": { "a": 1 } }), "tags.a: must be a string")]
#[case(
    json!({ "tags": { "": "a" } }),
    "tags: map keys must have length greater than or equal to 1"
)]
#[case(
    json!({ "loggingConfigurationIdentifiers": {} }),
    "loggingConfigurationIdentifiers: must be a list"
)]
#[case(
    json!({ "loggingConfigurationIdentifiers": [LOGGING, 1] }),
    "loggingConfigurationIdentifiers[1]: must be a string"
)]
#[case(
    json!({ "loggingConfigurationIdentifiers": [LOGGING, LOGGING, LOGGING, LOGGING] }),
    "loggingConfigurationIdentifiers: must have at most 3 items"
)]
fn a_room_is_validated(#[case] request: Value, #[case] fault: &str) {
    assert_eq!(faults(Operation::CreateRoom, request), [fault]);
}

#[test]
fn tags_have_a_maximum() {
    let tags = |count: usize| -> Value {
        Value::Object((0..count).map(|number| (number.to_string(), json!("a"))).collect())
    };
    assert!(faults(Operation::CreateRoom, json!({ "tags": tags(50) })).is_empty());
    let found = faults(Operation::CreateRoom, json!({ "tags": tags(51) }));
    assert_eq!(found, ["tags: must have at most 50 tags"]);
}

#[test]
fn attributes_have_a_maximum_of_bytes() {
    let request = |value: Value| json!({ "roomIdentifier": ROOM, "userId": "a", "attributes": { "key": value } });
    let found = strings(1_021).map(|text| faults(Operation::CreateChatToken, request(text)));
    let fault = "attributes: must be at most 1024 bytes in all, not 1025".to_owned();
    assert_eq!(found, [vec![], vec![], vec![fault]]);
    let found = faults(Operation::CreateChatToken, request(json!(1)));
    assert_eq!(found, ["attributes.key: must be a string"]);
    let request =
        json!({ "roomIdentifier": ROOM, "userId": "a", "attributes": { "a": "é", "b": "é" } });
    assert!(faults(Operation::CreateChatToken, request).is_empty());
}

#[rstest]
#[case(json!({}))]
#[case(json!({ "s3": null }))]
#[case(json!({ "s3": { "bucketName": "abc" }, "firehose": { "deliveryStreamName": "a" } }))]
fn a_union_has_one_member(#[case] destination: Value) {
    let request = json!({ "destinationConfiguration": destination });
    let found = faults(Operation::CreateLoggingConfiguration, request);
    let fault = "must have exactly one of s3, cloudWatchLogs, firehose";
    assert_eq!(found, [format!("destinationConfiguration: {fault}")]);
}

#[test]
fn members_of_a_union_are_validated() {
    let request = json!({ "destinationConfiguration": { "s3": {} } });
    let found = faults(Operation::CreateLoggingConfiguration, request);
    assert_eq!(found, ["destinationConfiguration.s3.bucketName: must not be null"]);
    let request = json!({ "destinationConfiguration": [] });
    let found = faults(Operation::CreateLoggingConfiguration, request);
    assert_eq!(found, ["destinationConfiguration: must be an object"]);
}

#[test]
fn an_unknown_member_is_found_with_those_that_are_known_in_its_place() {
    let unknown = |name: &str, value: Value| {
        let found = unknown_member(Operation::CreateRoom, name, &value)?;
        Some((found.0, found.1.iter().map(|member| member.name).collect::<Vec<_>>()))
    };
    assert_eq!(unknown("name", json!("lobby")), None);
    let (path, known) = unknown("title", json!("lobby")).unwrap();
    assert_eq!(path, "title");
    assert!(known.contains(&"name") && known.contains(&"messageReviewHandler"), "{known:?}");
    assert_eq!(unknown("messageReviewHandler", json!({ "uri": "" })), None);
    assert_eq!(unknown("messageReviewHandler", json!("no object")), None);
    let (path, known) = unknown("messageReviewHandler", json!({ "uri": "", "url": "" })).unwrap();
    assert_eq!(path, "messageReviewHandler.url");
    assert_eq!(known, ["uri", "fallbackResult"]);
    // The names of a map are the test's own.
    assert_eq!(unknown("tags", json!({ "any": "thing" })), None);
}
