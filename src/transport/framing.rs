//! Framing: values to the bytes of WebSocket frames.

use bytes::{Bytes, BytesMut};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use crate::proto::close::Close;
use crate::proto::payload::Payload;
use crate::proto::wire_frame::WireFrame;

/// Encodes a frame, once for all connections that get it.
pub(crate) fn encode(frame: &WireFrame) -> Bytes {
    let WireFrame { payload, form } = frame;
    let opcode = match payload {
        _ if form.is_continuation => OpCode::Data(Data::Continue),
        Payload::Text(_) => OpCode::Data(Data::Text),
        Payload::Binary(_) => OpCode::Data(Data::Binary),
        Payload::Ping(_) => OpCode::Control(Control::Ping),
        Payload::Pong(_) => OpCode::Control(Control::Pong),
    };
    let header = FrameHeader {
        is_final: !form.is_unfinished,
        rsv2: form.has_reserved_bit,
        opcode,
        ..FrameHeader::default()
    };
    let content = payload.bytes();
    let length = content.len() as u64;
    let mut head = Vec::with_capacity(header.len(length));
    header.format(length, &mut head).expect("a vector takes any bytes");
    let mut bytes = BytesMut::with_capacity(head.len() + content.len());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(content);
    bytes.truncate(bytes.len() - form.missing_bytes.min(content.len()));
    bytes.freeze()
}

/// Encodes a close frame.
pub(crate) fn close(close: &Close) -> Bytes {
    let content = close
        .code
        .map(|code| CloseFrame { code: code.0.into(), reason: close.reason.as_str().into() });
    let frame = Frame::close(content);
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("a vector takes any bytes");
    bytes.into()
}
