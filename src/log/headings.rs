//! Headings: the titles of lanes, short enough for their lanes and different where the titles are.

use std::collections::BTreeSet;

use crate::log::width::{around, clipped, middle_clipped, width};

/// Shortens the titles of lanes to the widths of the lanes. Different titles stay different.
pub(crate) fn shortened(titles: &[String], widths: &[usize]) -> Vec<String> {
    let difference = first_difference(titles, widths);
    for way in Way::ALL {
        let heading = |(title, most): (&String, &usize)| match width(title) <= *most {
            true => title.clone(),
            false => way.shorten(title, *most, difference),
        };
        let headings: Vec<String> = titles.iter().zip(widths).map(heading).collect();
        // One way for all headings, so that they stay comparable. It is taken only if no two are
        // the same.
        if headings.iter().collect::<BTreeSet<_>>().len() == headings.len() {
            return headings;
        }
    }
    let headings = titles.iter().zip(widths).map(|(title, most)| with_room(title, *most));
    numbered(&headings.collect::<Vec<_>>(), widths)
}

/// A way to shorten a title.
#[derive(Clone, Copy)]
enum Way {
    WithRoom,
    WithoutRoom,
    WithPartOfRoom,
    AroundDifference,
}

impl Way {
    /// All ways, in the order in which they are tried.
    const ALL: [Self; 4] =
        [Self::WithRoom, Self::WithoutRoom, Self::WithPartOfRoom, Self::AroundDifference];

    fn shorten(self, title: &str, most: usize, difference: usize) -> String {
        match self {
            Self::WithRoom => with_room(title, most),
            Self::WithoutRoom => middle_clipped(user(title), most),
            Self::WithPartOfRoom => with_part_of_room(title, most),
            Self::AroundDifference => around(title, difference + 1, most),
        }
    }
}

/// Shortens the name of the user, and keeps the room if that leaves enough of the name.
fn with_room(title: &str, most: usize) -> String {
    if width(title) <= most {
        return title.to_owned();
    }
    let room = &title[user(title).len()..];
    match most.checked_sub(width(room)) {
        Some(left) if left >= SHORTEST_NAME => {
            format!("{}{room}", middle_clipped(user(title), left))
        }
        _ => middle_clipped(user(title), most),
    }
}

/// Shortens the name of the user and the name of the room.
fn with_part_of_room(title: &str, most: usize) -> String {
    let (user, room) = title.split_at(user(title).len());
    let room = room.trim_start_matches(" (").trim_end_matches(')');
    let left = most.saturating_sub(" ()".len());
    let room = middle_clipped(room, left / 2);
    format!("{} ({room})", middle_clipped(user, left.saturating_sub(width(&room))))
}

/// Appends numbers to headings of which there are several.
fn numbered(headings: &[String], widths: &[usize]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut unique = Vec::new();
    for (heading, most) in headings.iter().zip(widths) {
        let mut shown = heading.clone();
        let mut number = 1;
        // A heading may already end in such a number, so numbers are tried instead of counted.
        while !taken.insert(shown.clone()) {
            number += 1;
            let suffix = format!(" [{number}]");
            shown = format!("{}{suffix}", clipped(heading, most.saturating_sub(suffix.len())));
        }
        unique.push(shown);
    }
    unique
}

/// The name of the connection in the title of a lane, without its room.
fn user(title: &str) -> &str {
    // From the end, because a user ID may have a parenthesis, too.
    title.rsplit_once(" (").map_or(title, |(user, _)| user)
}

/// The length of the longest start that two titles that are too wide have in common.
fn first_difference(titles: &[String], widths: &[usize]) -> usize {
    let wide: Vec<&String> = titles
        .iter()
        .zip(widths)
        .filter(|(title, most)| width(title) > **most)
        .map(|(title, _)| title)
        .collect();
    let in_common = |one: &str, other: &str| {
        // The result may be inside a character. `around` moves it to the boundary before.
        one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
    };
    let pairs = wide
        .iter()
        .enumerate()
        .flat_map(|(index, one)| wide[index + 1..].iter().map(move |other| in_common(one, other)));
    pairs.max().unwrap_or_default()
}

/// How many columns of a user's name make the room worth its columns.
const SHORTEST_NAME: usize = 10;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short(["alice (lobby)", "bob (lobby)"], ["alice (lobby)", "bob (lobby)"])]
    #[case::without_room(["customer-care-1 (lobby)", "customer-care-2 (lobby)"], ["customer-care-1", "customer-care-2"])]
    #[case::reconnection(["customer-service (lobby)", "customer-service#2 (lobby)"], ["custome…service", "custome…rvice#2"])]
    #[case::rooms(["customer-service (one)", "customer-service (two)"], ["cust…vice (one)", "cust…vice (two)"])]
    #[case::long_rooms(["alice (the-first-room)", "alice (the-second-room)"], ["…e (the-first-…", "…e (the-second…"])]
    #[case::middle(["customer-care-1-of-the-europeans (a)", "customer-care-2-of-the-europeans (a)"], ["…r-care-1-of-t…", "…r-care-2-of-t…"])]
    #[case::wide(["日本語の利用者の一人目 (lobby)", "日本語の利用者の二人目 (lobby)"], ["日本語…一人目", "日本語…二人目"])]
    fn titles_that_differ_stay_different(#[case] titles: [&str; 2], #[case] shown: [&str; 2]) {
        let titles = titles.map(str::to_owned);
        let headings = shortened(&titles, &[15, 15]);
        assert!(headings.iter().all(|heading| width(heading) <= 15), "{headings:?}");
        assert_eq!(headings, shown);
    }

    #[test]
    fn titles_that_cannot_stay_different_have_numbers() {
        let name = |at: usize| format!("{}A{}", "x".repeat(at), "x".repeat(100 - at));
        let titles = [20, 40, 60].map(name);
        let headings = shortened(&titles, &[15, 15, 15]);
        assert_eq!(headings, ["xxxxxxx…xxxxxxx", "xxxxxxx…xx… [2]", "xxxxxxx…xx… [3]"]);
    }
}
