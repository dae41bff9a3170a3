//! Hooks as JSON: each is the same hook as that of a builder.

use std::time::Duration;

use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hook;
use crate::hook::builder::HookSpec;
use crate::hook::delivery::Corruption;
use crate::hook::registry::HookRegistry;
use crate::proto::action::{Action, SendMessage};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::Exception;
use crate::proto::operation::Operation;
use crate::service::review_handler::ReviewResponse;

fn read(json: &Value) -> HookSpec {
    HookSpec::deserialize(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[rstest]
#[case(hook::on_handshake().times(2).refuse(429, "slow down"),
    json!({ "on": "handshake", "times": 2, "then": { "refuse": { "status": 429, "message": "slow down" } } }))]
#[case(hook::on_handshake().disconnect_with_reason(CloseCode::NORMAL, "{}"),
    json!({ "on": "handshake", "then": { "disconnect": { "code": 1000, "reason": "{}" } } }))]
#[case(hook::on_handshake().never_respond(), json!({ "on": "handshake", "then": "neverRespond" }))]
#[case(hook::on_handshake().reset(), json!({ "on": "handshake", "then": "reset" }))]
#[case(hook::on_handshake().delay(Duration::from_secs(30)),
    json!({ "on": "handshake", "then": { "delay": "30s" } }))]
#[case(hook::on_handshake().from("bob").limit_bandwidth(1024),
    json!({ "on": "handshake", "from": "bob", "then": { "limitBandwidth": 1024 } }))]
#[case(hook::on_action().reject(ErrorCode::TooManyRequests, "rate limit exceeded"),
    json!({ "on": "action", "then": { "reject": { "errorCode": 429, "errorMessage": "rate limit exceeded" } } }))]
#[case(hook::on_action().from("alice").ignore(),
    json!({ "on": "action", "from": "alice", "then": "ignore" }))]
#[case(hook::on_action().respond("no JSON"),
    json!({ "on": "action", "then": { "respond": "no JSON" } }))]
#[case(hook::on_action().change(Action::SendMessage(SendMessage::new("***"))),
    json!({ "on": "action", "then": { "change": { "Action": "SEND_MESSAGE", "Content": "***" } } }))]
#[case(hook::on_action().duplicate(), json!({ "on": "action", "then": "duplicate" }))]
#[case(hook::on_action().nth(2).reorder(), json!({ "on": "action", "nth": 2, "then": "reorder" }))]
#[case(hook::on_action().delay(Duration::from_secs(5)),
    json!({ "on": "action", "then": { "delay": "5s" } }))]
#[case(hook::on_action().delay_real_time(Duration::from_millis(20)),
    json!({ "on": "action", "then": { "delayRealTime": "20ms" } }))]
#[case(hook::on_action().hold(), json!({ "on": "action", "then": "hold" }))]
#[case(hook::on_review().respond(ReviewResponse::deny("no links")),
    json!({ "on": "review", "then": { "respond":
        { "ReviewResult": "DENY", "Attributes": { "Reason": "no links" } } } }))]
#[case(hook::on_review().respond(ReviewResponse::fail()),
    json!({ "on": "review", "then": { "respond": "fail" } }))]
#[case(hook::on_review().respond(ReviewResponse::time_out()),
    json!({ "on": "review", "then": { "respond": "timeOut" } }))]
#[case(hook::on_delivery().to("bob").drop_frame(),
    json!({ "on": "delivery", "to": "bob", "then": "drop" }))]
#[case(hook::on_delivery().from("alice").message().drop_frame(),
    json!({ "on": "delivery", "from": "alice", "frame": "MESSAGE", "then": "drop" }))]
#[case(hook::on_delivery().to("bob").nth(3).duplicate(),
    json!({ "on": "delivery", "to": "bob", "nth": 3, "then": "duplicate" }))]
#[case(hook::on_delivery().to("bob").reorder(),
    json!({ "on": "delivery", "to": "bob", "then": "reorder" }))]
#[case(hook::on_delivery().to("bob").delay(Duration::from_secs(2)),
    json!({ "on": "delivery", "to": "bob", "then": { "delay": "2s" } }))]
