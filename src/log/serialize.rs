//! Entries as data, for snapshots in YAML, JSON and RON.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::{Caller, Event, GaveUp, HandshakeRefused, Request, Response};
use crate::log::secrets::{hide, marked, marked_body};
use crate::log::transcript::Length;
use crate::proto::close::Close;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;

impl Entry {
    /// Writes the members of the entry, with labels that are shared by the whole log.
    pub(crate) fn serialize_with<S: Serializer>(
        &self,
        labels: &mut Labels,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        // The number of members depends on the kind of the entry, so it is not announced.
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", &self.kind())?;
        if !self.hides_times {
            map.serialize_entry("at", &self.record.at)?;
        }
        if let Some(peer) = &self.record.peer {
            map.serialize_entry("room", &*peer.room.label)?;
            map.serialize_entry("connection", &peer.label)?;
        }
        let mock = self.mock;
        match &self.record.event {
            Event::ClockAdvanced(by) => {
                map.serialize_entry("by", &Length(*by).to_string())?;
            }
            Event::Response(response) | Event::Undelivered(response) => {
                serialize_response(&mut map, response, mock, labels)?;
            }
            Event::Request(called) => serialize_request(&mut map, called, mock, labels)?,
            Event::ClosedByService(close) => {
                serialize_close(&mut map, "service", close, mock, labels)?;
            }
            Event::ClosedByClient(close) => {
                serialize_close(&mut map, "client", close, mock, labels)?;
            }
            Event::Connected(connected) => {
                map.serialize_entry("capabilities", &connected.capabilities)?;
            }
            Event::QuotaExceeded { quota, limit } => {
                map.serialize_entry("quota", &quota.to_string())?;
                map.serialize_entry("limit", limit)?;
            }
            Event::GaveUp(gave_up) => serialize_gave_up(&mut map, gave_up)?,
            Event::Disconnected => {}
            Event::HookFired(hooked) => {
                let name = hide(mock, &hooked.hook.name);
                map.serialize_entry("hook", &labels.label_tokens(&name))?;
                serialize_effect(&mut map, &hooked.effect, hooked.payload.as_ref(), mock, labels)?;
            }
            Event::Outage(outage) => map.serialize_entry("outage", outage.name())?,
            Event::FrameReceived(payload) | Event::FrameSent(payload) => {
                serialize_payload(&mut map, payload, mock, labels)?;
            }
            Event::HandshakeRefused(refused) => {
                serialize_refusal(&mut map, refused, mock, labels)?;
            }
            Event::Reviewed(reviewed) => {
                map.serialize_entry("message_id", &reviewed.message_id)?;
                let result = hide(mock, &reviewed.result);
                map.serialize_entry("result", &labels.label_tokens(&result))?;
            }
            Event::TestAction(action) => {
                serialize_effect(&mut map, &action.effect, action.payload.as_ref(), mock, labels)?;
            }
            Event::Unserved(unserved) => {
                map.serialize_entry("because", unserved.name())?;
                map.serialize_entry("message", &unserved.describe())?;
            }
        }
        map.end()
    }
}

fn serialize_refusal<M: SerializeMap>(
    map: &mut M,
    refused: &HandshakeRefused,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    map.serialize_entry("status", &refused.status)?;
    let message = hide(mock, &refused.message);
    map.serialize_entry("message", &labels.label_tokens(&message))?;
    let token = refused.token.as_ref().map(|token| marked(token));
    let token = token.as_ref().map(|token| labels.label_tokens(token));
    map.serialize_entry("token", &token)
}

fn serialize_request<M: SerializeMap>(
    map: &mut M,
    called: &Request,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    let origin = if called.origin == Caller::Test { "test" } else { "http" };
    map.serialize_entry("origin", origin)?;
    map.serialize_entry("operation", &called.operation.map(Operation::name))?;
    serialize_text(map, "body", &shown(labels, mock, &called.body))
}

fn serialize_response<M: SerializeMap>(
    map: &mut M,
    response: &Response,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    map.serialize_entry("operation", &response.operation.map(Operation::name))?;
    map.serialize_entry("status", &response.status)?;
    if let Some(exception) = &response.exception {
        map.serialize_entry("exception", exception)?;
    }
    serialize_text(map, "body", &shown(labels, mock, &marked_body(response)))
}

fn serialize_close<M: SerializeMap>(
    map: &mut M,
    by: &str,
    close: &Close,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    map.serialize_entry("by", by)?;
    map.serialize_entry("code", &close.code.map(|code| code.0))?;
    map.serialize_entry("reason", &labels.label_tokens(&hide(mock, &close.reason)))
}

fn serialize_gave_up<M: SerializeMap>(map: &mut M, gave_up: &GaveUp) -> Result<(), M::Error> {
    map.serialize_entry("operation", &gave_up.operation.map(Operation::name))?;
    map.serialize_entry("user_id", &gave_up.user_id)
}

fn serialize_effect<M: SerializeMap>(
    map: &mut M,
    effect: &str,
    payload: Option<&Payload>,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    map.serialize_entry("effect", &labels.label_tokens(&hide(mock, effect)))?;
    match payload.and_then(Payload::text) {
        Some(text) => serialize_text(map, "frame", &shown(labels, mock, text)),
        None => Ok(()),
    }
}

fn serialize_payload<M: SerializeMap>(
    map: &mut M,
    payload: &Payload,
    mock: u64,
    labels: &mut Labels,
) -> Result<(), M::Error> {
    let mut escaped = |bytes: &[u8]| {
        // Escaped first, because the bytes need not be UTF-8, and tokens are looked for in text.
        let text = bytes.escape_ascii().to_string();
        labels.label_tokens(&hide(mock, &text)).into_owned()
    };
    match (payload, payload.text()) {
        (_, Some(text)) => serialize_text(map, "frame", &shown(labels, mock, text)),
        (Payload::Ping(bytes), _) => map.serialize_entry("ping", &escaped(bytes)),
        (Payload::Pong(bytes), _) => map.serialize_entry("pong", &escaped(bytes)),
        _ => map.serialize_entry("binary", &escaped(payload.bytes())),
    }
}

/// Returns a text with its volatile values and its tokens replaced by labels.
fn shown(labels: &mut Labels, mock: u64, text: &str) -> String {
    let text = hide(mock, text);
    let text = labels.apply(&text);
    labels.label_tokens(&text).into_owned()
}

/// Writes JSON as structured data, so that snapshots are readable and redactions can select its
/// members. Writes any other text as a string.
fn serialize_text<M: SerializeMap>(map: &mut M, name: &str, text: &str) -> Result<(), M::Error> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => map.serialize_entry(name, &Sorted(&value)),
        Err(_) => map.serialize_entry(name, text),
    }
}

/// A value whose members are in alphabetical order, even if another crate has enabled
/// `preserve_order` of `serde_json`.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().map(|(k, v)| (k, Sorted(v))).collect();
                serializer.collect_map(sorted)
            }
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_with(&mut Labels::new(self.hides_times), serializer)
    }
}
