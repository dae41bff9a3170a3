//! The timeline: the log in lanes side by side, with the times that the clock showed.

use std::fmt;
use std::time::Duration;

use crate::log::entry::Entry;
use crate::log::escape::named;
use crate::log::legend::Legend;
use crate::log::record::{Caller, Event};
use crate::log::secrets::TokenLabels;
use crate::log::summary;
use crate::log::table::{Table, WIDEST_CELL};
use crate::log::transcript::is_same_delivery;
use crate::log::width::clipped;

/// The lanes of some entries: one for each connection, and one for each way to call the control
/// plane.
#[derive(Debug)]
pub(crate) struct Columns {
    titles: Vec<String>,
}

impl Columns {
    /// Returns the busiest lanes, `most` of them, in the order of their first entries, and the
    /// titles of the others.
    pub(crate) fn of(entries: &[Entry], most: usize) -> (Self, Vec<String>) {
        Self::with(entries, &[], most)
    }

    /// The busiest lanes as [`Columns::of`] has them, after some lanes that are there in any case.
    pub(crate) fn starting_with(
        first: &[String],
        entries: &[Entry],
        most: usize,
    ) -> (Self, Vec<String>) {
        let (mut columns, omitted) = Self::with(entries, first, most);
        let place = |title: &String| first.iter().position(|own| own == title);
        // The sort is stable, so the other lanes stay in the order of their first entries.
        columns.titles.sort_by_key(|title| place(title).unwrap_or(first.len()));
        (columns, omitted)
    }

    /// The busiest lanes as [`Columns::of`] has them, and in any case some lanes.
    fn with(entries: &[Entry], always: &[String], most: usize) -> (Self, Vec<String>) {
        let mut lanes: Vec<(String, usize)> = Vec::new();
        for title in entries.iter().filter_map(title) {
            match lanes.iter_mut().find(|(known, _)| *known == title) {
                Some((_, count)) => *count += 1,
                None => lanes.push((title, 1)),
            }
        }
        for lane in always {
            if lanes.iter().all(|(known, _)| known != lane) {
                lanes.push((lane.clone(), 0));
            }
        }
        let is_other = |title: &String| !always.contains(title);
        let others = lanes.iter().filter(|(title, _)| is_other(title));
        let mut counts: Vec<usize> = others.map(|(_, count)| *count).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let mut left = most.saturating_sub(always.len());
        // Several lanes may be as busy as the last one that fits. `left` admits the first of them.
        let fewest = counts.get(left.saturating_sub(1)).copied().unwrap_or_default();
        let mut omitted = Vec::new();
        lanes.retain(|(title, count)| {
            let is_kept = !is_other(title) || (left > 0 && *count >= fewest);
            if is_kept && is_other(title) {
                left -= 1;
            }
            if !is_kept {
                omitted.push(title.clone());
            }
            is_kept
        });
        (Self { titles: lanes.into_iter().map(|(title, _)| title).collect() }, omitted)
    }

    pub(crate) fn titles(&self) -> &[String] {
        &self.titles
    }

    /// Returns the lane of an entry; `None` if it has no lane, or one that is omitted.
    pub(crate) fn of_entry(&self, entry: &Entry) -> Option<usize> {
        let title = title(entry)?;
        self.titles.iter().position(|known| *known == title)
    }
}

/// The name of the lane of an entry.
pub(crate) fn title(entry: &Entry) -> Option<String> {
    let caller = |origin: &Caller| if *origin == Caller::Test { "test" } else { "http" };
    match (&entry.record.peer, &entry.record.event) {
        (Some(peer), _) => Some(format!("{} ({})", named(&peer.label), named(&peer.room.label))),
        (None, Event::Request(called)) => Some(caller(&called.origin).into()),
        (None, Event::Response(response) | Event::Undelivered(response)) => {
            Some(caller(&response.origin).into())
        }
        (None, _) => None,
    }
}

/// Splits off the first entry, together with those that are the same frame for others.
pub(crate) fn next_row(entries: &[Entry]) -> Option<(&[Entry], &[Entry])> {
    let first = entries.first()?;
    // An entry that is not a delivery is not the same delivery as itself, so the count may be 0.
    let same = entries.iter().take_while(|other| is_same_delivery(first, other)).count();
    Some(entries.split_at(same.max(1)))
}

/// Returns the time from `start` to an entry, in seconds.
pub(crate) fn elapsed(entries: &[Entry], entry: &Entry) -> Duration {
    entries.first().map_or(Duration::ZERO, |first| entry.at().since(first.at()))
}

/// The index of the first entry of the row that an entry is in.
pub(crate) fn row_start(entries: &[Entry], mut index: usize) -> usize {
    while index > 0 && is_same_delivery(&entries[index - 1], &entries[index]) {
        index -= 1;
    }
    index
}

/// Entries as rows, as text.
pub(crate) fn text(entries: &[Entry]) -> String {
    let (columns, omitted) = Columns::of(entries, MOST_LANES);
    let mut table = Table::new(&columns, &omitted);
    table.add(entries, entries, &[]);
    TokenLabels::new().label(&table.to_string()).into_owned()
}

/// A part of a log that explains a failure.
#[derive(Debug)]
pub(crate) struct Excerpt<'a> {
    pub(crate) entries: &'a [Entry],
    /// How many rows at the end of the log are shown.
    pub(crate) last_rows: usize,
    /// The indexes of entries that are shown in any case.
    pub(crate) also: &'a [usize],
    /// The lanes that are shown in any case.
    pub(crate) lanes: &'a [String],
}

impl Excerpt<'_> {
    /// The index of the first of the last entries that are shown.
    pub(crate) fn start(&self) -> usize {
        (0..self.last_rows).fold(self.entries.len(), |start, _| match start {
            0 => 0,
            start => row_start(self.entries, start - 1),
        })
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start();
        let mut also: Vec<usize> = self.also.iter().map(|i| row_start(self.entries, *i)).collect();
        also.sort_unstable();
        also.dedup();
        let numbers: Vec<u64> = also.iter().map(|index| self.entries[*index].index()).collect();
        let earlier: Vec<&[Entry]> = also
            .iter()
            .filter(|index| **index < start)
            // `start` is the start of a row, too, so no row is cut off there.
            .filter_map(|index| next_row(&self.entries[*index..start]))
            .map(|(row, _)| row)
            .collect();
        // Times count from the first row that is shown.
        let first = earlier.first().copied().unwrap_or_else(|| &self.entries[start..]);
        let always = &self.lanes[..self.lanes.len().min(MOST_LANES)];
        let (columns, omitted) = Columns::with(&self.entries[start..], always, MOST_LANES);
        let (mut table, mut legend) = (Table::new(&columns, &omitted), Legend::default());
        for part in earlier.iter().copied().chain([&self.entries[start..]]) {
            table.add(first, part, &numbers);
            legend.add(part);
        }
        write!(f, "{table}{legend}")
    }
}

/// An entry on one line, and not too wide for a lane.
pub(crate) fn shortened(entry: &Entry) -> String {
    clipped(&summary::within(entry, WIDEST_CELL), WIDEST_CELL)
}

/// How many lanes a timeline has. They fit into [`WIDEST`] columns.
const MOST_LANES: usize = 6;

/// The widest line of a timeline.
pub(crate) const WIDEST: usize = 120;
