//! Resources: deviations of rooms, logging configurations and tags.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mock_ivs_chat::hook::OperationVerdict;
use mock_ivs_chat::{Exception, Handle, Operation};
use mock_ivs_chat_conformance::Deviation;
use serde_json::{Map, Value, json};

use super::support::{of_calls, of_exceptions, of_refusals, of_requests, of_responses, text};
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = rooms();
    cases.extend(deletions());
    cases.extend(logging_configurations());
    cases.extend(tags());
    cases
}

fn rooms() -> Vec<Case> {
    [new_rooms(), changed_rooms()].into_iter().flatten().collect()
}

fn new_rooms() -> Vec<Case> {
    vec![
        case(
            "the name of a room is unique",
            "CreateRoom",
            &["control-plane/deleted-room-leaves-the-others", "control-plane/room-names-repeat"],
            of_refusals(Operation::CreateRoom, |mock, request| {
                let name = text(request, "name");
                let is_taken =
                    !name.is_empty() && mock.rooms().iter().any(|room| room.name() == name);
                is_taken.then(|| Exception::conflict("the name is taken"))
            }),
        ),
        case(
            "maximumMessageRatePerSecond above 100 counts as 100",
            r#""maximumMessageRatePerSecond":101"#,
            &["control-plane/members-of-a-room-have-limits"],
            of_requests(Operation::CreateRoom, |_, request| {
                if request.get("maximumMessageRatePerSecond").and_then(Value::as_u64) > Some(100) {
                    request.insert("maximumMessageRatePerSecond".into(), 100.into());
                }
            }),
        ),
        case(
            "a member that is null is refused",
            r#""name":null"#,
            &["control-plane/null-members"],
            of_refusals(Operation::CreateRoom, |_, request| {
                let has_null = request.values().any(Value::is_null);
                has_null.then(|| Exception::validation("a member is null"))
            }),
        ),
        case(
            "a room with a handler without a function shows no handler",
            r#""uri":"""#,
            &["control-plane/handler-without-a-function"],
            of_responses(Operation::CreateRoom, |_, _, room| {
                if room["messageReviewHandler"]["uri"] == "" {
                    room.as_object_mut().unwrap().remove("messageReviewHandler");
                }
            }),
        ),
    ]
}

fn changed_rooms() -> Vec<Case> {
    vec![
        case(
            "UpdateRoom ignores maximumMessageRatePerSecond",
            "UpdateRoom",
            &["control-plane/every-member-of-a-changed-room"],
            of_requests(Operation::UpdateRoom, |_, request| {
                let rate = request.get("maximumMessageRatePerSecond").and_then(Value::as_u64);
                if rate <= Some(100) {
                    request.remove("maximumMessageRatePerSecond");
                }
            }),
        ),
        case(
            "UpdateRoom sets the tags of a room",
            "UpdateRoom",
            &["control-plane/update-does-not-tag"],
            of_responses(Operation::UpdateRoom, |mock, request, room| {
                if let Some(tags) = request.get("tags") {
                    let request = json!({ "resourceArn": room["arn"], "tags": tags });
                    mock.call(Operation::TagResource, request).unwrap();
                    room["tags"] = tags.clone();
                }
            }),
        ),
        case(
            "UpdateRoom looks for the room before it checks the members",
            "UpdateRoom",
            &["control-plane/order-of-the-checks"],
            of_calls(Operation::UpdateRoom, |mock, call| {
                let arn = text(&call.request, "identifier");
                if !arn.contains(":room/") || mock.find_room(arn).is_some() {
                    return OperationVerdict::Pass;
                }
                let missing = mock.call(Operation::GetRoom, json!({ "identifier": arn }));
                OperationVerdict::Fail(missing.unwrap_err())
            }),
        ),
    ]
}

fn deletions() -> Vec<Case> {
    vec![case(
        "DeleteRoom deletes all rooms of the same name",
        "DeleteRoom",
        &["control-plane/deleted-room-leaves-the-others"],
        of_calls(Operation::DeleteRoom, |mock, call| {
            let arn = text(&call.request, "identifier");
            let rooms = mock.rooms();
            let name = rooms.iter().find(|room| room.arn() == arn).map_or("", |room| room.name());
            for room in rooms.iter().filter(|room| !name.is_empty() && room.name() == name) {
                if room.arn() != arn {
                    room.delete();
                }
            }
            OperationVerdict::Pass
        }),
    )]
}

