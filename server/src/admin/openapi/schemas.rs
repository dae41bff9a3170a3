//! The schemas of bodies.

use serde_json::{Map, Value, json};

use super::hooks;

pub(super) const FORMATS: [&str; 7] =
    ["text", "per-connection", "jsonl", "json", "har", "mermaid", "html"];

pub(super) const KINDS: [&str; 17] = [
    "clock_advanced",
    "response",
    "request",
    "closed",
    "connected",
    "quota_exceeded",
    "gave_up",
    "disconnected",
    "hook_fired",
    "outage",
    "frame_received",
    "handshake_refused",
    "reviewed",
    "test_action",
    "undelivered",
    "unserved",
    "frame_sent",
];

/// Returns all schemas by their names.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    let parts = [shared(), rooms(), participants(), hooks::all(), connections(), service()];
    for (name, schema) in parts.into_iter().flatten() {
        all.insert(name.to_owned(), schema);
    }
    all
}

pub(super) type Schemas = Vec<(&'static str, Value)>;

/// An object that has no other members. Those whose names end in `?` are optional.
pub(super) fn object(members: &[(&str, Value)]) -> Value {
    let name = |name: &str| name.trim_end_matches('?').to_owned();
    let is_required = |(name, _): &&(&str, Value)| !name.ends_with('?');
    let required: Vec<_> = members.iter().filter(is_required).map(|(full, _)| name(full)).collect();
    let properties: Map<_, _> =
        members.iter().map(|(full, schema)| (name(full), schema.clone())).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

pub(super) fn list(member: &str, item: &str) -> Value {
    let items = json!({ "$ref": format!("#/components/schemas/{item}") });
    object(&[(member, json!({ "type": "array", "items": items }))])
}

pub(super) fn string() -> Value {
    json!({ "type": "string" })
}

pub(super) fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A string with at most this many characters, and at least one.
fn text(most: u16) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most })
}

fn strings() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn attributes() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

fn capabilities() -> Value {
    let names = ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"];
    json!({
        "type": "array",
        "items": { "type": "string", "enum": names },
        "description": "All of them if absent",
    })
}

fn shared() -> Schemas {
    let problem = object(&[
        ("title", string()),
        ("status", number()),
        ("detail", string()),
        (
            "pointer?",
            json!({
                "type": "string",
                "description": "The part of the request that is at fault: a JSON pointer into the \
                    body, or the name of a query parameter",
            }),
        ),
    ]);
    vec![
        ("Problem", problem),
        ("Nothing", object(&[])),
        ("Id", object(&[("id", string())])),
        ("RequestId", object(&[("requestId", string())])),
        ("Document", json!({ "type": "object", "required": ["openapi", "info", "paths"] })),
    ]
}

fn rooms() -> Schemas {
    let room =
        object(&[("arn", string()), ("id", string()), ("name", string()), ("users", strings())]);
    let new_room = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 128, "pattern": "^[a-zA-Z0-9-_]*$" },
            "maximumMessageLength": { "type": "integer", "minimum": 1, "maximum": 500 },
            "maximumMessageRatePerSecond": { "type": "integer", "minimum": 1, "maximum": 100 },
            "tags": {
                "type": "object", "maxProperties": 50,
                "propertyNames": { "minLength": 1, "maxLength": 128 },
                "additionalProperties": { "type": "string", "maxLength": 256 },
            },
        },
    });
    vec![
        ("Room", room),
        ("Rooms", list("rooms", "Room")),
        ("NewRoom", new_room),
        ("CreatedRoom", json!({ "type": "object", "required": ["arn", "id"] })),
        (
            "NewToken",
            object(&[
                ("userId", text(128)),
                ("capabilities?", capabilities()),
                ("attributes?", attributes()),
                (
                    "sessionDurationInMinutes?",
                    json!({ "type": "integer", "minimum": 1, "maximum": 180 }),
                ),
            ]),
        ),
        (
            "Token",
            object(&[
                ("token", string()),
                ("tokenExpirationTime", time()),
                ("sessionExpirationTime", time()),
            ]),
        ),
        ("NewEvent", object(&[("eventName", text(100)), ("attributes?", attributes())])),
        ("Disconnection", object(&[("userId", text(128)), ("reason?", text(256))])),
        (
            "Deletion",
            object(&[
                ("messageId", json!({ "type": "string", "pattern": "^[a-zA-Z0-9]{12}$" })),
                ("reason?", text(256)),
            ]),
        ),
        (
            "MessageAsUser",
            object(&[("userId", string()), ("content", string()), ("attributes?", attributes())]),
        ),
        (
            "Review",
            object(&[
                ("url", json!({ "type": "string", "format": "uri" })),
                ("fallbackResult?", json!({ "type": "string", "enum": ["ALLOW", "DENY"] })),
            ]),
        ),
        ("ReviewUrl", object(&[("url", string())])),
    ]
}

