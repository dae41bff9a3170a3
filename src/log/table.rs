//! Table: rows of the log with a cell in each lane, narrow enough for a terminal.

use std::fmt;
use std::time::Duration;

use crate::log::entry::{Direction, Entry};
use crate::log::record::Event;
use crate::log::timeline::{Columns, WIDEST, elapsed, next_row, title};
use crate::log::transcript::is_as_expected;
use crate::log::width::{clipped, middle_clipped, width};
use crate::log::{headings, summary};

/// Rows with a number, the time since the first of them, and a cell in each lane.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: &'a Columns,
    /// The titles of the lanes that are not shown.
    omitted: &'a [String],
    rows: Vec<Row<'a>>,
}

#[derive(Debug)]
struct Row<'a> {
    time: Duration,
    first: &'a Entry,
    /// The entry in each lane.
    cells: Vec<Option<&'a Entry>>,
    /// How many entries have no lane.
    others: usize,
}

impl Row<'_> {
    fn has_lane(&self) -> bool {
        self.cells.iter().any(Option::is_some)
    }

    /// The number of recipients without a lane, for a row that has others with one.
    fn more(&self) -> Option<String> {
        (self.has_lane() && self.others > 0).then(|| format!("+{}", self.others))
    }

    /// The row without lanes: the entry, after the name of its connection if it has one.
    fn note(&self) -> String {
        let Some(title) = title(self.first) else { return summary::of(self.first) };
        let name = middle_clipped(&title, LONGEST_NAME);
        let words = words(self.first, WIDEST);
        match self.others {
            0 | 1 => format!("{name}: {words}"),
            all => format!("{name} and {} more: {words}", all - 1),
        }
    }
}

impl<'a> Table<'a> {
    pub(crate) const fn new(columns: &'a Columns, omitted: &'a [String]) -> Self {
        Self { columns, omitted, rows: Vec::new() }
    }

    /// Adds the rows of some entries. Times count from the first of `all`. Rows whose number is in
    /// `always` are shown, whatever they are.
    pub(crate) fn add(&mut self, all: &[Entry], entries: &'a [Entry], always: &[u64]) {
        let mut rest = entries;
        while let Some((row, following)) = next_row(rest) {
            rest = following;
            let first = &row[0];
            // An entry that the failure names is shown even if it says nothing else, or its number
            // would lead nowhere.
            if is_as_expected(first) && !always.contains(&first.index()) {
                continue;
            }
            let (mut cells, mut others) = (vec![None; self.columns.titles().len()], 0);
            for entry in row {
                match self.columns.of_entry(entry) {
                    Some(lane) => cells[lane] = Some(entry),
                    None => others += 1,
                }
            }
            self.rows.push(Row { time: elapsed(all, first), first, cells, others });
        }
    }

    /// Returns the width of each lane. All lanes take at most `room` columns together.
    fn widths(&self, room: usize) -> Vec<usize> {
        let titles = self.columns.titles().iter();
        let mut widths: Vec<usize> = titles.map(|title| width(title).min(WIDEST_CELL)).collect();
        for row in &self.rows {
            for (entry, widest) in row.cells.iter().zip(&mut widths) {
                let cell = entry.map(|entry| words(entry, WIDEST_CELL)).unwrap_or_default();
                *widest = width(&cell).max(*widest);
            }
        }
        // Wide lanes become narrower, all to the same width, until everything fits.
        let is_fitting =
            |most: &usize| widths.iter().map(|width| width.min(most) + GAP).sum::<usize>() <= room;
        let most = (NARROWEST_CELL..=WIDEST_CELL).rev().find(is_fitting);
        widths.iter().map(|width| *width.min(&most.unwrap_or(NARROWEST_CELL))).collect()
    }

    fn omission(&self) -> String {
        let omitted = self.omitted;
        let lanes = if omitted.len() == 1 { "lane is" } else { "lanes are" };
        let start = format!("      ({} more {lanes} not shown: ", omitted.len());
        let names = omitted.iter().take(MOST_NAMES).map(|name| middle_clipped(name, LONGEST_NAME));
        let mut names = names.collect::<Vec<_>>().join(", ");
        if omitted.len() > MOST_NAMES {
            names.push_str(", …");
        }
        format!("{start}{})", clipped(&names, WIDEST - start.len() - 1))
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts: Vec<[String; 2]> = self.rows.iter().map(start_of).collect();
        let widest = |part: usize, least: usize| {
            starts.iter().map(|start| start[part].len()).max().unwrap_or_default().max(least)
        };
        let (number, time) = (widest(0, 5), widest(1, 9));
        let margin = number + time + 2;
        let more: Vec<String> =
            self.rows.iter().map(|row| row.more().unwrap_or_default()).collect();
        let has_more = more.iter().any(|more| !more.is_empty());
        // The gap after the last lane is not written.
        let room = WIDEST + 1 - margin - if has_more { MORE.len() + GAP } else { 0 };
        let grid = Grid::new(margin, &self.widths(room));
        let headings = grid.headings(self.columns.titles(), has_more.then_some(MORE));
        // Without lanes and omitted lanes the line would be empty.
        if headings.iter().any(|heading| !heading.is_empty()) {
            writeln!(f, "{}", grid.line(String::new(), &headings))?;
        }
        for ((row, [index, at]), more) in self.rows.iter().zip(&starts).zip(more) {
            let start = format!("{index:>number$} {at:>time$}");
            if row.has_lane() {
                writeln!(f, "{}", grid.line(start, &grid.cells(&row.cells, more)))?;
            } else {
                writeln!(f, "{start}  {}", clipped(&row.note(), WIDEST - margin - 1))?;
            }
        }
        if self.omitted.is_empty() { Ok(()) } else { writeln!(f, "{}", self.omission()) }
    }
}

