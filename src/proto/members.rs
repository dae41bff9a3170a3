//! Reading a JSON object member by member, so that one bad member spoils no other.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::proto::attributes::Attributes;

/// The members of a JSON object, unread, in the order of the text; with what broke the object
/// off, if anything did.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    members: Vec<(String, &'a RawValue)>,
    broken: Option<String>,
}

impl<'a> Members<'a> {
    /// Takes an object apart. This never fails: what could be read before an error is kept.
    pub(crate) fn read(text: &'a str) -> Self {
        let mut members = Vec::new();
        let broken = read_into(&mut members, text).err();
        Self { members, broken }
    }

    /// Why the text is not an object of JSON; `None` if it is one.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The members in the order of the text, the values as raw JSON.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The string member `name`; empty if it is absent or `null`.
    pub(crate) fn string(&self, name: &str) -> Result<String, String> {
        self.last(name).map_or(Ok(String::new()), |value| read_string(name, value))
    }

    /// The member `name` as attributes; `None` if it is absent or `null`.
    pub(crate) fn attributes(&self, name: &str) -> Result<Option<Attributes>, String> {
        let Some(value) = self.last(name) else { return Ok(None) };
        if !value.get().starts_with('{') {
            return Err(format!("{name} must be an object, not {}", kind(value)));
        }
        let entries = Self::read(value.get());
        if let Some(broken) = entries.broken() {
            return Err(format!("{name}: {broken}"));
        }
        let read = |(key, value): (&str, &RawValue)| {
            read_string(&format!("{name}.{key}"), value).map(|text| (key.to_owned(), text))
        };
        entries.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// The member of that name in any case. Of several the last one counts; `null` counts as
    /// absent.
    ///
    /// Observed: the service accepts members in lower camel case. Assumed: that it does so in any
    /// case, and that the last of several wins, as in Go, whose encoder its frames look like.
    fn last(&self, name: &str) -> Option<&'a RawValue> {
        let named = |(key, _): &&(String, &RawValue)| key.eq_ignore_ascii_case(name);
        self.members.iter().rfind(named).map(|(_, value)| *value).filter(|v| v.get() != "null")
    }
}

fn read_into<'a>(members: &mut Vec<(String, &'a RawValue)>, text: &'a str) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(Collect(members)).and_then(|()| json.end());
    if is_deeper_than(text, MAXIMUM_DEPTH) {
        return Err(format!("JSON is nested more than {MAXIMUM_DEPTH} levels deep"));
    }
    read.map_err(|error| match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if !text.trim_start().starts_with('{') => "JSON is not an object".into(),
        _ => format!("invalid JSON at line {}, column {}", error.line(), error.column()),
    })
}

struct Collect<'a, 'm>(&'m mut Vec<(String, &'a RawValue)>);

impl<'de> Visitor<'de> for Collect<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(())
    }
}

fn read_string(name: &str, value: &RawValue) -> Result<String, String> {
    if !value.get().starts_with('"') {
        return Err(format!("{name} must be a string, not {}", kind(value)));
    }
    // A raw value is well-formed already, so all that can be wrong in a string is an escape that
    // stands for no character.
    serde_json::from_str(value.get())
        .map_err(|_| format!("{name} contains a lone surrogate, which is no character"))
}

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes()[0] {
        b'"' => "a string",
        b'{' => "an object",
        b'[' => "an array",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
    }
}

/// Whether brackets outside strings are open more than `maximum` deep anywhere.
pub(crate) fn is_deeper_than(text: &str, maximum: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > maximum {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Assumed: that there is a limit, and that it is about this.
pub(crate) const MAXIMUM_DEPTH: usize = 1_000;
