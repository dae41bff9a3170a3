//! Headers of HTTP requests, as hooks and the log show them.

use std::sync::Arc;

/// The headers of an HTTP request, with lower-case names.
///
/// They contain no secrets: signatures, session tokens, cookies and chat tokens are replaced by
/// labels in brackets. A clone shares its memory.
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
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let owned = headers.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(owned.collect())
    }
}
