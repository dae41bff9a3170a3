//! Action: a request that a client publishes in a frame.

use std::fmt;

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::sensitive::REDACTED;

/// A request from a client to the service, in a frame.
///
/// Documented: "Actions" of the messaging API reference.
///
/// ```
/// use mock_ivs_chat::{Action, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// alice.send_message("hello");
/// let actions: Vec<Action> = ivs.log().into_iter().filter_map(|entry| entry.action()).collect();
/// assert!(matches!(&actions[..], [Action::SendMessage(sent)] if sent.content == "hello"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// `SEND_MESSAGE`.
    SendMessage(SendMessage),
    /// `DELETE_MESSAGE`.
    DeleteMessage(DeleteMessage),
    /// `DISCONNECT_USER`.
    DisconnectUser(DisconnectUser),
}

impl Action {
    /// Returns the kind of the action.
    ///
    /// ```
    /// # use mock_ivs_chat::{ActionKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// # alice.send_message("hello");
    /// # let action = ivs.log().into_iter().find_map(|entry| entry.action()).unwrap();
    /// assert_eq!(action.kind(), ActionKind::SendMessage);
    /// ```
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::SendMessage(_) => ActionKind::SendMessage,
            Self::DeleteMessage(_) => ActionKind::DeleteMessage,
            Self::DisconnectUser(_) => ActionKind::DisconnectUser,
        }
    }

    /// Returns the name of the action, such as `SEND_MESSAGE`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// # alice.send_message("hello");
    /// # let action = ivs.log().into_iter().find_map(|entry| entry.action()).unwrap();
    /// assert_eq!(action.name(), "SEND_MESSAGE");
    /// ```
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Returns the capability that a connection needs for this action, if it needs one.
    ///
    /// ```
    /// # use mock_ivs_chat::{Capability, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// # alice.send_message("hello");
    /// # let action = ivs.log().into_iter().find_map(|entry| entry.action()).unwrap();
    /// assert_eq!(action.capability(), Some(Capability::SendMessage));
    /// ```
    #[must_use]
    pub const fn capability(&self) -> Option<Capability> {
        self.kind().capability()
    }

    /// Returns the string members that only this kind of action has, with their values.
    pub(crate) fn string_members(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::SendMessage(sent) => vec![("Content", &sent.content)],
            Self::DeleteMessage(deletion) => {
                vec![("Id", &deletion.id), ("Reason", &deletion.reason)]
            }
            Self::DisconnectUser(disconnection) => {
                vec![("UserId", &disconnection.user_id), ("Reason", &disconnection.reason)]
            }
        }
    }

    /// Returns the attributes of the action, if it has any.
    pub(crate) const fn attributes(&self) -> Option<&Attributes> {
        match self {
            Self::SendMessage(sent) => sent.attributes.as_ref(),
            Self::DeleteMessage(_) | Self::DisconnectUser(_) => None,
        }
    }
}

/// The kind of an [`Action`].
///
/// ```
/// use mock_ivs_chat::ActionKind;
///
/// assert_eq!(ActionKind::DeleteMessage.to_string(), "DELETE_MESSAGE");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ActionKind {
    /// `SEND_MESSAGE`.
    SendMessage,
    /// `DELETE_MESSAGE`.
    DeleteMessage,
    /// `DISCONNECT_USER`.
    DisconnectUser,
}

/// The properties of a kind of action: one entry of the table of actions.
struct Definition {
    name: &'static str,
    capability: Option<Capability>,
    members: &'static [&'static str],
}

impl ActionKind {
    /// All kinds, in the order of the API reference.
    // The decoder looks for names in this list, so a kind that is missing here would be unknown.
    pub const ALL: [Self; 3] = [Self::SendMessage, Self::DeleteMessage, Self::DisconnectUser];

