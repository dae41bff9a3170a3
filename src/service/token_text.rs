//! Token text: finds chat tokens in texts, so that they can be hidden.
//!
//! A token in a URL may be percent-encoded, and one in JSON may have escapes such as `\u0041`, in
//! JSON within JSON also with more backslashes.

use std::borrow::Cow;

use crate::service::token::PREFIX;

/// Returns a text with something else in the place of each chat token, of this mock or any other.
/// The replacement gets the token without escapes.
pub(crate) fn replace_tokens<'a>(
    text: &'a str,
    mut replacement: impl FnMut(&str) -> Cow<'static, str>,
) -> Cow<'a, str> {
    let (mut shown, mut done) = (String::new(), 0);
    let mut at = 0;
    while let Some(start) = next_start(text, at) {
        match token_at(&text[start..]) {
            Some((token, length)) => {
                shown.push_str(&text[done..start]);
                shown.push_str(&replacement(&token));
                (at, done) = (start + length, start + length);
            }
            // A run of backslashes is one escape, so its other backslashes start no token either.
            // Looking at each of them would take quadratic time. All of them are ASCII, so the text
            // can be cut after them.
            None => at = start + backslashes_at(&text[start..]).max(1),
        }
    }
    if done == 0 {
        return text.into();
    }
    shown.push_str(&text[done..]);
    shown.into()
}

/// Returns the next place at which a token may start.
fn next_start(text: &str, at: usize) -> Option<usize> {
    let is_start = |byte: &u8| [b'\\', b'%', PREFIX.as_bytes()[0]].contains(byte);
    text.as_bytes()[at..].iter().position(is_start).map(|found| at + found)
}

/// Returns the token that a text starts with, without escapes, and its length in the text: letters
/// and digits, and then an ending such as `!#0`. A token that was cut off has no ending.
fn token_at(text: &str) -> Option<(String, usize)> {
    let (mut token, mut length) = (String::new(), 0);
    let is_body = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    while let Some((byte, width)) = byte_at(&text[length..]).filter(|(byte, _)| is_body(*byte)) {
        if PREFIX.as_bytes().get(token.len()).is_some_and(|expected| *expected != byte) {
            return None;
        }
        token.push(char::from(byte));
        length += width;
    }
    if token.len() < SHORTEST_TOKEN {
        return None;
    }
    let mut ending = length;
    for is_expected in [|byte| byte == b'!', |byte| byte == b'#', |byte: u8| byte.is_ascii_digit()]
    {
        match byte_at(&text[ending..]).filter(|(byte, _)| is_expected(*byte)) {
            Some((byte, width)) => {
                token.push(char::from(byte));
                ending += width;
            }
            // Without the number sign, an exclamation mark ends a sentence.
            None if token.ends_with('#') => break,
            None => {
                token.truncate(token.trim_end_matches('!').len());
                return Some((token, length));
            }
        }
    }
    Some((token, ending))
}

/// Returns the byte that a text starts with, and its length in the text, in which it may be escaped.
fn byte_at(text: &str) -> Option<(u8, usize)> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'%' => {
            // Encoded twice, a percent sign is `%25`.
            let mut at = 1;
            while bytes.get(at..at + 2) == Some(b"25") {
                at += 2;
            }
            hex_at(bytes, at)
        }
        b'\\' => {
            let at = backslashes_at(text);
            if bytes.get(at..at + 3) != Some(b"u00") {
                return None;
            }
            hex_at(bytes, at + 3)
        }
        byte => Some((*byte, 1)),
    }
}

/// Returns how many backslashes a text starts with.
fn backslashes_at(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'\\').count()
}

/// Returns the byte of two hexadecimal digits, and where they end.
fn hex_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let byte = digit(at)? * 16 + digit(at + 1)?;
    Some((u8::try_from(byte).ok()?, at + 2))
}

/// A shorter text is not a secret: it may be a part of one, or a word of a test.
const SHORTEST_TOKEN: usize = PREFIX.len() + 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        replace_tokens(text, |token| {
            tokens.push(token.to_owned());
            "".into()
        });
        tokens
    }

    #[test]
    fn a_token_is_found_with_escapes_anywhere_in_it() {
        let body = format!("{PREFIX}{}", "x-_9".repeat(10));
        let token = format!("{body}!#0");
        let escaped = |escape: &dyn Fn(char) -> String| token.chars().map(escape).collect();
        let texts: [String; 8] = [
            token.clone(),
            token.replace('#', "%23"),
            escaped(&|c| format!("%{:02X}", u32::from(c))),
            escaped(&|c| format!("%2525{:02x}", u32::from(c))),
            escaped(&|c| format!("\\u00{:02x}", u32::from(c))),
            escaped(&|c| format!("\\\\\\\\u00{:02X}", u32::from(c))),
            token.replacen('A', "\\u0041", 1),
            token.replace('x', "\\u0078"),
        ];
        for text in texts {
            for (before, after) in [("", ""), ("{\"a\":\"", "\"}"), ("ä\\n", "\\nä"), ("%", "%2F")]
            {
                let whole = format!("{before}{text}{after}");
                let shown = replace_tokens(&whole, |token| format!("<{}>", token.len()).into());
                assert_eq!(shown, format!("{before}<{}>{after}", token.len()), "{whole}");
            }
            assert_eq!(found(&format!("{text} {text}")), [token.clone(), token.clone()]);
        }
        assert_eq!(found(&format!("{body}! {body}!? {body}")), [&*body, &*body, &*body]);
        for text in ["AQICAH", "AAQICAH and 100 %", "\\u0041", "\\u00zz", "%4", "ä\\"] {
            assert_eq!(replace_tokens(text, |_| "".into()), text);
        }
    }
}