fn participants() -> Schemas {
    vec![
        (
            "Participant",
            object(&[
                ("id", string()),
                ("room", string()),
                ("roomArn", string()),
                ("userId", string()),
                ("connectionId", string()),
                ("isConnected", boolean()),
            ]),
        ),
        ("Participants", list("participants", "Participant")),
        (
            "NewParticipant",
            object(&[
                ("room", string()),
                ("userId", string()),
                ("capabilities?", capabilities()),
                ("attributes?", attributes()),
            ]),
        ),
        ("DisconnectUser", object(&[("userId", string()), ("reason?", string())])),
        ("DeleteMessage", object(&[("messageId", string()), ("reason?", string())])),
        ("NewMessage", object(&[("content", string()), ("attributes?", attributes())])),
        (
            "ReceivedFrame",
            object(&[
                ("index", number()),
                ("at", time()),
                ("frame", json!({ "description": "The JSON of the frame, or its text" })),
            ]),
        ),
    ]
}

fn connections() -> Schemas {
    vec![
        (
            "Connection",
            object(&[
                ("id", string()),
                ("room", string()),
                ("roomArn", string()),
                ("userId", string()),
                ("ageMs", number()),
                ("queuedFrames", number()),
                ("queuedBytes", number()),
                ("isStalled", boolean()),
                ("isParticipant", boolean()),
            ]),
        ),
        ("Connections", list("connections", "Connection")),
        (
            "Close",
            object(&[
                ("code?", json!({ "type": "integer", "minimum": 1000, "maximum": 4999 })),
                ("reason?", json!({ "type": "string", "maxLength": 123 })),
            ]),
        ),
        (
            "Bandwidth",
            object(&[
                (
                    "bytesPerSecond",
                    json!({
                        "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX,
                        "description": "null removes the limit",
                    }),
                ),
                ("direction", json!({ "type": "string", "enum": ["inbound", "outbound"] })),
            ]),
        ),
        ("NewFrame", object(&[("text", string())])),
    ]
}

fn urls() -> Value {
    object(&[("http", string()), ("ws", string()), ("https?", string()), ("wss?", string())])
}

fn service() -> Schemas {
    let modes = json!({ "type": "string", "enum": ["refuse", "accept"] });
    let advance = json!({ "type": "integer", "minimum": 0, "maximum": 3_162_240_000_000_u64 });
    vec![
        ("Clock", object(&[("now", time()), ("frozen", boolean())])),
        ("Advance", object(&[("byMs", advance)])),
        (
            "Freeze",
            object(&[("at?", json!({ "type": ["string", "null"], "format": "date-time" }))]),
        ),
        (
            "Status",
            object(&[
                ("version", string()),
                ("ready", boolean()),
                ("urls", urls()),
                ("caFile?", string()),
                ("clock", json!({ "$ref": "#/components/schemas/Clock" })),
                (
                    "counts",
                    object(&[
                        ("rooms", number()),
                        ("connections", number()),
                        ("participants", number()),
                        ("entries", number()),
                    ]),
                ),
                ("outage", json!({ "enum": ["refuse", "accept", null] })),
                ("unmet", strings()),
            ]),
        ),
        ("NewOutage", object(&[("mode?", modes.clone())])),
        ("Outage", object(&[("mode", modes)])),
        (
            "Finding",
            object(&[
                ("lint", string()),
                ("entry", number()),
                ("connection", json!({ "type": ["string", "null"] })),
                ("message", string()),
            ]),
        ),
        ("Findings", list("findings", "Finding")),
        (
            "Report",
            object(&[
                ("isFailure", boolean()),
                ("unmet", strings()),
                ("neverFired", strings()),
                ("panics", strings()),
                ("waitingAtGates", number()),
                ("report", string()),
            ]),
        ),
        (
            "Reset",
            object(&[(
                "what?",
                json!({ "type": "string", "enum": ["all", "hooks", "rooms", "log"] }),
            )]),
        ),
    ]
}