fn logging_configurations() -> Vec<Case> {
    vec![
        case(
            "the bucket of a logging configuration must exist",
            "CreateLoggingConfiguration",
            &["control-plane/destination-that-does-not-exist"],
            of_refusals(Operation::CreateLoggingConfiguration, |_, request| {
                let destination = request.get("destinationConfiguration")?;
                let bucket = destination["s3"]["bucketName"].as_str()?;
                bucket
                    .starts_with("no-such-")
                    .then(|| Exception::validation("there is not such a bucket"))
            }),
        ),
        case(
            "a logging configuration in use is refused with status 400",
            "DeleteLoggingConfiguration",
            &["control-plane/logging-configuration-in-use"],
            of_exceptions(Operation::DeleteLoggingConfiguration, |exception| {
                (exception.status() == 409).then(|| Exception::validation(exception.message()))
            }),
        ),
        case(
            "a room that was deleted still uses its logging configuration",
            "DeleteLoggingConfiguration",
            &["control-plane/deleted-room-frees-its-logging-configuration"],
            Deviation::of_hooks(used_for_ever),
        ),
        case(
            "UpdateLoggingConfiguration removes the name that it does not have",
            "UpdateLoggingConfiguration",
            &["control-plane/update-leaves-the-rest-of-a-logging-configuration"],
            of_requests(Operation::UpdateLoggingConfiguration, |_, request| {
                request.entry("name").or_insert(json!(""));
            }),
        ),
    ]
}

/// Refuses to delete the logging configurations of rooms that were deleted.
fn used_for_ever(ivs: &Handle) {
    let used = Arc::<Mutex<BTreeSet<String>>>::default();
    let (mock, shared) = (ivs.clone(), Arc::clone(&used));
    ivs.on_operation(Operation::DeleteRoom).decide(move |call| {
        let room = json!({ "identifier": call.request.get("identifier") });
        let room = mock.call(Operation::GetRoom, room).unwrap_or_default();
        let identifiers = room["loggingConfigurationIdentifiers"].as_array().into_iter().flatten();
        shared.lock().unwrap().extend(identifiers.map(|arn| arn.as_str().unwrap().to_owned()));
        OperationVerdict::Pass
    });
    ivs.on_operation(Operation::DeleteLoggingConfiguration).decide(move |call| {
        if used.lock().unwrap().contains(text(&call.request, "identifier")) {
            OperationVerdict::Fail(Exception::conflict("a room uses it"))
        } else {
            OperationVerdict::Pass
        }
    });
}

fn tags() -> Vec<Case> {
    vec![
        case(
            "TagResource replaces all tags",
            "/tags/",
            &["control-plane/tags-are-merged", "control-plane/tags-have-limits"],
            of_calls(Operation::TagResource, |mock, call| {
                let arn = text(&call.request, "resourceArn");
                let tags = tags_of(mock, arn);
                let new = call.request.get("tags").and_then(Value::as_object);
                let is_old = |key: &&String| !new.is_some_and(|new| new.contains_key(*key));
                let keys: Vec<_> = tags.keys().filter(is_old).collect();
                if !keys.is_empty() {
                    let request = json!({ "resourceArn": arn, "tagKeys": keys });
                    mock.call(Operation::UntagResource, request).unwrap();
                }
                OperationVerdict::Pass
            }),
        ),
        case(
            "UntagResource refuses a key that the resource does not have",
            "/tags/",
            &["control-plane/unknown-tag-keys-are-removed-without-an-error"],
            of_refusals(Operation::UntagResource, |mock, request| {
                let tags = tags_of(mock, text(request, "resourceArn"));
                let keys = request.get("tagKeys").and_then(Value::as_array)?;
                let is_missing = |key: &Value| {
                    let key = key.as_str().unwrap_or_default();
                    !key.is_empty() && !tags.is_empty() && !tags.contains_key(key)
                };
                let is_refused = keys.iter().any(is_missing);
                is_refused.then(|| Exception::resource_not_found("there is not such a tag"))
            }),
        ),
        case(
            "reserved tag keys are refused with AccessDeniedException",
            "/tags/",
            &["control-plane/reserved-tag-keys"],
            of_exceptions(Operation::TagResource, |exception| {
                let is_reserved = exception.message().contains("AWS reserves");
                is_reserved.then(|| Exception::access_denied(exception.message()))
            }),
        ),
    ]
}

/// The tags of a room or a logging configuration.
fn tags_of(mock: &Handle, arn: &str) -> Map<String, Value> {
    let list = |operation, name: &str| {
        let page = mock.call(operation, json!({})).unwrap_or_default();
        page[name].as_array().cloned().unwrap_or_default()
    };
    let mut all = list(Operation::ListRooms, "rooms");
    all.extend(list(Operation::ListLoggingConfigurations, "loggingConfigurations"));
    let found = all.iter().find(|resource| resource["arn"] == arn);
    found.and_then(|resource| resource["tags"].as_object().cloned()).unwrap_or_default()
}
