//! Story: the commands of a script as data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::hook::Hook;
use super::review::ReviewRule;
use super::settings::Setting;

/// A command and the line that has it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: Command,
}

/// One thing that happens. A client is named as in the transcript: by its user's id, and `alice#2`
/// is the second connection of alice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Sets something about the mock; only before everything else.
    Setting(Setting),
    /// The test creates a room.
    Room {
        name: String,
        members: Map<String, Value>,
    },
    /// The test creates a chat token for a client.
    Token(Token),
    /// The test creates a chat token and lets a participant in, without a WebSocket.
    Participant(Token),
    /// The application calls an operation over HTTP. `$lobby` and `$page.nextToken` are members of
    /// earlier responses.
    Call {
        operation: String,
        request: Map<String, Value>,
        /// The name by which later commands refer to the response.
        name: Option<String>,
    },
    /// A client sends an HTTP request as it stands, but for a signature.
    Request {
        /// Whether a runner signs it if the target demands signatures.
        is_signed: bool,
        method: String,
        target: String,
        headers: BTreeMap<String, String>,
        body: String,
    },
    Connect {
        client: String,
        offer: Offer,
        /// The path and the query.
        path: String,
        headers: BTreeMap<String, String>,
    },
    Send {
        client: String,
        frame: ClientFrame,
    },
    /// A client closes its connection with a close frame.
    Close {
        client: String,
        code: Option<u16>,
        reason: String,
    },
    /// The connection of a client ends without a close frame.
    Vanish {
        client: String,
    },
    Hook(Box<Hook>),
    RemoveHook(String),
    Release {
        gate: String,
        releases_all: bool,
    },
    /// Adds a rule to the review function of this name.
    Review {
        function: String,
        rule: ReviewRule,
    },
    Clock(Duration),
    Repeat {
        count: usize,
        command: Box<Self>,
    },
}

/// The settings of a new chat token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) client: String,
    pub(crate) room: String,
    pub(crate) capabilities: Vec<String>,
    pub(crate) minutes: Option<u32>,
    pub(crate) attributes: Option<BTreeMap<String, String>>,
}

impl Token {
    /// Returns the user id: the client's name without the number of the connection.
    pub(crate) fn user_id(&self) -> &str {
        self.client.split('#').next().unwrap_or_default()
    }
}

/// The token that a client offers in its handshake.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Offer {
    /// The one that was created for this client.
    Own,
    /// Those that were created for these clients, in this order.
    Of(Vec<String>),
    /// Any text, or a member of an earlier response.
    Text(String),
    Nothing,
}

/// The frames that a client sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientFrame {
    /// `SEND_MESSAGE`, with the next `RequestId` of the client.
    Message {
        content: String,
        attributes: Option<BTreeMap<String, String>>,
    },
    /// `DELETE_MESSAGE`, with the next `RequestId` of the client.
    Delete {
        id: String,
        reason: Option<String>,
    },
    /// `DISCONNECT_USER`, with the next `RequestId` of the client.
    Disconnect {
        user_id: String,
        reason: Option<String>,
    },
    /// This text, as it stands.
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

/// The operations of the control plane.
pub(crate) const OPERATIONS: [&str; 17] = [
    "CreateChatToken",
    "CreateLoggingConfiguration",
    "CreateRoom",
    "DeleteLoggingConfiguration",
    "DeleteMessage",
    "DeleteRoom",
    "DisconnectUser",
    "GetLoggingConfiguration",
    "GetRoom",
    "ListLoggingConfigurations",
    "ListRooms",
    "ListTagsForResource",
    "SendEvent",
    "TagResource",
    "UntagResource",
    "UpdateLoggingConfiguration",
    "UpdateRoom",
];

/// The actions of the messaging protocol, each of which needs the capability of its name.
pub(crate) const ACTIONS: [&str; 3] = ["SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"];
