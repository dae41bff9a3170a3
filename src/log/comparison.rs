//! Comparison: how an entry differs from a matcher, and the names that a matcher gives.

use std::borrow::Cow;

use crate::log::entry::Entry;
use crate::log::fields::{self, Name};
use crate::log::matcher::{Condition, Expected, Field, Matcher};
use crate::log::secrets::hide;
use crate::log::width::{pieces, width};

impl Matcher {
    /// Returns `true` if an entry belongs to a connection of the user that the matcher names.
    pub(crate) fn names(&self, entry: &Entry) -> bool {
        self.user_id().is_some() && entry.user_id() == self.user_id()
    }

    /// Returns the user whose connection the matcher names.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.expected(&Name::To).or_else(|| self.expected(&Name::From))
    }

    /// Returns all names of the room that the matcher gives.
    pub(crate) fn room_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|field| match &field.expected {
            Expected::Is(room) if field.name == Name::Room => Some(room.as_str()),
            _ => None,
        })
    }

    /// Returns the name of the hook that the matcher is about.
    pub(crate) fn hook_name(&self) -> Option<&str> {
        self.expected(&Name::Named).filter(|_| self.expected(&Name::Type) == Some("hook"))
    }

    /// Returns the name of the event that the matcher is about.
    pub(crate) fn event_name(&self) -> Option<&str> {
        self.expected(&Name::Named).filter(|_| self.expected(&Name::Type) == Some("EVENT"))
    }

    /// How near an entry comes. It is cheap: only the nearest entry is described.
    pub(crate) fn compare(&self, entry: &Entry) -> Comparison {
        let mut comparison = Comparison::default();
        for field in &self.fields {
            if field.admits(entry) {
                comparison.agreements += 1;
                continue;
            }
            let got = fields::get(entry, &field.name).unwrap_or_default();
            comparison.differences += 1;
            comparison.closeness += field.expected.closeness(&got);
        }
        // A condition may rely on what the fields promise.
        if comparison.differences == 0 && self.failing_condition(entry).is_some() {
            comparison.differences = 1;
        }
        comparison
    }

    /// Describes the fields in which an entry differs, one line for each.
    pub(crate) fn differences(&self, entry: &Entry) -> Vec<String> {
        let differing = self.fields.iter().filter(|field| !field.admits(entry));
        let mut lines: Vec<_> = differing
            .map(|Field { name, expected }| {
                let got = fields::get(entry, name);
                let common = got.as_ref().map_or(0, |got| expected.closeness(got));
                let shown_got = |got: Cow<'_, str>| shown(name, &hide(entry.mock, &got), common);
                let got = got.map_or_else(|| "nothing".into(), shown_got);
                format!("{name}: expected {}, got {got}", expected.shown(name, common))
            })
            .collect();
        if lines.is_empty() {
            let failing = self.failing_condition(entry);
            lines.extend(failing.map(|Condition { what, .. }| format!("does not satisfy: {what}")));
        }
        lines
    }
}

/// How near an entry comes to a matcher.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) differences: usize,
    pub(crate) agreements: usize,
    /// How many characters the values that differ have in common at their start.
    pub(crate) closeness: usize,
}

impl Field {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        match &self.expected {
            // A room has several names, and its field has only one of them.
            Expected::Is(room) if self.name == Name::Room => entry.is_in_room(room),
            // An entry without the field does not match, whatever value is expected.
            expected => fields::get(entry, &self.name).is_some_and(|got| expected.admits(&got)),
        }
    }
}

impl Expected {
    fn admits(&self, got: &str) -> bool {
        match self {
            Self::Is(value) => got == value,
            Self::Contains(part) => got.contains(part),
        }
    }

    fn closeness(&self, got: &str) -> usize {
        match self {
            Self::Is(value) => in_common(value, got),
            Self::Contains(part) => in_common(part, got),
        }
    }

    fn shown(&self, name: &Name, common: usize) -> String {
        match self {
            Self::Is(value) => shown(name, value, common),
            Self::Contains(part) => format!("a value containing {:?}", around(part, 0)),
        }
    }
}

fn in_common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

/// A value as it is shown: words of the protocol bare, words of the test in quotes.
pub(super) fn shown(name: &Name, value: &str, common: usize) -> String {
    match name {
        Name::Type | Name::Code | Name::CloseCode | Name::Status | Name::Operation => {
            value.to_owned()
        }
        _ => format!("{:?}", around(value, common)),
    }
}

/// Returns the part of a long value in which it begins to differ, which is after `common`
/// characters.
fn around(value: &str, common: usize) -> Cow<'_, str> {
    if width(value) <= LONGEST_VALUE {
        return value.into();
    }
    // Some of the common part is shown, so that the place of the difference can be recognized.
    let start = value.char_indices().nth(common.saturating_sub(LONGEST_VALUE / 4));
    let (before, rest) = value.split_at(start.map_or(value.len(), |(start, _)| start));
    let mut part: String = if before.is_empty() { String::new() } else { "…".into() };
    let (mut used, mut end) = (0, 0);
    for piece in pieces(rest) {
        // A piece without a width counts as well, so that a value of nothing else ends somewhere.
        used += width(piece).max(1);
        if used > LONGEST_VALUE {
            break;
        }
        end += piece.len();
    }
    part.push_str(&rest[..end]);
    if end < rest.len() {
        part.push('…');
    }
    part.into()
}

/// How many columns of a value a failure shows.
const LONGEST_VALUE: usize = 40;
