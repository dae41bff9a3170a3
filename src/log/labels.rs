//! Labels: stand-ins for what differs between runs, numbered by first appearance.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::proto::timestamp::Timestamp;

/// Puts labels such as `[request-1]` in the place of volatile values. The same value always gets
/// the same label, so references between frames can still be followed.
#[derive(Debug)]
pub(crate) struct Labels {
    hides_times: bool,
    labels: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
}

impl Labels {
    pub(crate) const fn new(hides_times: bool) -> Self {
        Self { hides_times, labels: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// The text with its volatile values replaced: strings in it that are a UUID or, with a clock
    /// that moves by itself, one of the service's times.
    pub(crate) fn apply<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut result = String::new();
        let (mut copied, mut key) = (0, "");
        for (start, end, is_key) in StringLiterals::new(text) {
            let value = &text[start..end];
            if is_key {
                key = value;
            } else if let Some(kind) = self.kind(key, value) {
                result.push_str(&text[copied..start]);
                result.push_str(self.label(kind, value));
                copied = end;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        result.push_str(&text[copied..]);
        Cow::Owned(result)
    }

    fn kind(&self, key: &str, value: &str) -> Option<&'static str> {
        if is_uuid(value) {
            let is_request = key.eq_ignore_ascii_case("RequestId");
            return Some(if is_request { "request" } else { "uuid" });
        }
        let is_time =
            self.hides_times && TIMES.contains(&key) && value.parse::<Timestamp>().is_ok();
        is_time.then_some("time")
    }

    fn label(&mut self, kind: &'static str, value: &str) -> &str {
        let counts = &mut self.counts;
        self.labels.entry(value.to_owned()).or_insert_with(|| {
            let count = counts.entry(kind).or_default();
            *count += 1;
            let mut label = String::new();
            write!(label, "[{kind}-{count}]").expect("a string takes any text");
            label
        })
    }
}

/// The members in which the service puts a time of its clock.
const TIMES: [&str; 5] =
    ["SendTime", "createTime", "sessionExpirationTime", "tokenExpirationTime", "updateTime"];

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The string literals of a JSON text: where each begins and ends, without its quotes, and
/// whether a colon follows. In a text that is no JSON it finds whatever stands in quotes.
struct StringLiterals<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> StringLiterals<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for StringLiterals<'_> {
    type Item = (usize, usize, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at + self.text[self.at..].find('"')? + 1;
        let mut escaped = false;
        let length = self.text[start..].bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let end = start + length;
        self.at = end + 1;
        Some((start, end, self.text[self.at..].trim_start().starts_with(':')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_gets_the_same_label_wherever_it_stands() {
        let mut labels = Labels::new(true);
        let first = labels.apply(r#"{"RequestId":"11111111-2222-4333-8444-555555555555","SendTime":"2026-01-01T00:00:00.5Z"}"#);
        assert_eq!(first, r#"{"RequestId":"[request-1]","SendTime":"[time-1]"}"#);
        let second = labels.apply(r#"{"note" : "11111111-2222-4333-8444-555555555555", "Content":"2026-01-01T00:00:00Z", "createTime":"2026-01-01T00:00:01Z"}"#);
        assert_eq!(
            second,
            r#"{"note" : "[request-1]", "Content":"2026-01-01T00:00:00Z", "createTime":"[time-2]"}"#
        );
    }

    #[test]
    fn what_is_the_same_in_every_run_is_left_alone() {
        let text = r#"{"RequestId":"r1","SendTime":"2026-01-01T00:00:00Z","Content":"\"RequestId\":\"x\""}"#;
        assert_eq!(Labels::new(false).apply(text), text);
        assert_eq!(Labels::new(false).apply("no \"json"), "no \"json");
    }
}
