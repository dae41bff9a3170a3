//! The document of the control API, compared with what the server does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Response, Server, members};

/// Calls an operation, and checks that the document describes the response.
struct Checked {
    server: Server,
    document: Value,
    seen: BTreeSet<String>,
}

impl Checked {
    fn new(server: Server) -> Self {
        let document = server.get("/openapi.json");
        Self { server, document, seen: BTreeSet::new() }
    }

    /// `path` is that of the document, and `arguments` take the places of its parameters.
    #[expect(clippy::needless_pass_by_value, reason = "calls are shorter this way")]
    fn call(
        &mut self,
        method: &str,
        path: &str,
        arguments: &[&str],
        body: Option<Value>,
    ) -> Response {
        let mut concrete = path.to_owned();
        for argument in arguments {
            let (start, end) = (concrete.find('{').unwrap(), concrete.find('}').unwrap());
            concrete.replace_range(start..=end, argument);
        }
        let (plain, query) = concrete.split_once('?').unwrap_or((&concrete, ""));
        let described = path.split('?').next().unwrap();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let operation = &self.document["paths"][format!("/__admin{described}")][method];
        assert!(operation.is_object(), "{method} {described} is not described");
        if let Some(body) = &body {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            self.check(schema, body, "the request");
        }
        let response =
            self.server.call(&method.to_uppercase(), &format!("{plain}{query}"), body.as_ref());
        let described_response = &operation["responses"][response.status.to_string()];
        assert!(
            described_response.is_object(),
            "{method} {concrete}: status {} is not described: {response:?}",
            response.status
        );
        let content = &described_response["content"];
        if response.status == 204 {
            assert!(content.is_null());
        } else {
            let media_type = response.media_type.split(';').next().unwrap();
            let schema = &content[media_type]["schema"];
            assert!(!schema.is_null(), "{method} {concrete}: {media_type} is not described");
            self.check(schema, &response.body, &format!("the response of {method} {concrete}"));
        }
        self.seen.insert(format!("{method} {described}"));
        response
    }

