//! The words of `NewHook` about what goes out, and about operations: whose, which, and what happens.

use crate::hook::builder::{Deliveries, Destination, NewHook, Operations};
use crate::hook::filter::FrameKind;
use crate::hook::verdict::{DeliveryVerdict, Malformation, OperationVerdict};
use crate::proto::close::CloseCode;
use crate::proto::exception::Exception;
use crate::proto::frame::Frame;
use crate::proto::operation::Operation;
use crate::service::ConnectionId;

impl<D: Destination> NewHook<Deliveries, D> {
    /// Only to this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").drop_frame();
    /// ```
    pub fn to(mut self, user_id: impl Into<String>) -> Self {
        self.filter.user_id = Some(user_id.into());
        self
    }

    /// Only messages from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().from("alice").drop_frame();
    /// ```
    pub fn from(mut self, user_id: impl Into<String>) -> Self {
        self.filter.sender = Some(user_id.into());
        self
    }

    /// Only to this connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let hook = ivs.on_delivery().connection(alice.connection()).drop_frame();
    /// ```
    pub fn connection(mut self, connection: ConnectionId) -> Self {
        self.filter.connection = Some(connection);
        self
    }

    /// Only MESSAGE frames.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().message().drop_frame();
    /// ```
    pub fn message(mut self) -> Self {
        self.filter.kind = Some(FrameKind::Message);
        self
    }

    /// Only EVENT frames of this name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().event("aws:DELETE_MESSAGE").drop_frame();
    /// ```
    pub fn event(mut self, event_name: impl Into<String>) -> Self {
        self.filter.kind = Some(FrameKind::Event);
        self.filter.event_name = Some(event_name.into());
        self
    }

    /// Only ERROR frames.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().error().drop_frame();
    /// ```
    pub fn error(mut self) -> Self {
        self.filter.kind = Some(FrameKind::Error);
        self
    }

    /// Only frames with this `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().request_id("alice-1").drop_frame();
    /// ```
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.filter.request_id = Some(request_id.into());
        self
    }

    /// Does not send it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").drop_frame();
    /// ```
    pub fn drop_frame(self) -> D::Installed {
        self.always(DeliveryVerdict::Drop)
    }

    /// Sends another frame in its place.
    ///
    /// ```
    /// # use mock_ivs_chat::{Frame, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let text = r#"{"Type":"ERROR","Id":"Error0000009","RequestId":"","ErrorCode":500,"ErrorMessage":"oops"}"#;
    /// let frame: Frame = serde_json::from_str(text).unwrap();
    /// let hook = ivs.on_delivery().to("bob").once().change(frame);
    /// ```
    pub fn change(self, frame: Frame) -> D::Installed {
        self.always(DeliveryVerdict::Change(frame))
    }

    /// Sends a text in its place.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").once().replace("no JSON");
    /// ```
    pub fn replace(self, text: impl Into<String>) -> D::Installed {
        self.always(DeliveryVerdict::Replace(text.into()))
    }

    /// Sends it in a form that it should not have.
    ///
    /// ```
    /// # use mock_ivs_chat::{Malformation, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").once().malform(Malformation::Truncated);
    /// ```
    pub fn malform(self, malformation: Malformation) -> D::Installed {
        self.always(DeliveryVerdict::Malform(malformation))
    }

    /// Sends it twice.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").nth(3).duplicate();
    /// ```
    pub fn duplicate(self) -> D::Installed {
        self.always(DeliveryVerdict::Duplicate)
    }

    /// Sends it after the next frame to the same connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").once().reorder();
    /// ```
    pub fn reorder(self) -> D::Installed {
        self.always(DeliveryVerdict::Reorder)
    }

    /// Closes the connection in its place.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").disconnect(CloseCode::INTERNAL_ERROR);
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
    /// let hook = ivs.on_delivery().disconnect_with_reason(CloseCode::GOING_AWAY, "maintenance");
    /// ```
    pub fn disconnect_with_reason(
        self,
        code: CloseCode,
        reason: impl Into<String>,
    ) -> D::Installed {
        self.always(DeliveryVerdict::Disconnect { code, reason: reason.into() })
    }

    /// Resets the TCP connection in its place.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(DeliveryVerdict::Reset)
    }

    /// Leaves the connection open, and neither reads nor writes it any more.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").stall();
    /// ```
    pub fn stall(self) -> D::Installed {
        self.always(DeliveryVerdict::Stall)
    }
}

impl<D: Destination> NewHook<Operations, D> {
    /// Only this operation.
    pub(crate) fn operation(mut self, operation: Operation) -> Self {
        self.filter.operation = Some(operation);
        self
    }

    /// Answers with an exception; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{Exception, MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::CreateChatToken).once().fail(Exception::throttling("slow down"));
    /// ```
    pub fn fail(self, exception: Exception) -> D::Installed {
        self.always(OperationVerdict::Fail(exception))
    }

    /// Answers with this status, 200 to 599, and body; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).respond(503, "Service Unavailable");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is none of these.
    #[track_caller]
    pub fn respond(self, status: u16, body: impl Into<String>) -> D::Installed {
        assert!(
            (200..=599).contains(&status),
            "an answer has a status from 200 to 599, not {status}"
        );
        self.always(OperationVerdict::Respond { status, body: body.into() })
    }

    /// Carries the operation out, and answers with an empty body.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).empty_body();
    /// ```
    pub fn empty_body(self) -> D::Installed {
        self.always(OperationVerdict::EmptyBody)
    }

    /// Carries the operation out, and answers with half of the body as if that were all.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).broken_body();
    /// ```
    pub fn broken_body(self) -> D::Installed {
        self.always(OperationVerdict::BrokenBody)
    }

    /// Carries the operation out, and cuts the connection within the head of the answer.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).cut_head();
    /// ```
    pub fn cut_head(self) -> D::Installed {
        self.always(OperationVerdict::CutHead)
    }

    /// Carries the operation out, and cuts the connection within the body of the answer.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).cut_body();
    /// ```
    pub fn cut_body(self) -> D::Installed {
        self.always(OperationVerdict::CutBody)
    }

    /// Resets the TCP connection; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(OperationVerdict::Reset)
    }

    /// Carries the operation out, and never answers.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).never_answer();
    /// ```
    pub fn never_answer(self) -> D::Installed {
        self.always(OperationVerdict::NeverAnswer)
    }
}
