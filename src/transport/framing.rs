//! Framing of outgoing messages: a frame becomes WebSocket bytes once, for all recipients.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use crate::proto::close::Close;
use crate::proto::payload::Payload;

/// A frame as it is sent, and its content within those bytes.
#[derive(Clone, Debug)]
pub(crate) struct Framed {
    pub(crate) bytes: Bytes,
    pub(crate) payload: Payload,
}

/// Returns a text frame.
pub(crate) fn text(text: &str) -> Framed {
    frame(&FrameHeader { opcode: TEXT, ..FrameHeader::default() }, text.as_bytes(), Payload::Text)
}

/// Returns a ping.
pub(crate) fn ping(data: &[u8]) -> Framed {
    let opcode = OpCode::Control(Control::Ping);
    frame(&FrameHeader { opcode, ..FrameHeader::default() }, data, Payload::Ping)
}

/// Returns the response to a ping.
pub(crate) fn pong(data: &[u8]) -> Framed {
    let opcode = OpCode::Control(Control::Pong);
    frame(&FrameHeader { opcode, ..FrameHeader::default() }, data, Payload::Pong)
}

/// Returns the bytes of a close frame.
pub(crate) fn close(close: &Close) -> Bytes {
    let content = close
        .code
        .map(|code| CloseFrame { code: code.0.into(), reason: close.reason.as_str().into() });
    let frame = Frame::close(content);
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("a vector takes any bytes");
    bytes.into()
}

/// Returns a frame with any header.
pub(crate) fn frame(
    header: &FrameHeader,
    content: &[u8],
    payload: fn(Arc<Bytes>) -> Payload,
) -> Framed {
    let length = content.len() as u64;
    let mut head = Vec::with_capacity(header.len(length));
    header.format(length, &mut head).expect("a vector takes any bytes");
    let mut bytes = BytesMut::with_capacity(head.len() + content.len());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(content);
    let bytes = bytes.freeze();
    let payload = payload(Arc::new(bytes.slice(head.len()..)));
    Framed { bytes, payload }
}

pub(crate) const TEXT: OpCode = OpCode::Data(Data::Text);
