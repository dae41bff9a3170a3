//! Escape: any text on one line.

use std::borrow::Cow;
use std::fmt;

/// Returns a text without control characters and line breaks: `\n` in their place, or `\u{1b}`.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(breaks) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if breaks(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.into()
}

/// Returns a name as it is if it is a plain word, and in quotes if a text around it would make it
/// unreadable.
pub(crate) fn named(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_whitespace() && !breaks(c) && !"\"',<>()".contains(c);
    if name.chars().all(is_plain) && !name.is_empty() {
        name.into()
    } else {
        escaped(&format!("{name:?}")).into_owned().into()
    }
}

/// Writes everything that it is given on one line.
pub(crate) struct OneLine<'a>(pub(crate) &'a mut dyn fmt::Write);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&escaped(text))
    }
}

/// Returns `true` for a character that ends a line, controls a terminal, or cannot be seen but
/// changes how the text around it is shown. A joiner is left, because emoji consist of joined ones.
fn breaks(c: char) -> bool {
    let is_invisible = matches!(
        c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    c.is_control() || is_invisible || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_control_character_is_escaped() {
        assert_eq!(escaped("a\r\nb\u{1b}[31m\u{2028}"), "a\\r\\nb\\u{1b}[31m\\u{2028}");
        assert_eq!(escaped("\u{202e}evil \u{feff}"), "\\u{202e}evil \\u{feff}");
        for plain in ["alice", "alice-2", "ä", "a.b@c", "arn/x"] {
            assert_eq!(named(plain), plain);
        }
        for (odd, quoted) in [
            ("", r#""""#),
            (" ", r#"" ""#),
            ("a b", r#""a b""#),
            ("a\n", r#""a\n""#),
            ("a: b", r#""a: b""#),
            ("(a)", r#""(a)""#),
            ("\"", r#""\"""#),
            ("\u{a0}", r#""\u{a0}""#),
            ("\u{202e}", r#""\u{202e}""#),
        ] {
            assert_eq!(named(odd), quoted);
        }
        let family = "👨\u{200d}👩";
        assert_eq!(escaped(family), family);
        let mut line = String::new();
        write!(OneLine(&mut line), "a\n ä").expect("a string takes any text");
        assert_eq!(line, "a\\n ä");
    }
}
