//! Delivery: the event and the verdicts of hooks on frames that the service sends.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::describe::{Describe, Quoted, delay, delay_real_time, disconnect};
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::ids::GateId;
use crate::hook::point::{Deliveries, PointName};
use crate::proto::close::CloseCode;
use crate::proto::frame::Frame;
use crate::proto::sensitive::REDACTED;
use crate::service::ConnectionId;

/// A frame addressed to one client, as passed to a hook on deliveries.
///
/// ```
/// use mock_ivs_chat::{Frame, MockIvsChat, hook::DeliveryVerdict};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// ivs.on_delivery().named("shuffle").decide(|outbound| match &outbound.frame {
///     Frame::Message(message) if outbound.user_id != message.sender.user_id => DeliveryVerdict::Drop,
///     _ => DeliveryVerdict::Pass,
/// });
/// alice.send_message("to myself");
/// alice.expect_message("to myself").wait();
/// assert!(bob.received().is_empty());
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct OutboundFrame {
    /// The user of the connection.
    pub user_id: String,
    /// The room's name, or its id if it has no name.
    pub room: String,
    /// The connection that the frame is addressed to.
    pub connection: ConnectionId,
    /// The frame.
    pub frame: Frame,
}

/// Hides the user, as AWS's SDKs do.
impl fmt::Debug for OutboundFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundFrame")
            .field("user_id", &REDACTED)
            .field("room", &self.room)
            .field("connection", &self.connection)
            .field("frame", &self.frame)
            .finish()
    }
}

/// The effect of a hook on a frame addressed to one client.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::DeliveryVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_delivery().named("silence").decide(|_| DeliveryVerdict::Drop);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeliveryVerdict {
    /// Leaves the frame to the next hook, and after the last hook sends it.
    Pass,
    /// Drops the frame.
    Drop,
    /// Sends this frame instead.
    Change(Frame),
    /// Sends this text instead.
    Replace(String),
    /// Sends the frame in a corrupted form.
    Corrupt(Corruption),
    /// Sends the frame twice.
    Duplicate,
    /// Sends the frame after the next frame to the same connection.
    Reorder,
    /// Delays the frame on the mock clock.
    Delay(Duration),
    /// Delays the frame in real time.
    DelayRealTime(Duration),
    /// Delays the frame until the gate is released.
    Hold(GateId),
    /// Closes the connection instead of sending the frame.
    Disconnect {
        /// The code of the close frame.
        code: CloseCode,
        /// The reason in the close frame, truncated to 123 bytes.
        reason: String,
    },
    /// Resets the TCP connection instead of sending the frame.
    Reset,
    /// Leaves the connection open, but neither reads nor writes it until
    /// [`Connection::resume`](crate::Connection::resume).
    Stall,
}

/// An unexpected form of a frame.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, hook::Corruption};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_delivery().to("bob").once().corrupt(Corruption::UnknownType);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum Corruption {
    /// The first half of the JSON text.
    InvalidJson,
    /// `"Type":"NOTICE"`.
    UnknownType,
    /// The frame without this member, such as `Id`.
    MissingMember(String),
    /// The text as a binary frame.
    Binary,
    /// A text frame with bytes that are not valid UTF-8.
    InvalidUtf8,
    /// The text padded with spaces to this many bytes in total, at most 64 MiB.
    Oversize(usize),
    /// The text fragmented into frames of at most this many bytes, which is legal.
    Fragmented(usize),
    /// A frame with a reserved bit set, which breaks the WebSocket protocol.
    ReservedBit,
    /// A frame whose header announces more bytes than follow, because the connection ends after
    /// half.
    Truncated,
}

impl Corruption {
    /// The largest frame, in bytes: a larger one would take memory and show nothing more.
    pub(crate) const LARGEST: usize = 64 * 1024 * 1024;

    /// Returns the reason why a frame cannot have this form, if there is one.
    pub(crate) fn fault(&self) -> Option<String> {
        match self {
            Self::Oversize(bytes) if *bytes > Self::LARGEST => {
                Some(format!("a frame can have at most {} bytes, got {bytes}", Self::LARGEST))
            }
            _ => None,
        }
    }

    pub(crate) const fn ends_the_connection(&self) -> bool {
        // The client waits for the rest of a truncated frame, and would take a close frame for it.
        matches!(self, Self::Truncated)
    }
}

impl Describe for DeliveryVerdict {
    const NAME: PointName = PointName::Delivery;
    const POINT: &'static str = "on_delivery";
    const EVENT: &'static str = "frame to a client";
    const USER: &'static str = "to";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Drop => "drop_frame()".into(),
            Self::Change(_) => "change(…)".into(),
            Self::Replace(text) => format!("replace({})", Quoted(text)),
            Self::Corrupt(corruption) => format!("corrupt({corruption:?})"),
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

impl<D: Destination> HookBuilder<Deliveries, D> {
    /// Matches only frames to this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").drop_frame();
    /// ```
    #[track_caller]
    pub fn to(self, user_id: impl Into<String>) -> Self {
        self.only(&Filter { user_id: Some(user_id.into()), ..Filter::default() })
    }

    /// Matches only messages from this user.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().from("alice").drop_frame();
    /// ```
    #[track_caller]
    pub fn from(self, user_id: impl Into<String>) -> Self {
        self.only(&Filter { sender: Some(user_id.into()), ..Filter::default() })
    }

    /// Matches only MESSAGE frames.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().message().drop_frame();
    /// ```
    #[track_caller]
    pub fn message(self) -> Self {
        self.only(&Filter { kind: Some(FrameKind::Message), ..Filter::default() })
    }

    /// Matches only EVENT frames with this name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().event("aws:DELETE_MESSAGE").drop_frame();
    /// ```
    #[track_caller]
    pub fn event(self, event_name: impl Into<String>) -> Self {
        let (kind, event_name) = (Some(FrameKind::Event), Some(event_name.into()));
        self.only(&Filter { kind, event_name, ..Filter::default() })
    }

    /// Matches only ERROR frames.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().error().drop_frame();
    /// ```
    #[track_caller]
    pub fn error(self) -> Self {
        self.only(&Filter { kind: Some(FrameKind::Error), ..Filter::default() })
    }

    /// Drops the frame.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").drop_frame();
    /// ```
    pub fn drop_frame(self) -> D::Installed {
        self.always(DeliveryVerdict::Drop)
    }

    /// Sends another frame instead.
    ///
    /// ```
    /// # use mock_ivs_chat::{ChatError, ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let error = ChatError::new("Error0000009", ErrorCode::InternalServerError, "oops");
    /// let hook = ivs.on_delivery().to("bob").once().change(error);
    /// ```
    pub fn change(self, frame: impl Into<Frame>) -> D::Installed {
        self.always(DeliveryVerdict::Change(frame.into()))
    }

    /// Sends a text instead.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").once().replace("no JSON");
    /// ```
    pub fn replace(self, text: impl Into<String>) -> D::Installed {
        self.always(DeliveryVerdict::Replace(text.into()))
    }

    /// Sends the frame in a corrupted form.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::Corruption};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").once().corrupt(Corruption::Truncated);
    /// ```
    ///
    /// # Panics
    ///
    /// If the frame would be larger than [`Corruption::Oversize`] allows.
    #[track_caller]
    pub fn corrupt(self, corruption: Corruption) -> D::Installed {
        // A closure can return a corruption that was not checked here, so the engine limits the
        // size again.
        if let Some(fault) = corruption.fault() {
            panic!("{fault}");
        }
        self.always(DeliveryVerdict::Corrupt(corruption))
    }
}
