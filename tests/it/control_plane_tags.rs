//! Tags: their path and query over HTTP, and how they follow their resource.

use mock_ivs_chat::{MockIvsChat, Operation};
use serde_json::json;

use crate::control_plane_support::{Resources, Wire, http, percent_encode, sdk};

#[tokio::test]
async fn the_sdk_tags_lists_and_untags_both_kinds_of_resources() {
    let ivs = MockIvsChat::start();
    let Resources { room, logging_configuration } = Resources::create(&ivs);
    let sdk = sdk(&ivs);
    for arn in [&room, &logging_configuration] {
        let tag = sdk.tag_resource().resource_arn(arn);
        tag.tags("stage", "test").tags("a b&c=d/é", "x").tags("team", "chat").send().await.unwrap();
        sdk.tag_resource().resource_arn(arn).tags("stage", "live").send().await.unwrap();
        let untag = sdk.untag_resource().resource_arn(arn);
        untag.tag_keys("a b&c=d/é").tag_keys("unknown").tag_keys("team").send().await.unwrap();
        let listed = sdk.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
        let listed: Vec<_> = listed.tags().iter().collect();
        assert_eq!(listed, [(&"stage".to_owned(), &"live".to_owned())]);
    }
}

#[tokio::test]
async fn tags_follow_their_resource() {
    let ivs = MockIvsChat::start();
    let sdk = sdk(&ivs);
    let room = ivs.new_room("lobby").tags([("stage", "test")]).create();
    sdk.tag_resource().resource_arn(room.arn()).tags("team", "chat").send().await.unwrap();
    room.update().name("stage").apply();
    let got = sdk.get_room().identifier(room.arn()).send().await.unwrap();
    assert_eq!((&*got.tags().unwrap()["stage"], &*got.tags().unwrap()["team"]), ("test", "chat"));
    assert_eq!(got.tags(), sdk.list_rooms().send().await.unwrap().rooms()[0].tags());
    room.delete();
    let error = sdk.list_tags_for_resource().resource_arn(room.arn()).send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
}

#[test]
fn a_resource_has_at_most_fifty_tags_in_all() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let tag = |from: usize, to: usize| {
        let tags: serde_json::Map<_, _> =
            (from..to).map(|number| (format!("key{number}"), json!(""))).collect();
        ivs.call(Operation::TagResource, json!({ "resourceArn": room.arn(), "tags": tags }))
    };
    tag(0, 49).unwrap();
    let refusal = tag(40, 51).unwrap_err();
    assert_eq!(refusal.body()["fieldList"][0]["name"], "tags");
    tag(40, 50).unwrap();
    let tags =
        ivs.call(Operation::ListTagsForResource, json!({ "resourceArn": room.arn() })).unwrap();
    assert_eq!(tags["tags"].as_object().unwrap().len(), 50);
}

#[test]
fn the_arn_is_percent_encoded_in_the_path_and_keys_are_repeated_in_the_query() {
    let ivs = MockIvsChat::start();
    let room =
        ivs.new_room("lobby").tags([("a", "1"), ("b", "2"), ("c d", "3"), ("e", "4")]).create();
    let path = format!("/tags/{}", percent_encode(room.arn()));
    assert!(path.contains("%3Aroom%2F"));
    let mut wire = Wire::open(&ivs);
    let untagged = wire.send("DELETE", &format!("{path}?tagKeys=a&other=e&tagKeys=c%20d"), "");
    assert_eq!((untagged.status, untagged.body.as_str()), (200, "{}"));
    let listed = wire.send("GET", &path, "");
    assert_eq!(listed.json(), json!({ "tags": { "b": "2", "e": "4" } }));
    let tagged = wire.send("POST", &path, r#"{"tags":{"b":"new"},"resourceArn":"ignored"}"#);
    assert_eq!((tagged.status, tagged.body.as_str()), (200, "{}"));
    assert_eq!(wire.send("GET", &path, "").json()["tags"]["b"], "new");
}

#[test]
fn keys_in_the_body_of_an_untagging_do_not_count() {
    let ivs = MockIvsChat::start();
    let room = ivs.new_room("lobby").tags([("a", "1")]).create();
    let path = format!("/tags/{}", percent_encode(room.arn()));
    let answer = http(&ivs, "DELETE", &path, r#"{"tagKeys":["a"]}"#);
    answer.assert_error(400, "ValidationException");
    assert_eq!(answer.json()["fieldList"][0]["name"], "tagKeys");
    http(&ivs, "DELETE", &format!("{path}?tagKeys"), "").assert_error(400, "ValidationException");
}

#[test]
fn a_body_that_is_not_read_cannot_be_wrong() {
    let ivs = MockIvsChat::start();
    let room = ivs.create_room("lobby");
    let path = format!("/tags/{}", percent_encode(room.arn()));
    assert_eq!(http(&ivs, "GET", &path, "not JSON").status, 200);
}
