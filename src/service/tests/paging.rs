//! Tests of lists in pages.

use serde_json::{Value, json};

use super::Scene;
use crate::proto::operation::Operation;

fn names(response: &serde_json::Map<String, Value>) -> Vec<String> {
    let rooms = response["rooms"].as_array().unwrap();
    rooms.iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

fn rooms(scene: &mut Scene, count: usize) -> Vec<String> {
    (1..=count).map(|number| scene.room(json!({ "name": format!("r{number}") }))).collect()
}

#[test]
fn the_latest_change_comes_first_and_a_page_has_its_size() {
    let mut scene = Scene::new();
    let arns = rooms(&mut scene, 5);
    scene.call(Operation::UpdateRoom, json!({ "identifier": arns[1] }));
    let first = scene.call(Operation::ListRooms, json!({ "maxResults": 2 }));
    assert_eq!(names(&first), ["r2", "r5"]);
    let next = json!({ "maxResults": 2, "nextToken": first["nextToken"] });
    let second = scene.call(Operation::ListRooms, next);
    assert_eq!(names(&second), ["r4", "r3"]);
    let next = json!({ "maxResults": 2, "nextToken": second["nextToken"] });
    let third = scene.call(Operation::ListRooms, next);
    assert_eq!((names(&third), third.get("nextToken")), (vec!["r1".to_owned()], None));
}

#[test]
fn a_page_that_holds_the_rest_exactly_is_the_last() {
    let mut scene = Scene::new();
    rooms(&mut scene, 50);
    let all = scene.call(Operation::ListRooms, json!({ "nextToken": "" }));
    assert_eq!((names(&all).len(), all.get("nextToken")), (50, None));
    scene.room(json!({}));
    let first = scene.call(Operation::ListRooms, json!({}));
    assert_eq!(names(&first).len(), 50);
    let rest = scene.call(Operation::ListRooms, json!({ "nextToken": first["nextToken"] }));
    assert_eq!(names(&rest), ["r1"]);
}

#[test]
fn changes_in_between_neither_hide_nor_repeat_a_room() {
    let mut scene = Scene::new();
    let arns = rooms(&mut scene, 4);
    let first = scene.call(Operation::ListRooms, json!({ "maxResults": 2 }));
    assert_eq!(names(&first), ["r4", "r3"]);
    for arn in [&arns[0], &arns[3], &arns[0]] {
        scene.call(Operation::UpdateRoom, json!({ "identifier": arn }));
    }
    scene.room(json!({ "name": "new" }));
    scene.call(Operation::DeleteRoom, json!({ "identifier": arns[1] }));
    let next = json!({ "nextToken": first["nextToken"] });
    let second = scene.call(Operation::ListRooms, next.clone());
    assert_eq!(names(&second), ["r1"]);
    assert_eq!(names(&scene.call(Operation::ListRooms, next)), ["r1"], "a page can be repeated");
}

#[test]
fn only_the_next_token_of_an_earlier_page_of_the_same_list_is_accepted() {
    let mut scene = Scene::new();
    let arns = rooms(&mut scene, 2);
    let page = |size: u32| json!({ "maxResults": size });
    let first = scene.call(Operation::ListRooms, page(1));
    let next = first["nextToken"].as_str().unwrap().to_owned();
    // Base64 of `rooms/1/2`, `rooms/2` and `rooms`: well-formed or not, no page had them.
    for token in ["x", "cm9vbXMvMS8y", "cm9vbXMvMg", "cm9vbXM", &next[1..]] {
        let exception = scene.refused(Operation::ListRooms, json!({ "nextToken": token }));
        assert_eq!(
            exception.message(),
            "Request member: nextToken failed to satisfy the constraints: must be the nextToken of an earlier page",
            "{token}"
        );
    }
    scene.refused(Operation::ListLoggingConfigurations, json!({ "nextToken": next }));
    for _ in 0..999 {
        scene.call(Operation::UpdateRoom, json!({ "identifier": arns[0] }));
        scene.call(Operation::ListRooms, page(1));
    }
    scene.call(Operation::ListRooms, json!({ "nextToken": next }));
    scene.call(Operation::UpdateRoom, json!({ "identifier": arns[0] }));
    scene.call(Operation::ListRooms, page(1));
    scene.refused(Operation::ListRooms, json!({ "nextToken": next }));
}
