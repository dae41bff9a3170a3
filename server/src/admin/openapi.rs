//! The description of the control API, as a document of the `OpenAPI` standard.

mod hooks;
mod schemas;

use axum::Json;
use serde_json::{Map, Value, json};

use crate::boundaries::ADMIN;

pub(super) async fn document() -> Json<Value> {
    Json(build())
}

fn build() -> Value {
    let mut paths = Map::new();
    for operation in operations() {
        let path = paths.entry(format!("{ADMIN}{}", operation.path)).or_insert_with(|| json!({}));
        path[operation.method] = operation.describe();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Control API of mock-ivs-chat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Controls a mock of Amazon IVS Chat: rooms and tokens, participants, \
                faults, the clock, connections, outages and the log. Errors are problem documents \
                of RFC 9457.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas::all() },
    })
}

/// One method of one path.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: Vec<Value>,
    body: Option<&'static str>,
    responses: Vec<(u16, Value)>,
}

fn operation(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    // The checks of the Host and Origin headers, and requests that are not HTTP as they should be.
    let responses = vec![(400, problem()), (403, problem())];
    Operation { method, path, summary, query: Vec::new(), body: None, responses }
}

impl Operation {
    /// Adds a successful response with JSON.
    fn json(mut self, status: u16, schema: &str) -> Self {
        self.responses.push((status, content("application/json", &reference(schema))));
        self
    }

    /// Adds a successful response without a body.
    fn empty(mut self) -> Self {
        self.responses.push((204, json!({ "description": "Done" })));
        self
    }

    /// Adds a successful response that is not JSON.
    fn text(mut self, media_type: &str) -> Self {
        self.responses.push((200, content(media_type, &json!({ "type": "string" }))));
        self
    }

    /// Adds responses that are problem documents.
    fn problems<const N: usize>(mut self, statuses: [u16; N]) -> Self {
        self.responses.extend(statuses.map(|status| (status, problem())));
        self
    }

    fn body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self.problems([413, 415])
    }

    fn query(mut self, name: &str, schema: &Value, description: &str) -> Self {
        self.query.push(json!({
            "name": name, "in": "query", "schema": schema, "description": description,
        }));
        self
    }

    fn describe(&self) -> Value {
        let mut responses = Map::new();
        for (status, response) in &self.responses {
            responses.insert(status.to_string(), response.clone());
        }
        let mut parameters = self.query.clone();
        for name in self.path.split(['{', '}']).skip(1).step_by(2) {
            parameters.push(json!({
                "name": name, "in": "path", "required": true,
                "schema": { "type": "string" }, "description": path_parameter(name),
            }));
        }
        let mut description = json!({
            "operationId": self.id(),
            "summary": self.summary,
            "responses": responses,
        });
        if !parameters.is_empty() {
            description["parameters"] = json!(parameters);
        }
        if let Some(schema) = self.body {
            // An absent body is read as an object without members.
            let required = &schemas::all()[schema]["required"];
            description["requestBody"] = json!({
                "required": required.as_array().is_some_and(|members| !members.is_empty())
                    || schema == "HookSpec",
                "content": { "application/json": { "schema": reference(schema) } },
            });
        }
        description
    }

    fn id(&self) -> String {
        let path = self.path.replace(['{', '}'], "").replace(['/', '.', '-'], "_");
        format!("{}{}", self.method, path.trim_end_matches('_'))
    }
}

