//! The page of a failed test: one for each mock, with the failure at the top.

use std::collections::BTreeMap;
use std::path::Path;
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

fn pages_of_children(folder: &str, place: &Path) -> BTreeMap<String, String> {
    let child = Command::new(env::current_exe().unwrap())
        .args(["failure_page::", "--ignored"])
        .env_remove("MOCK_IVS_CHAT_LOG")
        .env("MOCK_IVS_CHAT_LOG_DIR", folder)
        .output()
        .unwrap();
    assert!(!child.status.success());
    let mut pages = BTreeMap::new();
    for file in fs::read_dir(place).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        pages.insert(name, fs::read_to_string(&path).unwrap());
    }
    fs::remove_dir_all(place).unwrap();
    pages
}

#[test]
fn each_failing_test_has_its_own_page_that_starts_with_the_failure() {
    // A relative folder is in the target folder of the workspace, and `target/` may be written.
    let folder = format!("target/failure-pages-{}", std::process::id());
    let program = env::current_exe().unwrap();
    let target = program.ancestors().find(|place| place.join("CACHEDIR.TAG").is_file()).unwrap();
    let place = target.join(folder.trim_start_matches("target/"));
    let pages = pages_of_children(&folder, &place);
    let names: Vec<_> = pages.keys().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].ends_with("failure_page..another_test_that_fails.html"), "{names:?}");
    assert!(names[1].ends_with("failure_page..one_test_that_fails.html"), "{names:?}");
    for page in pages.values() {
        let failure = page.find("expected at least 1 call, got 0").expect("the failure is there");
        assert!(failure < page.find("<details").expect("the log is there"), "{page}");
    }
}
