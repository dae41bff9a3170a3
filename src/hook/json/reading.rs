//! Reading: a hook from JSON, with errors that name the member and what it must be.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::hook::json::Members;

/// Reads the members of a hook.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
    let members = deserializer.deserialize_map(HookVisitor)?;
    Members::deserialize(Value::Object(members.clone()))
        .map_err(|error| de::Error::custom(explain(&members, &error.to_string())))
}

/// Reads an object. A derived visitor would also read an array, and complain about its length.
struct HookVisitor;

impl<'de> Visitor<'de> for HookVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a hook: an object such as `{"on": "action", "then": "ignore"}`"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(de::Error::custom(format!("duplicate member `{name}`")));
            }
            members.insert(name, value);
        }
        Ok(members)
    }
}

/// Returns the error of a hook with the name of the member that causes it.
fn explain(members: &Map<String, Value>, error: &str) -> String {
    let faulty = members.iter().find_map(|(name, value)| Some((name, value, fault(name, value)?)));
    if let Some((name, value, fault)) = faulty {
        return explain_member(name, value, &fault);
    }
    let missing = ["on", "then"].into_iter().find(|name| !members.contains_key(*name));
    match missing.and_then(|name| Some((name, form_of(name)?))) {
        Some((name, form)) => format!("missing member `{name}`, expected {form}"),
        None => error.into(),
    }
}

/// Returns the error that a member causes in a hook which is valid without it.
fn fault(name: &str, value: &Value) -> Option<String> {
    let mut hook = json!({ "on": "action", "then": "pass" });
    hook[name] = value.clone();
    Members::deserialize(hook).err().map(|error| error.to_string())
}

fn explain_member(name: &str, value: &Value, fault: &str) -> String {
    let is_known_effect = name == "then" && !fault.starts_with("unknown variant");
    if let (true, Value::Object(effects)) = (is_known_effect, value) {
        let names: Vec<_> = effects.keys().map(|name| format!("`{name}`")).collect();
        match &*names {
            [] => {}
            [_] => {
                let path = effects.keys().next().map_or("", String::as_str);
                return format!("`then.{path}`: {fault}");
            }
            _ => return format!("`then` must have one effect, got {}", names.join(" and ")),
        }
    }
    // The error lists the names that are known.
    if fault.starts_with("unknown field") || (value.is_string() && is_list(fault, name)) {
        return fault.into();
    }
    match form_of(name) {
        Some(form) => format!("`{name}` must be {form}, got {}", shown(value)),
        None => format!("`{name}`: {fault}"),
    }
}

/// Returns `true` if an error lists the names that a member may have.
fn is_list(fault: &str, member: &str) -> bool {
    ["on", "then"].contains(&member) && fault.starts_with("unknown variant")
}

/// Returns what a member must be.
fn form_of(member: &str) -> Option<&'static str> {
    Some(match member {
        "on" => "one of `handshake`, `action`, `review`, `delivery`, `operation`",
        "then" => r#"an effect such as `"reset"` or `{"delay": "5s"}`"#,
        "name" | "room" | "from" | "to" | "action" | "eventName" | "operation" | "containing"
        | "requestId" => "a string",
        "times" | "nth" | "every" | "after" | "connection" | "priority" | "seed" => {
            "a whole number"
        }
        "frame" => "one of `MESSAGE`, `EVENT`, `ERROR`",
        "between" => concat!(
            r#"an object of two times such as `{"from": "2026-01-01T00:00:00Z", "#,
            r#""until": "2026-01-01T01:00:00Z"}`"#,
        ),
        "probability" => "a number between 0 and 1",
        "expect" => "a number, or an object with `min` and perhaps `max`",
        _ => return None,
    })
}

/// Returns a value in a few words.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The number of characters that are shown of a value.
const LONGEST: usize = 60;
