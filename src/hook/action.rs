//! Action: what a hook on the frames of clients is shown, and what it can make of them.

use std::time::Duration;

use crate::hook::builder::{Actions, Destination, HookBuilder, sealed};
use crate::hook::chain::{Chain, Rule};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::verdict::Verdict;
use crate::proto::action::{Action, ActionKind};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// A frame of a client, as a hook on actions is shown it.
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
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InboundFrame {
    /// Whose connection it came on.
    pub user_id: String,
    /// The room's name, or its id if it has no name.
    pub room: String,
    /// The connection that it came on.
    pub connection: ConnectionId,
    /// Its text; of a frame that is no text, what can be read of it.
    pub text: String,
    /// Its `RequestId`; empty if it has none.
    pub request_id: String,
    /// Its action; `None` if the service cannot read one.
    pub action: Option<Action>,
    /// When it arrived.
    pub at: Timestamp,
}

/// What becomes of a client's frame.
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
    /// The next hook is asked, and after the last the service.
    Pass,
    /// Its sender gets an ERROR.
    Reject {
        /// The code of the ERROR.
        error_code: ErrorCode,
        /// The text of the ERROR.
        error_message: String,
    },
    /// Nothing becomes of it.
    Ignore,
    /// Its sender gets this text as a frame, and nothing else becomes of it.
    Respond(String),
    /// The service gets this action instead, with the same `RequestId`.
    Change(Action),
    /// The service gets it twice.
    Duplicate,
    /// The service gets it after the next frame of the same connection.
    Reorder,
    /// The service gets it later, by the mock's clock.
    Delay(Duration),
    /// The service gets it later, by real time.
    DelayRealTime(Duration),
    /// The service gets it when the gate is released.
    Hold(GateId),
    /// The connection is closed, and nothing else becomes of it.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in it, of which at most 123 bytes are sent.
        reason: String,
    },
    /// The TCP connection is reset.
    Reset,
    /// The connection stays open, but is neither read nor written any more.
    Stall,
}

impl ActionVerdict {
    /// Makes the event wait at a gate until the gate is released.
    ///
    /// A gate of another mock, or one that was released, holds nothing.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::ActionVerdict};
    /// # let ivs = MockIvsChat::start();
    /// let gate = ivs.gate();
    /// let verdict = ActionVerdict::hold(&gate);
    /// ```
    #[must_use]
    pub fn hold(gate: impl AsRef<GateId>) -> Self {
        Self::Hold(*gate.as_ref())
    }

    /// [`ActionVerdict::Reject`].
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

impl Verdict for ActionVerdict {
    fn pass() -> Self {
        Self::Pass
    }

    fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self> {
        &mut hooks.actions
    }

    fn of(verdict: HookVerdict) -> Option<Self> {
        match verdict {
            HookVerdict::Action(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl sealed::HookPoint for Actions {
    fn rule(rule: Rule<ActionVerdict>) -> AnyRule {
        AnyRule::Action(rule)
    }

    fn event(event: HookEvent) -> Option<InboundFrame> {
        match event {
            HookEvent::Action(event) => Some(event),
            _ => None,
        }
    }

    fn verdict(verdict: ActionVerdict) -> HookVerdict {
        HookVerdict::Action(verdict)
    }

    fn pass() -> ActionVerdict {
        ActionVerdict::Pass
    }

    fn delay(duration: Duration) -> ActionVerdict {
        ActionVerdict::Delay(duration)
    }

    fn delay_real_time(duration: Duration) -> ActionVerdict {
        ActionVerdict::DelayRealTime(duration)
    }

    fn hold(gate: GateId) -> ActionVerdict {
        ActionVerdict::Hold(gate)
    }
}

impl<D: Destination> HookBuilder<Actions, D> {
    /// Only from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").ignore();
    /// ```
    pub fn from(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// Only on this connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let hook = ivs.on_action().connection(alice.connection()).ignore();
    /// ```
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.filter.connection = Some(connection);
        self
    }

    /// Only at SEND_MESSAGE. Without this or its siblings: at any frame, readable or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().send_message().ignore();
    /// ```
    pub fn send_message(mut self) -> Self {
        self.filter.action = Some(ActionKind::SendMessage);
        self
    }

    /// Only at DELETE_MESSAGE.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().delete_message().ignore();
    /// ```
    pub fn delete_message(mut self) -> Self {
        self.filter.action = Some(ActionKind::DeleteMessage);
        self
    }

    /// Only at DISCONNECT_USER.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().disconnect_user().ignore();
    /// ```
    pub fn disconnect_user(mut self) -> Self {
        self.filter.action = Some(ActionKind::DisconnectUser);
        self
    }

    /// Only with this `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().request_id("alice-1").ignore();
    /// ```
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.filter.request_id = Some(request_id.into());
        self
    }

    /// Answers with an ERROR.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().reject(ErrorCode::TooManyRequests, "rate limit exceeded");
    /// ```
    pub fn reject(self, error_code: ErrorCode, error_message: impl Into<String>) -> D::Installed {
        self.always(ActionVerdict::reject(error_code, error_message))
    }

    /// Lets nothing become of it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().ignore();
    /// ```
    pub fn ignore(self) -> D::Installed {
        self.always(ActionVerdict::Ignore)
    }

    /// Sends this text back as a frame, and does nothing else.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().respond(r#"{"Type":"NOTICE","Id":"Notice000001"}"#);
    /// ```
    pub fn respond(self, frame: impl Into<String>) -> D::Installed {
        self.always(ActionVerdict::Respond(frame.into()))
    }

    /// Hands the service another action in its place, with the same `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::{Action, MockIvsChat, SendMessage};
    /// # let ivs = MockIvsChat::start();
    /// let tamed = Action::SendMessage(SendMessage::new("***"));
    /// let hook = ivs.on_action().containing("damn").change(tamed);
    /// ```
    pub fn change(self, action: Action) -> D::Installed {
        self.always(ActionVerdict::Change(action))
    }

    /// Hands it to the service twice.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().duplicate();
    /// ```
    pub fn duplicate(self) -> D::Installed {
        self.always(ActionVerdict::Duplicate)
    }

    /// Hands it to the service after the next frame of the same connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().reorder();
    /// ```
    pub fn reorder(self) -> D::Installed {
        self.always(ActionVerdict::Reorder)
    }

    /// Closes the connection.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().after(10).disconnect(CloseCode::GOING_AWAY);
    /// ```
    pub fn disconnect(self, code: CloseCode) -> D::Installed {
        self.disconnect_with_reason(code, "")
    }

    /// As `disconnect` does, with a reason in the close frame, of which at most 123 bytes are
    /// sent.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().disconnect_with_reason(CloseCode::GOING_AWAY, "maintenance");
    /// ```
    pub fn disconnect_with_reason(
        self,
        code: CloseCode,
        reason: impl Into<String>,
    ) -> D::Installed {
        self.always(ActionVerdict::Disconnect { code, reason: reason.into() })
    }

    /// Resets the TCP connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(ActionVerdict::Reset)
    }

    /// Leaves the connection open, and neither reads nor writes it any more.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").stall();
    /// ```
    pub fn stall(self) -> D::Installed {
        self.always(ActionVerdict::Stall)
    }
}
