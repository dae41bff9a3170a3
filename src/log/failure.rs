//! Failure: the text that a test gets when the log does not hold what it waits for or asserts.
//!
//! The text is bounded, and so is the time to make it, however long the log is.

use std::cmp::Reverse;
use std::fmt::{self, Write as _};
use std::panic::Location;

use crate::log::comparison::Comparison;
use crate::log::entry::{Entry, EntryKind};
use crate::log::escape::escaped;
use crate::log::filter::Filter;
use crate::log::matcher::Matcher;
use crate::log::timeline::{Excerpt, WIDEST};
use crate::log::{summary, timeline};
use crate::service::ConnectionId;

/// A failure, to be shown by `Display`.
#[derive(Debug)]
pub(crate) struct Failure {
    headline: String,
    /// Where the test waits or asserts, if the panic does not say that by itself.
    caller: Option<&'static Location<'static>>,
    nearest: Vec<String>,
    timeline: Option<String>,
    /// The lanes that the failure is about.
    lanes: Vec<String>,
    /// The indexes of the entries that the text names.
    named: Vec<usize>,
    sections: Vec<Section>,
}

/// Something else that may explain the failure.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<String>,
}

impl Failure {
    pub(crate) fn new(headline: impl Into<String>, caller: &'static Location<'static>) -> Self {
        Self { caller: Some(caller), ..Self::without_place(headline) }
    }

