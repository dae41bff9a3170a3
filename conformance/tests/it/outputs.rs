//! Outputs: the plan, the files of a run, and the help.

use std::fs;

use mock_ivs_chat_conformance::Recording;
use serde_json::Value;

use crate::support::Program;

#[test]
fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let arguments = ["aws", "--region", "us-west-2", "--dry-run", "--out", &out];
    // Without credentials nothing can be called.
    let variables = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let ended = Program::start(arguments, &variables).end();
    assert!(ended.status.success(), "{ended:?}");
    for text in [
        "play       messaging/content-is-not-trimmed: ",
        "not shown  sessions/session-ends: lets 1h pass, which needs --hour",
        "  CreateRoom: ",
        "Time: about ",
        "Cost on AWS: ",
    ] {
        assert!(ended.stdout.contains(text), "`{text}` is missing: {}", ended.stdout);
    }
    assert!(!folder.path().join("out").exists(), "nothing is written");
}

#[test]
fn the_files_of_a_run_have_its_target_region_date_and_version() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b").display().to_string();
    let claim = "messaging/content-is-not-trimmed";
    let ended = Program::start(["mock", "--out", &out, claim], &[]).end();
    assert!(ended.status.success(), "{ended:?}");
    let folder = folder.path().join("a/b");
    let recording = Recording::read(&folder.join("recording.json")).unwrap();
    let table = fs::read_to_string(folder.join("table.json")).unwrap();
    let table: Value = serde_json::from_str(&table).unwrap();
    assert_eq!(table["target"], "mock");
    assert_eq!(table["region"], recording.region.as_str());
    assert_eq!(table["date"], recording.date.as_str());
    assert_eq!(table["version"], recording.version.as_str());
    assert_eq!(table["counts"]["same"], 1);
    assert_eq!(table["claims"][0]["claim"], claim);
    let page = fs::read_to_string(folder.join("table.md")).unwrap();
    let title = format!("# mock in us-west-2, {}, version {}\n", recording.date, recording.version);
    assert!(page.starts_with(&title), "{page}");
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, 3, "nothing else is left in the folder");
}

#[test]
fn a_region_that_is_a_host_is_refused() {
    for region in ["us-west-2.example.com/", "a@example.com:443#", "", "US"] {
        let ended = Program::start(["aws", "--dry-run", "--region", region], &[]).end();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.stderr.contains("as in `us-west-2`"), "{ended:?}");
    }
}
