//! Framing of what leaves: a frame is put into WebSocket bytes once, for all who get it.

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use crate::log::record::Payload;
use crate::proto::close::Close;

/// A text frame as the bytes of the wire, and the text within those bytes.
pub(crate) fn text(text: &str) -> (Bytes, Payload) {
    let (framed, payload) = frame(OpCode::Data(Data::Text), text.as_bytes());
    (framed, Payload::Text(payload))
}

/// The answer to a ping, as the bytes of the wire, and the data within those bytes.
pub(crate) fn pong(data: &[u8]) -> (Bytes, Payload) {
    let (framed, payload) = frame(OpCode::Control(Control::Pong), data);
    (framed, Payload::Pong(payload))
}

/// A close frame as the bytes of the wire.
pub(crate) fn close(close: &Close) -> Bytes {
    let content = close
        .code
        .map(|code| CloseFrame { code: code.0.into(), reason: close.reason.as_str().into() });
    let frame = Frame::close(content);
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("a vector takes any bytes");
    bytes.into()
}

fn frame(opcode: OpCode, content: &[u8]) -> (Bytes, Bytes) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let length = content.len() as u64;
    let mut head = Vec::with_capacity(header.len(length));
    header.format(length, &mut head).expect("a vector takes any bytes");
    let mut framed = BytesMut::with_capacity(head.len() + content.len());
    framed.extend_from_slice(&head);
    framed.extend_from_slice(content);
    let framed = framed.freeze();
    let payload = framed.slice(head.len()..);
    (framed, payload)
}
