//! Percent encoding of paths and queries.

/// Decodes percent encoding. A text that is not UTF-8 after that is returned unchanged.
pub(crate) fn decode(text: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        // Taken back below if this begins an escape. Any other `%` is ordinary text.
        bytes.push(*byte);
        if let (b'%', [high, low, tail @ ..]) = (byte, tail) {
            if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                rest = tail;
                bytes.pop();
                // Two digits are at most 255, so the cast loses nothing.
                bytes.push((high * 16 + low) as u8);
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Percent-encodes all characters except letters, digits and `others`.
#[cfg(feature = "sigv4")]
pub(crate) fn encode(text: &str, others: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || others.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Documented: a signature needs the digits of the encoding in upper case.
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a%2Fb%3ac", "a/b:c")]
    #[case("%C3%A9", "é")]
    #[case("%", "%")]
    #[case("%4", "%4")]
    #[case("%+1", "%+1")]
    #[case("%FF", "%FF")]
    #[case("a+b", "a+b")]
    fn percent_encoding_is_undone(#[case] text: &str, #[case] decoded: &str) {
        assert_eq!(decode(text), decoded);
    }

    #[rstest]
    #[case("%2f%2F", "//")]
    #[case("%zz%41", "%zzA")]
    #[case("%4z", "%4z")]
    #[case("%%41", "%A")]
    fn digits_have_either_case_and_others_are_left(#[case] text: &str, #[case] decoded: &str) {
        assert_eq!(decode(text), decoded);
    }

    #[cfg(feature = "sigv4")]
    #[rstest]
    #[case("a/b:é 9", "/", "a/b%3A%C3%A9%209")]
    #[case("a/b", "", "a%2Fb")]
    fn all_but_the_legal_characters_are_encoded(
        #[case] text: &str,
        #[case] others: &str,
        #[case] encoded: &str,
    ) {
        assert_eq!(encode(text, others), encoded);
        assert_eq!(decode(encoded), text);
    }
}
