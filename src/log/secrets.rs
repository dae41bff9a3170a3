//! Secrets: labels in the place of chat tokens, wherever a text has one.

use std::borrow::Cow;

use crate::service::token::{Token, replace_tokens};

/// Returns a text with a label in the place of each chat token: `[token-1]` for a token of the
/// mock, as the rest of the log has it, and `[unknown-token]` for any other.
pub(crate) fn hide(mock: u64, text: &str) -> Cow<'_, str> {
    replace_tokens(text, |token| label(mock, token))
}

fn label(mock: u64, token: &str) -> Cow<'static, str> {
    let number = Token::number_of(mock, &token.replace("%21", "!").replace("%23", "#"));
    match number {
        Some(number) => format!("[token-{number}]").into(),
        None => "[unknown-token]".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::token::PREFIX;

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
