//! Members: a JSON object is read member by member, so that a bad member does not affect others.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::proto::attributes::Attributes;

/// The unread members of a JSON object, in the order of the text, and the fault that ended the
/// reading, if there was one.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    members: Vec<(String, &'a RawValue)>,
    broken: Option<Broken>,
}

/// The reason why a text is not a JSON object, and the byte where it breaks off, if it does.
#[derive(Debug)]
struct Broken {
    reason: String,
    at: Option<usize>,
}

impl<'a> Members<'a> {
    /// Reads an object. This never fails: the members before an error are kept.
    pub(crate) fn read(text: &'a str) -> Self {
        let mut members = Vec::new();
        let broken = read_into(&mut members, text).err();
        Self { members, broken }
    }

    /// Returns the reason why the text is not a JSON object; `None` if it is one.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_ref().map(|broken| broken.reason.as_str())
    }

    /// Returns the byte where the text stops being JSON.
    pub(crate) fn broken_at(&self) -> Option<usize> {
        self.broken.as_ref()?.at
    }

    /// Returns the members in the order of the text, the values as raw JSON.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Returns the string member `name`; empty if it is absent or `null`.
    pub(crate) fn string(&self, name: &str) -> Result<String, String> {
        self.last(name).map_or(Ok(String::new()), |value| read_string(name, value))
    }

    /// Returns the member `name` as attributes; `None` if it is absent or `null`.
    ///
    /// Assumed: an empty object stays one, and values other than strings are refused.
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

    /// Returns the value of the member `name` as it is in the text.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.last(name).map(RawValue::get)
    }

    /// Returns the value that keeps the member `name` from being a string.
    pub(crate) fn no_string(&self, name: &str) -> Option<&'a str> {
        self.last(name).filter(|value| read_string(name, value).is_err()).map(RawValue::get)
    }

    /// Returns the value that keeps the member `name` from being attributes.
    pub(crate) fn no_attributes(&self, name: &str) -> Option<&'a str> {
        let text = self.raw(name)?;
        let entries = Self::read(text);
        let mut values = entries.iter().map(|(_, value)| value);
        let wrong = values.find(|value| read_string(name, value).is_err());
        let is_object = entries.broken().is_none();
        wrong.map(RawValue::get).or_else(|| (!is_object).then_some(text))
    }

    /// Returns the member with this name in any case. If there are several, the last one applies.
    /// `null` counts as absent.
    ///
    /// Observed: the service accepts members in lower camel case. Assumed: that it does so in any
    /// case, and that the last of several wins, as in Go, whose encoder its frames look like; other
    /// members are ignored.
    fn last(&self, name: &str) -> Option<&'a RawValue> {
        let named = |(key, _): &&(String, &RawValue)| key.eq_ignore_ascii_case(name);
        // Filtered last: a later `null` makes a member absent, even if an earlier one has a value.
        self.members.iter().rfind(named).map(|(_, value)| *value).filter(|v| v.get() != "null")
    }
}

fn read_into<'a>(members: &mut Vec<(String, &'a RawValue)>, text: &'a str) -> Result<(), Broken> {
    let mut json = serde_json::Deserializer::from_str(text);
    // Before the depth is checked, so that the members are there if it is too large: an error
    // carries the `RequestId`.
    let read = json.deserialize_map(Collect(members)).and_then(|()| json.end());
    if is_deeper_than(text, MAXIMUM_DEPTH) {
        let reason = format!("JSON is nested more than {MAXIMUM_DEPTH} levels deep");
        return Err(Broken { reason, at: None });
    }
    // Parsed again, because the error does not distinguish invalid JSON from JSON of another type.
    read.map_err(|error| match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if !text.trim_start().starts_with('{') => {
            Broken { reason: "JSON is not an object".into(), at: None }
        }
        _ => {
            let (line, column) = (error.line(), error.column());
            let reason = format!("invalid JSON at line {line}, column {column}");
            Broken { reason, at: Some(place(text, line, column)) }
        }
    })
}

/// Returns the byte at a line and a column, both counted from 1. Columns are bytes.
fn place(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    (lines.map(str::len).sum::<usize>() + column.saturating_sub(1)).min(text.len())
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
    // A raw value is already well-formed, so the only possible fault in a string is an escape that
    // does not encode a character.
    serde_json::from_str(value.get())
        .map_err(|_| format!("{name} contains a lone surrogate, which is not a character"))
}

