//! Reading: a hook from JSON, with errors that name the member and what it must be.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::hook::json::Members;
use crate::hook::json::effect::Effect;
use crate::proto::spelling;

/// Reads the members of a hook.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
    deserializer.deserialize_map(HookVisitor)
}

/// Reads an object. A derived visitor would also read an array, and complain about its length.
struct HookVisitor;

impl<'de> Visitor<'de> for HookVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a hook: an object such as `{"on": "action", "then": "ignore"}`"#)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let (mut members, mut then) = (Map::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            let value = if name == "then" {
                // Not by way of a value, so that an error keeps its place within the effect.
                let effect = map.next_value::<Effect>();
                then = Some(effect.map_err(|error| de::Error::custom(explain_effect(&error)))?);
                json!("pass")
            } else {
                map.next_value_seed(MemberSeed(&name))?
            };
            if members.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format!("duplicate member `{name}`")));
            }
        }
        let missing = ["on", "then"].into_iter().find(|name| !members.contains_key(*name));
        if let Some((name, form)) = missing.and_then(|name| Some((name, form_of(name)?))) {
            let message = format!("missing member `{name}`, expected {form}");
            return Err(de::Error::custom(message));
        }
        let mut read = Members::deserialize(Value::Object(members)).map_err(de::Error::custom)?;
        if let Some(then) = then {
            read.then = then;
        }
        Ok(read)
    }
}

/// Reads a member other than the effect, and checks it.
struct MemberSeed<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let (Self(name), value) = (self, Value::deserialize(deserializer)?);
        // A hook that is valid without the member.
        let mut hook = json!({ "on": "action", "then": "pass" });
        hook[name] = value.clone();
        match Members::deserialize(hook) {
            Ok(_) => Ok(value),
            Err(fault) => Err(de::Error::custom(explain(name, &value, &fault.to_string()))),
        }
    }
}

fn explain_effect(error: &impl fmt::Display) -> String {
    let error = error.to_string();
    match form_of("then") {
        // The error lists the effects that are known.
        Some(form) if !error.starts_with("unknown variant") => {
            format!("`then` must be {form}: {error}")
        }
        _ => format!("`then`: {}", with_meant_name(&error)),
    }
}

fn explain(name: &str, value: &Value, fault: &str) -> String {
    match form_of(name) {
        Some(_) if name == "on" && value.is_string() => {
            format!("`on`: {}", with_meant_name(fault))
        }
        Some(form) => format!("`{name}` must be {form}, got {}", shown(value)),
        // The member is unknown, and the error lists those that are known.
        None => with_meant_name(fault),
    }
}

/// Returns an error about an unknown name with the name that is probably meant, in the place of all
/// that are known.
fn with_meant_name(fault: &str) -> String {
    let Some((unknown, expected)) = fault.split_once(", expected ") else { return fault.into() };
    // Serde writes each name between backticks, which do not occur in these names.
    let names = |text| str::split(text, '`').skip(1).step_by(2);
    let meant = names(unknown).next().and_then(|name| spelling::meant(name, names(expected)));
    match meant {
        Some(meant) => format!("{unknown}: did you mean `{meant}`?"),
        None => fault.into(),
    }
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
