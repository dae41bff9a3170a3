//! The page of a failed test: one for each mock, with the failure at the top.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
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

/// Runs failing tests with a folder for their pages, and returns the pages by their paths.
fn pages_of_children(folder: &str, tests: &[&str]) -> BTreeMap<PathBuf, String> {
    let child = Command::new(env::current_exe().unwrap())
        .args(tests.iter().map(|test| format!("failure_page::{test}")))
        .args(["--exact", "--ignored"])
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
    let pages = pages_of_children(&folder, &["one_test_that_fails", "another_test_that_fails"]);
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
        let failure = page
            .find("expected to fire at least once, but it never fired")
            .expect("the failure is there");
        assert!(failure < page.find("<details").expect("the log is there"), "{page}");
    }
}

#[test]
#[ignore = "a child of the test below"]
fn a_wait_that_fails_beside_participants() {
    let ivs = MockIvsChat::builder().wait_timeout(Duration::from_millis(1)).start();
    let room = ivs.create_room("lobby");
    let people: Vec<_> = (0..5).map(|n| room.participant(format!("user-{n}"))).collect();
    people[0].send_message("hello <everybody>");
    people[1].send_raw("no JSON");
    people[3].expect_message("hello").wait();
}

#[test]
fn the_page_of_a_wait_starts_with_its_text_and_has_the_lane_of_its_subject_first() {
    let folder = format!("target/wait-pages-{}", std::process::id());
    let pages = pages_of_children(&folder, &["a_wait_that_fails_beside_participants"]);
    let (path, page) = pages
        .iter()
        .find(|(path, _)| path.to_string_lossy().ends_with("beside_participants.html"))
        .expect("the test has a page");
    fs::remove_dir(path.parent().unwrap()).unwrap();
    // The connections of the participants have ended since the failure.
    let (failure, rest) = page.split_once("</pre>").unwrap();
    let failure = failure.split_once("<pre class=\"failure\">").unwrap().1;
    assert!(
        failure.starts_with("waited 1ms for MESSAGE to user-3 with content &quot;hello&quot;, at ")
    );
    assert!(failure.contains("content: expected &quot;hello&quot;, got"), "{failure}");
    assert!(failure.contains("user-1: ERROR 400"), "{failure}");
    let nearest = failure.split("nearest: <a href=\"#").nth(1).unwrap().split('"').next().unwrap();
    assert!(rest.contains(&format!("id=\"{nearest}\"")), "{nearest} is a row");
    let head = rest.split_once("<div class=\"head\">").unwrap().1.split("</div>").next().unwrap();
    assert!(head.contains("<span>IVS Chat</span><span>user-3 (lobby)</span>"), "{head}");
    // A frame is found by its text, in the row itself.
    assert!(rest.contains("MESSAGE &quot;hello &lt;everybody&gt;&quot;</b>"), "{rest}");
}

#[test]
fn a_page_names_the_hooks_that_have_fired_with_links_to_their_rows() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let alice = ivs.create_room("lobby").participant("alice");
    ivs.on_action().named("deny <all>").ignore();
    let line = line!() - 1;
    alice.send_message("hello");
    let page = ivs.log().to_html("hooks");
    let hook = format!(
        "<h2>Hooks that have fired</h2>\n<ul>\n<li>hook &quot;deny &lt;all&gt;&quot;: \
         on_action().ignore() at tests/it/failure_page.rs:{line}:9, fired at \
         <a href=\"#e6\">#6</a></li>\n</ul>\n"
    );
    assert!(page.contains(&hook), "{page}");
}

#[test]
fn a_page_filters_by_user_and_kind_with_styles_alone() {
    let ivs = MockIvsChat::builder().in_memory().start();
    let room = ivs.create_room("lobby");
    let (alice, _bob, _phone) =
        (room.participant("alice"), room.participant("bob"), room.participant("alice"));
    alice.send_message("hello");
    let page = ivs.log().to_html("filters");
    assert!(!page.contains("<script"));
    let users = page.split_once("<select id=\"user\">").unwrap().1;
    let users = users.split("</select>").next().unwrap();
    let names: Vec<_> =
        users.split("</option>").filter_map(|user| user.split('>').nth(1)).collect();
    assert_eq!(names, ["all users", "test", "alice", "bob"]);
    // The lanes are those of the test, alice, bob and alice's second connection.
    let style = "body:has(#user option[value=\"1\"]:checked)";
    assert!(page.contains(&format!("{style} details:not(.user-1) {{ display: none; }}")), "{page}");
    let lanes = "grid-template-columns: var(--lane) 0 var(--lane) 0 var(--lane)";
    assert!(page.contains(&format!("{style} .lanes {{ {lanes}; }}")), "{page}");
    for kind in ["frame", "call", "hook", "other", "trouble"] {
        assert!(page.contains(&format!("<option value=\"{kind}\">")), "{kind}");
        let style = format!("body:has([value=\"{kind}\"]:checked) details:not(.{kind})");
        assert!(page.contains(&style), "{style}");
    }
}
