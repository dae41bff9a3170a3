//! Payload: the content of one WebSocket frame.

use std::sync::Arc;

use bytes::Bytes;

/// The content of a frame. All holders of the same frame share its bytes, by a pointer that is
/// small enough to be in each of many records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    Text(Arc<Bytes>),
    Binary(Arc<Bytes>),
    Ping(Arc<Bytes>),
    Pong(Arc<Bytes>),
}

impl Payload {
    /// Returns the bytes, whatever the type of the frame.
    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => {
                bytes
            }
        }
    }

    /// Returns the text of a text frame.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Binary(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }
}
