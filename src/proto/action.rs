//! Action: a request that a client publishes in a frame, and the decoding of its frames.

use std::fmt;

use crate::proto::attributes::Attributes;
use crate::proto::capability::Capability;
use crate::proto::members::Members;
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

    fn of_name(name: &str) -> Option<Self> {
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

/// Hides the user, as AWS's SDKs do.
impl fmt::Debug for DisconnectUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DisconnectUser")
            .field("user_id", &REDACTED)
            .field("reason", &self.reason)
            .finish()
    }
}

/// A frame from a client as the service decodes it: its `RequestId`, and the action or the fault of
/// the frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Publish {
    pub(crate) request_id: String,
    pub(crate) action: Result<Action, String>,
}

impl Publish {
    /// Decodes a frame. This never fails, because an unreadable frame is an input to the service as
    /// well.
    pub(crate) fn decode(payload: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(payload) else {
            let action = Err("frame is neither text nor UTF-8".into());
            return Self { request_id: String::new(), action };
        };
        let members = Members::read(text);
        // The error carries the `RequestId` if it is readable, whatever else is wrong.
        let request_id = members.string("RequestId").unwrap_or_default();
        Self { request_id, action: decode_action(&members) }
    }
}

/// Assumed: a frame that cannot be read is answered with code 400, with its `RequestId` if that can
/// be read, and the connection stays open.
fn decode_action(members: &Members<'_>) -> Result<Action, String> {
    if let Some(broken) = members.broken() {
        return Err(broken.into());
    }
    members.string("RequestId")?;
    let name = members.string("Action")?;
    let Some(kind) = ActionKind::of_name(&name) else {
        let fault = if name.is_empty() { "Action is missing" } else { "unknown Action" };
        return Err(format!("{fault}; it must be {}", names_of_actions()));
    };
    Ok(match kind {
        ActionKind::SendMessage => Action::SendMessage(SendMessage {
            content: members.string("Content")?,
            attributes: members.attributes("Attributes")?,
        }),
        ActionKind::DeleteMessage => Action::DeleteMessage(DeleteMessage {
            id: members.string("Id")?,
            reason: members.string("Reason")?,
        }),
        ActionKind::DisconnectUser => Action::DisconnectUser(DisconnectUser {
            user_id: members.string("UserId")?,
            reason: members.string("Reason")?,
        }),
    })
}

