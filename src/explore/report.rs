//! Report: an exploration as text, the same in every run.

use crate::explore::exploration::{Exploration, Verdict};
use crate::explore::failure::Failure;
use crate::explore::options::VARIABLE;
use crate::explore::table;
use crate::log::explain::counted;

/// Writes the report, with colors for a terminal if wanted.
pub(crate) fn text(exploration: &Exploration, is_colored: bool) -> String {
    let paint = |code: &str, text: &str| match is_colored {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let mut text = headline(exploration);
    text.push('\n');
    for problem in &exploration.problems {
        text.push_str(&format!("\n{}\n", paint("1;31", problem)));
    }
    if !exploration.singles.is_empty() {
        text.push('\n');
        text.push_str(&table::text(exploration, is_colored));
        text.push_str(&format!("\n{}\n", table::legend(exploration)));
    }
    if let Some(line) = several(exploration) {
        text.push_str(&format!("{line}\n"));
    }
    for note in &exploration.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for (index, group) in exploration.groups(false).iter().enumerate() {
        text.push_str(&format!("\n{}. ", index + 1));
        write_group(&mut text, exploration, group, &paint);
    }
    let expected = exploration.groups(true);
    if !expected.is_empty() {
        text.push_str("\nexpected failures:\n");
        for failure in expected.iter().flatten() {
            text.push_str(&format!("  {}\n", one_line(&failure.to_string())));
        }
    }
    text
}

/// Returns the sentence that sums up everything, with the name of the test.
fn headline(exploration: &Exploration) -> String {
    let summary = summary(exploration);
    match exploration.test.as_str() {
        "main" => format!("explored: {summary}"),
        test => format!("explored {test}: {summary}"),
    }
}

/// Returns the sentence that sums up everything.
pub(crate) fn summary(exploration: &Exploration) -> String {
    let failed = exploration.failures.iter().filter(|failure| !failure.is_expected).count();
    let mut text = format!(
        "{}, {}, {}",
        counted(exploration.sightings.len(), "point"),
        counted(exploration.singles.len(), "fault"),
        counted(exploration.runs, "run"),
    );
    let groups = exploration.groups(false).len();
    match failed {
        // With a problem, such as a failure without any fault, the runs do not show that anything
        // survived.
        0 if exploration.problems.is_empty() => text.push_str(", all survived"),
        0 => {}
        _ => text.push_str(&format!(
            ", {} with {}",
            counted(failed, "failure"),
            counted(groups, "distinct reason")
        )),
    }
    text
}

/// Returns the line about the cases with several faults.
pub(crate) fn several(exploration: &Exploration) -> Option<String> {
    if exploration.several.is_empty() {
        return None;
    }
    let (schedules, faults): (Vec<_>, Vec<_>) =
        exploration.several.iter().partition(|(case, _)| case.is_schedule());
    let part = |cases: &[&(crate::explore::case::Case, Verdict)], what: &str| {
        let is_failed = |case: &&&(_, Verdict)| matches!(case.1, Verdict::Failed(_));
        let failed = cases.iter().filter(is_failed).count();
        format!("{what}: {} tried, {failed} failed", cases.len())
    };
    let mut parts = Vec::new();
    if !faults.is_empty() {
        parts.push(part(&faults, "combinations of faults"));
    }
    if !schedules.is_empty() {
        parts.push(part(&schedules, "other orders of frames"));
    }
    Some(parts.join("; "))
}

fn write_group(
    text: &mut String,
    exploration: &Exploration,
    group: &[&Failure],
    paint: &impl Fn(&str, &str) -> String,
) {
    let Some(first) = group.first() else { return };
    let Some(cause) = first.causes.first() else { return };
    let mut sentences = cause.to_string();
    for other in &first.causes[1..] {
        sentences.push_str(&format!("\n   also: {other}"));
    }
    text.push_str(&paint("1", &indented(&sentences)));
    let cases: Vec<String> = group.iter().map(|failure| failure.case()).collect();
    let shown = &cases[..cases.len().min(MOST_CASES)];
    text.push_str(&format!("   {}:\n", counted(cases.len(), "case")));
    for case in shown {
        text.push_str(&format!("     {case}\n"));
    }
    if cases.len() > shown.len() {
        text.push_str(&format!("     … and {} more\n", cases.len() - shown.len()));
    }
    text.push_str(&format!("   the shortest, {}:\n", first.case));
    for line in first.excerpt().lines() {
        let line = format!("   {line}");
        let painted = match line.trim_start().chars().next() {
            Some('!') => paint("33", &line),
            Some('>') => paint("1;31", &line),
            _ => line,
        };
        text.push_str(&format!("{painted}\n"));
    }
    text.push_str(&format!("   run only this case:\n     {}\n", command(exploration, first)));
}

/// Returns the command that runs one case.
pub(crate) fn command(exploration: &Exploration, failure: &Failure) -> String {
    let test = match exploration.test.as_str() {
        "main" => "",
        test => &format!(" {test}"),
    };
    format!("{VARIABLE}={} cargo test{test}", failure.case)
}

/// Returns a text of several lines whose later lines are indented.
fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let mut result = format!("{}\n", lines.next().unwrap_or_default());
    let shown: Vec<&str> = lines.by_ref().take(MOST_LINES).collect();
    for line in shown {
        result.push_str(&format!("   {}\n", line.trim_start_matches("   ")));
    }
    if lines.next().is_some() {
        result.push_str("   …\n");
    }
    result
}

fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// How many cases of a group are named.
const MOST_CASES: usize = 12;

/// How many lines of a reason are shown.
const MOST_LINES: usize = 12;
