//! The schema of hooks: the conditions and effects of each hook point.

use mock_ivs_chat::{ActionKind, ErrorCode, Operation};
use serde_json::{Value, json};

use super::schemas::{Schemas, attributes, list, number, object, string, time};

/// The exceptions whose status is known.
const MODELED: [&str; 8] = [
    "AccessDeniedException",
    "ConflictException",
    "InternalServerException",
    "PendingVerification",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "ThrottlingException",
    "ValidationException",
];

pub(super) fn all() -> Schemas {
    let points = [handshake(), action(), review(), delivery(), operation()];
    let hook = object(&[
        ("id", string()),
        ("name", json!({ "type": ["string", "null"] })),
        ("hits", number()),
        ("spec", json!({ "$ref": "#/components/schemas/HookSpec" })),
        ("waitingAtGate?", number()),
    ]);
    vec![("HookSpec", json!({ "oneOf": points })), ("Hook", hook), ("Hooks", list("hooks", "Hook"))]
}

/// A hook point with the conditions and the effects that not all of them have.
fn point(
    on: &str,
    conditions: &[(&str, Value)],
    plain: &[&str],
    with_argument: &[(&str, Value)],
) -> Value {
    let positive = json!({ "type": "integer", "minimum": 1 });
    let mut members = vec![
        ("on", json!({ "const": on })),
        ("name?", string()),
        ("priority?", json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })),
        ("room?", string()),
        ("containing?", string()),
        ("times?", number()),
        ("nth?", positive.clone()),
        ("every?", positive),
        ("after?", number()),
        ("between?", object(&[("from", time()), ("until", time())])),
        ("probability?", json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        ("seed?", number()),
        (
            "expect?",
            json!({ "oneOf": [number(), object(&[("min", number()), ("max?", number())])] }),
        ),
        ("then", effects(plain, with_argument)),
    ];
    members.extend(conditions.iter().cloned());
    let mut schema = object(&members);
    schema["title"] = json!(format!("A hook on {on}"));
    schema["dependentRequired"] = json!({ "seed": ["probability"] });
    schema
}

/// The effects of a hook point: their names alone, or with an argument.
fn effects(plain: &[&str], with_argument: &[(&str, Value)]) -> Value {
    let part = "[0-9]{1,6}(years?|months?|days?|h|m|s|ms|us|ns)";
    let duration = json!({
        "type": "string",
        "pattern": format!("^{part}( {part})*$"),
        "description": "A duration such as `250ms` or `1h 30m`",
    });
    let names: Vec<&str> = ["pass", "hold"].iter().chain(plain).copied().collect();
    let mut one_of = vec![json!({ "enum": names })];
    one_of.push(object(&[("delay", duration.clone())]));
    one_of.push(object(&[("delayRealTime", duration)]));
    one_of.extend(with_argument.iter().map(|(name, schema)| object(&[(name, schema.clone())])));
    json!({ "oneOf": one_of })
}

fn disconnect() -> (&'static str, Value) {
    let code = json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX });
    ("disconnect", object(&[("code?", code), ("reason?", string())]))
}

fn headers() -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z0-9-]+$" },
        "additionalProperties": { "type": "string", "pattern": "^[ -~]*$" },
    })
}

fn status(least: u16) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": 599 })
}

fn handshake() -> Value {
    let refuse =
        object(&[("status", status(400)), ("message?", string()), ("headers?", headers())]);
    let bandwidth = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    point(
        "handshake",
        &[("from?", string())],
        &["reset", "neverRespond"],
        &[disconnect(), ("refuse", refuse), ("limitBandwidth", bandwidth)],
    )
}

