//! Criteria: when a run has failed, compared with the run without faults.

use std::collections::BTreeSet;
use std::fmt;

use crate::explore::run::{End, Run};

/// A reason why a run has failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// The scenario panicked, returned an error, or did not end.
    Scenario(End),
    /// Another task panicked.
    Task(String),
    /// The mock's own report is a failure.
    Report(String),
    /// An invariant does not hold.
    Invariant { name: String, reason: String },
    /// The lint reports something new: the code, and the finding.
    Lint { code: String, finding: String },
    /// Tasks were left over that are not left over without the fault.
    TasksLeft(usize),
    /// Clients were left connected that are not without the fault.
    ConnectionsLeft(Vec<String>),
}

impl Cause {
    /// Returns a text that is equal for failures with the same cause: without the
    /// values that depend on the point.
    pub(crate) fn group(&self) -> String {
        let text = match self {
            Self::Lint { code, .. } => format!("lint {code}"),
            Self::Invariant { name, .. } => format!("invariant {name}"),
            Self::TasksLeft(_) => "tasks".into(),
            Self::ConnectionsLeft(_) => "connections".into(),
            Self::Scenario(End::Panicked(message)) => place_of(message).to_owned(),
            other => other.to_string(),
        };
        let first = text.lines().next().unwrap_or_default();
        // A text in quotes comes from the point, such as the content of a message.
        let unquoted = first.split('"').step_by(2);
        unquoted.flat_map(str::chars).filter(|c| !c.is_ascii_digit()).collect()
    }
}

/// Returns the place of a panic if its text has one, or else the text.
fn place_of(message: &str) -> &str {
    message.rsplit_once(", at ").map_or(message, |(_, place)| place)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenario(End::Done) => f.write_str("the scenario ended"),
            Self::Scenario(End::Error(error)) => {
                write!(f, "the scenario returned an error: {error}")
            }
            Self::Scenario(End::Panicked(message)) => write!(f, "the scenario panicked: {message}"),
            Self::Scenario(End::Stopped(reason)) => write!(f, "the scenario {reason}"),
            Self::Task(message) => write!(f, "a task panicked: {message}"),
            Self::Report(text) => f.write_str(text),
            Self::Invariant { name, reason } => {
                write!(f, "the invariant {name:?} does not hold: {reason}")
            }
            Self::Lint { finding, .. } => write!(f, "the lint reports {finding}"),
            Self::TasksLeft(1) => f.write_str("a task of the client is left over"),
            Self::TasksLeft(count) => write!(f, "{count} tasks of the client are left over"),
            Self::ConnectionsLeft(users) => {
                write!(f, "still connected after the end: {}", users.join(", "))
            }
        }
    }
}

/// Returns the reasons why a run has failed, the weightiest first. The run without faults has only
/// itself to be compared with, so it fails by what is wrong without comparison.
pub(crate) fn causes(run: &Run, baseline: Option<&Run>) -> Vec<Cause> {
    let mut causes = Vec::new();
    if run.end != End::Done {
        causes.push(Cause::Scenario(run.end.clone()));
    }
    causes.extend(run.panics.iter().cloned().map(Cause::Task));
    causes.extend(run.report.iter().cloned().map(Cause::Report));
    // A scenario that was stopped has not come to the point at which invariants must hold.
    if !matches!(run.end, End::Stopped(_)) {
        let broken = run.broken.iter().cloned();
        causes.extend(broken.map(|(name, reason)| Cause::Invariant { name, reason }));
    }
    // The run without faults is the measure for everything below.
    let Some(baseline) = baseline else { return causes };
    let known: BTreeSet<&str> = baseline.findings.iter().map(|found| found.lint.code()).collect();
    // One cause for each lint, because a client that loops breaks the same rule over and over.
    let mut seen = BTreeSet::new();
    for finding in &run.findings {
        let code = finding.lint.code();
        if !known.contains(code) && seen.insert(code) {
            causes.push(Cause::Lint { code: code.into(), finding: finding.to_string() });
        }
    }
    if run.end == End::Done {
        // Compared by number: what the scenario leaves open without faults is not a leak.
        if run.connections.len() > baseline.connections.len() {
            causes.push(Cause::ConnectionsLeft(run.connections.clone()));
        }
        if run.tasks > baseline.tasks {
            causes.push(Cause::TasksLeft(run.tasks - baseline.tasks));
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::abort::Reason;

    fn done() -> Run {
        Run::ended(End::Done)
    }

    fn texts(run: &Run, baseline: &Run) -> Vec<String> {
        causes(run, Some(baseline)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_run_like_the_one_without_faults_has_not_failed() {
        let baseline = Run { tasks: 2, connections: vec!["alice".into()], ..done() };
        assert_eq!(causes(&baseline, Some(&baseline)), []);
    }

    #[test]
    fn only_more_than_without_faults_is_left_over() {
        let run = Run { tasks: 3, connections: vec!["alice".into()], ..done() };
        let expected =
            ["still connected after the end: alice", "3 tasks of the client are left over"];
        assert_eq!(texts(&run, &done()), expected);
        let baseline = Run { tasks: 2, connections: vec!["alice".into()], ..done() };
        assert_eq!(texts(&run, &baseline), ["a task of the client is left over"]);
    }

    #[test]
    fn a_stopped_run_is_not_asked_for_invariants() {
        let broken = vec![("no tea".to_owned(), "there is tea".to_owned())];
        let stopped = End::Stopped(Reason::Busy);
        let run = Run { end: stopped, broken: broken.clone(), ..done() };
        assert_eq!(texts(&run, &done()).len(), 1);
        let run = Run { broken, ..done() };
        assert_eq!(texts(&run, &done()), ["the invariant \"no tea\" does not hold: there is tea"]);
    }

    #[test]
    fn panics_at_one_place_are_one_group() {
        let cause = |text: &str| Cause::Scenario(End::Panicked(text.into())).group();
        let one = cause("gave up on \"hello 1\", at tests/chat.rs:31:9");
        assert_eq!(one, cause("gave up on \"tea\", at tests/chat.rs:31:9"));
        assert_ne!(one, cause("gave up on \"hello 1\", at tests/other.rs:31:9"));
    }
}
