//! Labels: the mock's own values in the place of those that differ between runs and accounts.
//!
//! A recording has `Message00001` where the service had an id of its own, and the account
//! `123456789012` where it had yours. So a recording of the service can be compared with the
//! transcript of a script line by line, and holds nothing that identifies an account.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mock_ivs_chat::Timestamp;
use serde_json::Value;

use crate::redaction::{can_be_hidden, hide, redact};
use crate::text::{Literal, values};

/// The values of the service that are known so far, each with its label.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Label by value, and value by label.
    labels: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    /// Values that no file may have.
    secrets: BTreeSet<String>,
    /// How far a time of the service may be from the one that is expected.
    tolerance: Duration,
}

/// The beginning of the ARNs of the mock.
pub(crate) const HOME: &str = "arn:aws:ivschat:us-west-2:123456789012:";

/// The moments at which the mock and the service have come to the end of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) expected: Timestamp,
    pub(crate) actual: Timestamp,
}

impl Labels {
    pub(crate) const fn new() -> Self {
        Self {
            labels: BTreeMap::new(),
            values: BTreeMap::new(),
            secrets: BTreeSet::new(),
            tolerance: Duration::ZERO,
        }
    }

    /// Keeps a secret out of all texts, unless it is so short that it may be a word of them.
    pub(crate) fn hide(&mut self, secret: &str) {
        if can_be_hidden(secret) {
            self.secrets.insert(secret.to_owned());
        }
    }

