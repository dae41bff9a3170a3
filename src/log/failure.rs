//! Failure: what a test is told when the log does not hold what it waits for or asserts.

use std::cmp::Reverse;
use std::fmt;
use std::panic::Location;

use crate::api::log::Filter;
use crate::log::entry::Entry;
use crate::log::matcher::{Comparison, Pattern};
use crate::log::{summary, timeline};

/// A report that is put together part by part: what was wanted, what came nearest, what happened
/// last, and then whatever else may explain it.
#[derive(Debug)]
pub(crate) struct Failure {
    headline: String,
    caller: &'static Location<'static>,
    nearest: Option<String>,
    timeline: Option<String>,
    sections: Vec<Section>,
}

/// A part of a report with a title: armed hooks, open gates, lint findings, panics.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<String>,
}

impl Failure {
    pub(crate) fn new(headline: impl Into<String>, caller: &'static Location<'static>) -> Self {
        let headline = headline.into();
        Self { headline, caller, nearest: None, timeline: None, sections: Vec::new() }
    }

    /// Adds the entry that comes nearest to a pattern, and what differs.
    pub(crate) fn nearest(mut self, pattern: &Pattern, view: &Filter, entries: &[Entry]) -> Self {
        self.nearest = nearest(pattern, view, entries);
        self
    }

    /// Adds the last entries, side by side.
    pub(crate) fn timeline(mut self, entries: &[Entry]) -> Self {
        let hidden = entries.len().saturating_sub(LAST_ENTRIES);
        let shown = &entries[hidden..];
        let mut text = String::new();
        if shown.is_empty() {
            text.push_str("the log is empty\n");
        } else {
            if hidden > 0 {
                text.push_str(&format!("the last {} of {} entries:\n", shown.len(), entries.len()));
            }
            text.push_str(&timeline::text(shown));
        }
        self.timeline = Some(text);
        self
    }

    /// Adds a section, unless there is nothing in it.
    pub(crate) fn section(mut self, section: Section) -> Self {
        if !section.lines.is_empty() {
            self.sections.push(section);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, at {}", self.headline, self.caller)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "\n{nearest}")?;
        }
        if let Some(timeline) = &self.timeline {
            write!(f, "\n{timeline}")?;
        }
        for Section { title, lines } in &self.sections {
            writeln!(f, "\n{title}:")?;
            for line in lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn nearest(pattern: &Pattern, view: &Filter, entries: &[Entry]) -> Option<String> {
    let mut best: Option<(&Entry, Comparison)> = None;
    for entry in entries {
        let comparison = pattern.compare(entry);
        if !view.admits(entry) {
            if comparison.differences.is_empty() {
                let why = view.why_not(entry);
                return Some(format!("nearest: {} matches, but {why}\n", Named(entry)));
            }
            continue;
        }
        // Of two that come as near, the later one is the likelier.
        let is_nearer = best.as_ref().is_none_or(|(_, best)| rank(&comparison) >= rank(best));
        if comparison.agreements > 0 && is_nearer {
            best = Some((entry, comparison));
        }
    }
    let (entry, Comparison { differences, .. }) = best?;
    let named = Named(entry);
    let fields = match differences.len() {
        0 => {
            return Some(format!(
                "nearest: {named} matches, but was taken out or counted before\n"
            ));
        }
        1 => "1 field differs".to_owned(),
        count => format!("{count} fields differ"),
    };
    let mut text = format!("nearest: {named}, {fields}\n");
    for difference in differences {
        text.push_str(&format!("  {difference}\n"));
    }
    Some(text)
}

/// What makes an entry nearer than others: the greater, the nearer.
fn rank(comparison: &Comparison) -> (Reverse<usize>, usize, usize) {
    let differences = Reverse(comparison.differences.len());
    (differences, comparison.agreements, comparison.closeness)
}

/// An entry as a failure speaks of it.
struct Named<'a>(&'a Entry);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry) = self;
        write!(f, "#{} (", entry.number())?;
        if let Some(party) = &entry.record.party {
            write!(f, "{}: ", party.label)?;
        }
        write!(f, "{})", timeline::shortened(&summary::of(entry)))
    }
}

/// How many of the last entries a failure shows.
const LAST_ENTRIES: usize = 24;
