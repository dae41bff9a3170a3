//! Headers of HTTP requests, as hooks and the log show them.

use std::sync::Arc;

/// The headers of an HTTP request, with lower-case names, or those that a test adds to a response.
///
/// Those of requests contain no secrets: signatures, session tokens, cookies and chat tokens are
/// replaced by labels in brackets. A clone shares its memory.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::OperationVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_any_operation().named("no robots").decide(|call| match call.headers.get("User-Agent") {
///     Some(agent) if agent.contains("bot") => OperationVerdict::Reset,
///     _ => OperationVerdict::Pass,
/// });
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Arc<[(String, String)]>);

impl Headers {
    /// Returns the first value of a header; the case of the name does not matter.
    ///
    /// ```
    /// # use mock_ivs_chat::Headers;
    /// let headers = Headers::from_iter([("user-agent", "aws-sdk-rust/1.3")]);
    /// assert_eq!(headers.get("User-Agent"), Some("aws-sdk-rust/1.3"));
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        // A scan keeps headers of the same name and their order, which a map would lose.
        self.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns all names and values.
    ///
    /// ```
    /// # use mock_ivs_chat::Headers;
    /// let headers = Headers::from_iter([("host", "localhost")]);
    /// assert_eq!(headers.iter().next(), Some(("host", "localhost")));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the reason why the headers cannot be part of a head, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        // Documented: a `token` of RFC 9110, section 5.6.2.
        let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        self.iter().find_map(|(name, value)| {
            if name.is_empty() || !name.chars().all(is_name) {
                return Some(format!("a header cannot have the name {name:?}"));
            }
            if Self::frames_the_body(name) {
                return Some(format!(
                    "the header {name} cannot be set, because it follows from the body"
                ));
            }
            // Only printable ASCII: a line break in a value would begin another header.
            let is_value = value.chars().all(|c| matches!(c, ' '..='~'));
            (!is_value).then(|| format!("the header {name} cannot have the value {value:?}"))
        })
    }

    /// Returns `true` if the header says where the body ends. The HTTP library writes such headers
    /// itself, and a second one that differs would make the response ambiguous.
    pub(crate) fn frames_the_body(name: &str) -> bool {
        ["content-length", "transfer-encoding"].iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Collects the headers that a test adds to a response.
    ///
    /// # Panics
    ///
    /// If one cannot be part of a head.
    #[track_caller]
    pub(crate) fn of_response<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let headers = Self::from_iter(headers);
        if let Some(fault) = headers.fault() {
            panic!("{fault}");
        }
        headers
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let owned = headers.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(owned.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_are_found_without_case() {
        let headers = Headers::from_iter([("Host", "localhost"), ("a", "1"), ("A", "2")]);
        assert_eq!(headers.get("hOST"), Some("localhost"));
        assert_eq!(headers.get("A"), Some("1"));
        assert_eq!(headers.get("b"), None);
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("Host", "localhost"), ("a", "1"), ("A", "2")]);
        assert!(!headers.is_empty() && Headers::default().is_empty());
        assert_eq!(Headers::of_response([("a", "1")]).get("a"), Some("1"));
    }

    #[test]
    fn headers_that_cannot_be_part_of_a_response_are_named() {
        let fault = |name: &str, value: &str| Headers::from_iter([(name, value)]).fault();
        assert_eq!(fault("Retry-After", "2"), None);
        assert_eq!(fault("a b", "2").unwrap(), "a header cannot have the name \"a b\"");
        assert_eq!(fault("", "2").unwrap(), "a header cannot have the name \"\"");
        assert_eq!(fault("a", "ä").unwrap(), "the header a cannot have the value \"ä\"");
        for name in ["Content-Length", "transfer-encoding"] {
            let expected =
                format!("the header {name} cannot be set, because it follows from the body");
            assert_eq!(fault(name, "5"), Some(expected));
        }
    }
}