    /// Returns a text of the service that nothing expects, as a file may have it.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(&hide(&self.to_labels(text), &self.secrets))
    }

    /// Sets how far times may be apart from now on.
    pub(crate) const fn set_tolerance(&mut self, tolerance: Duration) {
        self.tolerance = tolerance;
    }

    /// Gives a value of the service a label, unless one of the two belongs to another already.
    pub(crate) fn bind(&mut self, label: &str, value: &str) {
        let is_free = !self.values.contains_key(label) && !self.labels.contains_key(value);
        if is_free && !label.is_empty() && !value.is_empty() {
            self.values.insert(label.to_owned(), value.to_owned());
            self.labels.insert(value.to_owned(), with_form(label, value));
        }
        if let (Some(label), Some(value)) = (arn_prefix(label), arn_prefix(value)) {
            self.bind_home(label, value);
        }
    }

    /// Gives the region and the account of the service their labels. Both are the beginning of an
    /// ARN, which tells them for all other ARNs as well: those of rooms, and those of functions.
    pub(crate) fn bind_home(&mut self, label: &str, value: &str) {
        for service in ["ivschat", "lambda"] {
            let of_service =
                |prefix: &str| prefix.replacen(":ivschat:", &format!(":{service}:"), 1);
            let (label, value) = (of_service(label), of_service(value));
            if !self.values.contains_key(&label) && !self.labels.contains_key(&value) {
                self.values.insert(label.clone(), value.clone());
                self.labels.insert(value, label);
            }
        }
        // Texts of refusals name the account in ARNs of other services as well.
        if let (Some(label), Some(value)) = (account(label), account(value)) {
            if label != value && !self.labels.contains_key(value) {
                self.labels.insert(value.to_owned(), label.to_owned());
            }
        }
    }

    /// Gives the values of a response the labels that the mock's response has at the same places.
    pub(crate) fn bind_response(&mut self, labels: &Value, values: &Value) {
        match (labels, values) {
            (Value::Object(labels), Value::Object(values)) => {
                for (key, label) in labels {
                    match (label, values.get(key)) {
                        (Value::String(label), Some(Value::String(value))) => {
                            if ["token", "nextToken"].contains(&key.as_str()) {
                                self.hide(value);
                                // A transcript has a label of its own for it.
                                let alias = self.values.entry(label.clone());
                                alias.or_insert_with(|| value.clone());
                            } else if key == "name" || is_label(key, label) {
                                self.bind(label, value);
                            }
                        }
                        (label, Some(value)) => self.bind_response(label, value),
                        (_, None) => {}
                    }
                }
            }
            (Value::Array(labels), Value::Array(values)) => {
                for (label, value) in labels.iter().zip(values) {
                    self.bind_response(label, value);
                }
            }
            _ => {}
        }
    }

    /// Returns a text of a script with the service's values in the place of labels.
    pub(crate) fn to_actual(&self, text: &str) -> String {
        replace(text, &self.values)
    }

    fn to_labels(&self, text: &str) -> String {
        replace(text, &self.labels)
    }

    /// Returns a text of the service with labels in the place of its values. The template is what
    /// is expected there: new values get the labels that it has at the same places.
    pub(crate) fn label(&mut self, text: &str, template: &str, now: Now) -> String {
        let found = values(text);
        let expected = values(template);
        for literal in &found {
            if ["token", "nextToken"].contains(&literal.key) {
                self.hide(literal.value);
            }
            let counterpart = counterpart(&found, &expected, literal);
            if let Some(label) = counterpart.filter(|label| is_label(literal.key, label)) {
                self.bind(label, literal.value);
                // The ID of a resource is the end of its ARN.
                if let (Some(label), Some(value)) = (arn_id(label), arn_id(literal.value)) {
                    self.bind(label, value);
                }
            }
        }
        let mut labeled = String::with_capacity(text.len());
        let mut copied = 0;
        for literal in &found {
            let counterpart = counterpart(&found, &expected, literal);
            labeled.push_str(&self.to_labels(&text[copied..literal.start]));
            labeled.push_str(&self.label_value(literal, counterpart, now));
            copied = literal.end;
        }
        labeled.push_str(&self.to_labels(&text[copied..]));
        labeled
    }

    fn label_value(&self, literal: &Literal<'_>, expected: Option<&str>, now: Now) -> String {
        let Literal { value, key, .. } = *literal;
        if let Some(time) = time(value) {
            return self.label_time(value, time, expected, now);
        }
        if expected == Some(value) || self.labels.contains_key(value) {
            return self.to_labels(value);
        }
        match key {
            "token" | "nextToken" => "[another token]".into(),
            "Id" | "id" | "MessageID" | "MessageId" | "messageId" => {
                format!("[another ID, {}]", shape(value))
            }
            _ => self.to_labels(value),
        }
    }

    /// Returns the expected time if this one is about as long before or after its step.
    fn label_time(&self, text: &str, time: Timestamp, expected: Option<&str>, now: Now) -> String {
        let Some((template, expected)) = expected.and_then(|text| Some((text, self::time(text)?)))
        else {
            return "[another time]".into();
        };
        if self.tolerance.is_zero() {
            return text.to_owned();
        }
        let difference = offset(time, now.actual) - offset(expected, now.expected);
        if difference.unsigned_abs() <= self.tolerance.as_nanos() {
            template.to_owned()
        } else {
            let seconds = difference / 1_000_000_000;
            format!("[{template} and {seconds} s]")
        }
    }
}

/// The value that is expected at the place of a literal: that of the same member, counted from the
/// beginning.
fn counterpart<'a>(
    found: &[Literal<'_>],
    expected: &[Literal<'a>],
    literal: &Literal<'_>,
) -> Option<&'a str> {
    let before = found.iter().take_while(|other| other.start < literal.start);
    let count = before.filter(|other| other.key == literal.key).count();
    let mut same = expected.iter().filter(|other| other.key == literal.key);
    same.nth(count).map(|other| other.value)
}

