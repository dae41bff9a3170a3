//! Action: the event and the verdicts of hooks on frames that clients send.

use std::fmt;
use std::time::Duration;

use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::describe::{Describe, Quoted, delay, delay_real_time, disconnect};
use crate::hook::filter::Filter;
use crate::hook::ids::GateId;
use crate::hook::point::{Actions, PointName};
use crate::proto::action::{Action, ActionKind};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::sensitive::REDACTED;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;
use crate::service::token_text::replace_tokens;

/// A frame from a client, as passed to a hook on actions.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat, hook::ActionVerdict};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// ivs.on_action().named("no shouting").decide(|inbound| {
///     if inbound.text.contains("!!!") {
///         ActionVerdict::reject(ErrorCode::NotAcceptable, "no shouting")
///     } else {
///         ActionVerdict::Pass
///     }
/// });
/// alice.send_message("hello!!!");
/// alice.expect_error(ErrorCode::NotAcceptable).wait();
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct InboundFrame {
    /// The user of the connection.
    pub user_id: String,
    /// The room's name, or its id if it has no name.
    pub room: String,
    /// The connection that the frame arrived on.
    pub connection: ConnectionId,
    /// The text of the frame. Invalid UTF-8 is replaced where the frame is not text.
    pub text: String,
    /// The `RequestId`; empty if the frame has none.
    pub request_id: String,
    /// The action; `None` if the service cannot parse one.
    pub action: Option<Action>,
    /// The time of arrival.
    pub at: Timestamp,
}

/// Hides the user, as AWS's SDKs do. The text, which may name users and have tokens, is shown only
/// if it is not an action.
impl fmt::Debug for InboundFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("InboundFrame");
        shown
            .field("user_id", &REDACTED)
            .field("room", &self.room)
            .field("connection", &self.connection)
            .field("request_id", &self.request_id)
            .field("action", &self.action);
        if self.action.is_none() {
            shown.field("text", &replace_tokens(&self.text, |_| REDACTED.into()));
        }
        shown.field("at", &self.at).finish_non_exhaustive()
    }
}

/// The effect of a hook on a client's frame.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat, hook::ActionVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_action().named("closed").decide(|_| ActionVerdict::reject(ErrorCode::Forbidden, "closed"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ActionVerdict {
    /// Leaves the frame to the next hook, and after the last hook to the service.
    Pass,
    /// Sends an ERROR to the sender and discards the frame.
    Reject {
        /// The code of the ERROR.
        error_code: ErrorCode,
        /// The text of the ERROR.
        error_message: String,
    },
    /// Drops the frame silently.
    Ignore,
    /// Sends this text to the sender as a frame, and discards the client's frame.
    Respond(String),
    /// Replaces the action, keeping the `RequestId`.
    Change(Action),
    /// Passes the frame to the service twice.
    Duplicate,
    /// Passes the frame to the service after the next frame of the same connection.
    Reorder,
    /// Delays the frame on the mock clock.
    Delay(Duration),
    /// Delays the frame in real time.
    DelayRealTime(Duration),
    /// Delays the frame until the gate is released.
    Hold(GateId),
    /// Closes the connection and discards the frame.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in the close frame, truncated to 123 bytes.
        reason: String,
    },
    /// Resets the TCP connection.
    Reset,
    /// Leaves the connection open, but neither reads nor writes it until
    /// [`Connection::resume`](crate::Connection::resume).
    Stall,
}

impl ActionVerdict {
    /// Creates an [`ActionVerdict::Reject`].
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, hook::ActionVerdict};
    /// let verdict = ActionVerdict::reject(ErrorCode::TooManyRequests, "rate limit exceeded");
    /// ```
    #[must_use]
    pub fn reject(error_code: ErrorCode, error_message: impl Into<String>) -> Self {
        Self::Reject { error_code, error_message: error_message.into() }
    }
}

impl Describe for ActionVerdict {
    const NAME: PointName = PointName::Action;
    const POINT: &'static str = "on_action";
    const EVENT: &'static str = "frame from a client";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Reject { error_code, error_message } => {
                format!("reject({error_code:?}, {})", Quoted(error_message))
            }
            Self::Ignore => "ignore()".into(),
            Self::Respond(text) => format!("respond({})", Quoted(text)),
            Self::Change(action) => format!("change({})", action.name()),
            Self::Duplicate => "duplicate()".into(),
            Self::Reorder => "reorder()".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Disconnect { code, reason } => disconnect(*code, reason),
            Self::Reset => "reset()".into(),
            Self::Stall => "stall()".into(),
        }
    }
}

impl<D: Destination> HookBuilder<Actions, D> {
    /// Matches only frames from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").ignore();
    /// ```
    #[track_caller]
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.only(&Filter { user_id: Some(user_id.into()), ..Filter::default() })
    }

    /// Matches only SEND_MESSAGE. Without this method or its siblings the hook matches every frame,
    /// valid or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().send_message().ignore();
    /// ```
    #[track_caller]
    pub fn send_message(self) -> Self {
        self.only(&Filter { action: Some(ActionKind::SendMessage), ..Filter::default() })
    }

    /// Matches only DELETE_MESSAGE.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().delete_message().ignore();
    /// ```
    #[track_caller]
    pub fn delete_message(self) -> Self {
        self.only(&Filter { action: Some(ActionKind::DeleteMessage), ..Filter::default() })
    }

    /// Matches only DISCONNECT_USER.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().disconnect_user().ignore();
    /// ```
    #[track_caller]
    pub fn disconnect_user(self) -> Self {
        self.only(&Filter { action: Some(ActionKind::DisconnectUser), ..Filter::default() })
    }

    /// Responds with an ERROR and discards the frame.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().reject(ErrorCode::TooManyRequests, "rate limit exceeded");
    /// ```
    pub fn reject(self, error_code: ErrorCode, error_message: impl Into<String>) -> D::Installed {
        self.always(ActionVerdict::reject(error_code, error_message))
    }

    /// Drops the frame silently.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().ignore();
    /// ```
    pub fn ignore(self) -> D::Installed {
        self.always(ActionVerdict::Ignore)
    }

    /// Sends this text back as a frame and discards the client's frame.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().respond(r#"{"Type":"NOTICE","Id":"Notice000001"}"#);
    /// ```
    pub fn respond(self, frame: impl Into<String>) -> D::Installed {
        self.always(ActionVerdict::Respond(frame.into()))
    }

    /// Replaces the action, keeping the `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, SendMessage};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().containing("damn").change(SendMessage::new("***"));
    /// ```
    pub fn change(self, action: impl Into<Action>) -> D::Installed {
        self.always(ActionVerdict::Change(action.into()))
    }
}
