//! Exploration: the results of all runs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use crate::api::failure_page;
use crate::explore::case::Case;
use crate::explore::failure::Failure;
use crate::explore::point::{Point, Sighting};
use crate::explore::{html, report, table};

/// The result of one case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The scenario survived. `has_effect` says whether any client did anything else than without
    /// the fault.
    Survived { has_effect: bool },
    /// The scenario failed: the number of the failure.
    Failed(usize),
    /// The run has not come to the point.
    NotReached,
    /// The run was skipped.
    Skipped,
}

/// The results of all runs of a scenario.
///
/// `Display` writes the table of all points and faults, and then each failure with its transcript.
/// The text is the same in every run, so it can be a snapshot.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, explore};
///
/// let exploration = explore(async |ivs| {
///     let room = ivs.create_room("lobby");
///     let token = room.chat_token("alice").create();
///     // A client that tolerates everything, because it never expects anything.
///     let _client = ivs.connect(&token).await;
/// })
/// .in_memory()
/// .run();
/// println!("{exploration}");
/// assert!(exploration.run_count() > 10);
/// ```
#[derive(Clone)]
pub struct Exploration {
    pub(crate) test: String,
    /// The points of the run without faults.
    pub(crate) sightings: Vec<Sighting>,
    /// The results with one fault, in the order of the points and faults.
    pub(crate) singles: Vec<(Case, Verdict)>,
    /// The results with several faults.
    pub(crate) several: Vec<(Case, Verdict)>,
    pub(crate) failures: Vec<Failure>,
    /// Everything that is wrong with the exploration itself, a sentence each.
    pub(crate) problems: Vec<String>,
    /// Remarks that do not make the test fail.
    pub(crate) notes: Vec<String>,
    pub(crate) runs: usize,
    pub(crate) duration: Duration,
}

impl Exploration {
    /// Returns `true` if the test must fail: a case has failed that is not expected to, or the
    /// exploration has shown nothing.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !self.problems.is_empty() || self.failures.iter().any(|failure| !failure.is_expected)
    }

    /// Returns all cases that the scenario does not survive, expected ones included. Cases with
    /// several faults are shrunk: they need each of their faults.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Returns everything that is wrong with the exploration itself, a sentence each: the scenario
    /// fails without any fault, does nothing, or does something else each time; an expected
    /// failure did not occur.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns the number of runs, those without faults and those for shrinking included.
    #[must_use]
    pub const fn run_count(&self) -> usize {
        self.runs
    }

    /// Returns how long the exploration has taken. It is not in any text, because it differs each
    /// time.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns the names of all points of the run without faults, such as `alice.sends.2`, in
    /// order.
    #[must_use]
    pub fn points(&self) -> Vec<String> {
        self.sightings.iter().map(|sighting| sighting.point.to_string()).collect()
    }

    /// Returns the table of all points and faults.
    #[must_use]
    pub fn table(&self) -> String {
        table::text(self, false)
    }

    /// Returns the same text as `Display`, with colors for a terminal.
    #[must_use]
    pub fn colored(&self) -> String {
        report::text(self, true)
    }

    /// Returns the results as an HTML page that needs no other file.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Writes the page, if the environment asks for one.
    pub(crate) fn write_page(&self) {
        failure_page::write_wanted(&self.test, self.is_failure(), || self.html());
    }

    /// Returns the report for the place where panics are shown.
    pub(crate) fn for_terminal(&self) -> String {
        // An empty variable counts as absent, as the convention for `NO_COLOR` has it.
        let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        report::text(self, wants_color && std::io::stdout().is_terminal())
    }

    /// Returns the failures by mistake, the most frequent mistake first. Within a mistake the
    /// failure with the shortest transcript comes first.
    pub(crate) fn groups(&self, is_expected: bool) -> Vec<Vec<&Failure>> {
        let mut groups: Vec<Vec<&Failure>> = Vec::new();
        let mut numbers = BTreeMap::new();
        for failure in self.failures.iter().filter(|failure| failure.is_expected == is_expected) {
            let Some(cause) = failure.causes.first() else { continue };
            let number = *numbers.entry(cause.group()).or_insert(groups.len());
            // Only a new group has the number after the last one.
            if number == groups.len() {
                groups.push(Vec::new());
            }
            groups[number].push(failure);
        }
        for group in &mut groups {
            // The simplest failure comes first, because reports show the transcript of that one.
            group.sort_by_key(|failure| (failure.case.0.len(), failure.lines.len()));
        }
        // The sort is stable, so groups of the same size stay in the order in which they were
        // found.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        groups
    }

    /// Returns the results of the cases with one fault, at a point.
    pub(crate) fn at<'a>(
        &'a self,
        point: &'a Point,
    ) -> impl Iterator<Item = (&'a Case, Verdict)> + 'a {
        let singles = self.singles.iter();
        singles
            .filter(move |(case, _)| case.0.first().is_some_and(|first| first.point == *point))
            .map(|(case, verdict)| (case, *verdict))
    }
}

impl fmt::Display for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&report::text(self, false))
    }
}

/// The same text as that of `Display`.
impl fmt::Debug for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
