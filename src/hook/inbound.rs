//! The words of `NewHook` about what comes in: whose, which, and what happens to it.

use crate::hook::builder::{Actions, Destination, Handshakes, NewHook, Reviews};
use crate::hook::verdict::{ActionVerdict, HandshakeVerdict, ReviewVerdict};
use crate::proto::action::{Action, ActionKind};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::service::ConnectionId;
use crate::service::review_handler::Review;

impl<D: Destination> NewHook<Handshakes, D> {
    /// Only with a token of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().from("alice").never_answer();
    /// ```
    pub fn from(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// Refuses the handshake with an HTTP status, 400 to 599, and a text. The token stays unused.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().times(2).refuse(429, "slow down");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is none of these.
    #[track_caller]
    pub fn refuse(self, status: u16, message: impl Into<String>) -> D::Installed {
        assert!(
            (400..=599).contains(&status),
            "a refusal has a status from 400 to 599, not {status}"
        );
        self.always(HandshakeVerdict::refuse(status, message))
    }

    /// Lets the handshake succeed, then closes the connection at once. The token stays unused.
    ///
    /// Observed: a client was told of an expired token in this way, the reason being JSON.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let reason = r#"{"ErrorCode":401,"ErrorMessage":"token has expired"}"#;
    /// let hook = ivs.on_handshake().disconnect_with_reason(CloseCode::NORMAL, reason);
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
    /// let hook = ivs.on_handshake().disconnect_with_reason(CloseCode::GOING_AWAY, "maintenance");
    /// ```
    pub fn disconnect_with_reason(
        self,
        code: CloseCode,
        reason: impl Into<String>,
    ) -> D::Installed {
        self.always(HandshakeVerdict::Disconnect { code, reason: reason.into() })
    }

    /// Resets the TCP connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().once().reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(HandshakeVerdict::Reset)
    }

    /// Never answers the handshake, and leaves the TCP connection open: half-open.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().once().never_answer();
    /// ```
    pub fn never_answer(self) -> D::Installed {
        self.always(HandshakeVerdict::NeverAnswer)
    }

    /// Sends the connection at most so many bytes a second, of real time; or of tokio's, if a test
    /// has paused that and the mock follows it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().from("bob").slow_link(1024);
    /// ```
    pub fn slow_link(self, bytes_per_second: u32) -> D::Installed {
        self.always(HandshakeVerdict::SlowLink(bytes_per_second))
    }
}

impl<D: Destination> NewHook<Actions, D> {
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
    /// let hook = ivs.on_action().answer(r#"{"Type":"NOTICE","Id":"Notice000001"}"#);
    /// ```
    pub fn answer(self, frame: impl Into<String>) -> D::Installed {
        self.always(ActionVerdict::Answer(frame.into()))
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

impl<D: Destination> NewHook<Reviews, D> {
    /// Only of messages from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Review};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_review().from("alice").answer(Review::time_out());
    /// ```
    pub fn from(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// Answers in the handler's place.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Review};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_review().answer(Review::fail());
    /// ```
    pub fn answer(self, review: Review) -> D::Installed {
        self.always(ReviewVerdict::Answer(review))
    }
}
