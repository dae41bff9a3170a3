//! Words: names in the text of points and cases, and patterns over them.

use std::borrow::Cow;

use serde_json::Value;

/// Returns a user ID as it is written in the name of a point: other characters than letters, digits,
/// `-`, `_` and `@` are percent-encoded.
pub(crate) fn encoded(user: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_@".contains(&byte);
    if user.bytes().all(is_plain) {
        return user.into();
    }
    let mut text = String::new();
    for byte in user.bytes() {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text.into()
}

/// Returns the user ID that [`encoded`] has encoded; `None` if the text is not one.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, following @ ..] = rest {
        if *first == b'%' {
            // Bytes and not characters, because the two after a `%` may be part of a longer
            // character.
            let digits = std::str::from_utf8(following.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &following[2..];
        } else {
            bytes.push(*first);
            rest = following;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Returns `true` if a pattern matches the whole text. `*` stands for any characters.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    // Each star tries all places, which is fine for short names and few stars.
    text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
}

/// Returns a text member of a JSON object, unless it is missing or empty.
pub(crate) fn member(body: &str, name: &str) -> Option<String> {
    let object: Value = serde_json::from_str(body).ok()?;
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the first names, and the number of the others.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        others => format!("{shown} and {others} more"),
    }
}

/// The number of names that a list shows.
const MOST_NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("alice", "alice")]
    #[case("a.b c", "a%2Eb%20c")]
    #[case("100%", "100%25")]
    #[case("ünal", "%C3%BCnal")]
    fn a_user_id_is_encoded_and_decoded(#[case] user: &str, #[case] text: &str) {
        assert_eq!(encoded(user), text);
        assert_eq!(decoded(text).as_deref(), Some(user));
    }

    #[test]
    fn a_broken_encoding_is_not_decoded() {
        assert_eq!(decoded("%2"), None);
        assert_eq!(decoded("%zz"), None);
        assert_eq!(decoded("%ff"), None);
    }

    #[rstest]
    #[case("alice.sends.2:reset", "alice.sends.2:reset", true)]
    #[case("alice.*", "alice.sends.2:reset", true)]
    #[case("*:reset", "alice.sends.2:reset", true)]
    #[case("*.sends.*:re*", "alice.sends.2:reset", true)]
    #[case("*", "", true)]
    #[case("alice", "alice.sends.2:reset", false)]
    #[case("*:lost", "alice.sends.2:reset", false)]
    fn a_star_stands_for_any_characters(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(matches(pattern, text), expected);
    }
}