fn path_parameter(name: &str) -> &'static str {
    match name {
        "room" => "The name, the ID or the ARN of a room",
        _ => "The ID from a list, or from the response that created it",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn content(media_type: &str, schema: &Value) -> Value {
    json!({ "description": "Success", "content": { media_type: { "schema": schema } } })
}

fn problem() -> Value {
    json!({
        "description": "A problem document, which says what is wrong and where",
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    })
}

fn operations() -> Vec<Operation> {
    let groups =
        [pages(), rooms(), participants(), clock(), hooks(), connections(), service(), log()];
    groups.into_iter().flatten().collect()
}

fn pages() -> Vec<Operation> {
    vec![
        operation("get", "/", "The live page").text("text/html"),
        operation("get", "/page.css", "The style of the live page").text("text/css"),
        operation("get", "/page.js", "The script of the live page").text("text/javascript"),
        operation("get", "/openapi.json", "This document").json(200, "Document"),
    ]
}

fn rooms() -> Vec<Operation> {
    vec![
        operation("get", "/rooms", "Lists the rooms").json(200, "Rooms"),
        operation("post", "/rooms", "Creates a room, with the members of CreateRoom")
            .body("NewRoom")
            .json(201, "CreatedRoom")
            .problems([402, 404, 409, 429]),
        operation("get", "/rooms/{room}", "Returns a room").json(200, "Room").problems([404]),
        operation("delete", "/rooms/{room}", "Deletes a room").empty().problems([404]),
        operation("post", "/rooms/{room}/tokens", "Creates a chat token")
            .body("NewToken")
            .json(201, "Token")
            .problems([404]),
        operation("post", "/rooms/{room}/events", "Sends an event to the room (SendEvent)")
            .body("NewEvent")
            .json(200, "Id")
            .problems([404]),
        operation("post", "/rooms/{room}/disconnections", "Disconnects a user (DisconnectUser)")
            .body("Disconnection")
            .json(200, "Nothing")
            .problems([404]),
        operation("post", "/rooms/{room}/deletions", "Deletes a message (DeleteMessage)")
            .body("Deletion")
            .json(200, "Id")
            .problems([404]),
        operation("post", "/rooms/{room}/messages", "Sends a message as any user")
            .body("MessageAsUser")
            .json(200, "RequestId")
            .problems([404, 409]),
        operation("put", "/rooms/{room}/review", "Has a URL review the messages to the room")
            .body("Review")
            .json(200, "ReviewUrl")
            .problems([404]),
        operation("delete", "/rooms/{room}/review", "Removes the review of the room")
            .empty()
            .problems([404]),
    ]
}

fn participants() -> Vec<Operation> {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 300_000 });
    let types = json!({ "type": "string", "enum": ["MESSAGE", "EVENT", "ERROR"] });
    let text = json!({ "type": "string" });
    vec![
        operation("get", "/participants", "Lists the participants that requests have connected")
            .json(200, "Participants"),
        operation("post", "/participants", "Connects a user inside the mock")
            .body("NewParticipant")
            .json(201, "Participant")
            .problems([404, 409]),
        operation("get", "/participants/{id}", "Returns a participant")
            .json(200, "Participant")
            .problems([404]),
        operation("delete", "/participants/{id}", "Closes the connection of a participant")
            .empty()
            .problems([404]),
        operation("post", "/participants/{id}/messages", "Sends a message")
            .body("NewMessage")
            .json(200, "RequestId")
            .problems([404, 409]),
        operation("post", "/participants/{id}/deletions", "Sends DELETE_MESSAGE")
            .body("DeleteMessage")
            .json(200, "RequestId")
            .problems([404, 409]),
        operation("post", "/participants/{id}/disconnections", "Sends DISCONNECT_USER")
            .body("DisconnectUser")
            .json(200, "RequestId")
            .problems([404, 409]),
        operation(
            "get",
            "/participants/{id}/frames",
            "Removes and returns the next frame that matches",
        )
        .query("waitMs", &number, "How long to wait for one; 0 if absent")
        .query("type", &types, "The type of the frame")
        .query("containing", &text, "Text within the frame")
        .json(200, "ReceivedFrame")
        .problems([404, 408, 409]),
    ]
}

fn clock() -> Vec<Operation> {
    vec![
        operation("get", "/clock", "Returns the time of the mock").json(200, "Clock"),
        operation("post", "/clock/advance", "Advances the clock, and all that becomes due happens")
            .body("Advance")
            .json(200, "Clock")
            .problems([409]),
        operation("post", "/clock/freeze", "Stops the clock, now or at a later time")
            .body("Freeze")
            .json(200, "Clock")
            .problems([409]),
    ]
}

