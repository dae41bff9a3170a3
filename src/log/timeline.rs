//! The timeline: the log in lanes side by side, with the times that the clock showed.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::log::entry::{Direction, Entry};
use crate::log::record::{Origin, What};
use crate::log::summary;
use crate::log::transcript::{is_as_expected, is_same_delivery};

/// The lanes of some entries: one for each connection, and one for each way to call the control
/// plane.
#[derive(Debug)]
pub(crate) struct Columns {
    titles: Vec<String>,
}

impl Columns {
    /// The lanes that entries need, the busiest first to stay if there are more than `most`.
    pub(crate) fn of(entries: &[Entry], most: usize) -> (Self, usize) {
        let mut lanes: Vec<(String, usize)> = Vec::new();
        for title in entries.iter().filter_map(title) {
            match lanes.iter_mut().find(|(known, _)| *known == title) {
                Some((_, count)) => *count += 1,
                None => lanes.push((title, 1)),
            }
        }
        let mut counts: Vec<usize> = lanes.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let fewest = counts.get(most.saturating_sub(1)).copied().unwrap_or_default();
        let all = lanes.len();
        lanes.retain(|(_, count)| *count >= fewest);
        lanes.truncate(most);
        let omitted = all - lanes.len();
        (Self { titles: lanes.into_iter().map(|(title, _)| title).collect() }, omitted)
    }

    pub(crate) fn titles(&self) -> &[String] {
        &self.titles
    }

    /// In which lane an entry stands; `None` if it concerns none or one that is omitted.
    pub(crate) fn of_entry(&self, entry: &Entry) -> Option<usize> {
        let title = title(entry)?;
        self.titles.iter().position(|known| *known == title)
    }
}

/// The name of the lane of an entry.
pub(crate) fn title(entry: &Entry) -> Option<String> {
    let caller = |origin: &Origin| if *origin == Origin::Test { "test" } else { "http" };
    match (&entry.record.party, &entry.record.what) {
        (Some(party), _) => Some(format!("{} ({})", party.label, party.room)),
        (None, What::Called(called)) => Some(caller(&called.origin).into()),
        (None, What::Answered(answered)) => Some(caller(&answered.origin).into()),
        (None, _) => None,
    }
}

/// Splits off the first entry, together with those that are the same frame for others.
pub(crate) fn next_row(entries: &[Entry]) -> Option<(&[Entry], &[Entry])> {
    let first = entries.first()?;
    let same = entries.iter().take_while(|other| is_same_delivery(first, other)).count();
    Some(entries.split_at(same.max(1)))
}

/// How long after `start` an entry happened, in seconds.
pub(crate) fn elapsed(entries: &[Entry], entry: &Entry) -> Duration {
    entries.first().map_or(Duration::ZERO, |first| entry.at().since(first.at()))
}

/// Entries as rows, as text.
pub(crate) fn text(entries: &[Entry]) -> String {
    let mut text = String::new();
    write(&mut text, entries).expect("a string takes any text");
    text
}

/// Writes entries as rows: number, time since the first of them, and a cell in each lane.
fn write(f: &mut dyn fmt::Write, entries: &[Entry]) -> fmt::Result {
    let (columns, omitted) = Columns::of(entries, MOST_LANES);
    let rows = rows(entries, &columns);
    let mut widths: Vec<usize> = columns.titles.iter().map(|title| width(title)).collect();
    for row in &rows {
        for (cell, widest) in row.cells.iter().zip(&mut widths) {
            *widest = width(cell).max(*widest);
        }
    }
    let mut head = format!("{:>5} {:>9} ", "", "");
    for (title, width) in columns.titles.iter().zip(&widths) {
        push_cell(&mut head, title, *width);
    }
    writeln!(f, "{}", head.trim_end())?;
    for row in rows {
        let seconds = row.time.as_secs_f64();
        let mut line =
            format!("{:>5} {:>9} ", format!("#{}", row.number), format!("+{seconds:.3}"));
        match row.note {
            Some(note) => write!(line, " {note}")?,
            None => {
                for (cell, width) in row.cells.iter().zip(&widths) {
                    push_cell(&mut line, cell, *width);
                }
            }
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    match omitted {
        0 => Ok(()),
        _ => writeln!(f, "      (lanes of {omitted} more connections are not shown)"),
    }
}

struct Row {
    number: u64,
    time: Duration,
    cells: Vec<String>,
    /// What concerns no lane, and so stands across all.
    note: Option<String>,
}

fn rows(all: &[Entry], columns: &Columns) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut rest = all;
    while let Some((row, following)) = next_row(rest) {
        rest = following;
        if is_as_expected(&row[0]) {
            continue;
        }
        let mut cells = vec![String::new(); columns.titles.len()];
        for entry in row {
            if let Some(lane) = columns.of_entry(entry) {
                cells[lane] = cell(entry);
            }
        }
        let has_lane = cells.iter().any(|cell| !cell.is_empty());
        let first = &row[0];
        let note = match (has_lane, title(first)) {
            (true, _) => None,
            (false, None) => Some(shortened(&summary::of(first))),
            // All of it is in lanes that are not shown.
            (false, Some(_)) => continue,
        };
        rows.push(Row { number: first.number(), time: elapsed(all, first), cells, note });
    }
    rows
}

fn cell(entry: &Entry) -> String {
    let is_frame = matches!(
        &entry.record.what,
        What::Answered(_) | What::Called(_) | What::Received(_) | What::Sent(_)
    );
    let arrow = match entry.direction() {
        Some(Direction::Inbound) if is_frame => "> ",
        Some(Direction::Outbound) if is_frame => "< ",
        _ => "",
    };
    shortened(&format!("{arrow}{}", summary::of(entry)))
}

/// A text on one line, and not too wide for a lane.
pub(crate) fn shortened(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if width(text) <= WIDEST_CELL {
        return plain.collect();
    }
    plain.take(WIDEST_CELL - 1).chain(['…']).collect()
}

fn push_cell(line: &mut String, cell: &str, lane_width: usize) {
    line.push(' ');
    line.push_str(cell);
    line.extend(std::iter::repeat_n(' ', lane_width - width(cell) + 1));
}

fn width(text: &str) -> usize {
    text.chars().count()
}

const WIDEST_CELL: usize = 44;
const MOST_LANES: usize = 6;