fn kind(value: &RawValue) -> &'static str {
    // A raw value is JSON without white space around it, so it has a first byte.
    match value.get().as_bytes()[0] {
        b'"' => "a string",
        b'{' => "an object",
        b'[' => "an array",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
    }
}

/// Returns `true` if brackets outside strings are nested more than `maximum` levels deep.
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

/// Assumed: there is a limit, of about this size.
pub(crate) const MAXIMUM_DEPTH: usize = 1_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", 0, false)]
    #[case("[]", 0, true)]
    #[case("[]", 1, false)]
    #[case("[{}]", 1, true)]
    #[case("[{}]", 2, false)]
    #[case("[][]{}", 1, false)]
    #[case("}}[[", 1, true)]
    #[case("}}[", 1, false)]
    #[case(r#""[[["[]"#, 1, false)]
    #[case(r#""\"[[["[]"#, 1, false)]
    #[case(r#""\\"[["#, 1, true)]
    #[case(r#"\"[[""#, 1, false)]
    #[case(r#"["]","["#, 1, false)]
    #[case(r#"["}"][["#, 1, true)]
    fn depth_counts_open_brackets_outside_strings(
        #[case] text: &str,
        #[case] maximum: usize,
        #[case] is_deeper: bool,
    ) {
        assert_eq!(is_deeper_than(text, maximum), is_deeper);
    }

    #[test]
    fn a_thousand_levels_are_allowed() {
        let nested = |levels: usize| {
            format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
        };
        assert_eq!(Members::read(&nested(127)).broken(), None);
        assert_eq!(Members::read(&nested(MAXIMUM_DEPTH)).broken(), None);
        let broken = "JSON is nested more than 1000 levels deep";
        assert_eq!(Members::read(&nested(MAXIMUM_DEPTH + 1)).broken(), Some(broken));
    }

    #[test]
    fn members_are_read_in_order_and_until_the_object_breaks_off() {
        let members = Members::read(r#" {"a":"x","B":[1],"a":null,"#);
        let found: Vec<_> = members.iter().map(|(name, value)| (name, value.get())).collect();
        assert_eq!(found, [("a", r#""x""#), ("B", "[1]"), ("a", "null")]);
        assert_eq!(members.broken(), Some("invalid JSON at line 1, column 27"));
        assert_eq!(members.string("a"), Ok(String::new()));
        assert_eq!(members.string("b"), Err("b must be a string, not an array".into()));
        assert_eq!(members.string("c"), Ok(String::new()));
    }

    #[rstest]
    #[case("1")]
    #[case("[]")]
    #[case(" \"a\" ")]
    #[case("null")]
    fn other_json_is_not_an_object(#[case] text: &str) {
        assert_eq!(Members::read(text).broken(), Some("JSON is not an object"));
    }

    #[rstest]
    #[case("{}{}", "invalid JSON at line 1, column 3")]
    #[case(" {\n\"a\" 1}", "invalid JSON at line 2, column 5")]
    #[case("{1:2}", "invalid JSON at line 1, column 2")]
    // An object whose name is half of a character, which only a reader of names notices.
    #[case(r#"{"\ud800":1}"#, "invalid JSON at line 1, column 9")]
    fn faults_have_a_place(#[case] text: &str, #[case] broken: &str) {
        assert_eq!(Members::read(text).broken(), Some(broken));
    }

    #[rstest]
    #[case("null", Ok(None))]
    #[case("{}", Ok(Some(Attributes::new())))]
    #[case(r#"{"b":"c"}"#, Ok(Some(Attributes::from([("b", "c")]))))]
    #[case(r#""b""#, Err("a must be an object, not a string"))]
    #[case("[]", Err("a must be an object, not an array"))]
    #[case("true", Err("a must be an object, not a boolean"))]
    #[case("false", Err("a must be an object, not a boolean"))]
    #[case("-1", Err("a must be an object, not a number"))]
    #[case(r#"{"b":{}}"#, Err("a.b must be a string, not an object"))]
    #[case(r#"{"b":null}"#, Err("a.b must be a string, not null"))]
    #[case(r#"{"b":"\ud800"}"#, Err("a.b contains a lone surrogate, which is not a character"))]
    fn attributes_are_an_object_of_strings(
        #[case] value: &str,
        #[case] expected: Result<Option<Attributes>, &str>,
    ) {
        let text = format!(r#"{{"A":{value}}}"#);
        assert_eq!(Members::read(&text).attributes("a"), expected.map_err(str::to_owned));
    }

    #[test]
    fn absent_attributes_are_none() {
        assert_eq!(Members::read("{}").attributes("a"), Ok(None));
    }
}