#[case(hook::on_delivery().to("bob").hold(),
    json!({ "on": "delivery", "to": "bob", "then": "hold" }))]
#[case(hook::on_delivery().replace("nonsense"),
    json!({ "on": "delivery", "then": { "replace": "nonsense" } }))]
#[case(hook::on_delivery().corrupt(Corruption::InvalidJson),
    json!({ "on": "delivery", "then": { "corrupt": "invalidJson" } }))]
#[case(hook::on_delivery().corrupt(Corruption::UnknownType),
    json!({ "on": "delivery", "then": { "corrupt": "unknownType" } }))]
#[case(hook::on_delivery().corrupt(Corruption::MissingMember("Id".into())),
    json!({ "on": "delivery", "then": { "corrupt": { "missingMember": "Id" } } }))]
#[case(hook::on_delivery().corrupt(Corruption::Binary),
    json!({ "on": "delivery", "then": { "corrupt": "binary" } }))]
#[case(hook::on_delivery().corrupt(Corruption::InvalidUtf8),
    json!({ "on": "delivery", "then": { "corrupt": "invalidUtf8" } }))]
#[case(hook::on_delivery().corrupt(Corruption::Oversize(1 << 20)),
    json!({ "on": "delivery", "then": { "corrupt": { "oversize": 1_048_576 } } }))]
#[case(hook::on_delivery().corrupt(Corruption::Fragmented(10)),
    json!({ "on": "delivery", "then": { "corrupt": { "fragmented": 10 } } }))]
#[case(hook::on_delivery().corrupt(Corruption::ReservedBit),
    json!({ "on": "delivery", "then": { "corrupt": "reservedBit" } }))]
#[case(hook::on_delivery().corrupt(Corruption::Truncated),
    json!({ "on": "delivery", "then": { "corrupt": "truncated" } }))]
#[case(hook::on_action().after(10).disconnect(CloseCode::GOING_AWAY),
    json!({ "on": "action", "after": 10, "then": { "disconnect": { "code": 1001, "reason": "" } } }))]
#[case(hook::on_action().from("alice").reset(),
    json!({ "on": "action", "from": "alice", "then": "reset" }))]
#[case(hook::on_delivery().to("bob").stall(),
    json!({ "on": "delivery", "to": "bob", "then": "stall" }))]
#[case(hook::on_operation(Operation::CreateChatToken).fail(Exception::throttling("slow down")),
    json!({ "on": "operation", "operation": "CreateChatToken", "then": { "fail":
        { "exception": "ThrottlingException", "message": "slow down", "status": 429, "members": { "limit": 0, "resourceId": "", "resourceType": "ROOM" } } } }))]
#[case(hook::on_any_operation().respond(503, "Service Unavailable"),
    json!({ "on": "operation", "then": { "respond": { "status": 503, "body": "Service Unavailable" } } }))]
#[case(hook::on_any_operation().respond_with_headers(503, "busy", [("Retry-After", "2")]),
    json!({ "on": "operation", "then": { "respond": { "status": 503, "body": "busy", "headers": { "Retry-After": "2" } } } }))]
#[case(hook::on_any_operation().empty_body(), json!({ "on": "operation", "then": "emptyBody" }))]
#[case(hook::on_any_operation().truncated_body(), json!({ "on": "operation", "then": "truncatedBody" }))]
#[case(hook::on_any_operation().close_in_head(), json!({ "on": "operation", "then": "closeInHead" }))]
#[case(hook::on_any_operation().close_in_body(), json!({ "on": "operation", "then": "closeInBody" }))]
#[case(hook::on_any_operation().reset(), json!({ "on": "operation", "then": "reset" }))]
#[case(hook::on_any_operation().never_respond(), json!({ "on": "operation", "then": "neverRespond" }))]
fn each_fault_of_the_table_can_be_written_and_read(
    #[case] built: HookSpec,
    #[case] expected: Value,
) {
    assert_eq!(serde_json::to_value(&built).unwrap(), expected);
    assert_eq!(serde_json::to_value(read(&expected)).unwrap(), expected);
    // The text of a hook from JSON is that of the builder's calls.
    let text = |hook: HookSpec| {
        let mut hooks = HookRegistry::default();
        hooks.install(hook.rule);
        hooks.statuses()[0].origin()[0].clone()
    };
    assert_eq!(text(read(&expected)), text(built));
}

