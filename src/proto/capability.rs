//! Capability: a right that a chat token grants to its user.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A right that a chat token grants to its user. Receiving is always allowed.
///
/// Documented: `CreateChatToken`, member `capabilities`.
///
/// ```
/// use mock_ivs_chat::Capability;
///
/// assert_eq!(Capability::SendMessage.to_string(), "SEND_MESSAGE");
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// `SEND_MESSAGE`: to send messages.
    SendMessage,
    /// `DISCONNECT_USER`: to disconnect users from the room.
    DisconnectUser,
    /// `DELETE_MESSAGE`: to delete any message of the room.
    DeleteMessage,
}

impl Capability {
    /// All capabilities, in the order of the API's model.
    pub const ALL: [Self; 3] = [Self::SendMessage, Self::DisconnectUser, Self::DeleteMessage];

    /// The names of all capabilities, in the order of [`Self::ALL`].
    pub(crate) const NAMES: [&'static str; 3] =
        // Written out, because `map` of an array cannot run in a constant.
        [Self::ALL[0].as_str(), Self::ALL[1].as_str(), Self::ALL[2].as_str()];

    /// Returns the name that the service uses.
    ///
    /// ```
    /// # use mock_ivs_chat::Capability;
    /// assert_eq!(Capability::DeleteMessage.as_str(), "DELETE_MESSAGE");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendMessage => "SEND_MESSAGE",
            Self::DisconnectUser => "DISCONNECT_USER",
            Self::DeleteMessage => "DELETE_MESSAGE",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_all_forms() {
        for (capability, name) in Capability::ALL.into_iter().zip(Capability::NAMES) {
            assert_eq!((capability.as_str(), &*capability.to_string()), (name, name));
            assert_eq!(serde_json::to_string(&capability).unwrap(), format!("{name:?}"));
        }
        assert_eq!(Capability::NAMES, ["SEND_MESSAGE", "DISCONNECT_USER", "DELETE_MESSAGE"]);
    }
}
