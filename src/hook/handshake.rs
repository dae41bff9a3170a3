//! Handshake: the event and the verdicts of hooks on handshakes.

use std::fmt;
use std::time::Duration;

use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::describe::{Describe, delay, delay_real_time, disconnect, with_headers};
use crate::hook::filter::Filter;
use crate::hook::ids::GateId;
use crate::hook::point::{Handshakes, PointName};
use crate::proto::close::CloseCode;
use crate::proto::headers::Headers;
use crate::proto::sensitive::REDACTED;
use crate::service::token_text::replace_tokens;

/// A handshake, as passed to a hook on handshakes.
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
#[derive(Clone)]
#[non_exhaustive]
pub struct HandshakeRequest {
    /// The user of the token; `None` if this mock has not issued the token.
    pub user_id: Option<String>,
    /// The name of the token's room, or its ID if the room has no name.
    pub room: Option<String>,
    /// The path and query of the request.
    pub path: String,
    /// The headers of the request, such as `user-agent` and `origin`, without secrets.
    pub headers: Headers,
}

/// Hides the user and tokens, as AWS's SDKs do.
impl fmt::Debug for HandshakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRequest")
            .field("user_id", &self.user_id.as_ref().map(|_| REDACTED))
            .field("room", &self.room)
            .field("path", &replace_tokens(&self.path, |_| REDACTED.into()))
            .field("headers", &self.headers)
            .finish()
    }
}

/// The effect of a hook on a handshake.
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
    /// Leaves the handshake to the next hook, and after the last hook to the service.
    Pass,
    /// Refuses the handshake with an HTTP status and a text. The token stays unused.
    Refuse {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// The `message` of the JSON body.
        message: String,
        /// Further headers of the response, such as `Retry-After`.
        headers: Headers,
    },
    /// Accepts the handshake and immediately sends a close frame. The token stays unused.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in the close frame, truncated to 123 bytes.
        reason: String,
    },
    /// Delays the handshake on the mock clock.
    Delay(Duration),
    /// Delays the handshake in real time.
    DelayRealTime(Duration),
    /// Delays the handshake until the gate is released.
    Hold(GateId),
    /// Resets the TCP connection.
    Reset,
    /// Never responds; the TCP connection stays open.
    NeverRespond,
    /// Continues the handshake, and limits what the client receives to this many bytes per second
    /// of real time.
    LimitBandwidth(u32),
}

impl HandshakeVerdict {
    /// Creates a [`HandshakeVerdict::Refuse`].
    ///
    /// ```
    /// # use mock_ivs_chat::hook::HandshakeVerdict;
    /// let verdict = HandshakeVerdict::refuse(429, "slow down");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 400 and 599.
    #[must_use]
    #[track_caller]
    pub fn refuse(status: u16, message: impl Into<String>) -> Self {
        // A status below 400 does not refuse: it continues, completes or redirects.
        assert!(
            (400..=599).contains(&status),
            "`refuse` needs a status between 400 and 599, got {status}"
        );
        Self::Refuse { status, message: message.into(), headers: Headers::default() }
    }
}

impl Describe for HandshakeVerdict {
    const NAME: PointName = PointName::Handshake;
    const POINT: &'static str = "on_handshake";
    const EVENT: &'static str = "handshake";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Refuse { status, message, headers } => {
                with_headers("refuse", *status, message, headers)
            }
            Self::Disconnect { code, reason } => disconnect(*code, reason),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Reset => "reset()".into(),
            Self::NeverRespond => "never_respond()".into(),
            Self::LimitBandwidth(bytes) => format!("limit_bandwidth({bytes})"),
        }
    }
}

impl<D: Destination> HookBuilder<Handshakes, D> {
    /// Matches only handshakes with a token of this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().from("alice").never_respond();
    /// ```
    #[track_caller]
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.only(&Filter { user_id: Some(user_id.into()), ..Filter::default() })
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
    /// If the status is not between 400 and 599.
    #[track_caller]
    pub fn refuse(self, status: u16, message: impl Into<String>) -> D::Installed {
        self.always(HandshakeVerdict::refuse(status, message))
    }

    /// Refuses the handshake with an HTTP status, 400 to 599, a text, and further headers. The
    /// token stays unused.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let headers = [("Retry-After", "2")];
    /// let hook = ivs.on_handshake().once().refuse_with_headers(503, "try later", headers);
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 400 and 599, or if a header cannot be part of a head, such as
    /// one with a line break.
    #[track_caller]
    pub fn refuse_with_headers<N: Into<String>, V: Into<String>>(
        self,
        status: u16,
        message: impl Into<String>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> D::Installed {
        assert!(
            (400..=599).contains(&status),
            "`refuse_with_headers` needs a status between 400 and 599, got {status}"
        );
        let headers = Headers::of_response(headers);
        self.always(HandshakeVerdict::Refuse { status, message: message.into(), headers })
    }

    /// Accepts the handshake and immediately sends a close frame. The token stays unused.
    ///
    /// Observed: a client received the error about an expired token in this way, with JSON as the
    /// reason.
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

    /// Accepts the handshake and closes with a reason in the close frame, truncated to 123 bytes.
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

    /// Never responds to the handshake, and leaves the TCP connection open.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().once().never_respond();
    /// ```
    pub fn never_respond(self) -> D::Installed {
        self.always(HandshakeVerdict::NeverRespond)
    }

    /// Limits what the client receives to this many bytes per second of real time, or of tokio's
    /// clock if the test has paused it and the mock follows it.
    ///
    /// [`Connection::limit_bandwidth`](crate::Connection::limit_bandwidth) limits an open
    /// connection, in either direction.
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
        // The link moves at least one byte a second, so a limit of 0 would not mean what it says.
        assert!(bytes_per_second > 0, "`limit_bandwidth` needs at least 1 byte a second");
        self.always(HandshakeVerdict::LimitBandwidth(bytes_per_second))
    }
}