    const fn definition(self) -> &'static Definition {
        match self {
            Self::SendMessage => &Definition {
                name: "SEND_MESSAGE",
                capability: Some(Capability::SendMessage),
                members: &["Action", "RequestId", "Content", "Attributes"],
            },
            Self::DeleteMessage => &Definition {
                name: "DELETE_MESSAGE",
                capability: Some(Capability::DeleteMessage),
                members: &["Action", "RequestId", "Id", "Reason"],
            },
            Self::DisconnectUser => &Definition {
                name: "DISCONNECT_USER",
                capability: Some(Capability::DisconnectUser),
                members: &["Action", "RequestId", "UserId", "Reason"],
            },
        }
    }

    /// Returns the value of the member `Action`.
    ///
    /// ```
    /// # use mock_ivs_chat::ActionKind;
    /// assert_eq!(ActionKind::SendMessage.name(), "SEND_MESSAGE");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns the capability that a connection needs for an action of this kind, if it needs one.
    ///
    /// ```
    /// # use mock_ivs_chat::{ActionKind, Capability};
    /// assert_eq!(ActionKind::SendMessage.capability(), Some(Capability::SendMessage));
    /// ```
    #[must_use]
    pub const fn capability(self) -> Option<Capability> {
        self.definition().capability
    }

    /// Returns the names of all members that a frame of this kind can have.
    pub(crate) const fn members(self) -> &'static [&'static str] {
        self.definition().members
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        // Unlike the names of members, the name of an action must have the right case.
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `SEND_MESSAGE`: sends a message to the participants of the room.
///
/// ```
/// # use mock_ivs_chat::{Action, MockIvsChat};
/// # let ivs = MockIvsChat::start();
/// # let alice = ivs.create_room("lobby").participant("alice");
/// # alice.send_message("hello");
/// let entry = ivs.log().into_iter().find(|entry| entry.action().is_some()).unwrap();
/// let Some(Action::SendMessage(sent)) = entry.action() else { panic!() };
/// assert_eq!((sent.content.as_str(), sent.attributes), ("hello", None));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SendMessage {
    /// `Content`: the text; empty if the frame had none.
    pub content: String,
    /// `Attributes`; `None` if the frame had none.
    pub attributes: Option<Attributes>,
}

impl SendMessage {
    /// Creates a message without attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::SendMessage;
    /// assert_eq!(SendMessage::new("hello").content, "hello");
    /// ```
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self { content: content.into(), attributes: None }
    }

    /// Sets the attributes.
    ///
    /// ```
    /// # use mock_ivs_chat::SendMessage;
    /// let message = SendMessage::new("hello").with_attributes([("color", "red")]);
    /// assert_eq!(message.attributes.unwrap()["color"], "red");
    /// ```
    #[must_use]
    pub fn with_attributes(mut self, attributes: impl Into<Attributes>) -> Self {
        self.attributes = Some(attributes.into());
        self
    }
}

impl From<SendMessage> for Action {
    fn from(sent: SendMessage) -> Self {
        Self::SendMessage(sent)
    }
}

/// `DELETE_MESSAGE`: asks the clients of the room to delete a message.
///
/// ```
/// # use mock_ivs_chat::{Action, MockIvsChat};
/// # let ivs = MockIvsChat::start();
/// # let alice = ivs.create_room("lobby").participant("alice");
/// alice.delete_message("Message00001", "spam");
/// let Some(Action::DeleteMessage(deletion)) = ivs.log().into_iter().find_map(|e| e.action()) else { panic!() };
/// assert_eq!((deletion.id.as_str(), deletion.reason.as_str()), ("Message00001", "spam"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeleteMessage {
    /// `Id` of the message; empty if the frame had none.
    pub id: String,
    /// `Reason`; empty if the frame had none.
    pub reason: String,
}

impl DeleteMessage {
    /// Creates a deletion of the message with this ID.
    ///
    /// ```
    /// # use mock_ivs_chat::DeleteMessage;
    /// assert_eq!(DeleteMessage::new("Message00001", "spam").reason, "spam");
    /// ```
    #[must_use]
    pub fn new(id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { id: id.into(), reason: reason.into() }
    }
}

impl From<DeleteMessage> for Action {
    fn from(deletion: DeleteMessage) -> Self {
        Self::DeleteMessage(deletion)
    }
}

/// `DISCONNECT_USER`: disconnects all connections of a user from the room.
///
/// ```
/// # use mock_ivs_chat::{Action, MockIvsChat};
/// # let ivs = MockIvsChat::start();
/// # let alice = ivs.create_room("lobby").participant("alice");
/// alice.disconnect_user("bob", "rude");
/// let Some(Action::DisconnectUser(kick)) = ivs.log().into_iter().find_map(|e| e.action()) else { panic!() };
/// assert_eq!((kick.user_id.as_str(), kick.reason.as_str()), ("bob", "rude"));
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct DisconnectUser {
    /// `UserId` of the user to disconnect; empty if the frame had none.
    pub user_id: String,
    /// `Reason`; empty if the frame had none.
    pub reason: String,
}

impl DisconnectUser {
    /// Creates a disconnection of the user with this ID.
    ///
    /// ```
    /// # use mock_ivs_chat::DisconnectUser;
    /// assert_eq!(DisconnectUser::new("bob", "rude").user_id, "bob");
    /// ```
    #[must_use]
    pub fn new(user_id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { user_id: user_id.into(), reason: reason.into() }
    }
}

impl From<DisconnectUser> for Action {
    fn from(disconnection: DisconnectUser) -> Self {
        Self::DisconnectUser(disconnection)
    }
}

/// Hides the user, as AWS's SDKs do.
impl fmt::Debug for DisconnectUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DisconnectUser")
            .field("user_id", &REDACTED)
            .field("reason", &self.reason)
            .finish()
    }
}
