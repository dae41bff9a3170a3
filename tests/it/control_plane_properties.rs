//! Any body for any operation gets a well-formed answer.

use std::cell::RefCell;

use mock_ivs_chat::{MockIvsChat, Operation, Quotas};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::control_plane_support::{Answer, Resources, Wire, percent_encode};

const MEMBERS: [&str; 22] = [
    "attributes",
    "bucketName",
    "capabilities",
    "destinationConfiguration",
    "eventName",
    "fallbackResult",
    "id",
    "identifier",
    "loggingConfigurationIdentifier",
    "loggingConfigurationIdentifiers",
    "maxResults",
    "maximumMessageLength",
    "maximumMessageRatePerSecond",
    "messageReviewHandler",
    "name",
    "nextToken",
    "reason",
    "roomIdentifier",
    "s3",
    "sessionDurationInMinutes",
    "tags",
    "userId",
];

fn member() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(&MEMBERS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value(resources: &Resources) -> impl Strategy<Value = Value> + Clone + use<> {
    let arns = [&resources.room, &resources.logging_configuration].map(|arn| json!(arn));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1_i64..600).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["", "Message00001", "SEND_MESSAGE", "ALLOW", "bucket"]).prop_map(Value::from),
        select(arns.to_vec()),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let pairs = proptest::collection::vec((member(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::from),
            pairs.prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A body: a legal request with some members put in, any JSON, or any text.
fn call(resources: &Resources) -> impl Strategy<Value = (Operation, String)> + use<> {
    let requests = Operation::ALL.map(|operation| (operation, resources.request(operation)));
    let value = value(resources);
    let changes = proptest::collection::vec((member(), value.clone()), 0..4);
    let changed = (select(requests.to_vec()), changes);
    let changed = changed.prop_map(|((operation, mut request), changes)| {
        request.as_object_mut().unwrap().extend(changes.into_iter().collect::<Map<_, _>>());
        (operation, request.to_string())
    });
    let operation = || select(&Operation::ALL[..]);
    prop_oneof![
        4 => changed,
        2 => (operation(), value).prop_map(|(operation, value)| (operation, value.to_string())),
        1 => (operation(), any::<String>()),
    ]
}

fn send(wire: &mut Wire, operation: Operation, body: &str) -> Answer {
    // In the path and the query any text can stand, too.
    let arn = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|request| request["resourceArn"].as_str().map(str::to_owned))
        .unwrap_or_else(|| body.chars().take(100).collect());
    let arn = percent_encode(&arn);
    let path = operation.path().replace("{resourceArn}", &arn);
    let path = if operation == Operation::UntagResource {
        format!("{path}?tagKeys={arn}&{arn}")
    } else {
        path
    };
    wire.send(operation.method(), &path, body)
}

fn check(operation: Operation, answer: &Answer) {
    answer.assert_aws_shaped();
    if answer.status < 400 {
        assert_eq!(answer.status, operation.success_status(), "{answer:?}");
        assert_eq!(answer.body.is_empty(), answer.status == 204, "{answer:?}");
        return;
    }
    let body = answer.json();
    assert!(!body["message"].as_str().unwrap().is_empty(), "{answer:?}");
    match (answer.status, answer.error_type()) {
        (400, "ValidationException") => {
            let fields = body["fieldList"].as_array().map_or(0, Vec::len);
            let reason = if fields > 0 { "FIELD_VALIDATION_FAILED" } else { "OTHER" };
            assert_eq!(body["reason"], reason, "{answer:?}");
        }
        (404, "ResourceNotFoundException") | (409, "ConflictException") => {
            assert!(body["resourceId"].is_string(), "{answer:?}");
        }
        _ => panic!("{operation}: {answer:?}"),
    }
}

#[test]
fn any_body_for_any_operation_gets_a_well_formed_response() {
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    let resources = Resources::create(&ivs);
    let wire = RefCell::new(Wire::open(&ivs));
    // The same bodies in every run.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let result =
        TestRunner::new_with_rng(config, rng).run(&call(&resources), |(operation, body)| {
            check(operation, &send(&mut wire.borrow_mut(), operation, &body));
            Ok(())
        });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let statuses: Vec<_> = ivs.log().into_iter().filter_map(|entry| entry.status()).collect();
    for status in [200, 204, 400, 404] {
        assert!(statuses.contains(&status), "no call was answered with {status}");
    }
}
