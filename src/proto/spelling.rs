//! Spelling: the name that an unknown one is probably meant to be.

/// Returns the known name that is nearest to an unknown one, if it is near enough to be meant.
pub(crate) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Without case, because `send_message` is meant to be `SEND_MESSAGE`.
    let lower = name.to_ascii_lowercase();
    let nearest =
        known.into_iter().min_by_key(|known| distance(&lower, &known.to_ascii_lowercase()))?;
    is_near(&lower, &nearest.to_ascii_lowercase()).then_some(nearest)
}

/// Returns `true` if an unknown name is near enough to a known one to be meant.
pub(crate) fn is_near(name: &str, known: &str) -> bool {
    distance(name, known) <= known.len().div_ceil(3)
}

/// Returns `true` if two different words differ only in case, or in two letters that are swapped.
/// Words that differ in a letter or in digits, such as `user-12` and `user-21`, may both be meant.
pub(crate) fn is_slip(one: &str, other: &str) -> bool {
    let are_swapped = || {
        let differences: Vec<_> =
            one.bytes().zip(other.bytes()).filter(|(own, other)| own != other).collect();
        let is_letter = |byte: u8| !byte.is_ascii_digit();
        matches!(differences[..], [(a, b), (c, d)] if (a, b) == (d, c) && is_letter(a) && is_letter(b))
            // Two differences may also be far apart, where a hand does not slip.
            && distance(one, other) == 1
    };
    one != other && (one.eq_ignore_ascii_case(other) || (one.len() == other.len() && are_swapped()))
}

/// Returns how many letters must be inserted, removed or replaced, or swapped with the next one, to
/// make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    // A row has the distances of a start of `one` to each start of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut row_before = row.clone();
    for (index, letter) in one.iter().enumerate() {
        let mut next = vec![index + 1];
        for (column, counterpart) in other.iter().enumerate() {
            let replaced = row[column] + usize::from(letter != counterpart);
            let mut least = replaced.min(row[column + 1] + 1).min(next[column] + 1);
            let are_swapped = index > 0
                && column > 0
                && one[index - 1] == *counterpart
                && other[column - 1] == *letter;
            if are_swapped {
                least = least.min(row_before[column - 1] + 1);
            }
            next.push(least);
        }
        row_before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "", 0)]
    #[case("from", "from", 0)]
    #[case("form", "from", 1)]
    #[case("form", "room", 2)]
    #[case("abc", "cab", 2)]
    #[case("rom", "from", 1)]
    #[case("from!", "from", 1)]
    #[case("to", "from", 3)]
    #[case("from", "", 4)]
    fn a_distance_counts_letters(#[case] one: &str, #[case] other: &str, #[case] expected: usize) {
        assert_eq!(distance(one, other), expected);
        assert_eq!(distance(other, one), expected);
    }

    #[rstest]
    #[case("alice", "Alice", true)]
    #[case("alice", "alcie", true)]
    #[case("alice", "alice", false)]
    #[case("alice", "alicia", false)]
    #[case("user-1", "user-2", false)]
    #[case("user-12", "user-21", false)]
    #[case("user-1a", "user-a1", false)]
    fn a_slip_keeps_all_letters(#[case] one: &str, #[case] other: &str, #[case] expected: bool) {
        assert_eq!(is_slip(one, other), expected);
        assert_eq!(is_slip(other, one), expected);
    }

    #[rstest]
    #[case("form", Some("from"))]
    #[case("request_id", Some("requestId"))]
    #[case("requestID", Some("requestId"))]
    #[case("Room", Some("room"))]
    #[case("user", None)]
    #[case("", None)]
    fn the_nearest_name_is_meant(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(meant(name, ["from", "room", "requestId", "containing"]), expected);
    }
}
