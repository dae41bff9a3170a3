//! Text: the string literals of JSON, found without parsing it, because a frame keeps its order.

/// A string literal of a JSON text, without its quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Literal<'a> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) value: &'a str,
    /// The member that the value belongs to; empty within a list at the top.
    pub(crate) key: &'a str,
}

/// Returns the string literals that are values, in order. A text that was cut off has fewer.
pub(crate) fn values(text: &str) -> Vec<Literal<'_>> {
    let mut values = Vec::new();
    let (mut key, mut at) = ("", 0);
    while let Some(opening) = text[at..].find('"') {
        let start = at + opening + 1;
        let Some(length) = length_of_literal(&text[start..]) else { break };
        let end = start + length;
        let value = &text[start..end];
        if text[end + 1..].trim_start().starts_with(':') {
            key = value;
        } else {
            values.push(Literal { start, end, value, key });
        }
        at = end + 1;
    }
    values
}

/// The length up to the quote that ends the literal.
fn length_of_literal(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if c == '"' && !is_escaped {
            return Some(at);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

/// Returns a text on one line, and as much of it as a transcript shows.
pub(crate) fn shown(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    let length = text.len();
    if length <= LONGEST_TEXT {
        return line;
    }
    let end = (0..=LONGEST_TEXT.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
    line.truncate(end.unwrap_or_default());
    format!("{line}… ({length} bytes)")
}

/// The maximum length of a text in a transcript of the mock, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Returns the text with the members of each object in alphabetical order, if it is JSON. The order
/// of the members of an HTTP body means nothing.
pub(crate) fn sorted(json: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(json) {
        Ok(value) => value.to_string(),
        Err(_) => json.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_members() {
        let found = values(r#"{"a":"x\"y","b":{"c" : "z"},"d":[1,"e"]}"#);
        let found: Vec<_> = found.iter().map(|value| (value.key, value.value)).collect();
        assert_eq!(found, [("a", "x\\\"y"), ("c", "z"), ("d", "e")]);
        assert!(values("not JSON").is_empty());
        assert_eq!(values(r#"{"a":"x","b":"cut"#).len(), 1);
    }

    #[test]
    fn a_long_text_is_cut_as_in_a_transcript() {
        assert_eq!(shown("a\nb"), "a\\nb");
        let text = "é".repeat(3000);
        assert_eq!(shown(&text), format!("{}… (6000 bytes)", "é".repeat(2048)));
    }
}
