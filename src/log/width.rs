//! Width: texts measured and cut by the columns that they take in a terminal.
//!
//! A text is cut between pieces: characters together with the characters that combine with them,
//! escapes such as `\u{1b}`, and the marks of tokens.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::log::escape::escaped;
use crate::log::secrets::mark_length;
use crate::proto::close::truncate;

/// Returns the number of columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns a text on one line of at most `most` columns. A text that is cut ends with `…`, and with
/// a quote if it is cut within quotes.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let text = escaped(text);
    if fits(&text, most) {
        return text.into_owned();
    }
    let (mut end, mut is_quoted) = (0, false);
    let (mut at, mut used, mut quotes) = (0, 0, 0);
    for piece in pieces(&text) {
        at += piece.len();
        used += cost(piece);
        quotes += usize::from(piece == "\"");
        // The ellipsis takes a column, and so does the closing quote.
        if used + 1 > most {
            break;
        }
        if used + 1 + quotes % 2 <= most {
            (end, is_quoted) = (at, quotes % 2 == 1);
        }
    }
    format!("{}…{}", &text[..end], if is_quoted { "\"" } else { "" })
}

/// Returns the start and the end of a text on one line of at most `most` columns.
pub(crate) fn middle_clipped(text: &str, most: usize) -> String {
    let text = escaped(text);
    if fits(&text, most) {
        return text.into_owned();
    }
    let all: Vec<&str> = pieces(&text).collect();
    // One column is for the ellipsis.
    let left = most.saturating_sub(1);
    let (start, _) = taken(all.iter(), left.div_ceil(2));
    let (end, _) = taken(all[start..].iter().rev(), left / 2);
    format!("{}…{}", all[..start].concat(), all[all.len() - end..].concat())
}

/// Returns the part of a text around the byte `at`, of at most `most` columns.
pub(crate) fn around(text: &str, at: usize, most: usize) -> String {
    // A column takes at most 16 bytes, so this is enough on either side.
    let nearby = most.saturating_mul(16);
    let start = floor(text, at.saturating_sub(nearby));
    let end = floor(text, at.saturating_add(nearby));
    if end - start == text.len() && fits(text, most) {
        return text.to_owned();
    }
    let (before, after) = text[start..end].split_at(floor(text, at) - start);
    let (before, after): (Vec<&str>, Vec<&str>) =
        (pieces(before).collect(), pieces(after).collect());
    let limit = most.saturating_sub(2);
    // Most of the room is for the text before the place.
    let (_, used) = taken(before.iter().rev(), limit * 2 / 3);
    // Whatever the end of the text leaves over goes to its start, so no room is wasted.
    let (last, used) = taken(after.iter(), limit - used);
    let (first, _) = taken(before.iter().rev(), limit - used);
    let is_cut_before = start > 0 || first < before.len();
    let is_cut_after = end < text.len() || last < after.len();
    format!(
        "{}{}{}{}",
        if is_cut_before { "…" } else { "" },
        before[before.len() - first..].concat(),
        after[..last].concat(),
        if is_cut_after { "…" } else { "" }
    )
}

/// Returns how many pieces fit into a number of columns, and how many columns they take.
fn taken<'a>(pieces: impl Iterator<Item = &'a &'a str>, most: usize) -> (usize, usize) {
    let (mut count, mut used) = (0, 0);
    for piece in pieces {
        if used + cost(piece) > most {
            break;
        }
        used += cost(piece);
        count += 1;
    }
    (count, used)
}

fn fits(text: &str, most: usize) -> bool {
    // Characters without a width are limited, too.
    width(text) <= most && text.len() <= most.saturating_mul(16)
}

/// Returns how much of a line a piece takes: its columns, or more if it has very many characters.
fn cost(piece: &str) -> usize {
    width(piece).max(piece.len().div_ceil(16))
}

/// Returns the last boundary between characters that is not after the byte `at`.
fn floor(text: &str, at: usize) -> usize {
    truncate(text, at).len()
}

/// Splits a text into the pieces between which it can be cut.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, following) = rest.split_at(piece_length(rest));
        rest = following;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Returns the length of the first piece of a text in bytes.