/// Returns the names of all actions: "A, B or C".
fn names_of_actions() -> String {
    let names = ActionKind::ALL.map(ActionKind::name);
    let (last, others) = names.split_last().expect("there are actions");
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(frame: &str) -> Publish {
        Publish::decode(frame.as_bytes())
    }

    #[test]
    fn members_are_found_in_any_case_and_the_last_one_wins() {
        let publish = read(
            r#"{"action":"SEND_MESSAGE","CONTENT":"a","content":"b","requestId":"r1","Extra":[]}"#,
        );
        assert_eq!(publish.request_id, "r1");
        let sent = SendMessage { content: "b".into(), attributes: None };
        assert_eq!(publish.action, Ok(Action::SendMessage(sent)));
    }

    #[test]
    fn null_counts_as_absent() {
        let publish =
            read(r#"{"Action":"SEND_MESSAGE","RequestId":null,"Content":null,"Attributes":null}"#);
        assert_eq!(publish.request_id, "");
        let sent = SendMessage { content: String::new(), attributes: None };
        assert_eq!(publish.action, Ok(Action::SendMessage(sent)));
    }

    #[rstest]
    #[case::empty("", "", "invalid JSON at line 1, column 0")]
    #[case::no_json("hello", "", "invalid JSON at line 1, column 1")]
    #[case::no_object(r#"["Action"]"#, "", "JSON is not an object")]
    #[case::cut_off(
        r#"{"RequestId":"r1","Action":"SEND"#,
        "r1",
        "invalid JSON at line 1, column 32"
    )]
    #[case::trailing(r#"{"RequestId":"r1"} x"#, "r1", "invalid JSON at line 1, column 20")]
    #[case::no_action(
        r#"{"RequestId":"r1"}"#,
        "r1",
        "Action is missing; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"
    )]
    #[case::unknown(
        r#"{"RequestId":"r1","Action":"send_message"}"#,
        "r1",
        "unknown Action; it must be SEND_MESSAGE, DELETE_MESSAGE or DISCONNECT_USER"
    )]
    #[case::action_type(
        r#"{"RequestId":"r1","Action":1}"#,
        "r1",
        "Action must be a string, not a number"
    )]
    #[case::request_id_type(
        r#"{"RequestId":{},"Action":"SEND_MESSAGE"}"#,
        "",
        "RequestId must be a string, not an object"
    )]
    #[case::content_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":[1]}"#,
        "r1",
        "Content must be a string, not an array"
    )]
    #[case::surrogate(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Content":"\ud800"}"#,
        "r1",
        "Content contains a lone surrogate, which is not a character"
    )]
    #[case::attributes_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Attributes":true}"#,
        "r1",
        "Attributes must be an object, not a boolean"
    )]
    #[case::attribute_type(
        r#"{"RequestId":"r1","Action":"SEND_MESSAGE","Attributes":{"a":null}}"#,
        "r1",
        "Attributes.a must be a string, not null"
    )]
    fn a_fault_is_reported_with_the_request_id(
        #[case] frame: &str,
        #[case] request_id: &str,
        #[case] error: &str,
    ) {
        let publish = read(frame);
        assert_eq!(publish.request_id, request_id);
        assert_eq!(publish.action, Err(error.into()));
    }

    #[test]
    fn nesting_thousands_deep_is_refused_without_recursion() {
        let deep = format!(
            r#"{{"RequestId":"r1","Action":"SEND_MESSAGE","X":{}1{}}}"#,
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        assert_eq!(read(&deep).request_id, "r1");
        assert_eq!(read(&deep).action, Err("JSON is nested more than 1000 levels deep".into()));
        assert_eq!(
            read(&"[".repeat(100_000)).action,
            Err("JSON is nested more than 1000 levels deep".into())
        );
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert_eq!(Publish::decode(b"\xff").action, Err("frame is neither text nor UTF-8".into()));
    }

    #[test]
    fn the_table_of_actions_agrees_with_their_frames() {
        for kind in ActionKind::ALL {
            let frame = format!(r#"{{"Action":"{kind}"}}"#);
            let action = read(&frame).action.unwrap();
            assert_eq!((action.kind(), action.name()), (kind, kind.name()));
            assert_eq!(action.capability(), kind.capability());
            assert_eq!(kind.capability().map(Capability::as_str), Some(kind.name()));
            assert_eq!(kind.members()[..2], ["Action", "RequestId"]);
            for (member, _) in action.string_members() {
                assert!(kind.members()[2..].contains(&member), "{kind} has no {member}");
            }
        }
    }

    #[test]
    fn every_member_of_a_frame_is_read() {
        let action = |members: &str| read(&format!("{{{members}}}")).action.unwrap();
        let sent = action(r#""Action":"SEND_MESSAGE","Content":"a","Attributes":{"b":"c"}"#);
        assert_eq!(sent.string_members(), [("Content", "a")]);
        assert_eq!(sent.attributes(), Some(&Attributes::from([("b", "c")])));
        let deletion = action(r#""Action":"DELETE_MESSAGE","Id":"a","Reason":"b""#);
        assert_eq!(deletion.string_members(), [("Id", "a"), ("Reason", "b")]);
        let disconnection = action(r#""Action":"DISCONNECT_USER","UserId":"a","Reason":"b""#);
        assert_eq!(disconnection.string_members(), [("UserId", "a"), ("Reason", "b")]);
        assert_eq!((deletion.attributes(), disconnection.attributes()), (None, None));
        assert_eq!(SendMessage::new("a").content, "a");
    }
}
