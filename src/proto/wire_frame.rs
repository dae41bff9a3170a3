//! Wire frame: a WebSocket frame that is sent to a client, ordinary or corrupted.

use crate::proto::payload::Payload;

/// A frame as it crosses the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WireFrame {
    pub(crate) payload: Payload,
    pub(crate) form: FrameForm,
}

/// The difference between a frame and an ordinary one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FrameForm {
    /// `true` if it continues a fragmented message.
    pub(crate) is_continuation: bool,
    /// `true` if more fragments follow.
    pub(crate) is_unfinished: bool,
    /// `true` if a bit is set that RFC 6455 reserves.
    pub(crate) has_reserved_bit: bool,
    /// The number of bytes at its end that are not sent.
    pub(crate) missing_bytes: usize,
}

impl From<Payload> for WireFrame {
    fn from(payload: Payload) -> Self {
        Self { payload, form: FrameForm::default() }
    }
}
