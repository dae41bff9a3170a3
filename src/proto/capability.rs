//! Capability: what a chat token allows its user.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a chat token allows its user to do in the room. Receiving is always allowed.
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
    /// To send messages: `SEND_MESSAGE`.
    SendMessage,
    /// To disconnect users of the room: `DISCONNECT_USER`.
    DisconnectUser,
    /// To delete messages of anybody in the room: `DELETE_MESSAGE`.
    DeleteMessage,
}

impl Capability {
    /// All capabilities, in the order of the API's model.
    pub const ALL: [Self; 3] = [Self::SendMessage, Self::DisconnectUser, Self::DeleteMessage];

    /// The service's own word for it.
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