#[test]
fn all_conditions_can_be_written_and_read() {
    let noon = "2026-01-01T12:00:00Z".parse().unwrap();
    let built = hook::on_delivery()
        .named("loss")
        .priority(-2)
        .room("lobby")
        .to("bob")
        .event("app:poll")
        .containing("tea")
        .request_id("r1")
        .times(3)
        .nth(4)
        .every(2)
        .after(1)
        .between(noon, noon + Duration::from_secs(60))
        .with_probability(0.5, 42)
        .expect(..=2)
        .drop_frame();
    let expected = json!({
        "on": "delivery", "name": "loss", "priority": -2, "room": "lobby", "to": "bob",
        "frame": "EVENT", "eventName": "app:poll", "containing": "tea",
        "requestId": "r1", "times": 3, "nth": 4, "every": 2, "after": 1,
        "between": { "from": "2026-01-01T12:00:00Z", "until": "2026-01-01T12:01:00Z" },
        "probability": 0.5, "seed": 42, "expect": { "min": 0, "max": 2 }, "then": "drop",
    });
    assert_eq!(serde_json::to_value(&built).unwrap(), expected);
    assert_eq!(serde_json::to_value(read(&expected)).unwrap(), expected);
}

#[rstest]
#[case(json!([]), "invalid type: sequence, expected a hook: an object such as `{\"on\": \"action\", \"then\": \"ignore\"}`")]
#[case(json!(null), "invalid type: null, expected a hook: an object such as")]
#[case(json!("x"), "invalid type: string \"x\", expected a hook: an object such as")]
#[case(json!(1), "invalid type: integer `1`, expected a hook: an object such as")]
#[case(json!({}), "missing member `on`, expected one of `handshake`, `action`, `review`, `delivery`, `operation`")]
#[case(json!({ "on": "action" }), "missing member `then`, expected an effect such as `\"reset\"` or `{\"delay\": \"5s\"}`")]
#[case(json!({ "on": null, "then": "reset" }), "`on` must be one of `handshake`, `action`, `review`, `delivery`, `operation`, got null")]
#[case(json!({ "on": ["action"], "then": "reset" }), "`on` must be one of")]
#[case(json!({ "on": "action", "name": 1, "then": "reset" }), "`name` must be a string, got 1")]
#[case(json!({ "on": "action", "room": [], "then": "reset" }), "`room` must be a string, got []")]
#[case(json!({ "on": "action", "times": "x", "then": "reset" }), "`times` must be a whole number, got \"x\"")]
#[case(json!({ "on": "action", "nth": -1, "then": "reset" }), "`nth` must be a whole number, got -1")]
#[case(json!({ "on": "action", "every": 1.5, "then": "reset" }), "`every` must be a whole number, got 1.5")]
#[case(json!({ "on": "action", "connection": {}, "then": "reset" }), "`connection` must be a whole number, got {}")]
#[case(json!({ "on": "action", "priority": "high", "then": "reset" }), "`priority` must be a whole number, got \"high\"")]
#[case(json!({ "on": "action", "probability": "half", "then": "reset" }), "`probability` must be a number between 0 and 1, got \"half\"")]
#[case(json!({ "on": "delivery", "frame": "message", "then": "reset" }), "`frame` must be one of `MESSAGE`, `EVENT`, `ERROR`, got \"message\"")]
#[case(json!({ "on": "action", "between": [], "then": "reset" }), "`between` must be an object of two times such as `{\"from\": \"2026-01-01T00:00:00Z\", \"until\": \"2026-01-01T01:00:00Z\"}`, got []")]
#[case(json!({ "on": "action", "between": { "from": "noon", "until": "1969-01-01T00:00:00Z" }, "then": "reset" }), "`between` must be an object of two times")]
#[case(json!({ "on": "action", "expect": "x", "then": "reset" }), "`expect` must be a number, or an object with `min` and perhaps `max`, got \"x\"")]
#[case(json!({ "on": "action", "then": [] }), "`then` must be an effect such as `\"reset\"` or `{\"delay\": \"5s\"}`: ")]
#[case(json!({ "on": "action", "then": {} }), "`then` must be an effect such as `\"reset\"` or `{\"delay\": \"5s\"}`: ")]
#[case(json!({ "on": "action", "then": null }), "`then` must be an effect such as")]
#[case(json!({ "on": "action", "then": { "delay": 5 } }), "`then` must be an effect such as `\"reset\"` or `{\"delay\": \"5s\"}`: invalid type: integer `5`, expected a string")]
#[case(json!({ "on": "action", "then": { "reject": {} } }), ": missing field `errorCode`")]
#[case(json!({ "on": "action", "then": { "reset": 1 } }), "`then` must be an effect such as")]
#[case(json!({ "on": "action", "then": { "delay": "1s", "reset": null } }), "`then` must be an effect such as")]
#[case(json!({ "on": "socket", "then": "reset" }), "`on`: unknown variant `socket`, expected one of `handshake`, `action`")]
#[case(json!({ "on": "actions", "then": "reset" }), "`on`: unknown variant `actions`: did you mean `action`?")]
#[case(json!({ "on": "action", "form": "alice", "then": "reset" }), "unknown field `form`: did you mean `from`?")]
#[case(json!({ "on": "action", "request_id": "a", "then": "reset" }), "unknown field `request_id`: did you mean `requestId`?")]
#[case(json!({ "on": "action", "then": "ignored" }), "`then`: unknown variant `ignored`: did you mean `ignore`?")]
#[case(json!({ "on": "action", "then": { "delayRealtimes": "5s" } }), "`then`: unknown variant `delayRealtimes`: did you mean `delayRealTime`?")]
#[case(json!({ "on": "action", "action": "send_message", "then": "reset" }), "`send_message` is not an action: did you mean `SEND_MESSAGE`?")]
#[case(json!({ "on": "operation", "operation": "CreateRooms", "then": "reset" }), "`CreateRooms` is not an operation: did you mean `CreateRoom`?")]
#[case(json!({ "on": "action", "user": "alice", "then": "reset" }), "unknown field `user`, expected one of `on`, `name`")]
#[case(json!({ "on": "action", "to": "alice", "then": "reset" }), "`to` is not a condition of hooks on actions; known: `from`, `connection`, `action`, `requestId`")]
#[case(json!({ "on": "action", "then": "drop" }), "`drop` is not an effect of hooks on actions; known: `pass`, `reject`, `ignore`")]
#[case(json!({ "on": "action", "then": "explode" }), "unknown variant `explode`, expected one of `pass`, `delay`")]
#[case(json!({ "on": "action", "nth": 0, "then": "reset" }), "`nth` must be at least 1")]
#[case(json!({ "on": "action", "times": 0, "then": "reset" }), "`times` must be at least 1")]
#[case(
    json!({
        "on": "action",
        "between": { "from": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z" },
        "then": "reset",
    }),
    "`between` needs `until` to be later than `from`"
)]
#[case(json!({ "on": "action", "action": "SHOUT", "then": "reset" }), "`SHOUT` is not an action; known: `SEND_MESSAGE`")]
#[case(json!({ "on": "operation", "operation": "Shout", "then": "reset" }), "`Shout` is not an operation; known: `")]
#[case(json!({ "on": "action", "then": { "delay": "soon" } }), "`soon` is not a duration such as `5s`")]
#[case(json!({ "on": "action", "probability": 2, "then": "reset" }), "`probability` must be between 0 and 1")]
#[case(json!({ "on": "action", "seed": 2, "then": "reset" }), "`seed` needs `probability`")]
#[case(json!({ "on": "action", "expect": { "min": 3, "max": 1 }, "then": "reset" }), "a `max` that is less than its `min`")]
#[case(json!({ "on": "action", "expect": "often", "then": "reset" }), "`expect` must be a number, or an object with `min`")]
#[case(json!({ "on": "handshake", "then": { "refuse": { "status": 200 } } }), "`status` must be between 400 and 599, got 200")]
#[case(json!({ "on": "handshake", "then": { "limitBandwidth": 0 } }), "`limitBandwidth` must be at least 1")]
#[case(json!({ "on": "review", "then": { "respond": { "ReviewResult": "MAYBE" } } }), "`respond` is not valid: ")]
#[case(json!({ "on": "review", "then": { "respond": "maybe" } }), "`respond` cannot be `maybe`: there is `fail`, `timeOut`")]
#[case(json!({ "on": "operation", "then": { "fail": { "exception": "Odd" } } }), "`fail` needs a `status`: `Odd` is not a modeled exception")]
#[case(json!({ "on": "action", "then": { "change": { "Action": "SHOUT" } } }), "`change` needs an action: unknown Action")]
#[case(json!({ "on": "delivery", "frame": "ERROR", "eventName": "a", "then": "drop" }), "`eventName` needs `frame` to be `EVENT`")]
fn a_mistake_is_explained(#[case] json: Value, #[case] expected: &str) {
    let error = HookSpec::deserialize(&json).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[rstest]
#[case(Exception::access_denied("no"))]
#[case(Exception::conflict("no"))]
#[case(Exception::internal_server("no"))]
#[case(Exception::pending_verification("no"))]
#[case(Exception::resource_not_found("no"))]
#[case(Exception::service_quota_exceeded("no"))]
#[case(Exception::throttling("no"))]
#[case(Exception::validation("no"))]
fn a_modeled_exception_needs_no_status(#[case] exception: Exception) {
    let fail = json!({ "exception": exception.name(), "message": "no" });
    let hook = read(&json!({ "on": "operation", "then": { "fail": fail } }));
    let built = hook::on_any_operation().fail(exception);
    assert_eq!(serde_json::to_value(hook).unwrap(), serde_json::to_value(built).unwrap());
}

#[test]
fn a_range_of_one_number_is_a_number() {
    let range = json!({ "on": "action", "expect": { "min": 2, "max": 2 }, "then": "reset" });
    let number = json!({ "on": "action", "expect": 2, "then": "reset" });
    assert_eq!(serde_json::to_value(read(&range)).unwrap(), number);
    assert_eq!(serde_json::to_value(read(&number)).unwrap(), number);
}

#[test]
fn an_effect_with_members_of_another_hook_point_is_named() {
    let json = json!({ "on": "action", "then": { "refuse": { "status": 400 } } });
    let error = HookSpec::deserialize(&json).unwrap_err().to_string();
    assert!(error.starts_with("`refuse` is not an effect of hooks on actions"), "{error}");
}

#[test]
fn a_hook_with_a_closure_cannot_be_written() {
    let hook = hook::on_action().named("asks").with_closure(false, std::sync::Arc::new(()));
    let error = serde_json::to_value(&hook).unwrap_err().to_string();
    assert_eq!(error, "a hook with a closure cannot be written as JSON");
}

#[test]
fn a_mistake_in_a_text_has_its_place_and_no_member_counts_twice() {
    let error = |text: &str| serde_json::from_str::<HookSpec>(text).unwrap_err().to_string();
    let twice = error(r#"{"on":"action","on":"review","then":"pass"}"#);
    assert!(twice.starts_with("duplicate member `on` at line 1 column "), "{twice}");
    let wrong = error(r#"{"on":"action","times":"x","then":"pass"}"#);
    let expected = "`times` must be a whole number, got \"x\" at line 1 column ";
    assert!(wrong.starts_with(expected), "{wrong}");
    let delay = error(r#"{"on":"action","then":{"delay":"soon"}}"#);
    assert!(delay.contains("`soon` is not a duration such as `5s`"), "{delay}");
    assert_eq!(delay.matches("at line").count(), 1, "{delay}");
}
