//! Failure: what a test is told when the log does not hold what it waits for or asserts.

use std::fmt;
use std::panic::Location;

use crate::log::entry::Entry;
use crate::log::pattern::Pattern;
use crate::log::timeline;
use crate::log::view::Filter;

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
            timeline::write(&mut text, shown).expect("a string takes any text");
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
    let mut best: Option<(usize, usize, &Entry, Vec<String>)> = None;
    for entry in entries {
        let comparison = pattern.compare(entry);
        let (agreements, differences) = (comparison.agreements, comparison.differences);
        if !view.admits(entry) {
            if differences.is_empty() {
                let why = view.why_not(entry);
                return Some(format!("nearest: #{} matches, but {why}\n", entry.number()));
            }
            continue;
        }
        // Of two that come as near, the later one is the likelier.
        let is_nearer = best.as_ref().is_none_or(|(fewest, most, ..)| {
            (differences.len(), *most) <= (*fewest, agreements)
        });
        if agreements > 0 && is_nearer {
            best = Some((differences.len(), agreements, entry, differences));
        }
    }
    let (count, _, entry, differences) = best?;
    let number = entry.number();
    if count == 0 {
        return Some(format!("nearest: #{number} matches, but was taken out or counted before\n"));
    }
    let fields = if count == 1 { "field differs" } else { "fields differ" };
    let mut text = format!("nearest: #{number}, {count} {fields}\n");
    for difference in differences {
        text.push_str(&format!("  {difference}\n"));
    }
    Some(text)
}

/// How many of the last entries a failure shows.
const LAST_ENTRIES: usize = 24;
