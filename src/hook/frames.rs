//! Frames: the conditions and effects that hooks on actions and on deliveries share.

use crate::hook::action::ActionVerdict;
use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::filter::Filter;
use crate::hook::point::{Actions, Deliveries, HookPoint};
use crate::proto::close::CloseCode;
use crate::service::ConnectionId;

/// A hook point whose events are frames of a connection: [`Actions`] or [`Deliveries`].
pub trait FramePoint: HookPoint<Verdict: sealed::FrameVerdict> {}

impl FramePoint for Actions {}

impl FramePoint for Deliveries {}

mod sealed {
    use crate::proto::close::CloseCode;

    /// The verdicts that both hook points have.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait FrameVerdict {
        const DUPLICATE: Self;
        const REORDER: Self;
        const RESET: Self;
        const STALL: Self;

        fn disconnect(code: CloseCode, reason: String) -> Self;
    }
}

impl sealed::FrameVerdict for ActionVerdict {
    const DUPLICATE: Self = Self::Duplicate;
    const REORDER: Self = Self::Reorder;
    const RESET: Self = Self::Reset;
    const STALL: Self = Self::Stall;

    fn disconnect(code: CloseCode, reason: String) -> Self {
        Self::Disconnect { code, reason }
    }
}

impl sealed::FrameVerdict for DeliveryVerdict {
    const DUPLICATE: Self = Self::Duplicate;
    const REORDER: Self = Self::Reorder;
    const RESET: Self = Self::Reset;
    const STALL: Self = Self::Stall;

    fn disconnect(code: CloseCode, reason: String) -> Self {
        Self::Disconnect { code, reason }
    }
}

impl<P: FramePoint, D: Destination> HookBuilder<P, D> {
    /// Matches only frames on this connection.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let hook = ivs.on_action().connection(alice.connection()).ignore();
    /// let hook = ivs.on_delivery().connection(alice.connection()).drop_frame();
    /// ```
    #[track_caller]
    pub fn connection(self, connection: impl Into<ConnectionId>) -> Self {
        self.only(&Filter { connection: Some(connection.into()), ..Filter::default() })
    }

    /// Matches only frames with this `RequestId`.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().request_id("alice-1").ignore();
    /// let hook = ivs.on_delivery().request_id("alice-1").drop_frame();
    /// ```
    #[track_caller]
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        self.only(&Filter { request_id: Some(request_id.into()), ..Filter::default() })
    }

    /// Passes the frame on twice: an action to the service, a delivery to the client.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().duplicate();
    /// let hook = ivs.on_delivery().to("bob").nth(3).duplicate();
    /// ```
    pub fn duplicate(self) -> D::Installed {
        self.always(sealed::FrameVerdict::DUPLICATE)
    }

    /// Passes the frame on after the next frame of the same connection in the same direction.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().reorder();
    /// let hook = ivs.on_delivery().to("bob").once().reorder();
    /// ```
    pub fn reorder(self) -> D::Installed {
        self.always(sealed::FrameVerdict::REORDER)
    }

    /// Closes the connection instead of passing the frame on.
    ///
    /// ```
    /// # use mock_ivs_chat::{CloseCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().after(10).disconnect(CloseCode::GOING_AWAY);
    /// let hook = ivs.on_delivery().to("bob").disconnect(CloseCode::INTERNAL_ERROR);
    /// ```
    pub fn disconnect(self, code: CloseCode) -> D::Installed {
        self.disconnect_with_reason(code, "")
    }

    /// Closes the connection with a reason in the close frame, truncated to 123 bytes.
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
        self.always(sealed::FrameVerdict::disconnect(code, reason.into()))
    }

    /// Resets the TCP connection instead of passing the frame on.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").reset();
    /// let hook = ivs.on_delivery().to("bob").reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(sealed::FrameVerdict::RESET)
    }

    /// Leaves the connection open, but neither reads nor writes it.
    ///
    /// [`Connection::resume`](crate::Connection::resume) makes the connection usable again.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").stall();
    /// let hook = ivs.on_delivery().to("bob").stall();
    /// ```
    pub fn stall(self) -> D::Installed {
        self.always(sealed::FrameVerdict::STALL)
    }
}