fn action() -> Value {
    let codes = ErrorCode::ALL.map(ErrorCode::code);
    let reject = object(&[("errorCode", json!({ "enum": codes })), ("errorMessage?", string())]);
    let actions = ActionKind::ALL.map(ActionKind::name);
    let conditions = [
        ("from?", string()),
        ("connection?", json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })),
        ("action?", json!({ "enum": actions })),
        ("requestId?", string()),
    ];
    let change = json!({ "oneOf": [
        object(&[
            ("Action", json!({ "const": "SEND_MESSAGE" })),
            ("Content", string()),
            ("Attributes?", attributes()),
        ]),
        object(&[
            ("Action", json!({ "const": "DELETE_MESSAGE" })),
            ("Id", string()),
            ("Reason?", string()),
        ]),
        object(&[
            ("Action", json!({ "const": "DISCONNECT_USER" })),
            ("UserId", string()),
            ("Reason?", string()),
        ]),
    ] });
    let respond = json!({ "description": "The text of a frame, or its JSON" });
    point(
        "action",
        &conditions,
        &["reset", "stall", "duplicate", "reorder", "ignore"],
        &[disconnect(), ("reject", reject), ("respond", respond), ("change", change)],
    )
}

fn review() -> Value {
    let verdict = object(&[
        ("ReviewResult", json!({ "enum": ["ALLOW", "DENY"] })),
        ("Content?", string()),
        ("Attributes?", attributes()),
    ]);
    let respond = json!({ "oneOf": [{ "enum": ["fail", "timeOut"] }, verdict] });
    point("review", &[("from?", string())], &[], &[("respond", respond)])
}

fn delivery() -> Value {
    let conditions = [
        ("from?", string()),
        ("to?", string()),
        ("connection?", json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })),
        ("frame?", json!({ "enum": ["MESSAGE", "EVENT", "ERROR"] })),
        ("eventName?", string()),
        ("requestId?", string()),
    ];
    let count = json!({ "type": "integer", "minimum": 0 });
    let corrupt = json!({ "oneOf": [
        { "enum": [
            "invalidJson", "unknownType", "binary", "invalidUtf8", "reservedBit", "truncated",
        ] },
        object(&[("missingMember", string())]),
        object(&[("oversize", count.clone())]),
        object(&[("fragmented", count)]),
    ] });
    let mut schema = point(
        "delivery",
        &conditions,
        &["reset", "stall", "duplicate", "reorder", "drop"],
        &[disconnect(), ("change", frame()), ("replace", string()), ("corrupt", corrupt)],
    );
    // A name is that of an event.
    schema["dependentSchemas"] =
        json!({ "eventName": { "properties": { "frame": { "const": "EVENT" } } } });
    schema
}

/// A frame that the service sends.
fn frame() -> Value {
    let optional = json!({ "anyOf": [attributes(), { "type": "null" }] });
    let sender = object(&[("UserId", string()), ("Attributes", attributes())]);
    let codes = ErrorCode::ALL.map(ErrorCode::code);
    json!({ "oneOf": [
        object(&[
            ("Type", json!({ "const": "MESSAGE" })),
            ("Id", string()),
            ("RequestId", string()),
            ("Attributes?", optional.clone()),
            ("Content", string()),
            ("SendTime", time()),
            ("Sender", sender),
        ]),
        object(&[
            ("Type", json!({ "const": "EVENT" })),
            ("Id", string()),
            ("RequestId", string()),
            ("EventName", string()),
            ("Attributes?", optional),
            ("SendTime", time()),
        ]),
        object(&[
            ("Type", json!({ "const": "ERROR" })),
            ("Id", string()),
            ("RequestId", string()),
            ("ErrorCode", json!({ "enum": codes })),
            ("ErrorMessage", string()),
        ]),
    ] })
}

fn operation() -> Value {
    let operations = Operation::ALL.map(Operation::name);
    let exception = |name: Value, status_name: &'static str| {
        object(&[
            ("exception", name),
            ("message?", string()),
            (status_name, status(400)),
            ("members?", json!({ "type": "object" })),
        ])
    };
    let fail = json!({ "anyOf": [
        exception(json!({ "enum": MODELED }), "status?"),
        exception(string(), "status"),
    ] });
    let respond = object(&[("status", status(200)), ("body?", string()), ("headers?", headers())]);
    point(
        "operation",
        &[("operation?", json!({ "enum": operations }))],
        &["reset", "neverRespond", "emptyBody", "truncatedBody", "closeInHead", "closeInBody"],
        &[("fail", fail), ("respond", respond)],
    )
}
