//! Table: points as rows, faults as columns.

use std::collections::BTreeMap;

use crate::explore::exploration::{Exploration, Verdict};
use crate::explore::failure::shortened;
use crate::explore::fault::Family;

/// The state of a cell: the worst of its faults.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Cell {
    // In ascending order of severity, because a cell shows the maximum.
    Skipped,
    NoEffect,
    Survived,
    Expected,
    NotReached,
    Failed,
}

impl Cell {
    pub(crate) const fn symbol(self) -> char {
        match self {
            Self::Skipped => '-',
            Self::NoEffect => '○',
            Self::Survived => '✓',
            Self::Expected => 'x',
            Self::NotReached => '?',
            Self::Failed => '✗',
        }
    }

    const fn color(self) -> &'static str {
        match self {
            Self::Skipped | Self::NoEffect => "2",
            Self::Survived => "32",
            Self::Expected | Self::NotReached => "33",
            Self::Failed => "1;31",
        }
    }
}

/// A row: its point, the event there, and its cells.
pub(crate) struct Row {
    pub(crate) point: String,
    pub(crate) what: String,
    pub(crate) cells: BTreeMap<Family, Cell>,
}

/// Returns the rows, and the columns that have a cell.
pub(crate) fn rows(exploration: &Exploration) -> (Vec<Row>, Vec<Family>) {
    let row = |sighting: &crate::explore::point::Sighting| {
        let mut cells = BTreeMap::new();
        for (case, verdict) in exploration.at(&sighting.point) {
            let Some(injection) = case.0.first() else { continue };
            let cell = cell(exploration, verdict);
            let worst = cells.entry(injection.fault.family()).or_insert(cell);
            *worst = cell.max(*worst);
        }
        Row { point: sighting.point.to_string(), what: sighting.what.clone(), cells }
    };
    let rows: Vec<Row> = exploration.sightings.iter().map(row).collect();
    let is_used = |family: &Family| rows.iter().any(|row| row.cells.contains_key(family));
    let columns = Family::ALL.into_iter().filter(is_used).collect();
    (rows, columns)
}

pub(crate) fn cell(exploration: &Exploration, verdict: Verdict) -> Cell {
    match verdict {
        Verdict::Survived { has_effect: true } => Cell::Survived,
        Verdict::Survived { has_effect: false } => Cell::NoEffect,
        Verdict::Failed(number) if exploration.failures[number].is_expected => Cell::Expected,
        Verdict::Failed(_) => Cell::Failed,
        Verdict::NotReached => Cell::NotReached,
        Verdict::Skipped => Cell::Skipped,
    }
}

/// Writes the table, with colors for a terminal if wanted.
pub(crate) fn text(exploration: &Exploration, is_colored: bool) -> String {
    let (rows, columns) = rows(exploration);
    let width = |text: &str| text.chars().count();
    let points = rows.iter().map(|row| width(&row.point)).max().unwrap_or(0);
    let labels: Vec<String> = rows
        .iter()
        .map(|row| {
            let padding = " ".repeat(points - width(&row.point));
            format!("{}{padding}  {}", row.point, shortened(&row.what, LONGEST_EVENT))
        })
        .collect();
    let label_width = labels.iter().map(|label| width(label)).max().unwrap_or(0);
    let mut text = String::new();
    for (index, family) in columns.iter().enumerate() {
        text.push_str(&" ".repeat(label_width + 2));
        text.push_str(&"│ ".repeat(index));
        text.push_str(family.title());
        text.push('\n');
    }
    for (row, label) in rows.iter().zip(&labels) {
        let mut line = label.clone();
        line.push_str(&" ".repeat(label_width + 2 - width(label)));
        for family in &columns {
            match row.cells.get(family) {
                Some(cell) if is_colored => {
                    line.push_str(&format!("\x1b[{}m{}\x1b[0m ", cell.color(), cell.symbol()));
                }
                Some(cell) => line.push_str(&format!("{} ", cell.symbol())),
                None => line.push_str("  "),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The meaning of the symbols that a table shows.
pub(crate) fn legend(exploration: &Exploration) -> String {
    let (rows, _) = rows(exploration);
    let shown: Vec<Cell> = rows.iter().flat_map(|row| row.cells.values().copied()).collect();
    let meanings = [
        (Cell::Survived, "survived"),
        (Cell::NoEffect, "survived, and no client did or sent anything else"),
        (Cell::Failed, "failed"),
        (Cell::Expected, "failed as expected"),
        (Cell::NotReached, "not reached"),
        (Cell::Skipped, "skipped"),
    ];
    let meanings = meanings.into_iter().filter(|(cell, _)| shown.contains(cell));
    let meanings = meanings.map(|(cell, meaning)| format!("{} {meaning}", cell.symbol()));
    meanings.collect::<Vec<_>>().join("   ")
}

/// The number of characters of an event in a row.
const LONGEST_EVENT: usize = 32;
