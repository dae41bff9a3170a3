//! Feedback: what recordings of the service mean for the scripts, and the score of all facts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::recording::{Recorded, Recording};
use crate::rehearsal::rehearse;
use crate::run::Claim;
use crate::script::diff::diff;
use crate::view;

/// Compares recordings of the service with the scripts; returns what has to change.
///
/// A recording that shows something else than the mock contradicts it. A recording that shows the
/// same proves the facts of the script, so they must not be assumed any more. Facts that are said
/// to be recorded need a recording.
///
/// # Errors
///
/// If a script cannot be played on the mock.
pub fn check(claims: &[Claim], recordings: &[(PathBuf, Recording)]) -> Result<Vec<String>, String> {
    let by_name: BTreeMap<&str, &Claim> =
        claims.iter().map(|claim| (claim.name(), claim)).collect();
    let mut complaints = Vec::new();
    for (path, recording) in recordings {
        let path = path.display();
        if recording.target != "aws" {
            complaints.push(format!(
                "{path}: only recordings of AWS belong here, and this one is of the target `{}`",
                recording.target
            ));
            continue;
        }
        for recorded in &recording.claims {
            let Some(claim) = by_name.get(recorded.claim.as_str()) else {
                complaints.push(format!("{path}: there is no script `{}`", recorded.claim));
                continue;
            };
            complaints.extend(check_claim(claim, recorded, recording, &path.to_string())?);
        }
    }
    let proven = proven(claims, recordings);
    for claim in claims.iter().filter(|claim| !proven.contains(claim.name())) {
        let facts = claim.script.header.facts.iter();
        for fact in facts.filter(|fact| fact.provenance == "recorded") {
            let script = claim.path.display();
            complaints
                .push(format!("{script}: no recording shows what is `recorded`: {}", fact.fact));
        }
    }
    Ok(complaints)
}

fn check_claim(
    claim: &Claim,
    recorded: &Recorded,
    recording: &Recording,
    path: &str,
) -> Result<Option<String>, String> {
    let (expected, actual) = (expected(claim)?, actual(recorded));
    if expected != actual {
        return Ok(Some(format!(
            "{path} contradicts the mock about {}, on {} in {} (- mock, + recording)\n{}",
            claim.name(),
            recording.date,
            recording.region,
            diff(&expected, &actual)
        )));
    }
    let mut facts = claim.script.header.facts.iter();
    let assumed = facts.find(|fact| fact.provenance == "assumed");
    Ok(assumed.map(|fact| {
        format!(
            "{}: {path} shows this, so it is not assumed any more: {}\n  write `provenance: \
             recorded`, `source: {path}` and `date: {}`, and in the code `Observed:` instead of \
             `Assumed:`",
            claim.path.display(),
            fact.fact,
            recording.date
        )
    }))
}

/// The transcript of the mock, as far as clients see it.
fn expected(claim: &Claim) -> Result<String, String> {
    Ok(view::write(&rehearse(claim)?.steps))
}

fn actual(recorded: &Recorded) -> String {
    recorded.transcript.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// The claims that a recording of AWS shows. The mock may have been changed since a recording
/// differed from it, so it is compared with the mock of today.
fn proven<'a>(claims: &'a [Claim], recordings: &[(PathBuf, Recording)]) -> BTreeSet<&'a str> {
    let of_aws = recordings.iter().filter(|(_, recording)| recording.target == "aws");
    let recorded = of_aws.flat_map(|(_, recording)| &recording.claims);
    let shown = recorded.filter_map(|recorded| {
        let claim = claims.iter().find(|claim| claim.name() == recorded.claim)?;
        (expected(claim).ok()? == actual(recorded)).then(|| claim.name())
    });
    shown.collect()
}

/// How the facts of an area are known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Score {
    claims: usize,
    documented: usize,
    observed: usize,
    assumed: usize,
    recorded: usize,
}

/// Returns the table of the score: for each area, how many facts are documented, observed and
/// assumed, and how many of all facts a recording shows. Facts about the mock's own tools do not
/// count. A fact that is assumed by its script and shown by a recording counts as observed.
#[must_use]
pub fn score(claims: &[Claim], recordings: &[(PathBuf, Recording)]) -> String {
    let proven = proven(claims, recordings);
    let mut areas: BTreeMap<&str, Score> = BTreeMap::new();
    let mut all = Score::default();
    for claim in claims.iter().filter(|claim| claim.kind() != "mock") {
        let area = areas.entry(claim.area()).or_default();
        let is_proven = proven.contains(claim.name());
        for score in [&mut *area, &mut all] {
            score.claims += 1;
            for fact in &claim.script.header.facts {
                match fact.provenance.as_str() {
                    "documented" => score.documented += 1,
                    "assumed" if !is_proven => score.assumed += 1,
                    _ => score.observed += 1,
                }
                score.recorded += usize::from(is_proven);
            }
        }
    }
    let mut table = String::from(
        "| Area | Claims | Facts documented | observed | assumed | shown by a recording |\n\
         |---|---|---|---|---|---|\n",
    );
    for (area, score) in areas.iter().map(|(area, score)| (*area, score)).chain([("all", &all)]) {
        let Score { claims, documented, observed, assumed, recorded } = score;
        let _ = writeln!(
            table,
            "| {area} | {claims} | {documented} | {observed} | {assumed} | {recorded} |"
        );
    }
    table
}

/// Returns a text with this table between its markers; `None` if it has no markers.
#[must_use]
pub fn with_score(text: &str, table: &str) -> Option<String> {
    let start = text.find(BEGIN)? + BEGIN.len();
    let end = start + text[start..].find(END)?;
    Some(format!("{}\n\n{table}\n{}", &text[..start], &text[end..]))
}

const BEGIN: &str = "<!-- score: begin -->";
const END: &str = "<!-- score: end -->";
