//! Framing of what leaves: a frame is put into WebSocket bytes once, for all who get it.

use std::sync::Arc;

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use crate::driver::Framed;
use crate::hook::verdict::Malformation;
use crate::proto::close::Close;
use crate::proto::members::Members;
use crate::proto::payload::Payload;

/// A text frame.
pub(crate) fn text(text: &str) -> Framed {
    payload(Payload::from_text(text.to_owned()))
}

/// A payload in one frame.
pub(crate) fn payload(payload: Payload) -> Framed {
    let opcode = match &payload {
        Payload::Text(_) => TEXT,
        Payload::Binary(_) => OpCode::Data(Data::Binary),
        Payload::Ping(_) => OpCode::Control(Control::Ping),
        Payload::Pong(_) => OpCode::Control(Control::Pong),
    };
    frame(&FrameHeader { opcode, ..FrameHeader::default() }, payload)
}

/// A ping of the service.
pub(crate) fn ping(data: &[u8]) -> Framed {
    payload(Payload::Ping(Arc::new(Bytes::copy_from_slice(data))))
}

/// The answer to a ping.
pub(crate) fn pong(data: &[u8]) -> Framed {
    payload(Payload::Pong(Arc::new(Bytes::copy_from_slice(data))))
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

/// A text as frames in a form that it should not have.
pub(crate) fn malformed(malformation: &Malformation, original: &str) -> Vec<Framed> {
    let header = FrameHeader { opcode: TEXT, ..FrameHeader::default() };
    match malformation {
        Malformation::InvalidJson => {
            vec![text(crate::proto::close::truncate(original, original.len() / 2))]
        }
        Malformation::UnknownType => vec![text(&with_member(original, "Type", Some("\"NOTICE\"")))],
        Malformation::MissingMember(member) => vec![text(&with_member(original, member, None))],
        Malformation::Binary => {
            vec![payload(Payload::from_binary(original.to_owned()))]
        }
        Malformation::InvalidUtf8 => {
            let mut bytes = original.as_bytes().to_vec();
            bytes.push(0xff);
            vec![frame(&header, Payload::from_text(bytes))]
        }
        Malformation::Oversize(bytes) => {
            let missing = bytes.saturating_sub(original.len());
            vec![text(&format!("{original}{}", " ".repeat(missing)))]
        }
        Malformation::Fragmented(bytes) => fragments(original.as_bytes(), *bytes),
        Malformation::ReservedBit => {
            vec![frame(
                &FrameHeader { rsv2: true, ..header },
                Payload::from_text(original.to_owned()),
            )]
        }
        Malformation::Truncated => {
            let Framed { bytes, payload } = text(original);
            let half = bytes.len() - original.len() / 2;
            vec![Framed { bytes: bytes.slice(..half), payload }]
        }
    }
}

/// The frames of a text that is sent in pieces.
fn fragments(content: &[u8], longest: usize) -> Vec<Framed> {
    let pieces: Vec<_> = content.chunks(longest.max(1)).collect();
    let last = pieces.len().saturating_sub(1);
    let pieces = pieces.into_iter().enumerate().map(|(index, piece)| {
        let opcode = if index == 0 { TEXT } else { OpCode::Data(Data::Continue) };
        let header = FrameHeader { opcode, is_final: index == last, ..FrameHeader::default() };
        frame(&header, Payload::from_text(piece.to_vec()))
    });
    pieces.collect()
}

/// A JSON object with another value, or none, for a member.
fn with_member(object: &str, name: &str, value: Option<&str>) -> String {
    let members = Members::read(object);
    let members = members.iter().filter_map(|(member, raw)| {
        let value = if member == name { value } else { Some(raw.get()) };
        value.map(|value| format!("{member:?}:{value}"))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn frame(header: &FrameHeader, payload: Payload) -> Framed {
    let content = payload.bytes();
    let length = content.len() as u64;
    let mut bytes = Vec::with_capacity(header.len(length) + content.len());
    header.format(length, &mut bytes).expect("a vector takes any bytes");
    bytes.extend_from_slice(content);
    Framed { bytes: bytes.into(), payload }
}

const TEXT: OpCode = OpCode::Data(Data::Text);
