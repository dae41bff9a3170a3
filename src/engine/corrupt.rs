//! Corruption: a frame in a form in which it should not arrive.

use crate::hook::delivery::Corruption;
use crate::proto::close::truncate;
use crate::proto::members::Members;
use crate::proto::payload::Payload;
use crate::proto::wire_frame::{FrameForm, WireFrame};

/// Returns the frames that a client gets instead of a text frame.
pub(super) fn corrupted(corruption: &Corruption, original: &str) -> Vec<WireFrame> {
    let text = |text: &str| vec![WireFrame::from(Payload::from_text(text.to_owned()))];
    let with_form =
        |form| vec![WireFrame { payload: Payload::from_text(original.to_owned()), form }];
    match corruption {
        // `truncate` cuts between characters, so the text stays UTF-8 and only its JSON is invalid.
        Corruption::InvalidJson => text(truncate(original, original.len() / 2)),
        Corruption::UnknownType => text(&with_member(original, "Type", Some("\"NOTICE\""))),
        Corruption::MissingMember(member) => text(&with_member(original, member, None)),
        Corruption::Binary => vec![Payload::from_binary(original.to_owned()).into()],
        Corruption::InvalidUtf8 => {
            let invalid = [original.as_bytes(), &[0xff]].concat();
            vec![Payload::from_text(invalid).into()]
        }
        Corruption::Oversize(bytes) => {
            // A closure can return any number.
            let bytes = (*bytes).min(Corruption::LARGEST);
            // White space after the object keeps the JSON valid, so nothing but the size is wrong.
            let missing = bytes.saturating_sub(original.len());
            text(&format!("{original}{}", " ".repeat(missing)))
        }
        Corruption::Fragmented(longest) => fragments(original.as_bytes(), *longest),
        Corruption::ReservedBit => {
            with_form(FrameForm { has_reserved_bit: true, ..FrameForm::default() })
        }
        Corruption::Truncated => {
            let missing_bytes = original.len() / 2;
            with_form(FrameForm { missing_bytes, ..FrameForm::default() })
        }
    }
}

/// Returns the frames of a text that is sent in pieces.
fn fragments(content: &[u8], longest: usize) -> Vec<WireFrame> {
    // A piece may end within a character: only the whole message has to be UTF-8.
    let pieces: Vec<_> = content.chunks(longest.max(1)).collect();
    let last = pieces.len().saturating_sub(1);
    let frame = |(index, piece): (usize, &[u8])| WireFrame {
        payload: Payload::from_text(piece.to_vec()),
        form: FrameForm {
            is_continuation: index > 0,
            is_unfinished: index < last,
            ..FrameForm::default()
        },
    };
    pieces.into_iter().enumerate().map(frame).collect()
}

/// Returns a JSON object with another value, or none, for a member.
fn with_member(object: &str, name: &str, value: Option<&str>) -> String {
    let members = Members::read(object);
    let members = members.iter().filter_map(|(member, raw)| {
        let value = if member == name { value } else { Some(raw.get()) };
        value.map(|value| format!("{member:?}:{value}"))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
