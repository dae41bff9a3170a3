//! The timeline: the log in lanes side by side, with the times that the clock showed.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::log::entry::{Direction, Entry};
use crate::log::escape::escaped;
use crate::log::record::{Caller, Event};
use crate::log::secrets::TokenLabels;
use crate::log::summary;
use crate::log::transcript::{is_as_expected, is_same_delivery};

/// The lanes of some entries: one for each connection, and one for each way to call the control
/// plane.
#[derive(Debug)]
pub(crate) struct Columns {
    titles: Vec<String>,
}

impl Columns {
    /// Returns the busiest lanes, `most` of them, in the order of their first entries, and the number
    /// of the others.
    pub(crate) fn of(entries: &[Entry], most: usize) -> (Self, usize) {
        Self::with(entries, &[], most)
    }

    /// The busiest lanes as [`Columns::of`] has them, after some lanes that are there in any case.
    pub(crate) fn starting_with(first: &[String], entries: &[Entry], most: usize) -> (Self, usize) {
        let (mut columns, omitted) = Self::with(entries, first, most);
        let place = |title: &String| first.iter().position(|own| own == title);
        // The sort is stable, so the other lanes stay in the order of their first entries.
        columns.titles.sort_by_key(|title| place(title).unwrap_or(first.len()));
        (columns, omitted)
    }

    /// The busiest lanes as [`Columns::of`] has them, and in any case some lanes.
    fn with(entries: &[Entry], always: &[String], most: usize) -> (Self, usize) {
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
        let (all, mut left) = (lanes.len(), most.saturating_sub(always.len()));
        // Several lanes may be as busy as the last one that fits. `left` admits the first of them.
        let fewest = counts.get(left.saturating_sub(1)).copied().unwrap_or_default();
        lanes.retain(|(title, count)| {
            let is_kept = !is_other(title) || (left > 0 && *count >= fewest);
            if is_kept && is_other(title) {
                left -= 1;
            }
            is_kept
        });
        let omitted = all - lanes.len();
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
        (Some(peer), _) => {
            Some(format!("{} ({})", escaped(&peer.label), escaped(&peer.room.label)))
        }
        (None, Event::Request(called)) => Some(caller(&called.origin).into()),
        (None, Event::Response(response)) => Some(caller(&response.origin).into()),
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
    let rows = rows(entries, entries, &columns, &[], WIDEST_CELL);
    let table = Table { rows, columns: &columns, omitted, cell: WIDEST_CELL };
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
        let mut most = MOST_LANES;
        loop {
            let (columns, omitted) = Columns::with(&self.entries[start..], self.lanes, most);
            let least = most <= self.lanes.len().max(1);
            // Narrower cells are better than fewer lanes.
            for cell in CELLS {
                let parts = earlier.iter().copied().chain([&self.entries[start..]]);
                let own_rows = |part| rows(first, part, &columns, &numbers, cell);
                let rows = parts.flat_map(own_rows).collect();
                let table = Table { rows, columns: &columns, omitted, cell };
                if table.width() <= WIDEST || (least && cell == NARROWEST_CELL) {
                    return table.fmt(f);
                }
            }
            // This does not underflow, because the narrowest table with the fewest lanes is written
            // however wide it is.
            most -= 1;
        }
    }
}

/// Rows with a number, the time since the first of them, and a cell in each lane.
struct Table<'a> {
    columns: &'a Columns,
    rows: Vec<Row>,
    omitted: usize,
    /// The width of the widest cell.
    cell: usize,
}

impl Table<'_> {
    fn widths(&self) -> Vec<usize> {
        let titles = self.columns.titles.iter();
        let mut widths: Vec<usize> =
            titles.map(|title| width(&clipped(title, self.cell))).collect();
        for row in &self.rows {
            for (cell, widest) in row.cells.iter().zip(&mut widths) {
                *widest = width(cell).max(*widest);
            }
        }
        widths
    }

    fn width(&self) -> usize {
        self.widths().iter().fold(MARGIN, |sum, width| sum + width + 2)
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut head = " ".repeat(MARGIN);
        for (title, width) in self.columns.titles.iter().zip(&widths) {
            push_cell(&mut head, &clipped(title, self.cell), *width);
        }
        writeln!(f, "{}", head.trim_end())?;
        for row in &self.rows {
            let seconds = row.time.as_secs_f64();
            let mut line =
                format!("{:>5} {:>9} ", format!("#{}", row.number), format!("+{seconds:.3}"));
            match &row.note {
                Some(note) => write!(line, " {note}")?,
                None => {
                    for (cell, width) in row.cells.iter().zip(&widths) {
                        push_cell(&mut line, cell, *width);
                    }
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        match self.omitted {
            0 => Ok(()),
            1 => writeln!(f, "      (1 more lane is not shown)"),
            omitted => writeln!(f, "      ({omitted} more lanes are not shown)"),
        }
    }
}

struct Row {
    number: u64,
    time: Duration,
    cells: Vec<String>,
    /// The text of an entry that belongs to no lane, which is written across all of them.
    note: Option<String>,
}

/// The rows of some entries. Times count from the first of `all`. Rows whose number is in `always`
/// are shown, whatever they are.
fn rows(
    all: &[Entry],
    entries: &[Entry],
    columns: &Columns,
    always: &[u64],
    widest: usize,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut rest = entries;
    while let Some((row, following)) = next_row(rest) {
        rest = following;
        if is_as_expected(&row[0]) && !always.contains(&row[0].index()) {
            continue;
        }
        let mut cells = vec![String::new(); columns.titles.len()];
        for entry in row {
            if let Some(lane) = columns.of_entry(entry) {
                cells[lane] = cell(entry, widest);
            }
        }
        let has_lane = cells.iter().any(|cell| !cell.is_empty());
        let first = &row[0];
        let note = match (has_lane, title(first)) {
            (true, _) => None,
            (false, None) => Some(clipped(&summary::of(first), WIDEST - MARGIN - 1)),
            // All of it is in lanes that are not shown.
            (false, Some(_)) => continue,
        };
        rows.push(Row { number: first.index(), time: elapsed(all, first), cells, note });
    }
    rows
}

fn cell(entry: &Entry, widest: usize) -> String {
    let is_frame = matches!(
        &entry.record.event,
        Event::Response(_) | Event::Request(_) | Event::FrameReceived(_) | Event::FrameSent(_)
    );
    let arrow = match entry.direction() {
        Some(Direction::Inbound) if is_frame => "> ",
        Some(Direction::Outbound) if is_frame => "< ",
        _ => "",
    };
    clipped(&format!("{arrow}{}", summary::of(entry)), widest)
}

/// A text on one line, and not too wide for a lane.
pub(crate) fn shortened(text: &str) -> String {
    clipped(text, WIDEST_CELL)
}

/// Returns a text on one line of at most `most` characters.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let text = escaped(text);
    if width(&text) <= most {
        return text.into_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn push_cell(line: &mut String, cell: &str, lane_width: usize) {
    line.push(' ');
    line.push_str(cell);
    // A lane is as wide as its widest cell, so this does not underflow.
    line.extend(std::iter::repeat_n(' ', lane_width - width(cell) + 1));
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// The widths of cells that are tried, until a table is not too wide.
const CELLS: [usize; 3] = [WIDEST_CELL, 34, NARROWEST_CELL];
const WIDEST_CELL: usize = 44;
const NARROWEST_CELL: usize = 26;
const MOST_LANES: usize = 6;

/// The widest line of an excerpt.
pub(crate) const WIDEST: usize = 120;

/// The width of the number and the time before the lanes.
const MARGIN: usize = 16;