    fn check(&self, schema: &Value, value: &Value, what: &str) {
        let mut whole = schema.clone();
        whole["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap();
        let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{what} is not as described: {errors:?}: {value}");
    }
}

#[test]
fn each_operation_responds_as_described() {
    let mut api = Checked::new(Server::with_lobby());
    call_rooms(&mut api);
    let bob = call_participants(&mut api);
    call_connections(&mut api, &bob);
    call_hooks(&mut api);
    call_the_rest(&mut api);
    // The events never end; a test of the log reads them.
    api.seen.insert("get /log/events".into());
    let mut described = BTreeSet::new();
    for (path, item) in members(&api.document["paths"]) {
        for method in members(&item).keys() {
            described.insert(format!("{method} {}", path.trim_start_matches("/__admin")));
        }
    }
    assert_eq!(api.seen, described);
}

fn call_rooms(api: &mut Checked) {
    for path in
        ["/", "/page.css", "/page.js", "/openapi.json", "/status", "/rooms", "/clock", "/lint"]
    {
        assert_eq!(api.call("get", path, &[], None).status, 200);
    }
    api.call("post", "/rooms", &[], Some(json!({ "name": "stage" })));
    api.call("get", "/rooms/{room}", &["stage"], None);
    api.call("get", "/rooms/{room}", &["attic"], None);
    api.call("delete", "/rooms/{room}", &["stage"], None);
    api.call("post", "/rooms/{room}/tokens", &["lobby"], Some(json!({ "userId": "alice" })));
    let message = json!({ "userId": "alice", "content": "hello" });
    api.call("post", "/rooms/{room}/messages", &["lobby"], Some(message));
    api.call("post", "/rooms/{room}/events", &["lobby"], Some(json!({ "eventName": "a" })));
    api.call(
        "post",
        "/rooms/{room}/deletions",
        &["lobby"],
        Some(json!({ "messageId": "Message00001" })),
    );
    let review = json!({ "url": "http://127.0.0.1:1/", "fallbackResult": "ALLOW" });
    api.call("put", "/rooms/{room}/review", &["lobby"], Some(review));
    api.call("delete", "/rooms/{room}/review", &["lobby"], None);
}

/// Returns the connection of a participant.
fn call_participants(api: &mut Checked) -> String {
    let new = json!({ "room": "lobby", "userId": "bob" });
    let bob =
        api.call("post", "/participants", &[], Some(new)).body["id"].as_str().unwrap().to_owned();
    api.call("get", "/participants", &[], None);
    api.call("get", "/participants/{id}", &[&bob], None);
    api.call("post", "/participants/{id}/messages", &[&bob], Some(json!({ "content": "hi" })));
    api.call("post", "/participants/{id}/deletions", &[&bob], Some(json!({ "messageId": "m" })));
    api.call("post", "/participants/{id}/disconnections", &[&bob], Some(json!({ "userId": "x" })));
    api.call("get", "/participants/{id}/frames?type=MESSAGE", &[&bob], None);
    assert_eq!(
        api.call("get", "/participants/{id}/frames?containing=zzz", &[&bob], None).status,
        408
    );
    bob
}

fn call_connections(api: &mut Checked, bob: &str) {
    api.call("get", "/connections", &[], None);
    api.call("get", "/connections/{id}", &[bob], None);
    for command in ["stall", "resume"] {
        api.call("post", &format!("/connections/{{id}}/{command}"), &[bob], Some(json!({})));
    }
    let limit = json!({ "bytesPerSecond": 5000, "direction": "inbound" });
    api.call("post", "/connections/{id}/limit-bandwidth", &[bob], Some(limit));
    api.call("post", "/connections/{id}/frames", &[bob], Some(json!({ "text": "x" })));
    api.call("post", "/connections/{id}/close", &[bob], Some(json!({ "code": 1001 })));
    assert_eq!(api.call("post", "/connections/{id}/reset", &[bob], Some(json!({}))).status, 404);
    api.call("delete", "/participants/{id}", &[bob], None);
    api.call(
        "post",
        "/rooms/{room}/disconnections",
        &["lobby"],
        Some(json!({ "userId": "alice" })),
    );
}

fn call_hooks(api: &mut Checked) {
    let spec = json!({ "on": "action", "expect": { "min": 1 }, "then": "hold" });
    let hook = api.call("post", "/hooks", &[], Some(spec)).body["id"].as_str().unwrap().to_owned();
    api.call("get", "/hooks", &[], None);
    api.call("get", "/hooks/{id}", &[&hook], None);
    assert_eq!(api.call("get", "/verify", &[], None).status, 409);
    api.call("post", "/hooks/{id}/release", &[&hook], Some(json!({})));
    api.call("delete", "/hooks/{id}", &[&hook], None);
    api.call("delete", "/hooks", &[], None);
}

fn call_the_rest(api: &mut Checked) {
    api.call("post", "/clock/advance", &[], Some(json!({ "byMs": 1000 })));
    api.call("post", "/clock/freeze", &[], Some(json!({})));
    api.call("post", "/outage", &[], Some(json!({ "mode": "accept" })));
    api.call("delete", "/outage", &[], None);
    api.call("post", "/restart", &[], Some(json!({})));
    for format in ["text", "per-connection", "jsonl", "json", "har", "mermaid", "html"] {
        api.call("get", &format!("/log?format={format}"), &[], None);
    }
    api.call("post", "/reset", &[], Some(json!({ "what": "all" })));
}

/// Each effect with an example of its argument, and the hook points that have it.
fn effects() -> Vec<(Value, &'static str)> {
    let message = json!({
        "Type": "MESSAGE", "Id": "a", "RequestId": "", "Content": "x",
        "SendTime": "2026-01-01T00:00:00Z", "Sender": { "UserId": "a", "Attributes": {} },
    });
    let everywhere = "handshake action review delivery operation";
    let frames = "action delivery";
    vec![
        (json!("pass"), everywhere),
        (json!("hold"), everywhere),
        (json!({ "delay": "250ms" }), everywhere),
        (json!({ "delayRealTime": "100h" }), everywhere),
        (json!("reset"), "handshake action delivery operation"),
        (json!({ "disconnect": { "code": 1001, "reason": "moved" } }), "handshake action delivery"),
        (json!("stall"), frames),
        (json!("duplicate"), frames),
        (json!("reorder"), frames),
        (json!("neverRespond"), "handshake operation"),
        (json!({ "refuse": { "status": 503, "headers": { "retry-after": "1" } } }), "handshake"),
        (json!({ "limitBandwidth": 100 }), "handshake"),
        (json!("ignore"), "action"),
        (json!({ "reject": { "errorCode": 406, "errorMessage": "no" } }), "action"),
        (json!({ "respond": "any text" }), "action"),
        (json!({ "change": { "Action": "SEND_MESSAGE", "Content": "x" } }), "action"),
        (json!({ "respond": "timeOut" }), "review"),
        (json!({ "respond": { "ReviewResult": "DENY" } }), "review"),
        (json!("drop"), "delivery"),
        (json!({ "change": message }), "delivery"),
        (json!({ "replace": "x" }), "delivery"),
        (json!({ "corrupt": "truncated" }), "delivery"),
        (json!({ "corrupt": { "oversize": 1000 } }), "delivery"),
        (json!({ "fail": { "exception": "ThrottlingException" } }), "operation"),
        (json!({ "fail": { "exception": "Other", "status": 500 } }), "operation"),
        (json!({ "respond": { "status": 200, "body": "{}" } }), "operation"),
        (json!("emptyBody"), "operation"),
        (json!("truncatedBody"), "operation"),
        (json!("closeInHead"), "operation"),
        (json!("closeInBody"), "operation"),
    ]
}

#[test]
fn the_schema_of_hooks_allows_the_effects_that_each_hook_point_has_and_no_others() {
    let server = Server::with_lobby();
    let document = server.get("/openapi.json");
    let mut schema = json!({ "$ref": "#/components/schemas/HookSpec" });
    schema["components"] = document["components"].clone();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (effect, points) in effects() {
        for on in ["handshake", "action", "review", "delivery", "operation"] {
            let hook = json!({ "on": on, "then": effect });
            let response = server.call("POST", "/hooks", Some(&hook));
            let has_effect = points.split(' ').any(|point| point == on);
            // The JSON of a frame may be anything, also what other hook points respond.
            let is_loose = on == "action" && effect.get("respond").is_some();
            if !is_loose {
                assert_eq!(response.status == 201, has_effect, "{hook}: {response:?}");
            }
            assert_eq!(response.status == 201, schema.is_valid(&hook), "{hook}: {response:?}");
            if let Some(spec) = response.body.get("spec") {
                assert!(schema.is_valid(spec), "the schema does not allow {spec}");
            }
        }
    }
}
