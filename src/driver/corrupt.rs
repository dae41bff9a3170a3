//! Corruption: the frames that a hook sends instead of a valid one.

use crate::hook::verdict::Malformation;
use crate::transport::corrupt;
use crate::transport::framing::Framed;

/// Returns the frames of a text that a hook corrupts.
pub(super) fn corrupted(malformation: &Malformation, original: &str) -> Vec<Framed> {
    let frame = match malformation {
        Malformation::InvalidJson => corrupt::half_of(original),
        Malformation::UnknownType => corrupt::with_member(original, "Type", Some("\"NOTICE\"")),
        Malformation::MissingMember(member) => corrupt::with_member(original, member, None),
        Malformation::Binary => corrupt::binary(original),
        Malformation::InvalidUtf8 => corrupt::invalid_utf8(original),
        Malformation::Oversize(bytes) => corrupt::padded(original, *bytes),
        Malformation::Fragmented(bytes) => return corrupt::fragmented(original, *bytes),
        Malformation::ReservedBit => corrupt::reserved_bit(original),
        Malformation::Truncated => corrupt::half_a_frame(original),
    };
    vec![frame]
}
