//! Handshake: what a hook on handshakes is shown, and what it can make of them.

use std::time::Duration;

use crate::hook::builder::{Destination, Handshakes, HookBuilder, sealed};
use crate::hook::chain::{Chain, Rule};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::verdict::Verdict;
use crate::proto::close::CloseCode;
use crate::proto::headers::Headers;

/// A handshake, as a hook on handshakes is shown it.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::HandshakeVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake().named("only alice").decide(|handshake| match handshake.user_id.as_deref() {
///     Some("alice") => HandshakeVerdict::Pass,
///     _ => HandshakeVerdict::refuse(403, "only alice"),
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeRequest {
    /// The user of the token that is offered; `None` if it is no token of this mock.
    pub user_id: Option<String>,
    /// The name of the token's room, or its id if it has no name.
    pub room: Option<String>,
    /// The path and query of the request.
    pub path: String,
    /// The headers of the request, such as `user-agent` and `origin`, without secrets.
    pub headers: Headers,
}

/// What becomes of a handshake.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::HandshakeVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake().named("closed").decide(|_| HandshakeVerdict::refuse(503, "closed for today"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HandshakeVerdict {
    /// The next hook is asked, and after the last the service.
    Pass,
    /// It is refused with an HTTP status and a text; the token stays unused.
    Refuse {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// The `message` of the JSON body.
        message: String,
    },
    /// It succeeds, and the connection is closed at once; the token stays unused.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in it, of which at most 123 bytes are sent.
        reason: String,
    },
    /// The service gets it later, by the mock's clock.
    Delay(Duration),
    /// The service gets it later, by real time.
    DelayRealTime(Duration),
    /// The service gets it when the gate is released.
    Hold(GateId),
    /// The TCP connection is reset.
    Reset,
    /// It is never answered; the TCP connection stays open.
    NeverRespond,
    /// It goes on, and the connection is sent at most so many bytes a second of real time.
    LimitBandwidth(u32),
}

impl HandshakeVerdict {
    /// Makes the event wait at a gate until the gate is released.
    ///
    /// A gate of another mock, or one that was released, holds nothing.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::HandshakeVerdict};
    /// # let ivs = MockIvsChat::start();
    /// let gate = ivs.gate();
    /// let verdict = HandshakeVerdict::hold(&gate);
    /// ```
    #[must_use]
    pub fn hold(gate: impl AsRef<GateId>) -> Self {
        Self::Hold(*gate.as_ref())
    }

    /// [`HandshakeVerdict::Refuse`].
    ///
    /// ```
    /// # use mock_ivs_chat::hook::HandshakeVerdict;
    /// let verdict = HandshakeVerdict::refuse(429, "slow down");
    /// ```
    #[must_use]
    pub fn refuse(status: u16, message: impl Into<String>) -> Self {
        Self::Refuse { status, message: message.into() }
    }
}

impl Verdict for HandshakeVerdict {
    fn pass() -> Self {
        Self::Pass
    }

    fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self> {
        &mut hooks.handshakes
    }

    fn of(verdict: HookVerdict) -> Option<Self> {
        match verdict {
            HookVerdict::Handshake(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl sealed::HookPoint for Handshakes {
    fn rule(rule: Rule<HandshakeVerdict>) -> AnyRule {
        AnyRule::Handshake(rule)
    }

    fn event(event: HookEvent) -> Option<HandshakeRequest> {
        match event {
            HookEvent::Handshake(event) => Some(event),
            _ => None,
        }
    }

    fn verdict(verdict: HandshakeVerdict) -> HookVerdict {
        HookVerdict::Handshake(verdict)
    }

    fn pass() -> HandshakeVerdict {
        HandshakeVerdict::Pass
    }

    fn delay(duration: Duration) -> HandshakeVerdict {
        HandshakeVerdict::Delay(duration)
    }

    fn delay_real_time(duration: Duration) -> HandshakeVerdict {
        HandshakeVerdict::DelayRealTime(duration)
    }

    fn hold(gate: GateId) -> HandshakeVerdict {
        HandshakeVerdict::Hold(gate)
    }
}

impl<D: Destination> HookBuilder<Handshakes, D> {
    /// Only with a token of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().from("alice").never_respond();
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
    /// let hook = ivs.on_handshake().once().never_respond();
    /// ```
    pub fn never_respond(self) -> D::Installed {
        self.always(HandshakeVerdict::NeverRespond)
    }

    /// Sends the connection at most so many bytes a second, of real time; or of tokio's, if a test
    /// has paused that and the mock follows it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().from("bob").limit_bandwidth(1024);
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is 0: a connection that carries nothing is `never_respond`.
    #[track_caller]
    pub fn limit_bandwidth(self, bytes_per_second: u32) -> D::Installed {
        assert!(bytes_per_second > 0, "`limit_bandwidth` needs at least 1 byte a second");
        self.always(HandshakeVerdict::LimitBandwidth(bytes_per_second))
    }
}