fn hooks() -> Vec<Operation> {
    vec![
        operation("get", "/hooks", "Lists the hooks that requests have installed")
            .json(200, "Hooks"),
        operation("post", "/hooks", "Installs a hook").body("HookSpec").json(201, "Hook"),
        operation("delete", "/hooks", "Removes these hooks").empty(),
        operation("get", "/hooks/{id}", "Returns a hook").json(200, "Hook").problems([404]),
        operation("delete", "/hooks/{id}", "Removes a hook").empty().problems([404]),
        operation("post", "/hooks/{id}/release", "Releases the events that a hook holds")
            .body("Nothing")
            .empty()
            .problems([404, 409]),
    ]
}

fn connections() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    let act = |path: &'static str, summary: &'static str, body: &'static str| {
        operation("post", path, summary).body(body).json(200, "Id").problems([404, 409])
    };
    vec![
        operation("get", "/connections", "Lists the open connections")
            .query("room", &text, "The name, the ID or the ARN of a room")
            .query("userId", &text, "A user")
            .json(200, "Connections")
            .problems([404]),
        operation("get", "/connections/{id}", "Returns a connection")
            .json(200, "Connection")
            .problems([404]),
        act("/connections/{id}/close", "Closes a connection with a close frame", "Close"),
        act("/connections/{id}/reset", "Resets a connection, without a close frame", "Nothing"),
        act("/connections/{id}/stall", "Stops reading and writing until resume", "Nothing"),
        act("/connections/{id}/resume", "Ends a stall", "Nothing"),
        act("/connections/{id}/limit-bandwidth", "Limits the bandwidth", "Bandwidth"),
        act("/connections/{id}/frames", "Sends a frame with any text", "NewFrame"),
    ]
}

fn service() -> Vec<Operation> {
    vec![
        operation("get", "/status", "Returns URLs, the clock and counts").json(200, "Status"),
        operation("post", "/outage", "Begins an outage")
            .body("NewOutage")
            .json(201, "Outage")
            .problems([409]),
        operation("delete", "/outage", "Ends the outage").empty().problems([409]),
        operation("post", "/restart", "Resets all connections, as a deployment does")
            .body("Nothing")
            .empty(),
        operation("get", "/lint", "Lists what clients did wrong").json(200, "Findings"),
        operation("get", "/verify", "Checks the expectations of the hooks; 409 if one is not met")
            .json(200, "Report")
            .json(409, "Report"),
        operation("post", "/reset", "Removes rooms, hooks or the log").body("Reset").empty(),
    ]
}

fn log() -> Vec<Operation> {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let formats = json!({ "type": "string", "enum": schemas::FORMATS });
    let mut events =
        operation("get", "/log/events", "Sends entries as they are recorded (server-sent events)")
            .query("since", &number, "The index of the first entry; Last-Event-ID has precedence");
    events.responses.push((
        200,
        json!({
            "description": "A stream without end: the data of each event is an entry as JSON",
            "content": { "text/event-stream": { "schema": {} } },
        }),
    ));
    let mut read = operation("get", "/log", "Returns the log")
        .query("format", &formats, "The form; text if absent")
        .query("room", &text, "Only entries about this room")
        .query("userId", &text, "Only entries about this user")
        .query("kind", &json!({ "type": "string", "enum": schemas::KINDS }), "Only this kind")
        .query("since", &number, "Only entries from this index on")
        .query("limit", &number, "At most this many entries, the latest ones");
    let string = json!({ "schema": { "type": "string" } });
    read.responses.push((
        200,
        json!({
            "description": "Success",
            "content": {
                "text/plain": string,
                "text/html": string,
                "application/jsonl": string,
                "application/json": { "schema": {} },
            },
        }),
    ));
    vec![read, events]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_each_route_and_no_other() {
        let source = include_str!("mod.rs");
        let mut routes = BTreeSet::new();
        for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
            let (path, handlers) = line.split_once('"').expect("a path ends with a quote");
            for method in ["get", "post", "put", "delete"] {
                if handlers.contains(&format!("{method}(")) {
                    routes.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
        let described = operations().into_iter();
        let described = described.map(|one| (one.method.to_owned(), one.path.to_owned())).collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn each_reference_leads_to_a_schema_and_each_schema_is_used() {
        let document = build().to_string();
        let used: BTreeSet<&str> = document
            .split("#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let schemas = schemas::all();
        let known: BTreeSet<&str> = schemas.keys().map(String::as_str).collect();
        assert_eq!(used, known);
    }
}
