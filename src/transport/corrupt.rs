//! Corruption: a text as frames that break JSON, the service's schema or the WebSocket protocol.

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::proto::close::truncate;
use crate::proto::members::Members;
use crate::proto::payload::Payload;
use crate::transport::framing::{Framed, TEXT, frame, text};

/// Returns the first half of a text.
pub(crate) fn half_of(original: &str) -> Framed {
    text(truncate(original, original.len() / 2))
}

/// Returns a JSON object with another raw value for a member, or without the member.
pub(crate) fn with_member(object: &str, name: &str, value: Option<&str>) -> Framed {
    let members = Members::read(object);
    let members = members.iter().filter_map(|(member, raw)| {
        let value = if member == name { value } else { Some(raw.get()) };
        value.map(|value| format!("{member:?}:{value}"))
    });
    text(&format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// Returns a text as a binary frame.
pub(crate) fn binary(original: &str) -> Framed {
    let opcode = OpCode::Data(Data::Binary);
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    frame(&header, original.as_bytes(), Payload::Binary)
}

/// Returns a text frame that is not UTF-8.
pub(crate) fn invalid_utf8(original: &str) -> Framed {
    let mut bytes = original.as_bytes().to_vec();
    bytes.push(0xff);
    frame(&text_header(), &bytes, Payload::Text)
}

/// Returns a text with trailing spaces, so that it has at least this many bytes.
pub(crate) fn padded(original: &str, bytes: usize) -> Framed {
    let missing = bytes.saturating_sub(original.len());
    text(&format!("{original}{}", " ".repeat(missing)))
}

/// Returns a text as fragments of at most this many bytes.
pub(crate) fn fragmented(original: &str, bytes: usize) -> Vec<Framed> {
    let fragments: Vec<_> = original.as_bytes().chunks(bytes.max(1)).collect();
    let last = fragments.len().saturating_sub(1);
    let fragments = fragments.into_iter().enumerate().map(|(index, fragment)| {
        let opcode = if index == 0 { TEXT } else { OpCode::Data(Data::Continue) };
        let header = FrameHeader { opcode, is_final: index == last, ..FrameHeader::default() };
        frame(&header, fragment, Payload::Text)
    });
    fragments.collect()
}

/// Returns a text frame with a reserved bit.
pub(crate) fn reserved_bit(original: &str) -> Framed {
    let header = FrameHeader { rsv2: true, ..text_header() };
    frame(&header, original.as_bytes(), Payload::Text)
}

/// Returns a frame that announces all bytes and contains half of them.
pub(crate) fn half_a_frame(original: &str) -> Framed {
    let Framed { bytes, payload } = text(original);
    let half = bytes.len() - original.len() / 2;
    Framed { bytes: bytes.slice(..half), payload }
}

fn text_header() -> FrameHeader {
    FrameHeader { opcode: TEXT, ..FrameHeader::default() }
}
