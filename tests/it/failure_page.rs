//! The page of a failed test: one for each mock, with the failure at the top.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use mock_ivs_chat::MockIvsChat;

/// A mock that ends in a task on a worker thread, beside a test that fails.
async fn fail_in_a_spawned_task() {
    let ivs = MockIvsChat::start();
    ivs.on_handshake().named("never").expect(1..).refuse(503, "closed");
    ivs.create_room("lobby");
    let end = tokio::spawn(async move { drop(ivs) }).await;
    end.expect("an expectation is not met");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of the test below"]
async fn one_test_that_fails() {
    fail_in_a_spawned_task().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of the test below"]
async fn another_test_that_fails() {
    fail_in_a_spawned_task().await;
}

/// Runs the failing tests with a folder for their pages, and returns the pages by their paths.
fn pages_of_children(folder: &str) -> BTreeMap<PathBuf, String> {
    let child = Command::new(env::current_exe().unwrap())
        .args(["failure_page::", "--ignored"])
        .env_remove("MOCK_IVS_CHAT_LOG")
        .env("MOCK_IVS_CHAT_LOG_DIR", folder)
        .output()
        .unwrap();
    assert!(!child.status.success());
    // The output names the pages, which tells where a relative folder is.
    let output = String::from_utf8(child.stdout).unwrap();
    let paths = output.lines().filter_map(|line| line.split_once("the log as a page: "));
    let page = |(_, path): (_, &str)| (PathBuf::from(path), fs::read_to_string(path).unwrap());
    let pages: BTreeMap<_, _> = paths.map(page).collect();
    for page in pages.keys() {
        fs::remove_file(page).unwrap();
    }
    pages
}

#[test]
fn each_failing_test_has_its_own_page_that_starts_with_the_failure() {
    // A relative folder is in the target folder of the workspace, and `target/` may be written.
    let folder = format!("target/failure-pages-{}", std::process::id());
    let pages = pages_of_children(&folder);
    let places: BTreeSet<_> = pages.keys().map(|page| page.parent().unwrap()).collect();
    let place = *places.first().unwrap_or_else(|| panic!("no page was written"));
    assert_eq!(places.len(), 1, "{places:?}");
    assert_eq!(place.file_name(), Path::new(&folder).file_name());
    let program = env::current_exe().unwrap();
    assert!(program.starts_with(place.parent().unwrap()), "{place:?} is not in the target folder");
    fs::remove_dir(place).unwrap();
    let names: Vec<_> = pages.keys().map(|page| page.to_string_lossy()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].ends_with("failure_page..another_test_that_fails.html"), "{names:?}");
    assert!(names[1].ends_with("failure_page..one_test_that_fails.html"), "{names:?}");
    for page in pages.values() {
        let failure = page.find("expected at least 1 call, got 0").expect("the failure is there");
        assert!(failure < page.find("<details").expect("the log is there"), "{page}");
    }
}
