//! Lists: deviations of ListRooms and ListLoggingConfigurations.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mock_ivs_chat::hook::OperationVerdict;
use mock_ivs_chat::{Exception, Handle, Operation};
use mock_ivs_chat_conformance::Deviation;
use serde_json::{Map, Value, json};

use super::support::{of_calls, of_requests, of_responses, text};
use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [pages(), order(), items()].into_iter().flatten().collect()
}

fn pages() -> Vec<Case> {
    vec![
        case(
            "a page has 20 rooms unless the request says otherwise",
            "/ListRooms",
            &["control-plane/page-of-rooms-has-50"],
            of_requests(Operation::ListRooms, |_, request| {
                request.entry("maxResults").or_insert(json!(20));
            }),
        ),
        case(
            "maxResults of ListRooms above 50 counts as 50",
            r#""maxResults""#,
            &["control-plane/members-of-lists-have-limits"],
            of_requests(Operation::ListRooms, |_, request| {
                if request.get("maxResults").and_then(Value::as_u64) > Some(50) {
                    request.insert("maxResults".into(), 50.into());
                }
            }),
        ),
        case(
            "ListRooms filters by the beginning of the name",
            "/ListRooms",
            &["control-plane/filters-of-rooms"],
            of_calls(Operation::ListRooms, |mock, call| rooms_by_prefix(mock, &call.request)),
        ),
    ]
}

fn order() -> Vec<Case> {
    vec![
        case(
            "rooms are sorted by createTime",
            "/ListRooms",
            &["control-plane/latest-changes-come-first"],
            of_responses(Operation::ListRooms, |_, _, page| sort(page, "rooms", "createTime")),
        ),
        case(
            "logging configurations are sorted by createTime",
            "ListLoggingConfigurations",
            &["control-plane/latest-logging-configurations-come-first"],
            of_responses(Operation::ListLoggingConfigurations, |_, _, page| {
                sort(page, "loggingConfigurations", "createTime");
            }),
        ),
        case(
            "a room that changes between two pages is missing",
            "nextToken",
            &["control-plane/changes-between-pages"],
            of_responses(Operation::ListRooms, |mock, request, page| {
                if request.contains_key("nextToken") {
                    let now = mock.now().to_string();
                    let rooms = page["rooms"].as_array_mut().unwrap();
                    rooms.retain(|room| {
                        room["updateTime"] == room["createTime"]
                            || room["updateTime"].as_str() < Some(&now)
                    });
                }
            }),
        ),
        case(
            "a nextToken can be used once",
            "nextToken",
            &["control-plane/next-token-can-be-used-again"],
            once(),
        ),
    ]
}

fn items() -> Vec<Case> {
    vec![
        case(
            "tags that are empty are left out of ListTagsForResource",
            "ListTagsForResource",
            &["control-plane/empty-lists", "control-plane/resources-are-tagged"],
            of_responses(Operation::ListTagsForResource, |_, _, response| {
                if response["tags"] == json!({}) {
                    *response = json!({});
                }
            }),
        ),
        case(
            "ListLoggingConfigurations begins anew with the nextToken of another list",
            "ListLoggingConfigurations",
            &["control-plane/next-token-belongs-to-its-list"],
            of_requests(Operation::ListLoggingConfigurations, |_, request| {
                // The tokens of this mock begin with the base64 of `rooms`.
                if text(request, "nextToken").starts_with("cm9vbX") {
                    request.remove("nextToken");
                }
            }),
        ),
        case(
            "a reviewed room in a list has a maximumMessageLength that is not the default",
            "/ListRooms",
            &["control-plane/members-of-a-listed-room"],
            of_responses(Operation::ListRooms, |mock, _, page| {
                for room in page["rooms"].as_array_mut().unwrap() {
                    if room.get("messageReviewHandler").is_some() {
                        let request = json!({ "identifier": room["arn"] });
                        let shown = mock.call(Operation::GetRoom, request).unwrap();
                        if shown["maximumMessageLength"] != 500 {
                            room["maximumMessageLength"] = shown["maximumMessageLength"].clone();
                        }
                    }
                }
            }),
        ),
        case(
            "a filter for a function that is not one finds nothing",
            "messageReviewHandlerUri",
            &["control-plane/members-of-lists-have-limits"],
            of_requests(Operation::ListRooms, |_, request| {
                if text(request, "messageReviewHandlerUri") == "censor" {
                    request.insert("messageReviewHandlerUri".into(), json!(""));
                }
            }),
        ),
    ]
}

/// Refuses each `nextToken` of ListRooms that comes a second time.
fn once() -> Deviation {
    Deviation::of_hooks(|ivs| {
        let used = Arc::<Mutex<BTreeSet<String>>>::default();
        ivs.on_operation(Operation::ListRooms).decide(move |call| {
            let token = text(&call.request, "nextToken");
            if token.is_empty() || used.lock().unwrap().insert(token.to_owned()) {
                OperationVerdict::Pass
            } else {
                OperationVerdict::Fail(Exception::validation("nextToken was used"))
            }
        });
    })
}

fn rooms_by_prefix(mock: &Handle, request: &Map<String, Value>) -> OperationVerdict {
    let prefix = text(request, "name");
    if prefix.is_empty() || prefix.contains(' ') || request.len() > 1 {
        return OperationVerdict::Pass;
    }
    let mut page = mock.call(Operation::ListRooms, json!({})).unwrap();
    let rooms = page["rooms"].as_array_mut().unwrap();
    rooms.retain(|room| room["name"].as_str().unwrap().starts_with(prefix));
    OperationVerdict::respond(200, page.to_string())
}

/// Sorts a list by a time, the latest first.
fn sort(page: &mut Value, list: &str, key: &str) {
    let items = page[list].as_array_mut().unwrap();
    items.sort_by(|one, other| other[key].as_str().cmp(&one[key].as_str()));
}
