//! Secrets: labels in the place of chat tokens, wherever a text has one.
//!
//! This takes two steps. While a rendering is written, [`hide`] replaces each token by a mark with
//! the token's number within the mock. Once the text is complete, [`TokenLabels`] replaces the
//! marks by labels, which are numbered by their first appearance in that text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::log::record::Response;
use crate::proto::operation::Operation;
use crate::service::token::Token;
use crate::service::token_text::replace_tokens;

/// Returns a text with a mark in the place of each chat token of the mock, and `[unknown-token]` in
/// the place of any other.
pub(crate) fn hide(mock: u64, text: &str) -> Cow<'_, str> {
    replace_tokens(text, |token| {
        let number = Token::number_of(mock, token);
        number.map_or(Cow::Borrowed("[unknown-token]"), |number| mark(number).into())
    })
}

/// Returns the body of a response with a mark in the place of its token, of which the record has
/// only the number.
pub(crate) fn marked_body(response: &Response) -> Cow<'_, str> {
    match response.operation {
        Some(Operation::CreateChatToken) => marked(&response.body),
        _ => response.body.as_str().into(),
    }
}

/// Returns a text of the mock's own with marks in the place of the labels that records have.
pub(crate) fn marked(text: &str) -> Cow<'_, str> {
    const START: &str = "[token-";
    if !text.contains(START) {
        return text.into();
    }
    let mut parts = text.split(START);
    let mut marked = String::from(parts.next().unwrap_or_default());
    for part in parts {
        // A text of a client may look like the start of a label. It stays as it is unless a number
        // follows.
        let number = part.split_once(']').map(|(number, after)| (number.parse(), after));
        match number {
            Some((Ok(number), after)) => {
                marked.push_str(&mark(number));
                marked.push_str(after);
            }
            _ => {
                marked.push_str(START);
                marked.push_str(part);
            }
        }
    }
    marked.into()
}

/// Returns `true` if a text has a mark.
pub(crate) fn has_mark(text: &str) -> bool {
    text.contains(OPENING)
}

/// Returns the length of the mark that a text begins with.
pub(crate) fn mark_length(text: &str) -> Option<usize> {
    let end = text.strip_prefix(OPENING)?.find(CLOSING)?;
    (end <= LONGEST_MARK).then_some(OPENING.len_utf8() + end + CLOSING.len_utf8())
}

/// A mark is as wide as the label that replaces it, unless their numbers have different lengths.
fn mark(number: u64) -> String {
    format!("{OPENING}token-{number}{CLOSING}")
}

/// Characters that Unicode reserves for internal use, so that no text of a client has them.
const OPENING: char = '\u{fdd0}';
const CLOSING: char = '\u{fdd1}';

/// The length of `token-` and the largest number.
const LONGEST_MARK: usize = 26;

/// The labels of the tokens in one rendering.
#[derive(Debug, Default)]
pub(crate) struct TokenLabels {
    numbers: BTreeMap<u64, usize>,
}

impl TokenLabels {
    pub(crate) const fn new() -> Self {
        Self { numbers: BTreeMap::new() }
    }

    /// Returns a text with labels in the place of marks: `[token-1]` for the first token, and the
    /// same label for the same token. Columns of a table keep their places.
    pub(crate) fn label<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if !has_mark(text) {
            return text.into();
        }
        let mut labeled = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            self.label_line(line, &mut labeled);
        }
        labeled.into()
    }

    fn label_line(&mut self, mut rest: &str, labeled: &mut String) {
        // By how much the label was wider than the mark, or less wide.
        let mut shift = 0;
        while let Some((before, after)) = rest.split_once(OPENING) {
            labeled.push_str(&shifted(before, &mut shift));
            let mark = after.split_once(CLOSING).and_then(|(mark, after)| {
                Some((mark.strip_prefix("token-")?.parse::<u64>().ok()?, after))
            });
            let Some((number, after)) = mark else {
                // The mark was cut off. Half of a number would be a wrong one.
                rest =
                    after.trim_start_matches(|c: char| "token-".contains(c) || c.is_ascii_digit());
                labeled.push_str("[token");
                shift += "token".len() as i32 - (after.len() - rest.len()) as i32;
                continue;
            };
            let next = self.numbers.len() + 1;
            let label = *self.numbers.entry(number).or_insert(next);
            labeled.push_str(&format!("[token-{label}]"));
            shift += digits(label as u64) - digits(number);
            rest = after;
        }
        labeled.push_str(&shifted(rest, &mut shift));
    }
}

/// Returns a text whose first gap between columns makes up for a shift of what is before it.
fn shifted<'a>(text: &'a str, shift: &mut i32) -> Cow<'a, str> {
    let gap = text.find("  ").filter(|_| *shift != 0);
    let Some(gap) = gap else { return text.into() };
    let rest = text[gap..].trim_start_matches(' ');
    // Two or more spaces align a column. They take up the difference, so that it stays straight.
    let spaces = (text.len() - gap - rest.len()) as i32;
    let made_up = (spaces - *shift).max(2);
    *shift += made_up - spaces;
    format!("{}{}{rest}", &text[..gap], " ".repeat(made_up as usize)).into()
}

fn digits(number: u64) -> i32 {
    number.to_string().len() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::token::PREFIX;

    #[test]
    fn labels_are_numbered_by_first_appearance_and_keep_columns() {
        let mut labels = TokenLabels::default();
        let text = format!("a {} b   c\n{}  {}  c\n", mark(12), mark(3), mark(12));
        assert_eq!(labels.label(&text), "a [token-1] b    c\n[token-2]  [token-1]   c\n");
        assert_eq!(labels.label(&mark(3)), "[token-2]");
        for number in 20..30 {
            labels.label(&mark(number));
        }
        assert_eq!(labels.label(&format!("{}     c", mark(29))), "[token-12]     c");
        assert_eq!(labels.label(&format!("{}     c", mark(4))), "[token-13]    c");
        let cut_off = mark(34);
        for end in ["token-34", "token-3", "tok"] {
            let start = cut_off.split(end).next().unwrap();
            let shown = labels.label(&format!("{start}{end}…     b")).into_owned();
            assert_eq!(shown.chars().count(), start.chars().count() + end.len() + 7, "{shown}");
            assert!(shown.starts_with("[token…  "), "{shown}");
        }
        assert_eq!(marked("[token-7] was used"), format!("{} was used", mark(7)));
        assert_eq!(marked("[token-x]"), "[token-x]");
    }

    #[test]
    fn a_token_is_hidden_wherever_it_is() {
        let unknown = format!("{PREFIX}{}!#0", "x".repeat(40));
        let in_url = unknown.replace('#', "%23");
        let cut_off = &unknown[..30];
        for token in [&*unknown, &in_url, cut_off] {
            let text = format!(r#"{{"Token":"{token}","More":"{token}"}}"#);
            let shown = r#"{"Token":"[unknown-token]","More":"[unknown-token]"}"#;
            assert_eq!(hide(1, &text), shown);
        }
        assert_eq!(hide(1, "AQICAH and ä"), "AQICAH and ä");
        assert_eq!(hide(1, "ä"), "ä");
    }
}