/// Replaces all keys by their values, the longest first.
fn replace(text: &str, map: &BTreeMap<String, String>) -> String {
    let mut pairs: Vec<_> = map.iter().filter(|(from, _)| text.contains(from.as_str())).collect();
    if pairs.is_empty() {
        return text.to_owned();
    }
    pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match pairs.iter().find(|(from, _)| rest.starts_with(from.as_str())) {
            Some((from, to)) => {
                replaced.push_str(to);
                rest = &rest[from.len()..];
            }
            None => {
                replaced.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    replaced
}

/// Returns `true` if the mock's value at this place differs from that of any other service.
fn is_label(key: &str, value: &str) -> bool {
    is_id(value)
        || key == "nextToken"
        || (value.starts_with('[') && value.ends_with(']'))
        || arn_id(value).is_some_and(is_id)
}

/// Returns the label of a value: its form is added where it is not that of an ID, so that it differs.
fn with_form(label: &str, value: &str) -> String {
    let of_arn = || Some((arn_id(label)?, arn_id(value)?));
    let (id, value) = of_arn().unwrap_or((label, value));
    let has_form = value.len() == 12 && value.chars().all(|c| c.is_ascii_alphanumeric());
    if is_id(id) && !has_form { format!("[{label}, {}]", shape(value)) } else { label.to_owned() }
}

/// Returns `true` for an ID as the mock counts them: `Message00001`.
fn is_id(text: &str) -> bool {
    let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_kind = ["Error", "Event", "Logging", "Message", "Room"];
    text.len() == 12
        && is_kind.iter().any(|kind| letters.starts_with(kind))
        && letters.len() < text.len()
        && letters.chars().all(|c| c.is_ascii_alphabetic())
}

/// `arn:aws:ivschat:us-west-2:123456789012:` of an ARN of this service.
pub(crate) fn arn_prefix(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("arn:")?;
    let mut colons = rest.match_indices(':').map(|(at, _)| at);
    let (service, _, account) = (colons.next()?, colons.next()?, colons.nth(1)?);
    rest[service..].starts_with(":ivschat:").then(|| &text[..4 + account + 1])
}

/// `123456789012` of the beginning of an ARN.
fn account(prefix: &str) -> Option<&str> {
    let account = prefix.trim_end_matches(':').rsplit(':').next()?;
    account.bytes().all(|byte| byte.is_ascii_digit()).then_some(account)
}

fn arn_id(text: &str) -> Option<&str> {
    arn_prefix(text)?;
    text.rsplit_once('/').map(|(_, id)| id)
}

fn time(text: &str) -> Option<Timestamp> {
    let is_time = text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    if is_time { text.parse().ok() } else { None }
}

/// The nanoseconds from a moment to a time; negative if the time is before it.
fn offset(time: Timestamp, now: Timestamp) -> i128 {
    let nanoseconds = |time: Timestamp| time.to_unix().as_nanos().cast_signed();
    nanoseconds(time) - nanoseconds(now)
}

/// Describes the form of an ID: `12 characters like aA9`.
fn shape(text: &str) -> String {
    let mut kinds = String::new();
    let classes: [(char, fn(&char) -> bool); 3] = [
        ('a', char::is_ascii_lowercase),
        ('A', char::is_ascii_uppercase),
        ('9', char::is_ascii_digit),
    ];
    for (sign, is_of_class) in classes {
        if text.chars().any(|c| is_of_class(&c)) {
            kinds.push(sign);
        }
    }
    let others = text.chars().filter(|c| !c.is_ascii_alphanumeric());
    let mut others: Vec<char> = others.collect();
    others.sort_unstable();
    others.dedup();
    kinds.extend(others);
    format!("{} characters of {kinds}", text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Now {
        let time = |text: &str| text.parse().unwrap();
        Now { expected: time("2026-01-01T00:01:00Z"), actual: time("2026-11-26T08:00:00Z") }
    }

    const EXPECTED: &str = r#"{"Id":"Message00001","SendTime":"2026-01-01T00:00:59Z","Room":"arn:aws:ivschat:us-west-2:123456789012:room/Room00000001"}"#;
    const ACTUAL: &str = r#"{"Id":"aB3dE6gH9jKl","SendTime":"2026-11-26T07:59:58.125Z","Room":"arn:aws:ivschat:eu-west-1:999988887777:room/zZ3dE6gH9jKl"}"#;

    #[test]
    fn a_frame_of_another_account_gets_the_labels_of_the_mock() {
        let mut labels = Labels::new();
        labels.set_tolerance(Duration::from_secs(2));
        assert_eq!(labels.label(ACTUAL, EXPECTED, now()), EXPECTED);
        assert_eq!(labels.to_actual("delete Message00001"), "delete aB3dE6gH9jKl");
        let unknown = "arn:aws:ivschat:us-west-2:123456789012:room/Unknown00001";
        let there = "arn:aws:ivschat:eu-west-1:999988887777:room/Unknown00001";
        assert_eq!(labels.to_actual(unknown), there);
        assert_eq!(labels.label(&format!("no {there}"), "", now()), format!("no {unknown}"));
    }

    #[test]
    fn an_id_of_another_form_differs() {
        let mut labels = Labels::new();
        let actual =
            r#"{"Id":"b7c1f4f0-5a3e","arn":"arn:aws:ivschat:eu-west-1:999988887777:room/lobby"}"#;
        let expected = r#"{"Id":"Message00001","arn":"arn:aws:ivschat:us-west-2:123456789012:room/Room00000001"}"#;
        assert_eq!(
            labels.label(actual, expected, now()),
            r#"{"Id":"[Message00001, 13 characters of a9-]","arn":"[arn:aws:ivschat:us-west-2:123456789012:room/Room00000001, 5 characters of a]"}"#
        );
        assert_eq!(labels.to_actual("delete Message00001"), "delete b7c1f4f0-5a3e");
    }

    #[test]
    fn functions_are_in_the_account_of_the_service() {
        let mut labels = Labels::new();
        labels.bind_home(HOME, "arn:aws:ivschat:eu-west-1:999988887777:");
        let function = "arn:aws:lambda:us-west-2:123456789012:function:censor";
        let there = "arn:aws:lambda:eu-west-1:999988887777:function:censor";
        assert_eq!(labels.to_actual(function), there);
        assert_eq!(labels.label(there, "", now()), function);
    }

    #[test]
    fn an_account_and_a_token_have_no_place_in_other_texts() {
        let mut labels = Labels::new();
        labels.bind_home(HOME, "arn:aws:ivschat:eu-west-1:999988887777:");
        labels.label(r#"{"token":"a-chat-token"}"#, r#"{"token":"[token-1]"}"#, now());
        let text = "arn:aws:logs:eu-west-1:999988887777:x with a-chat-token";
        let expected = "arn:aws:logs:eu-west-1:123456789012:x with [token-1]";
        assert_eq!(labels.redact(text), expected);
        labels.hide("another-token");
        assert_eq!(labels.redact("another-token"), "[secret]");
        assert_eq!(labels.to_actual("999 of 123456789012"), "999 of 123456789012");
    }

    #[test]
    fn values_that_nothing_expects_are_described_and_not_shown() {
        let mut labels = Labels::new();
        labels.set_tolerance(Duration::from_secs(2));
        let text = r#"{"Id":"aB3d-6gH9jKlm","token":"secret","at":"2026-11-26T08:00:00Z"}"#;
        assert_eq!(
            labels.label(text, "{}", now()),
            r#"{"Id":"[another ID, 13 characters of aA9-]","token":"[another token]","at":"[another time]"}"#
        );
    }

    #[test]
    fn another_id_and_another_time_differ() {
        let mut labels = Labels::new();
        labels.set_tolerance(Duration::from_secs(2));
        labels.label(ACTUAL, EXPECTED, now());
        let again = ACTUAL.replace("07:59:58", "08:59:58");
        let expected = EXPECTED.replace("Message00001", "Message00002");
        let labeled = labels.label(&again, &expected, now());
        assert!(labeled.contains(r#""Id":"Message00001""#), "{labeled}");
        assert!(labeled.contains("[2026-01-01T00:00:59Z and 3599 s]"), "{labeled}");
    }
}