fn piece_length(text: &str) -> usize {
    if let Some(length) = mark_length(text).or_else(|| escape_length(text)) {
        return length;
    }
    let mut chars = text.char_indices().take(LONGEST_PIECE);
    let Some((_, mut last)) = chars.next() else { return 0 };
    let mut flags = usize::from(is_flag_part(last));
    let mut end = last.len_utf8();
    for (at, c) in chars {
        flags += usize::from(is_flag_part(c));
        let is_flag = is_flag_part(last) && is_flag_part(c) && flags == 2;
        if !(combines(c) || last == JOINER || is_flag) {
            break;
        }
        (last, end) = (c, at + c.len_utf8());
    }
    end
}

/// Returns the length of an escape that a text begins with: `\\n` or `\\u{1b}`.
fn escape_length(text: &str) -> Option<usize> {
    let escaped = text.strip_prefix('\\')?.chars().next()?;
    let end = text.find('}').filter(|end| text.starts_with("\\u{") && *end <= LONGEST_ESCAPE);
    Some(end.unwrap_or_else(|| escaped.len_utf8()) + 1)
}

/// Returns `true` for a character that is drawn together with the one before it.
fn combines(c: char) -> bool {
    c.width() == Some(0) || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

/// Returns `true` for a letter of which two in a row are a flag.
fn is_flag_part(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

/// Joins two emoji to one.
const JOINER: char = '\u{200d}';

/// How many characters a piece has at most.
const LONGEST_PIECE: usize = 16;

/// The length of `\u{10ffff}`, without the last brace.
const LONGEST_ESCAPE: usize = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short("abc", "abc")]
    #[case::long("abcdefghi", "abcdefg…")]
    #[case::wide("日本語の名前", "日本語…")]
    #[case::quoted("a \"bcdefghi\" j", "a \"bcd…\"")]
    #[case::after_a_quote("a \"b\" cdefg", "a \"b\" c…")]
    #[case::escaped_quote(r#""abcd\"efgh""#, r#""abcd…""#)]
    #[case::escape("abc\u{1b}[31m", "abc…")]
    #[case::combined(
        "e\u{301}e\u{301}e\u{301}e\u{301}5678",
        "e\u{301}e\u{301}e\u{301}e\u{301}5678"
    )]
    #[case::family("12345👩‍👩‍👧‍👦67", "12345👩‍👩‍👧‍👦…")]
    #[case::flag("12345🇩🇪67", "12345🇩🇪…")]
    fn a_text_is_cut_between_pieces_and_quotes_are_closed(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(clipped(text, 8), shown);
    }

    #[test]
    fn a_mark_of_a_token_is_not_torn_apart() {
        let mark = crate::log::secrets::marked("[token-7]").into_owned();
        assert_eq!(width(&mark), 9);
        assert_eq!(clipped(&format!("{mark} and more"), 12), format!("{mark} a…"));
        assert_eq!(clipped(&format!("1234 {mark}"), 12), "1234 …");
    }

    #[test]
    fn the_start_and_the_end_of_a_name_stay() {
        assert_eq!(middle_clipped("customer-support-1", 9), "cust…rt-1");
        assert_eq!(middle_clipped("日本語の名前", 8), "日本…前");
        assert_eq!(middle_clipped("alice", 5), "alice");
    }

    #[rstest]
    #[case::start(0, "01234567…")]
    #[case::middle(26, "…lmnopqrs…")]
    #[case::end(41, "…yzABCDEF")]
    fn the_part_around_a_place_is_shown(#[case] at: usize, #[case] shown: &str) {
        let text = "0123456789abcdefghijklmnopqrstuvwxyzABCDEF";
        assert_eq!(around(text, at, 10), shown);
        assert_eq!(around(text, at, 42), text);
    }

    proptest! {
        #[test]
        fn no_text_is_wider_or_much_longer_than_allowed(
            text in "(\\PC|[\u{300}-\u{310}\u{200d}\u{fe0f}👩🇩日ل\u{627}\"\\\\]){0,80}",
            most in 2_usize..60,
            at in 0_usize..300,
        ) {
            for shown in
                [clipped(&text, most), middle_clipped(&text, most), around(&text, at, most)]
            {
                prop_assert!(width(&shown) <= most, "{shown:?}: {}", width(&shown));
                prop_assert!(shown.len() <= most * 16 + 6);
            }
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
