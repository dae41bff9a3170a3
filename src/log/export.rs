//! Exports: the log in formats that other tools read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::log::entry::{Direction, Entry};
use crate::log::record::{Caller, Event, HandshakeRefused, Request, Response};
use crate::log::secrets::{TokenLabels, hide, marked_body};
use crate::log::summary;
use crate::log::timeline::{Columns, next_row, shortened};
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

/// Returns the log as a Mermaid sequence diagram. It never contains chat tokens.
pub(crate) fn mermaid(entries: &[Entry]) -> String {
    // A diagram has no width to fit into, so no lane is left out.
    let (columns, _) = Columns::of(entries, usize::MAX);
    let mut text = String::from("sequenceDiagram\n    participant ivs as IVS Chat\n");
    let mut push = |line: String| {
        text.push_str("    ");
        text.push_str(&line);
        text.push('\n');
    };
    for (index, title) in columns.titles().iter().enumerate() {
        push(format!("participant p{} as {}", index + 1, mermaid_text(title)));
    }
    let mut rest = entries;
    while let Some((row, following)) = next_row(rest) {
        rest = following;
        for entry in row {
            let words = mermaid_text(&shortened(entry));
            let lane = columns.of_entry(entry).map(|lane| lane + 1);
            push(match (lane, entry.direction()) {
                (Some(lane), Some(Direction::Inbound)) => format!("p{lane}->>ivs: {words}"),
                (Some(lane), Some(Direction::Outbound)) => format!("ivs-->>p{lane}: {words}"),
                _ => format!("Note over ivs: {words}"),
            });
        }
    }
    TokenLabels::new().label(&text).into_owned()
}

/// Returns the log as JSON Lines.
pub(crate) fn json_lines(entries: &[Entry]) -> String {
    let (mut text, mut labels) = (String::new(), TokenLabels::new());
    for entry in entries {
        let line = Value::Object(exact(entry, &mut labels)).to_string();
        text.push_str(&labels.label(&hide(entry.mock, &line)));
        text.push('\n');
    }
    text
}

/// Returns the log as an HTTP archive.
pub(crate) fn har(entries: &[Entry]) -> String {
    let mut labels = TokenLabels::new();
    // The entries of an archive are not in the order of the log, and base64 hides tokens.
    // Therefore a draft, whose base64 nobody reads, tells in which order the tokens appear.
    let draft = har_draft(entries, &mut TokenLabels::new());
    labels.label(&draft);
    let text = har_draft(entries, &mut labels);
    labels.label(&hide(mock_of(entries), &text)).into_owned()
}

/// Returns the number of the mock whose entries these are.
pub(crate) fn mock_of(entries: &[Entry]) -> u64 {
    entries.first().map_or(0, |entry| entry.mock)
}

fn har_draft(entries: &[Entry], labels: &mut TokenLabels) -> String {
    let mut har = Vec::new();
    let mut calls = BTreeMap::<u64, (&Entry, usize)>::new();
    let mut connections = BTreeMap::<ConnectionId, usize>::new();
    for entry in entries {
        match (&entry.record.event, entry.connection()) {
            (Event::Request(called), _) => {
                let origin = (entry, har.len());
                // A call without a response is shown, too. The response replaces it in its place,
                // so the calls stay in order.
                har.push(har_call(entry, called, None));
                calls.insert(entry.number, origin);
            }
            (Event::Response(response), _) => {
                if let Some((call, place)) = calls.get(&entry.record.cause) {
                    if let Event::Request(called) = &call.record.event {
                        har[*place] = har_call(call, called, Some(response));
                    }
                }
            }
            (Event::FrameReceived(payload) | Event::FrameSent(payload), Some(connection)) => {
                // A view or a bounded log may begin after the handshake. The frames then get a
                // connection all the same.
                let place = *connections.entry(connection).or_insert_with(|| {
                    har.push(har_connection(entry));
                    har.len() - 1
                });
                if let Some(Value::Array(messages)) = har[place].get_mut(MESSAGES) {
                    messages.push(har_message(entry, payload, labels));
                }
            }
            (Event::Connected(_), Some(connection)) => {
                connections.insert(connection, har.len());
                har.push(har_connection(entry));
            }
            (Event::HandshakeRefused(refused), _) => har.push(har_refusal(entry, refused)),
            _ => {}
        }
    }
    let creator = json!({ "name": "mock-ivs-chat", "version": env!("CARGO_PKG_VERSION") });
    let log = json!({ "version": "1.2", "creator": creator, "pages": [], "entries": har });
    format!("{:#}\n", json!({ "log": log }))
}

/// Escapes a text so that Mermaid treats it as plain text.
fn mermaid_text(text: &str) -> String {
    let plain = |c| match c {
        '"' => '\'',
        // A semicolon ends a statement of Mermaid, and a number sign begins an entity.
        ';' => ',',
        '#' | '<' | '>' | '\n' | '\r' => ' ',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// Returns the text of an entry with marks in the place of chat tokens.
pub(crate) fn marked_text(entry: &Entry) -> Option<Cow<'_, str>> {
    match &entry.record.event {
        Event::Response(response) => Some(marked_body(response)),
        _ => entry.text().map(|text| hide(entry.mock, text)),
    }
}

impl Entry {
    /// Returns the entry as JSON, with the members that [`Log::to_json_lines`] writes. Labels
    /// of chat tokens count from 1 in each entry.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// assert_eq!(ivs.log().entries()[0].to_json()["kind"], "request");
    /// ```
    ///
    /// [`Log::to_json_lines`]: crate::Log::to_json_lines
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(exact(self, &mut TokenLabels::default()))
    }
}

