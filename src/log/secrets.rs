//! Secrets: labels in the place of chat tokens, wherever a text has one.

use std::borrow::Cow;

use crate::service::token::{PREFIX, Token};

/// Returns a text with a label in the place of each chat token: `[token-1]` for a token of the
/// mock, as the rest of the log has it, and `[unknown-token]` for any other.
pub(crate) fn hide(mock: u64, text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(PREFIX) {
        let token = &rest[start..start + token_length(&rest[start..])];
        let is_token = token.len() >= SHORTEST_TOKEN;
        shown.push_str(&rest[..start]);
        if is_token {
            shown.push_str(&label(mock, token));
        } else {
            shown.push_str(token);
        }
        rest = &rest[start + token.len()..];
    }
    if shown.is_empty() {
        return rest.into();
    }
    shown.push_str(rest);
    shown.into()
}

fn label(mock: u64, token: &str) -> Cow<'static, str> {
    let number = Token::number_of(mock, &token.replace("%21", "!").replace("%23", "#"));
    match number {
        Some(number) => format!("[token-{number}]").into(),
        None => "[unknown-token]".into(),
    }
}

/// The length of the token that a text starts with: letters and digits, and then an ending such as
/// `!#0`, which a URL has as `!%230` or `%21%230`. A token that was cut off has no ending.
fn token_length(text: &str) -> usize {
    let is_body = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let body = text.bytes().take_while(|byte| is_body(*byte)).count();
    let endings = ["!#", "!%23", "%21%23", "%21#"];
    let ending = endings.into_iter().find(|ending| text[body..].starts_with(ending));
    let Some(ending) = ending else { return body };
    let end = body + ending.len();
    end + text[end..].bytes().take_while(u8::is_ascii_digit).take(1).count()
}

/// A shorter text is not a secret: it may be a part of one, or a word of a test.
const SHORTEST_TOKEN: usize = PREFIX.len() + 10;

#[cfg(test)]
mod tests {
    use super::*;

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
