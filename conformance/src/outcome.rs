//! Outcome: the result of a claim, and the tables and transcripts that show all of them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::recording::{Recorded, Recording};
use crate::shared::script::Header;
use crate::shared::script::diff::diff;
use crate::twin::Steps;
use crate::view;

/// The result of one claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimResult {
    /// The claim, as in `messaging/content-is-not-trimmed`.
    pub claim: String,
    /// The kind of the claim.
    pub kind: String,
    /// The facts, each with its provenance.
    pub facts: Vec<ClaimFact>,
    /// The comparison.
    pub result: Outcome,
    /// Each step, and whether it went as expected.
    pub steps: Vec<StepResult>,
    /// The frames and responses that clients received, with labels in the place of IDs.
    pub transcript: Vec<String>,
    /// Whether the script could not be played, which is a mistake in the script or in this program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_broken: bool,
}

/// A fact of a claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimFact {
    /// The sentence.
    pub fact: String,
    /// How it is known.
    pub provenance: String,
}

/// One step of a story.
#[derive(Clone, Debug, Serialize)]
pub struct StepResult {
    /// The line that says what is done.
    pub step: String,
    /// `same` or `different`.
    pub result: &'static str,
}

/// How what was seen compares with what the claim says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The service does what the claim says.
    Same,
    /// It does something else.
    Different {
        /// Lines with `-` were expected, lines with `+` were seen.
        diff: String,
        /// Nothing but the texts of errors differs.
        only_texts: bool,
    },
    /// The run says nothing about the claim.
    NotShown {
        /// The reason.
        why: String,
    },
}

impl Outcome {
    /// The word for it in tables.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different { .. } => "different",
            Self::NotShown { .. } => "not shown",
        }
    }

    /// Returns `true` for a difference.
    #[must_use]
    pub const fn is_different(&self) -> bool {
        matches!(self, Self::Different { .. })
    }
}

impl ClaimResult {
    pub(crate) fn not_shown(header: &Header, why: impl Into<String>) -> Self {
        Self::new(header, Outcome::NotShown { why: why.into() }, &Steps::default())
    }

    /// The result of a script that cannot be played anywhere.
    pub(crate) fn broken(header: &Header, why: impl Into<String>) -> Self {
        Self { is_broken: true, ..Self::not_shown(header, why) }
    }

    /// Compares the steps of the mock and of the service. The story may have ended early.
    pub(crate) fn compared(header: &Header, steps: &Steps, ended: Option<String>) -> Self {
        let (expected, mut actual) = (view::write(&steps.expected), view::write(&steps.actual));
        if let Some(why) = ended {
            let _ = writeln!(actual, "! the story cannot go on: {why}");
        }
        let result = if expected == actual {
            Outcome::Same
        } else {
            let only_texts = view::without_texts(&expected) == view::without_texts(&actual);
            Outcome::Different { diff: diff(&expected, &actual), only_texts }
        };
        Self::new(header, result, steps)
    }

    /// Returns `true` if the target did something else than the claim says.
    pub(crate) const fn is_different(&self) -> bool {
        matches!(self.result, Outcome::Different { .. })
    }

    fn new(header: &Header, result: Outcome, steps: &Steps) -> Self {
        let facts = header
            .facts
            .iter()
            .map(|fact| ClaimFact { fact: fact.fact.clone(), provenance: fact.provenance.clone() });
        let pairs = steps.expected.iter().zip(&steps.actual);
        let results = pairs.map(|(expected, actual)| StepResult {
            step: expected.causes.first().cloned().unwrap_or_else(|| "then".into()),
            result: if view::by_lane(&expected.events) == view::by_lane(&actual.events) {
                "same"
            } else {
                "different"
            },
        });
        Self {
            claim: header.claim.clone(),
            kind: header.kind.clone(),
            facts: facts.collect(),
            result,
            steps: results.collect(),
            transcript: view::write(&steps.actual).lines().map(str::to_owned).collect(),
            is_broken: false,
        }
    }

    /// Returns what a recording keeps; `None` if nothing was shown.
    #[must_use]
    pub fn recorded(&self) -> Option<Recorded> {
        if matches!(self.result, Outcome::NotShown { .. }) {
            return None;
        }
        Some(Recorded {
            claim: self.claim.clone(),
            result: self.result.word().into(),
            transcript: self.transcript.clone(),
        })
    }
}

/// How many claims have each result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Claims that the service agrees with.
    pub same: usize,
    /// Claims that it contradicts.
    pub different: usize,
    /// Claims that the run says nothing about.
    pub not_shown: usize,
}

impl Counts {
    /// Counts results.
    #[must_use]
    pub fn of(results: &[ClaimResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            match result.result {
                Outcome::Same => counts.same += 1,
                Outcome::Different { .. } => counts.different += 1,
                Outcome::NotShown { .. } => counts.not_shown += 1,
            }
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { same, different, not_shown } = self;
        write!(f, "{same} same, {different} different, {not_shown} not shown")
    }
}

/// The results as a table for programs.
#[derive(Serialize)]
struct Table<'a> {
    target: &'a str,
    region: &'a str,
    date: &'a str,
    version: &'a str,
    counts: Counts,
    claims: &'a [ClaimResult],
}

/// Returns the results as JSON, with the target, region, date and version of their recording.
///
/// # Errors
///
/// If a result cannot be written as JSON.
pub fn to_json(recording: &Recording, results: &[ClaimResult]) -> Result<String, String> {
    let Recording { target, region, date, version, .. } = recording;
    let counts = Counts::of(results);
    let table = Table { target, region, date, version, counts, claims: results };
    let text = serde_json::to_string_pretty(&table).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// Returns the results as a page of Markdown, with a diff for each difference.
#[must_use]
pub fn to_markdown(title: &str, results: &[ClaimResult]) -> String {
    let mut text = format!("# {title}\n\n{}.\n\n", Counts::of(results));
    text.push_str("| Claim | Result | Facts |\n|---|---|---|\n");
    for ClaimResult { claim, result, facts, .. } in results {
        let facts = facts.iter().map(|fact| format!("{} ({})", fact.fact, fact.provenance));
        let facts = facts.collect::<Vec<_>>().join("<br>").replace('|', "\\|");
        let detail = match result {
            Outcome::NotShown { why } => {
                format!(": {}", why.replace('|', "\\|").replace(['\r', '\n'], " "))
            }
            Outcome::Different { only_texts: true, .. } => ": only the texts of errors".into(),
            _ => String::new(),
        };
        let _ = writeln!(text, "| {claim} | {}{detail} | {facts} |", result.word());
    }
    for ClaimResult { claim, result, .. } in results {
        if let Outcome::Different { diff, .. } = result {
            let _ = write!(text, "\n## {claim}\n\n```diff\n{diff}```\n");
        }
    }
    text
}
