//! Feedback: recordings turn assumptions into observations, and the README has the score.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mock_ivs_chat_conformance::{
    Claim, ClaimResult, Deviation, FORMAT, Recording, Running, Target, check, read_all,
    read_claims, run, score, with_score,
};

use crate::support::claims_folder;

/// The claim that the tests record: the content of a message is not trimmed, which is assumed.
const ASSUMED: &str = "messaging/content-is-not-trimmed";

fn recordings_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recordings"))
}

fn claims() -> Vec<Claim> {
    read_claims(claims_folder(), &[]).unwrap()
}

/// Records one claim against a mock, as if the mock was the target `target`.
fn record(name: &str, mock: Deviation, target: &str) -> Recording {
    let mut claims = claims();
    claims.retain(|claim| claim.name() == name);
    let running = Running::start(Target::Mock(mock), "feedback").unwrap();
    let results = run(&claims, &running, Duration::MAX, |_| {});
    let recording = Recording {
        format: FORMAT,
        target: target.into(),
        region: "us-west-2".into(),
        date: "2026-11-26".into(),
        version: "0.1.0".into(),
        claims: results.iter().filter_map(ClaimResult::recorded).collect(),
        digest: String::new(),
    };
    recording.sealed()
}

/// Returns the complaints about a recording that somebody submits.
fn complaints(recording: Recording) -> Vec<String> {
    check(&claims(), &[(PathBuf::from("tests/recordings/submitted.json"), recording)]).unwrap()
}

#[test]
fn the_recordings_of_the_repository_agree_with_the_mock_and_the_scripts() {
    let recordings = read_all(recordings_folder()).unwrap();
    assert_eq!(check(&claims(), &recordings).unwrap(), [""; 0]);
}

#[test]
fn a_recording_that_shows_an_assumption_ends_it() {
    let [complaint] =
        <[String; 1]>::try_from(complaints(record(ASSUMED, Deviation::default(), "aws"))).unwrap();
    assert!(complaint.contains("is not assumed any more"), "{complaint}");
    assert!(complaint.contains("source: tests/recordings/submitted.json"), "{complaint}");
    assert!(complaint.contains("`Observed:` instead of `Assumed:`"), "{complaint}");
}

#[test]
fn a_recording_that_contradicts_the_mock_is_shown_as_a_diff() {
    let trimming = Deviation::of_settings(|mock| mock.trim_content());
    let recording = record(ASSUMED, trimming, "aws");
    assert_eq!(recording.claims[0].result, "different");
    let [complaint] = <[String; 1]>::try_from(complaints(recording)).unwrap();
    let head = format!(
        "tests/recordings/submitted.json contradicts the mock about {ASSUMED}, on 2026-11-26 in \
         us-west-2 (- mock, + recording)\n"
    );
    let diff = complaint.strip_prefix(&head).unwrap_or_else(|| panic!("{complaint}"));
    let has = |sign| diff.lines().any(|line| line.starts_with(sign) && line.contains("Content"));
    assert!(has('-') && has('+'), "{diff}");
}

#[test]
fn a_recording_that_differed_proves_what_the_mock_does_since_then() {
    let mut recording = record(ASSUMED, Deviation::default(), "aws");
    // The mock was changed after the run, so that it does what the recording has.
    recording.claims[0].result = "different".into();
    let recordings = [(PathBuf::from("one.json"), recording.sealed())];
    let table = score(&claims(), &recordings);
    assert_ne!(table, score(&claims(), &[]));
    let [complaint] = <[String; 1]>::try_from(check(&claims(), &recordings).unwrap()).unwrap();
    assert!(complaint.contains("is not assumed any more"), "{complaint}");
}

#[test]
fn a_recording_of_a_mock_proves_nothing() {
    let found = complaints(record(ASSUMED, Deviation::default(), "mock"));
    let expected = "tests/recordings/submitted.json: only recordings of AWS belong here, and this \
                    one is of the target `mock`";
    assert_eq!(found, [expected]);
}

#[test]
fn a_recording_of_an_unknown_claim_is_noticed() {
    let mut recording = record(ASSUMED, Deviation::default(), "aws");
    recording.claims[0].claim = "messaging/renamed".into();
    let expected = "tests/recordings/submitted.json: there is no script `messaging/renamed`";
    assert_eq!(complaints(recording.sealed()), [expected]);
}

#[test]
fn an_edited_recording_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.json");
    let text = record(ASSUMED, Deviation::default(), "aws").to_text();
    fs::write(&path, &text).unwrap();
    assert_eq!(read_all(folder.path()).unwrap().len(), 1);
    for (from, to) in [("us-west-2", "eu-west-1"), ("same", "different"), ("Content", "content")] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        fs::write(&path, edited).unwrap();
        let error = read_all(folder.path()).unwrap_err();
        assert!(error.contains("the digest does not match"), "{error}");
    }
}

#[test]
fn the_readme_has_the_score() {
    let readme = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let text = fs::read_to_string(readme).unwrap();
    let table = score(&claims(), &read_all(recordings_folder()).unwrap());
    let updated = with_score(&text, &table).expect("the README has the markers of the score");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(readme, &updated).unwrap();
    } else {
        assert_eq!(text, updated, "bring the README up to date by running the test with UPDATE=1");
    }
}

#[test]
fn a_recording_counts_in_the_score() {
    let recording = record(ASSUMED, Deviation::default(), "aws");
    let of_messaging = |recordings: &[(PathBuf, Recording)]| {
        let table = score(&claims(), recordings);
        let line = table.lines().find(|line| line.starts_with("| messaging ")).unwrap();
        let cells = line.split('|').filter_map(|cell| cell.trim().parse().ok());
        cells.collect::<Vec<usize>>()
    };
    let before = of_messaging(&[]);
    let after = of_messaging(&[(PathBuf::from("one.json"), recording)]);
    let [claims, documented, observed, assumed, 0] = before[..] else { panic!("{before:?}") };
    assert_eq!(after[..2], [claims, documented]);
    assert!(after[2] > observed && after[3] < assumed && after[4] > 0, "{before:?} {after:?}");
}
