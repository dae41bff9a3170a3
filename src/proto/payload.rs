//! Payload: the content of a WebSocket frame, with its bytes and its decoded value.
//!
//! A frame is decoded once, where it is created. The log, waits, matchers and all recipients share
//! the result.

use std::sync::Arc;

use bytes::Bytes;

use crate::proto::action::Action;
use crate::proto::frame::Frame;
use crate::proto::publish::Publish;

/// The content of a frame. It is shared, because a room sends one frame to many connections.
///
/// A variant holds a single pointer: the log keeps one payload for each delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    Text(Arc<DataFrame>),
    Binary(Arc<DataFrame>),
    Ping(Arc<Bytes>),
    Pong(Arc<Bytes>),
}

/// A text or binary frame, as RFC 6455 calls them: data frames.
#[derive(Debug)]
pub(crate) struct DataFrame {
    pub(crate) bytes: Bytes,
    pub(crate) content: Content,
    key: Option<Key>,
}

/// The decoded value of a data frame.
#[derive(Debug)]
pub(crate) enum Content {
    /// A frame of the service, of one of its three types.
    Frame(Frame),
    /// A frame from a client, readable or not.
    Publish(Publish),
    /// Text or bytes that the service never sends by itself.
    Opaque,
}

/// A hash of an entry's type and its main member, which tests usually search for.
///
/// Equal values have equal keys. Different values may share a key, so a key only narrows a search.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key(u64);

impl Key {
    /// Returns the key of a type and a value. It is the same in every run.
    pub(crate) fn new(kind: &str, value: &str) -> Self {
        // FNV-1a; no byte of UTF-8 is 0xff, so it separates the two parts.
        let bytes = kind.bytes().chain([0xff]).chain(value.bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

impl DataFrame {
    fn new(bytes: Bytes, content: Content) -> Arc<Self> {
        let key = match &content {
            Content::Frame(Frame::Message(message)) => Some(Key::new("MESSAGE", &message.content)),
            Content::Frame(Frame::Event(event)) => Some(Key::new("EVENT", &event.event_name)),
            Content::Frame(Frame::Error(error)) => {
                Some(Key::new("ERROR", &error.error_code.code().to_string()))
            }
            Content::Publish(Publish { action: Ok(Action::SendMessage(sent)), .. }) => {
                Some(Key::new("SEND_MESSAGE", &sent.content))
            }
            Content::Publish(_) | Content::Opaque => None,
        };
        Arc::new(Self { bytes, content, key })
    }

    pub(crate) const fn frame(&self) -> Option<&Frame> {
        match &self.content {
            Content::Frame(frame) => Some(frame),
            Content::Publish(_) | Content::Opaque => None,
        }
    }

    pub(crate) const fn publish(&self) -> Option<&Publish> {
        match &self.content {
            Content::Publish(publish) => Some(publish),
            Content::Frame(_) | Content::Opaque => None,
        }
    }
}

impl Eq for DataFrame {}

impl PartialEq for DataFrame {
    fn eq(&self, other: &Self) -> bool {
        // The decoded value follows from the bytes, so it need not be compared.
        self.bytes == other.bytes
    }
}

impl Payload {
    /// Encodes a frame of the service.
    pub(crate) fn from_frame(frame: Frame) -> Self {
        // The value is at hand, so the text is not decoded again.
        let bytes = frame.encode().into();
        Self::Text(DataFrame::new(bytes, Content::Frame(frame)))
    }

    /// Creates a payload from raw text of the service. It is decoded as a frame if possible.
    pub(crate) fn from_text(text: impl Into<Bytes>) -> Self {
        let bytes = text.into();
        // A text of a hook may well be a frame, and matchers then see it as one.
        let content = serde_json::from_slice(&bytes).map_or(Content::Opaque, Content::Frame);
        Self::Text(DataFrame::new(bytes, content))
    }

    /// Creates a binary payload of the service.
    pub(crate) fn from_binary(bytes: impl Into<Bytes>) -> Self {
        Self::Binary(DataFrame::new(bytes.into(), Content::Opaque))
    }

    /// Creates a payload from a client's text frame.
    pub(crate) fn from_client_text(text: impl Into<Bytes>) -> Self {
        let bytes = text.into();
        let publish = Publish::decode(&bytes);
        Self::Text(DataFrame::new(bytes, Content::Publish(publish)))
    }

    /// Creates a payload from a client's binary frame.
    ///
    /// Assumed: the service decodes a binary frame like a text frame.
    pub(crate) fn from_client_binary(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let publish = Publish::decode(&bytes);
        Self::Binary(DataFrame::new(bytes, Content::Publish(publish)))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(data) | Self::Binary(data) => &data.bytes,
            Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }

    /// Returns the text of a text frame, if it is UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(data) => std::str::from_utf8(&data.bytes).ok(),
            Self::Binary(_) | Self::Ping(_) | Self::Pong(_) => None,
        }
    }

    const fn data(&self) -> Option<&Arc<DataFrame>> {
        match self {
            Self::Text(data) | Self::Binary(data) => Some(data),
            Self::Ping(_) | Self::Pong(_) => None,
        }
    }

    /// Returns the service's frame, if it has one of the three types.
    pub(crate) fn frame(&self) -> Option<&Frame> {
        self.data()?.frame()
    }

    /// Returns the request that a client publishes with this payload, readable or not.
    pub(crate) fn publish(&self) -> Option<&Publish> {
        self.data()?.publish()
    }

    /// Returns the key of the payload's value.
    pub(crate) fn key(&self) -> Option<Key> {
        self.data()?.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_encoded_and_decoded_once_whatever_it_is_made_from() {
        let text = r#"{"Type":"ERROR","Id":"Error0000001","RequestId":"r1","ErrorCode":429,"ErrorMessage":"slow"}"#;
        let payload = Payload::from_text(text);
        let frame = payload.frame().expect("it is a frame").clone();
        let encoded = Payload::from_frame(frame.clone());
        assert_eq!(encoded, payload);
        assert_eq!((encoded.frame(), encoded.text()), (Some(&frame), Some(text)));
        assert_eq!(encoded.key(), Some(Key::new("ERROR", "429")));
    }

    #[test]
    fn a_clients_frame_is_read_as_one_in_text_and_in_binary() {
        let text = r#"{"Action":"SEND_MESSAGE","RequestId":"r1","Content":"hi"}"#;
        for payload in [Payload::from_client_text(text), Payload::from_client_binary(text)] {
            let publish = payload.publish().expect("a client publishes");
            assert!(publish.action.is_ok() && publish.request_id == "r1");
            assert_eq!(payload.key(), Some(Key::new("SEND_MESSAGE", "hi")));
            assert_eq!(payload.frame(), None);
        }
    }

    #[test]
    fn other_texts_have_neither_a_value_nor_a_key() {
        let payload = Payload::from_text("{");
        assert_eq!((payload.frame(), payload.key()), (None, None));
        assert_eq!(payload.text(), Some("{"));
    }
}
