//! Verdicts: what hooks can make happen, one type for each place.

use std::time::Duration;

use crate::api::gate::Gate;
use crate::proto::action::Action;
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::Exception;
use crate::proto::frame::{Error, Frame};
use crate::service::review_handler::Review;

/// What becomes of a handshake.
///
/// ```
/// use mock_ivs_chat::{HandshakeVerdict, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake_with("closed", |_| HandshakeVerdict::refuse(503, "closed for today"));
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
    Hold(Gate),
    /// The TCP connection is reset.
    Reset,
    /// It is never answered; the TCP connection stays open.
    NeverAnswer,
    /// It goes on, and the connection is sent at most so many bytes a second of real time.
    SlowLink(u32),
}

impl HandshakeVerdict {
    /// [`HandshakeVerdict::Refuse`].
    ///
    /// ```
    /// # use mock_ivs_chat::HandshakeVerdict;
    /// let verdict = HandshakeVerdict::refuse(429, "slow down");
    /// ```
    #[must_use]
    pub fn refuse(status: u16, message: impl Into<String>) -> Self {
        Self::Refuse { status, message: message.into() }
    }
}

/// What becomes of a client's frame.
///
/// ```
/// use mock_ivs_chat::{ActionVerdict, ErrorCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_action_with("closed", |_| ActionVerdict::reject(ErrorCode::Forbidden, "closed"));
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
    Answer(String),
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
    Hold(Gate),
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
    /// [`ActionVerdict::Reject`].
    ///
    /// ```
    /// # use mock_ivs_chat::{ActionVerdict, ErrorCode};
    /// let verdict = ActionVerdict::reject(ErrorCode::TooManyRequests, "rate limit exceeded");
    /// ```
    #[must_use]
    pub fn reject(error_code: ErrorCode, error_message: impl Into<String>) -> Self {
        Self::Reject { error_code, error_message: error_message.into() }
    }
}

/// What becomes of a frame on its way to one client.
///
/// ```
/// use mock_ivs_chat::{DeliveryVerdict, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_delivery_with("silence", |_| DeliveryVerdict::Drop);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeliveryVerdict {
    /// The next hook is asked, and after the last the client.
    Pass,
    /// The client does not get it.
    Drop,
    /// The client gets this frame instead.
    Change(Frame),
    /// The client gets this text instead.
    Replace(String),
    /// The client gets it in a form that it should not have.
    Malform(Malformation),
    /// The client gets it twice.
    Duplicate,
    /// The client gets it after the next frame.
    Reorder,
    /// The client gets it later, by the mock's clock.
    Delay(Duration),
    /// The client gets it later, by real time.
    DelayRealTime(Duration),
    /// The client gets it when the gate is released.
    Hold(Gate),
    /// The connection is closed instead.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in it, of which at most 123 bytes are sent.
        reason: String,
    },
    /// The TCP connection is reset instead.
    Reset,
    /// The connection stays open, but is neither read nor written any more.
    Stall,
}

/// A form in which a frame should not arrive.
///
/// ```
/// use mock_ivs_chat::{Malformation, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_delivery().to("bob").once().malform(Malformation::UnknownType);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Malformation {
    /// The first half of the JSON text.
    InvalidJson,
    /// `"Type":"NOTICE"`.
    UnknownType,
    /// The frame without this member, such as `Id`.
    MissingMember(String),
    /// The text as a binary frame.
    Binary,
    /// A text frame of bytes that are not UTF-8.
    InvalidUtf8,
    /// The text followed by spaces, so many bytes in all.
    Oversize(usize),
    /// The text in several frames of at most so many bytes, which is legal.
    Fragmented(usize),
    /// A frame with a reserved bit set, which breaks the WebSocket protocol.
    ReservedBit,
    /// A frame that announces all bytes and has half of them; then the connection ends.
    Truncated,
}

impl Malformation {
    pub(crate) const fn ends_the_connection(&self) -> bool {
        matches!(self, Self::Truncated)
    }
}

/// What becomes of a call of the control plane.
///
/// Whatever it is but a failure, a refusal or a reset, the operation is carried out.
///
/// ```
/// use mock_ivs_chat::{Exception, MockIvsChat, OperationVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_operation_with("down", |_| OperationVerdict::Fail(Exception::internal_server("down")));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OperationVerdict {
    /// The next hook is asked, and after the last the service.
    Pass,
    /// It is answered with this exception, and not carried out.
    Fail(Exception),
    /// It is answered with this status and body, and not carried out.
    Respond {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// It is carried out, and answered with an empty body.
    EmptyBody,
    /// It is carried out, and answered with the first half of the body, as if that were all.
    BrokenBody,
    /// It is carried out, and the connection is cut within the head of the answer.
    CutHead,
    /// It is carried out, and the connection is cut within the body of the answer.
    CutBody,
    /// It is carried out, and answered later, by the mock's clock.
    Delay(Duration),
    /// It is carried out, and answered later, by real time.
    DelayRealTime(Duration),
    /// It is carried out, and answered when the gate is released.
    Hold(Gate),
    /// It is not carried out, and the TCP connection is reset.
    Reset,
    /// It is carried out, and never answered; the TCP connection stays open.
    NeverAnswer,
}

/// What becomes of the review of a message.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, Review, ReviewVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_review_with("strict", |_| ReviewVerdict::Answer(Review::deny("no")));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReviewVerdict {
    /// The next hook is asked, and after the last the review handler.
    Pass,
    /// The handler is not asked; this is the answer.
    Answer(Review),
    /// The handler is asked later, by the mock's clock.
    Delay(Duration),
    /// The handler is asked later, by real time.
    DelayRealTime(Duration),
    /// The handler is asked when the gate is released.
    Hold(Gate),
}

/// What all verdicts have in common.
pub(crate) trait Verdict: Clone {
    /// That the next hook is asked.
    fn pass() -> Self;

    /// What becomes of something whose hook panicked: as near to a general error as there is.
    fn failure() -> Self;

    fn is_pass(&self) -> bool;
}

macro_rules! verdict {
    ($verdict:ident, $failure:expr) => {
        impl Verdict for $verdict {
            fn pass() -> Self {
                Self::Pass
            }

            fn failure() -> Self {
                $failure
            }

            fn is_pass(&self) -> bool {
                matches!(self, Self::Pass)
            }
        }
    };
}

const PANICKED: &str = "a hook panicked";

verdict!(HandshakeVerdict, Self::refuse(500, PANICKED));
verdict!(ActionVerdict, Self::reject(ErrorCode::InternalServerError, PANICKED));
verdict!(
    DeliveryVerdict,
    Self::Change(Frame::Error(Error {
        id: String::new(),
        request_id: String::new(),
        error_code: ErrorCode::InternalServerError,
        error_message: PANICKED.into(),
    }))
);
verdict!(OperationVerdict, Self::Fail(Exception::internal_server(PANICKED)));
verdict!(ReviewVerdict, Self::Answer(Review::fail()));
