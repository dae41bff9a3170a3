//! Attributes: the ordered string map that tokens, messages and events carry.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Attributes of a user, a message or an event: a map from string to string.
///
/// The keys are kept in alphabetical order, which is the order in which the service writes them.
///
/// Observed: captured frames have their attribute keys sorted.
///
/// ```
/// use mock_ivs_chat::Attributes;
///
/// let attributes = Attributes::from([("name", "Ann"), ("color", "red")]);
/// assert_eq!(attributes["name"], "Ann");
/// assert_eq!(serde_json::to_string(&attributes).unwrap(), r#"{"color":"red","name":"Ann"}"#);
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Creates an empty map.
    ///
    /// ```
    /// # use mock_ivs_chat::Attributes;
    /// assert!(Attributes::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets one attribute, replacing an earlier value with the same key.
    ///
    /// ```
    /// # use mock_ivs_chat::Attributes;
    /// let mut attributes = Attributes::new();
    /// attributes.insert("avatar", "cat");
    /// assert_eq!(attributes["avatar"], "cat");
    /// ```
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Returns the total length of all keys and values in bytes, to which the service's limits on
    /// attributes apply.
    ///
    /// Assumed: AWS publishes the limits in KB and does not say which bytes are counted.
    ///
    /// ```
    /// # use mock_ivs_chat::Attributes;
    /// assert_eq!(Attributes::from([("key", "é")]).size_bytes(), 5);
    /// ```
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        // The model counts the same bytes in a request, before its values are known to be strings.
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

impl Deref for Attributes {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        // The last of several values with one key wins, as it does among the members of a frame.
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Attributes {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

/// No attributes: for `send_event("app:ping", ())`.
impl From<()> for Attributes {
    fn from((): ()) -> Self {
        Self::new()
    }
}

impl From<BTreeMap<String, String>> for Attributes {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_sorted_and_their_size_counts_bytes() {
        let mut attributes = Attributes::from([("b", "ä"), ("a", "")]);
        assert_eq!(serde_json::to_string(&attributes).unwrap(), r#"{"a":"","b":"ä"}"#);
        assert_eq!((attributes.size_bytes(), Attributes::new().size_bytes()), (4, 0));
        attributes.insert("b", "xyz");
        assert_eq!((attributes.size_bytes(), attributes.len(), &*attributes["b"]), (5, 2, "xyz"));
        let map = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        assert_eq!(Attributes::from(map), Attributes::from([("a", "b")]));
    }
}