    /// A failure whose panic is at the line of the test.
    pub(crate) fn without_place(headline: impl Into<String>) -> Self {
        Self {
            headline: headline.into(),
            caller: None,
            nearest: Vec::new(),
            timeline: None,
            lanes: Vec::new(),
            named: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Names the entry that comes nearest to a pattern, and the fields that differ. The search ends
    /// early once `has_time` returns `false`.
    pub(crate) fn nearest(
        mut self,
        pattern: &Matcher,
        view: &Filter,
        entries: &[Entry],
        has_time: impl Fn() -> bool,
    ) -> Self {
        if let Some(nearest) = Nearest::find(pattern, view, entries, has_time) {
            self.nearest = nearest.describe(pattern, view, entries);
            self.named.push(nearest.index);
        }
        self
    }

    /// Shows an entry in the timeline in any case.
    pub(crate) fn naming(mut self, index: Option<usize>) -> Self {
        self.named.extend(index);
        self
    }

    /// Adds the last entries as a timeline, with the lanes of some entries and of those named.
    pub(crate) fn timeline(mut self, entries: &[Entry], lanes: &[String]) -> Self {
        let mut lanes = lanes.to_vec();
        for title in self.named.iter().filter_map(|index| timeline::title(&entries[*index])) {
            if !lanes.contains(&title) {
                lanes.push(title);
            }
        }
        self.timeline = Some(excerpt(entries, &self.named, &lanes));
        self.lanes = lanes;
        self
    }

    /// Returns the lanes that the failure is about, by their titles.
    pub(crate) fn lanes(&self) -> &[String] {
        &self.lanes
    }

    /// Adds a section, unless it is empty.
    pub(crate) fn section(mut self, section: Section) -> Self {
        if !section.lines.is_empty() {
            self.sections.push(section);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = write_wrapped(f, &clipped(&self.headline, LONGEST_HEADLINE))?;
        match self.caller {
            // The line break must not depend on how many digits the place has.
            Some(caller) if width > WIDEST / 2 => writeln!(f, ",\n  at {caller}")?,
            Some(caller) => writeln!(f, ", at {caller}")?,
            None => writeln!(f)?,
        }
        if !self.nearest.is_empty() {
            f.write_str("\n")?;
            self.nearest.iter().try_for_each(|line| writeln!(f, "{}", clipped(line, WIDEST)))?;
        }
        if let Some(timeline) = &self.timeline {
            write!(f, "\n{timeline}")?;
        }
        self.sections.iter().try_for_each(|section| write!(f, "\n{section}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, lines } = self;
        writeln!(f, "{title}:")?;
        for line in lines.iter().take(MOST_LINES) {
            writeln!(f, "  {}", clipped(line, WIDEST - 2))?;
        }
        if lines.len() > MOST_LINES {
            writeln!(f, "  … and {} more", lines.len() - MOST_LINES)?;
        }
        Ok(())
    }
}

/// The last entries as a timeline, and some others, by their indexes and lanes.
pub(crate) fn excerpt(entries: &[Entry], also: &[usize], lanes: &[String]) -> String {
    let excerpt = Excerpt { entries, last_rows: LAST_ROWS, also, lanes };
    let shown = entries.len() - excerpt.start();
    match entries.len() {
        0 => "the log is empty\n".into(),
        all if shown < all => format!("the last {shown} of {all} entries:\n{excerpt}"),
        _ => excerpt.to_string(),
    }
}

/// Writes a text in lines of fewer than [`WIDEST`] characters, broken between words, and within
/// those that are longer than a line. Returns the width of the last line.
fn write_wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> Result<usize, fmt::Error> {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width >= WIDEST {
            f.write_str("\n  ")?;
            column = 2;
        } else if column > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        for c in word.chars() {
            if column + 1 >= WIDEST {
                f.write_str("\n  ")?;
                column = 2;
            }
            f.write_char(c)?;
            column += 1;
        }
    }
    Ok(column)
}

/// Returns a text on one line of at most `most` characters.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let text = escaped(text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The last entry that ended a connection, or else its last one, by its index.
pub(crate) fn end_of(connection: ConnectionId, entries: &[Entry]) -> Option<usize> {
    let own = |entry: &Entry| entry.connection() == Some(connection);
    let is_end =
        |entry: &Entry| matches!(entry.kind(), EntryKind::Closed | EntryKind::Disconnected);
    let end = entries.iter().rposition(|entry| own(entry) && is_end(entry));
    end.or_else(|| entries.iter().rposition(own))
}

/// The lane that a wait is about, if it names a user or a connection.
pub(crate) fn lane_of(view: &Filter, pattern: Option<&Matcher>, entries: &[Entry]) -> Vec<String> {
    let is_named =
        |entry: &&Entry| view.names(entry) || pattern.is_some_and(|pattern| pattern.names(entry));
    entries.iter().rev().find(is_named).and_then(timeline::title).into_iter().collect()
}

/// The entry that comes nearest to a pattern.
struct Nearest {
    index: usize,
    comparison: Comparison,
    is_in_view: bool,
}

impl Nearest {
    fn find(
        pattern: &Matcher,
        view: &Filter,
        entries: &[Entry],
        has_time: impl Fn() -> bool,
    ) -> Option<Self> {
        let mut best: Option<Self> = None;
        // Later entries are likelier to be meant, so they come first. Conditions are test code and
        // may take long: the search ends in time, with the best of the later entries.
        for (index, entry) in entries.iter().enumerate().rev() {
            let comparison = pattern.compare(entry);
            let is_in_view = view.admits(entry);
            if !is_in_view && comparison.differences == 0 {
                return Some(Self { index, comparison, is_in_view });
            }
            let is_nearer = best.as_ref().is_none_or(|best| rank(&comparison) > best.rank());
            if is_in_view && comparison.agreements > 0 && is_nearer {
                best = Some(Self { index, comparison, is_in_view });
            }
            if !has_time() {
                break;
            }
        }
        best
    }

    fn rank(&self) -> (Reverse<usize>, usize, usize) {
        rank(&self.comparison)
    }

    fn describe(&self, pattern: &Matcher, view: &Filter, entries: &[Entry]) -> Vec<String> {
        let entry = &entries[self.index];
        // An entry has the number of its row in the timeline.
        let row = entries[timeline::row_start(entries, self.index)].index();
        let named = EntryName { row, entry };
        if !self.is_in_view {
            return vec![format!("nearest: {named} matches, but {}", view.why_not(entry))];
        }
        let differences = pattern.differences(entry);
        let fields = match differences.len() {
            0 => {
                let why = "matches, but was taken out or counted before";
                return vec![format!("nearest: {named} {why}")];
            }
            1 => "1 field differs".to_owned(),
            count => format!("{count} fields differ"),
        };
        let mut lines = vec![format!("nearest: {named}, {fields}")];
        let shown = differences.iter().take(MOST_LINES);
        lines.extend(shown.map(|difference| format!("  {difference}")));
        lines
    }
}

/// How near a comparison came: fewest differences first, then most agreements.
fn rank(comparison: &Comparison) -> (Reverse<usize>, usize, usize) {
    (Reverse(comparison.differences), comparison.agreements, comparison.closeness)
}

/// An entry as a failure names it: number, connection, summary.
pub(crate) struct EntryName<'a> {
    /// The number of its row in the timeline.
    pub(crate) row: u64,
    pub(crate) entry: &'a Entry,
}

impl fmt::Display for EntryName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, entry } = self;
        write!(f, "#{row} (")?;
        if let Some(peer) = &entry.record.peer {
            write!(f, "{}: ", escaped(&peer.label))?;
        }
        write!(f, "{})", timeline::shortened(&summary::of(entry)))
    }
}

/// How many rows of the timeline are shown.
const LAST_ROWS: usize = 24;

/// How many lines a section has, and how many differing fields are shown.
const MOST_LINES: usize = 10;

/// How many characters a headline has.
const LONGEST_HEADLINE: usize = 600;