/// Where the lanes are.
struct Grid {
    /// The column in which each lane starts, and the column after the last lane.
    starts: Vec<usize>,
}

impl Grid {
    fn new(margin: usize, widths: &[usize]) -> Self {
        let mut starts = vec![margin + 1];
        starts.extend(widths.iter().scan(margin + 1, |start, width| {
            *start += width + GAP;
            Some(*start)
        }));
        Self { starts }
    }

    fn headings(&self, titles: &[String], more: Option<&str>) -> Vec<String> {
        let widths = self.starts.windows(2).map(|lane| lane[1] - lane[0] - GAP);
        let headings = headings::shortened(titles, &widths.collect::<Vec<_>>()).into_iter();
        headings.chain([more.unwrap_or_default().to_owned()]).collect()
    }

    /// The texts of a row. One that is too wide for its lane extends over empty lanes on its right.
    fn cells(&self, entries: &[Option<&Entry>], more: String) -> Vec<String> {
        let cell = |(lane, entry): (usize, &Option<&Entry>)| {
            // The text may use the space up to the next text of the row, whose lane it must not
            // cover.
            let following = entries.iter().skip(lane + 1).position(Option::is_some);
            let next = following.map_or(entries.len(), |distance| lane + 1 + distance);
            let most = match next == entries.len() && more.is_empty() {
                true => WIDEST.saturating_sub(self.starts[lane]),
                false => self.starts[next] - self.starts[lane] - GAP,
            };
            let most = most.min(WIDEST_CELL);
            entry.map(|entry| words(entry, most)).unwrap_or_default()
        };
        let cells: Vec<String> = entries.iter().enumerate().map(cell).collect();
        cells.into_iter().chain([more]).collect()
    }

    /// Places texts in their lanes, after the start of the line.
    fn line(&self, mut line: String, cells: &[String]) -> String {
        for (cell, start) in cells.iter().zip(&self.starts) {
            if !cell.is_empty() {
                // Measured in columns and not in characters, because a text may have wide ones.
                let gap = start.saturating_sub(width(&line));
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(cell);
            }
        }
        line
    }
}

/// The number and the time of a row.
fn start_of(row: &Row<'_>) -> [String; 2] {
    [format!("#{}", row.first.index()), format!("+{:.3}", row.time.as_secs_f64())]
}

/// An entry in at most `most` columns, after an arrow if it is a frame or a call.
fn words(entry: &Entry, most: usize) -> String {
    let is_frame = matches!(
        &entry.record.event,
        Event::Response(_) | Event::Request(_) | Event::FrameReceived(_) | Event::FrameSent(_)
    );
    let arrow = match entry.direction() {
        Some(Direction::Inbound) if is_frame => "> ",
        Some(Direction::Outbound) if is_frame => "< ",
        _ => "",
    };
    let words = summary::within(entry, most.saturating_sub(width(arrow)));
    let is_narrow = width(arrow) + width(&words) > most && most < WIDTH_FOR_TYPES;
    // The arrow and the quotes tell that this is a message, and its text tells which one.
    let text = words.strip_prefix("SEND_MESSAGE ").or_else(|| words.strip_prefix("MESSAGE "));
    let shown = text.filter(|_| is_narrow).unwrap_or(&words);
    clipped(&format!("{arrow}{shown}"), most)
}

/// How many columns a text needs to start with the type of the message.
const WIDTH_FOR_TYPES: usize = 24;

/// How many columns a lane has at most.
pub(crate) const WIDEST_CELL: usize = 44;

/// How many columns a lane has at least, if it has to become narrower.
const NARROWEST_CELL: usize = 8;

/// The spaces on both sides of a cell.
const GAP: usize = 2;

/// The heading of the numbers of recipients without a lane.
const MORE: &str = "more";

/// How many columns the name of a lane has that is not shown.
const LONGEST_NAME: usize = 30;

/// How many lanes are named that are not shown.
const MOST_NAMES: usize = 8;
