//! Deviations: mocks that each differ from the claims in one fact, and the claims that the runner
//! names for each.

mod calls;
mod frames;
mod lists;
mod quotas;
mod resources;
mod sockets;
mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mock_ivs_chat_conformance::{Claim, Deviation, Outcome, Running, Target, read_claims, run};

use crate::support::{claims_folder, for_each};

/// A mock that differs in one fact.
struct Case {
    /// The difference, as in "white space around a message is removed".
    deviation: &'static str,
    /// A text without which a script cannot show the difference: an operation, for example.
    needs: &'static str,
    /// The claims that state the fact.
    claims: Vec<&'static str>,
    mock: Deviation,
}

/// Creates a case.
fn case(
    deviation: &'static str,
    needs: &'static str,
    claims: &[&'static str],
    mock: Deviation,
) -> Case {
    Case { deviation, needs, claims: claims.to_vec(), mock }
}

fn cases() -> Vec<Case> {
    let groups = [
        frames::cases(),
        sockets::cases(),
        calls::cases(),
        lists::cases(),
        resources::cases(),
        quotas::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// The claims about the service, each with the text of its script. The mock's own tools are not a
/// fact about it.
fn claims() -> Vec<(Claim, String)> {
    let folder = claims_folder();
    let mut claims = read_claims(folder, &[]).unwrap();
    claims.retain(|claim| claim.kind() != "mock");
    let text = |claim: &Claim| {
        let text = fs::read_to_string(folder.join(format!("{}.claim", claim.name()))).unwrap();
        text.split_once("\n---\n").unwrap().1.to_owned()
    };
    claims
        .into_iter()
        .map(|claim| {
            let text = text(&claim);
            (claim, text)
        })
        .collect()
}

/// The claims that a deviation can concern; with `EVERY_CLAIM` all of them, which takes minutes.
fn concerned<'a>(claims: &'a [(Claim, String)], needs: &str) -> Vec<&'a Claim> {
    let is_every = std::env::var_os("EVERY_CLAIM").is_some();
    let concerned = claims.iter().filter(|(_, text)| is_every || text.contains(needs));
    concerned.map(|(claim, _)| claim).collect()
}

/// Plays claims against a mock; returns those that differ.
fn differing(claims: &[&Claim], mock: &Deviation) -> Vec<String> {
    let running = Running::start(Target::Mock(mock.clone()), "deviations").unwrap();
    let results = run(claims.iter().copied(), &running, Duration::MAX, |_| {});
    assert_eq!(results.len(), claims.len(), "each claim has a result");
    let different = results.into_iter().filter(|result| match &result.result {
        Outcome::Same => false,
        Outcome::Different { .. } => true,
        Outcome::NotShown { why } => panic!("{} is not shown: {why}", result.claim),
    });
    different.map(|result| result.claim).collect()
}

#[test]
fn each_deviation_is_found_and_named_and_nothing_else_is() {
    let (claims, cases) = (claims(), cases());
    let found = for_each(&cases, |case| {
        let concerned = concerned(&claims, case.needs);
        (concerned.len(), differing(&concerned, &case.mock))
    });
    let mut complaints = String::new();
    for (case, (_, found)) in cases.iter().zip(&found) {
        let mut expected = case.claims.clone();
        expected.sort_unstable();
        if expected != *found {
            let Case { deviation, .. } = case;
            let _ =
                writeln!(complaints, "{deviation}:\n  expected {expected:?}\n  found    {found:?}");
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
    assert!(cases.len() >= 30, "there are only {} deviations", cases.len());
    let found: Vec<_> = found.into_iter().map(|(_, found)| found).collect();
    assert_snapshot(&table(&cases, &found, claims.len()));
}

#[test]
fn another_account_and_region_are_not_a_deviation() {
    let mock =
        Deviation::of_settings(|mock| mock.account_id("999988887777").region("eu-central-1"));
    let mut claims = claims();
    // Its signature names the region.
    claims.retain(|(claim, _)| claim.name() != "control-plane/calls-are-signed");
    assert_eq!(differing(&concerned(&claims, ""), &mock), [""; 0]);
}

/// The table of all cases, with the claims that the runner named.
fn table(cases: &[Case], found: &[Vec<String>], count: usize) -> String {
    let mut table = format!(
        "# Deviations\n\n\
         A test plays the claims against {} mocks. Each differs from the claims in one fact, and the table has the \
         claims that the runner names.\n\
         The test leaves out claims that cannot meet the difference. With `EVERY_CLAIM=1` it plays all {count} claims \
         about the service against each mock, which takes minutes, and the table is the same.\n\
         `UPDATE=1 cargo test --package mock-ivs-chat-conformance deviation` brings the table up to date.\n\n\
         | Deviation of the mock | Claims that the runner names |\n|---|---|\n",
        cases.len()
    );
    for (case, found) in cases.iter().zip(found) {
        let names: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(table, "| {} | {} |", case.deviation, names.join(", "));
    }
    table
}

/// Compares a text with the table of the repository, or writes it there.
fn assert_snapshot(text: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/deviations.md"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, text, "{} is not up to date; run the test with UPDATE=1", path.display());
}
