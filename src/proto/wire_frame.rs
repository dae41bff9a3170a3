//! Wire frame: a WebSocket frame that leaves for a client, ordinary or corrupted.

use crate::proto::payload::Payload;

/// A frame as it crosses the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct WireFrame {
    pub(crate) payload: Payload,
    pub(crate) form: FrameForm,
}

/// How a frame differs from an ordinary one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FrameForm {
    /// Whether it continues a fragmented message.
    pub(crate) is_continuation: bool,
    /// Whether more fragments follow.
    pub(crate) is_unfinished: bool,
    /// Whether a bit is set that RFC 6455 reserves.
    pub(crate) has_reserved_bit: bool,
    /// How many bytes at its end are not sent.
    pub(crate) missing_bytes: usize,
}

impl From<Payload> for WireFrame {
    fn from(payload: Payload) -> Self {
        Self { payload, form: FrameForm::default() }
    }
}
