//! Redaction: texts of a service without keys, signatures, accounts and names of users.
//!
//! Labels replace the values that are known. These rules replace what is left, by its form alone:
//! the texts of refusals name the caller, and some repeat the whole signed request.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// Returns a text without secrets and without details of an account.
pub(crate) fn redact(text: &str) -> String {
    // The letter of an escape is not a part of the word after it.
    let (mut redacted, mut copied) = (String::with_capacity(text.len()), 0);
    for escape in ESCAPES.find_iter(text) {
        redacted.push_str(&redact_line(&text[copied..escape.start()]));
        redacted.push_str(escape.as_str());
        copied = escape.end();
    }
    redacted.push_str(&redact_line(&text[copied..]));
    redacted
}

fn redact_line(text: &str) -> String {
    let mut redacted = text.to_owned();
    for rule in RULES.iter() {
        if let Cow::Owned(changed) = rule.pattern.replace_all(&redacted, rule.replacement) {
            redacted = changed;
        }
    }
    let redacted = OPAQUE.replace_all(&redacted, |found: &Captures<'_>| opaque(&found[0]));
    DIGITS.replace_all(&redacted, |found: &Captures<'_>| account(&found[0])).into_owned()
}

/// Returns a text without these values, each replaced by the same label.
pub(crate) fn hide<'a>(text: &str, values: impl IntoIterator<Item = &'a String>) -> String {
    values.into_iter().fold(text.to_owned(), |text, value| text.replace(value, "[secret]"))
}

/// Returns `true` for a value that is long enough to be told from an ordinary word.
pub(crate) const fn can_be_hidden(value: &str) -> bool {
    value.len() >= 8
}

struct Rule {
    pattern: Regex,
    replacement: &'static str,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    PATTERNS
        .iter()
        .map(|(pattern, replacement)| Rule { pattern: compiled(pattern), replacement })
        .collect()
});

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file is legal: a test uses each of them")
}

/// In order: a rule sees what the rules above it have left.
const PATTERNS: [(&str, &str); 8] = [
    (r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{4,}", "${1}${2}[secret]"),
    // Members of headers, queries and JSON, the last also within a JSON text.
    (
        r#"(?i)\b((?:x-amz-)?(?:security-token|signature|credential)|(?:aws_)?(?:access_?key_?id|secret_?access_?key|session_?token))(\\*["']?\s*[:=]\s*\\*["']?)(?:[^\s"',;&\\]|\\/)+"#,
        "${1}${2}[secret]",
    ),
    (r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?", "[token]"),
    (
        r"\barn:(aws[a-z-]*):(iam|sts):([a-z0-9-]*):[a-z0-9]*:([a-z-]+)/[\w+=,.@/-]*[\w+=@/-]",
        "arn:${1}:${2}:${3}:123456789012:${4}/[name]",
    ),
    (r"\b(User: )[^\s:]+( is not )", "${1}[name]${2}"),
    // The IDs of keys and principals, and the name of a session after it.
    (
        r"\b(?:ABIA|ACCA|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|APKA|AROA|ASCA|ASIA)[A-Z0-9]{12,}(?::[\w+=,.@-]+)?",
        "[ID of a key or principal]",
    ),
    (r"[\w.+=-]+@[\w-]+(?:\.[\w-]+)+", "[email]"),
    (r"\b\d{4}-\d{4}-\d{4}\b", "[account]"),
];

/// The escapes of JSON for characters that are not a part of any value, also within a JSON text.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| compiled(r"\\+(?:[bfnrt]|u[0-9A-Fa-f]{4})"));

/// Texts without spaces that are long enough for a key, a token or a signature.
static OPAQUE: LazyLock<Regex> = LazyLock::new(|| compiled(r"[A-Za-z0-9+/_=%-]{32,}"));

static DIGITS: LazyLock<Regex> = LazyLock::new(|| compiled(r"\d{12,}"));

fn opaque(text: &str) -> String {
    let has = |is_of_class: fn(&u8) -> bool| text.bytes().any(|byte| is_of_class(&byte));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if has(u8::is_ascii_digit) && (is_mixed || is_hex) {
        format!("[secret, {} characters]", text.len())
    } else {
        text.to_owned()
    }
}

fn account(digits: &str) -> String {
    let is_known = digits.len() != 12 || OF_SCRIPTS.contains(&digits);
    if is_known { digits.to_owned() } else { "[account]".into() }
}

/// The accounts that scripts name: that of the mock, and one that nobody has.
const OF_SCRIPTS: [&str; 2] = ["123456789012", "000000000000"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_accounts_are_replaced_and_the_rest_stays() {
        let cases = [
            (
                "User: arn:aws:iam::210987654321:user/team/jane is not authorized to perform: \
                 ivschat:CreateRoom",
                "User: arn:aws:iam::123456789012:user/[name] is not authorized to perform: \
                 ivschat:CreateRoom",
            ),
            (
                "arn:aws:sts::210987654321:assumed-role/Admin/jane@example.com, as before",
                "arn:aws:sts::123456789012:assumed-role/[name], as before",
            ),
            ("arn:aws-us-gov:logs:x:210987654321:y", "arn:aws-us-gov:logs:x:[account]:y"),
            ("User: jane is not authorized", "User: [name] is not authorized"),
            (
                "AROAJ2UCCR6DPCEXAMPLE:jane of 5566-7788-9900",
                "[ID of a key or principal] of [account]",
            ),
            (
                "Credential=AKID/2026/x, SignedHeaders=host, Signature=ab",
                "Credential=[secret], SignedHeaders=host, Signature=[secret]",
            ),
            (
                r#"{"message":"x-amz-security-token:a/b+c\n{\"sessionToken\": \"d\"}"}"#,
                r#"{"message":"x-amz-security-token:[secret]\n{\"sessionToken\": \"[secret]\"}"}"#,
            ),
            (
                r"the keys\nAKIAIOSFODNN7EXAMPLE\\nASIAIOSFODNN7EXAMPLE",
                r"the keys\n[ID of a key or principal]\\n[ID of a key or principal]",
            ),
            ("Authorization: Bearer abcd.ef", "Authorization: Bearer [secret]"),
            ("token eyJhbGciOiJI.eyJzdWIi.c2ln ends", "token [token] ends"),
            (
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
                "[secret, 64 characters]",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn texts_of_the_service_without_secrets_stay() {
        for text in [
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'SignedHeaders' parameter.",
            "Credential should be scoped to correct service: 'ivschat'.",
            "arn:aws:ivschat:us-west-2:123456789012:room/Room00000001",
            "arn:aws:lambda:us-west-2:000000000000:function:censor",
            r#"{"ErrorMessage":"the maximum is 1234567890123","Id":"[another ID, 36 characters of a9-]"}"#,
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "a-very-long-name-of-a-room-that-has-only-small-letters",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
