//! Labels: replacements for values that differ between runs, numbered by first appearance.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::log::secrets::TokenLabels;
use crate::proto::timestamp::Timestamp;

/// Replaces volatile values by labels such as `[request-1]`. Equal values get equal labels, so
/// references between frames stay visible.
#[derive(Debug)]
pub(crate) struct Labels {
    hides_times: bool,
    labels: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
    /// The peer that causes the current entry, if labels are numbered for each peer.
    peer: Option<String>,
    tokens: TokenLabels,
}

impl Labels {
    pub(crate) const fn new(hides_times: bool) -> Self {
        Self::numbered_for(hides_times, None)
    }

    /// Creates labels that are numbered separately for each peer: `[request-alice-1]`. The
    /// service's IDs get labels, too, because their numbers depend on the order of all peers.
    pub(crate) const fn numbered_by_peer(hides_times: bool) -> Self {
        Self::numbered_for(hides_times, Some(String::new()))
    }

    const fn numbered_for(hides_times: bool, peer: Option<String>) -> Self {
        Self {
            hides_times,
            labels: BTreeMap::new(),
            counts: BTreeMap::new(),
            peer,
            tokens: TokenLabels::new(),
        }
    }

    /// Returns a text with labels in the place of the marks of tokens. If labels are numbered for
    /// each peer, the marks stay, because the lines will be put into another order.
    pub(crate) fn label_tokens<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if self.peer.is_some() { text.into() } else { self.tokens.label(text) }
    }

    /// Sets the peer that causes the entries labeled from now on.
    pub(crate) fn set_peer(&mut self, peer: &str) {
        if self.peer.is_some() {
            self.peer = Some(peer.into());
        }
    }

    /// Returns the text with its volatile values replaced: UUID strings and, with a clock that
    /// advances by itself, times of the service.
    pub(crate) fn apply<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut result = String::new();
        let (mut copied, mut key) = (0, "");
        for (start, end, is_key) in StringLiterals::new(text) {
            let value = &text[start..end];
            if is_key {
                key = value;
            } else if let Some(kind) = self.kind(text, key, value) {
                result.push_str(&text[copied..start]);
                result.push_str(self.label(kind, value));
                copied = end;
            }
        }
        // A replaced value ends after a quote, so 0 means that nothing was replaced.
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        result.push_str(&text[copied..]);
        Cow::Owned(result)
    }

    fn kind(&self, text: &str, key: &str, value: &str) -> Option<&'static str> {
        if is_uuid(value) {
            let is_request = key.eq_ignore_ascii_case("RequestId");
            return Some(if is_request { "request" } else { "uuid" });
        }
        if self.peer.is_some() && IDS.contains(&key) && is_id(value) {
            // An ID that has not appeared in a frame was chosen by the test, or belongs to a room.
            let frame = FRAMES.iter().find(|(start, _)| key == "Id" && text.starts_with(start));
            let is_known = || self.labels.contains_key(value);
            return frame.map(|(_, kind)| *kind).or_else(|| is_known().then_some("id"));
        }
        if !self.hides_times || value.parse::<Timestamp>().is_err() {
            return None;
        }
        match key {
            "SendTime" => Some("time"),
            _ => COARSE_TIMES.contains(&key).then_some(COARSE_TIME),
        }
    }

    fn label(&mut self, kind: &'static str, value: &str) -> &str {
        if kind == COARSE_TIME {
            return "[time]";
        }
        let (counts, peer) = (&mut self.counts, &self.peer);
        // By value only: a value that appears under another key later keeps its first label.
        self.labels.entry(value.to_owned()).or_insert_with(|| {
            let name = match peer {
                Some(peer) => format!("{kind}-{peer}"),
                None => kind.to_owned(),
            };
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            format!("[{name}-{count}]")
        })
    }
}

/// The members with rounded times of the service's clock. Whether two rounded times are equal
/// differs between runs, so these labels have no numbers.
const COARSE_TIMES: [&str; 4] =
    ["createTime", "sessionExpirationTime", "tokenExpirationTime", "updateTime"];
const COARSE_TIME: &str = "coarse time";

/// The members with an ID of the service.
const IDS: [&str; 4] = ["Id", "MessageID", "MessageId", "id"];

/// The starts of frames with an ID of the service, and the label's noun for the ID.
const FRAMES: [(&str, &str); 3] = [
    (r#"{"Type":"MESSAGE","#, "message"),
    (r#"{"Type":"EVENT","#, "event"),
    (r#"{"Type":"ERROR","#, "error"),
];

/// Documented: IDs are twelve letters and digits.
fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns the string literals of a JSON text: start and end without the quotes, and whether a
/// colon follows. In other texts it finds all quoted parts.
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
        // Quotes and backslashes are ASCII, so no byte within a longer character looks like one.
        // A literal without an end is ignored, because the text need not be JSON.
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
    fn equal_values_get_equal_labels() {
        let mut labels = Labels::new(true);
        let first = labels.apply(r#"{"RequestId":"11111111-2222-4333-8444-555555555555","SendTime":"2026-01-01T00:00:00.5Z"}"#);
        assert_eq!(first, r#"{"RequestId":"[request-1]","SendTime":"[time-1]"}"#);
        let second = labels.apply(r#"{"note" : "11111111-2222-4333-8444-555555555555", "Content":"2026-01-01T00:00:00Z", "createTime":"2026-01-01T00:00:01Z"}"#);
        assert_eq!(
            second,
            r#"{"note" : "[request-1]", "Content":"2026-01-01T00:00:00Z", "createTime":"[time]"}"#
        );
    }

    #[test]
    fn values_that_never_change_are_kept() {
        let text = r#"{"RequestId":"r1","SendTime":"2026-01-01T00:00:00Z","Content":"\"RequestId\":\"x\""}"#;
        assert_eq!(Labels::new(false).apply(text), text);
        assert_eq!(Labels::new(false).apply("no \"json"), "no \"json");
    }
}
