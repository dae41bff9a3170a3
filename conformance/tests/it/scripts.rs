//! Scripts: mistakes in them are reported, with the way to correct them.

use std::fs;
use std::time::Duration;

use mock_ivs_chat_conformance::{Deviation, Outcome, Running, Target, read_claims, run};

const NEW: &str = "claim: messaging/new
kind: frame
covers: SEND_MESSAGE, MESSAGE
requires: nothing
fact: A message of one character is delivered.
provenance: assumed
source: our choice
---
room lobby
user alice in lobby can SEND_MESSAGE
alice connects
alice sends \"x\"
---
";

#[test]
fn a_script_without_its_transcript_is_reported_with_the_way_to_write_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("messaging")).unwrap();
    fs::write(folder.path().join("messaging/new.claim"), NEW).unwrap();
    let claims = read_claims(folder.path(), &[]).unwrap();
    let running = Running::start(Target::Mock(Deviation::default()), "scripts").unwrap();
    let results = run(&claims, &running, Duration::MAX, |_| {});
    assert!(results[0].is_broken);
    let Outcome::NotShown { why } = &results[0].result else { panic!("{results:?}") };
    let path = folder.path().join("messaging").join("new.claim");
    let start = format!("{}: the mock prints another transcript", path.display());
    assert!(why.starts_with(&start), "{why}");
    assert!(why.contains("tests/claims/README.md"), "{why}");
}
