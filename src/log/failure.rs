//! Failure: the text of a wait or an assertion on the log that has failed.
//!
//! The text is bounded, and so is the time to make it, however long the log is.

use std::cmp::Reverse;
use std::fmt;
use std::panic::Location;

use crate::log::comparison::Comparison;
use crate::log::entry::{Entry, EntryKind};
use crate::log::escape::{self, named};
use crate::log::filter::Filter;
use crate::log::kept::{self, Kept};
use crate::log::matcher::Matcher;
use crate::log::timeline::{self, Excerpt, WIDEST};
use crate::log::width::{clipped, pieces, width};
use crate::service::ConnectionId;

/// A failure, to be shown by `Display`.
#[derive(Debug)]
pub(crate) struct Failure {
    headline: String,
    /// Where the test waits or asserts, if the panic does not say that by itself.
    caller: Option<&'static Location<'static>>,
    nearest: Vec<String>,
    /// The likeliest explanations, which come before the timeline.
    causes: Vec<Section>,
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
            causes: Vec::new(),
            timeline: None,
            lanes: Vec::new(),
            named: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Names the entry that comes nearest to a matcher, and the fields that differ. The search ends
    /// early once `has_time` returns `false`. An entry that matches is in the log although the wait
    /// has failed, because it is `unused`.
    pub(crate) fn nearest(
        mut self,
        matcher: &Matcher,
        view: &Filter,
        entries: &[Entry],
        unused: &str,
        has_time: impl Fn() -> bool,
    ) -> Self {
        if let Some(nearest) = Nearest::find(matcher, view, entries, has_time) {
            self.nearest = nearest.describe(matcher, view, entries, unused);
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
        // Only entries that are named before this call count, so `nearest` and `naming` come first.
        for title in self.named.iter().filter_map(|index| timeline::title(&entries[*index])) {
            if !lanes.contains(&title) {
                lanes.push(title);
            }
        }
        self.timeline = Some(excerpt(entries, &self.named, &lanes));
        self.lanes = lanes;
        self
    }

    /// Returns the indexes of the entries that the text names.
    pub(crate) fn named(&self) -> &[usize] {
        &self.named
    }

    pub(crate) fn headline(&self) -> &str {
        &self.headline
    }

    /// Returns the lanes that the failure is about, by their titles.
    pub(crate) fn lanes(&self) -> &[String] {
        &self.lanes
    }

    /// Hides the tokens in all texts. It comes last, and before a text is cut or wrapped: half of a
    /// token could not be recognized.
    pub(crate) fn without_tokens(mut self, hide: impl Fn(&str) -> String) -> Self {
        self.headline = hide(&self.headline);
        let sections = self.causes.iter_mut().chain(&mut self.sections);
        let lines = sections.flat_map(|section| &mut section.lines);
        lines.chain(&mut self.nearest).for_each(|line| *line = hide(line));
        self
    }

    /// Adds a section above the timeline, unless it is empty: for what is wrong in itself, and so
    /// likely the cause of the failure.
    pub(crate) fn cause(mut self, section: Section) -> Self {
        if !section.lines.is_empty() {
            self.causes.push(section);
        }
        self
    }

    /// Adds a section below the timeline, unless it is empty.
    pub(crate) fn section(mut self, section: Section) -> Self {
        if !section.lines.is_empty() {
            self.sections.push(section);
        }
        self
    }
}

impl Failure {
    /// Returns the failure without the timeline, for a page that shows the log itself.
    pub(crate) fn without_timeline(&self) -> String {
        Text { failure: self, has_timeline: false }.to_string()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { failure: self, has_timeline: true }.fmt(f)
    }
}

/// The text of a failure.
struct Text<'a> {
    failure: &'a Failure,
    has_timeline: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { headline, caller, nearest, causes, timeline, sections, .. } = self.failure;
        let width = write_wrapped(f, &clipped(headline, LONGEST_HEADLINE), "")?;
        match caller {
            // The line break must not depend on how many digits the place has.
            Some(caller) if width > WIDEST / 2 => writeln!(f, ",\n  at {caller}")?,
            Some(caller) => writeln!(f, ", at {caller}")?,
            None => writeln!(f)?,
        }
        if !nearest.is_empty() {
            f.write_str("\n")?;
            nearest.iter().try_for_each(|line| writeln!(f, "{}", clipped(line, WIDEST)))?;
        }
        causes.iter().try_for_each(|section| write!(f, "\n{section}"))?;
        if let Some(timeline) = timeline.as_ref().filter(|_| self.has_timeline) {
            write!(f, "\n{timeline}")?;
        }
        sections.iter().try_for_each(|section| write!(f, "\n{section}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, lines } = self;
        writeln!(f, "{title}:")?;
        for line in lines.iter().take(MOST_LINES) {
            write_paragraph(f, "  ", line)?;
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

/// Writes a text that may take several lines, all of which are indented.
pub(crate) fn write_paragraph(f: &mut dyn fmt::Write, indent: &str, text: &str) -> fmt::Result {
    let text = clipped(text, LONGEST_PARAGRAPH);
    // Spaces at the start belong to the indentation.
    let words = text.trim_start();
    let indent = format!("{indent}{}", &text[..text.len() - words.len()]);
    f.write_str(&indent)?;
    write_wrapped(f, words, &indent)?;
    f.write_char('\n')
}

/// Writes a text in lines of fewer than [`WIDEST`] columns, broken between words, and within
/// those that are longer than a line. Returns the width of the last line.
fn write_wrapped(f: &mut dyn fmt::Write, text: &str, indent: &str) -> Result<usize, fmt::Error> {
    let start = indent.len();
    let next_line = format!("\n  {indent}");
    let (mut column, mut is_first) = (start, true);
    for word in text.split(' ') {
        // A word that is longer than a line starts on a new line and is broken below.
        if !is_first && column + 1 + width(word) >= WIDEST {
            f.write_str(&next_line)?;
            column = start + 2;
        } else if !is_first {
            f.write_str(" ")?;
            column += 1;
        }
        is_first = false;
        for piece in pieces(word) {
            let width = width(piece);
            if column + width >= WIDEST {
                f.write_str(&next_line)?;
                column = start + 2;
            }
            f.write_str(piece)?;
            column += width;
        }
    }
    Ok(column)
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
pub(crate) fn lane_of(view: &Filter, matcher: Option<&Matcher>, entries: &[Entry]) -> Vec<String> {
    let is_named =
        |entry: &&Entry| view.names(entry) || matcher.is_some_and(|matcher| matcher.names(entry));
    // From the end, because the latest connection of a user is the likeliest one.
    entries.iter().rev().find(is_named).and_then(timeline::title).into_iter().collect()
}

/// The entry that comes nearest to a matcher.
struct Nearest {
    index: usize,
    comparison: Comparison,
    is_in_view: bool,
    /// The frame that would have matched, if a hook or the test kept it from the client.
    kept: Option<Kept>,
}

impl Nearest {
    fn find(
        matcher: &Matcher,
        view: &Filter,
        entries: &[Entry],
        has_time: impl Fn() -> bool,
    ) -> Option<Self> {
        let mut best: Option<Self> = None;
        let members = kept::members(entries);
        let is_wanted =
            |frame: &Entry| view.admits(frame) && matcher.compare(frame).differences == 0;
        // Later entries are likelier to be meant, so they come first. Conditions are test code and
        // may take long: the search ends in time, with the best of the later entries.
        for (index, entry) in entries.iter().enumerate().rev() {
            let comparison = matcher.compare(entry);
            let is_in_view = view.admits(entry);
            if is_in_view && comparison.differences == 0 {
                return Some(Self { index, comparison, is_in_view, kept: None });
            }
            // The frame that would have ended the wait explains more than any that is similar.
            if let Some(kept) = Kept::find(entries, index, &members, is_wanted) {
                let index = kept.action.unwrap_or(index);
                return Some(Self { index, comparison, is_in_view, kept: Some(kept) });
            }
            // A match outside of the view is nearer than any other entry within it.
            let is_match = comparison.differences == 0;
            let is_candidate = is_match || (is_in_view && comparison.agreements > 0);
            if is_candidate && best.as_ref().is_none_or(|best| rank(&comparison) > best.rank()) {
                best = Some(Self { index, comparison, is_in_view, kept: None });
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

    fn describe(
        &self,
        matcher: &Matcher,
        view: &Filter,
        entries: &[Entry],
        unused: &str,
    ) -> Vec<String> {
        let entry = &entries[self.index];
        let named = EntryName::new(entries, self.index);
        if let Some(kept) = &self.kept {
            let (why, places) = kept.why(entries);
            let line = match (kept.action, &kept.frame.record.peer) {
                (Some(_), Some(peer)) => {
                    let recipient = escape::named(&peer.label);
                    format!("nearest: {named} would be sent to {recipient}, but was {why}")
                }
                _ => {
                    let named = EntryName { entry: &kept.frame, ..named };
                    format!("nearest: {named} matches, but was {why}")
                }
            };
            return [vec![line], places].concat();
        }
        if !self.is_in_view {
            return vec![format!("nearest: {named} matches, but {}", view.why_not(entry))];
        }
        let differences = matcher.differences(entry);
        let fields = match differences.len() {
            0 => {
                return vec![format!("nearest: {named} matches, {unused}")];
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

/// Ranks a comparison: fewest differences first, then most agreements.
fn rank(comparison: &Comparison) -> (Reverse<usize>, usize, usize) {
    (Reverse(comparison.differences), comparison.agreements, comparison.closeness)
}

/// An entry as a failure names it: number, connection, summary.
pub(crate) struct EntryName<'a> {
    /// The number of its row in the timeline.
    row: u64,
    entry: &'a Entry,
}

impl<'a> EntryName<'a> {
    /// Names the entry with this index. An entry is referred to by the number of its row.
    pub(crate) fn new(entries: &'a [Entry], index: usize) -> Self {
        let row = entries[timeline::row_start(entries, index)].index();
        Self { row, entry: &entries[index] }
    }
}

impl fmt::Display for EntryName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, entry } = self;
        write!(f, "#{row} (")?;
        if let Some(peer) = &entry.record.peer {
            write!(f, "{}: ", named(&peer.label))?;
        }
        write!(f, "{})", timeline::shortened(entry))
    }
}

/// How many rows of the timeline are shown.
const LAST_ROWS: usize = 24;

/// How many lines a section has, and how many differing fields are shown.
pub(crate) const MOST_LINES: usize = 10;

/// How many columns a line of a section or a reason has before it is wrapped.
const LONGEST_PARAGRAPH: usize = 300;

/// How many columns a headline has.
const LONGEST_HEADLINE: usize = 600;