/// Returns the bytes of a frame in base64, as they are unless a token is among them.
fn base64(entry: &Entry, bytes: &[u8], labels: &mut TokenLabels) -> String {
    let text = String::from_utf8_lossy(bytes);
    match hide(entry.mock, &text) {
        // A token in base64 would be readable, and no later step would find it.
        Cow::Owned(marked) => BASE64.encode(labels.label(&marked).as_bytes()),
        Cow::Borrowed(_) => BASE64.encode(bytes),
    }
}

/// Returns an entry with nothing replaced by labels but chat tokens.
pub(crate) fn exact(entry: &Entry, labels: &mut TokenLabels) -> Map<String, Value> {
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| {
        // A `null` would say no more than an absent member.
        if !value.is_null() {
            members.insert(name.into(), value);
        }
    };
    set("index", json!(entry.index()));
    set("at", json!(entry.at()));
    set("kind", json!(entry.kind()));
    set("cause", json!(entry.cause()));
    set("room", json!(entry.room()));
    set("user_id", json!(entry.user_id()));
    set("connection", json!(entry.record.peer.as_ref().map(|peer| &peer.label)));
    set("operation", json!(entry.operation().map(|operation| operation.name())));
    set("status", json!(entry.status()));
    if let Some((code, reason)) = entry.close() {
        set("code", json!(code.map(|code| code.0)));
        set("reason", json!(labels.label(&hide(entry.mock, reason))));
    }
    set("summary", json!(labels.label(&summary::of(entry))));
    match (marked_text(entry), entry.bytes()) {
        (Some(text), _) => set("text", json!(labels.label(&text))),
        (None, Some(bytes)) => set("base64", json!(base64(entry, bytes, labels))),
        (None, None) => {}
    }
    members
}

const MESSAGES: &str = "_webSocketMessages";

/// Returns the name by which developer tools know an entry's type.
fn har_entry(entry: &Entry, resource_type: &str, request: &Value, response: &Value) -> Value {
    let timings = json!({ "send": 0, "wait": 0, "receive": 0 });
    json!({
        "startedDateTime": entry.at(), "time": 0, "request": request, "response": response,
        "cache": {}, "timings": timings, "_resourceType": resource_type,
    })
}

fn har_request(method: &str, url: &str, body: Option<&str>) -> Value {
    let mut request = json!({
        "method": method, "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
        "queryString": [], "headersSize": -1, "bodySize": body.map_or(0, str::len),
    });
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        request["postData"] = json!({ "mimeType": "application/json", "text": body });
    }
    request
}

fn har_response(status: u16, text: &str, body: &str) -> Value {
    let content = json!({ "size": body.len(), "mimeType": "application/json", "text": body });
    json!({
        "status": status, "statusText": text, "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": [], "content": content, "redirectURL": "", "headersSize": -1,
        "bodySize": body.len(),
    })
}

fn har_call(entry: &Entry, called: &Request, response: Option<&Response>) -> Value {
    let (method, path) = match (&called.origin, called.operation) {
        (Caller::Http { method, path, .. }, _) => {
            (method.as_str(), hide(entry.mock, path).into_owned())
        }
        // A call of the test has no request line. Most operations would have this one.
        (Caller::Test, operation) => {
            ("POST", format!("/{}", operation.map_or("", |operation| operation.name())))
        }
    };
    let body = hide(entry.mock, &called.body);
    let mut request = har_request(method, &format!("http://localhost{path}"), Some(&body));
    add_headers(&mut request, entry);
    let response = response.map_or_else(
        // The archive format requires a response. Browsers write a status of 0 for a request
        // without one.
        || har_response(0, "", ""),
        |response| {
            let exception = response.exception.as_deref().unwrap_or_default();
            har_response(response.status, exception, &marked_body(response))
        },
    );
    har_entry(entry, "fetch", &request, &response)
}

fn har_connection(entry: &Entry) -> Value {
    let user_id = entry.record.peer.as_ref().map_or("", |peer| &peer.label);
    let mut request = har_request("GET", "ws://localhost/", None);
    add_headers(&mut request, entry);
    let response = har_response(101, "Switching Protocols", "");
    let mut har = har_entry(entry, "websocket", &request, &response);
    har["comment"] = json!(user_id);
    har[MESSAGES] = json!([]);
    har
}

fn har_refusal(entry: &Entry, refused: &HandshakeRefused) -> Value {
    let mut request = har_request("GET", "ws://localhost/", None);
    add_headers(&mut request, entry);
    let body = json!({ "message": refused.message }).to_string();
    har_entry(entry, "websocket", &request, &har_response(refused.status, "", &body))
}

fn add_headers(request: &mut Value, entry: &Entry) {
    if let Some(headers) = entry.headers() {
        let named = headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        request["headers"] = named.collect();
    }
}

fn har_message(entry: &Entry, payload: &Payload, labels: &mut TokenLabels) -> Value {
    let (opcode, data) = match payload {
        Payload::Text(data) => {
            let text = String::from_utf8_lossy(&data.bytes);
            (1, hide(entry.mock, &text).into_owned())
        }
        Payload::Binary(data) => (2, base64(entry, &data.bytes, labels)),
        Payload::Ping(bytes) => (9, base64(entry, bytes, labels)),
        Payload::Pong(bytes) => (10, base64(entry, bytes, labels)),
    };
    let way = if entry.direction() == Some(Direction::Inbound) { "send" } else { "receive" };
    let time: Duration = entry.at().to_unix();
    json!({ "type": way, "time": time.as_secs_f64(), "opcode": opcode, "data": data })
}
