//! Explorations in processes of their own: failures, and the environment variables.

use std::process::{Command, Output};
use std::{env, fs};

use mock_ivs_chat::explore;

use super::fragile;

#[test]
#[ignore = "a child of the tests below"]
fn a_child_that_explores_a_fragile_client() {
    explore(fragile).in_memory().most_faults(1).check();
}

/// Runs the child with environment variables.
fn child(variables: &[(&str, &str)]) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["explore::children::a_child", "--ignored"])
        .env_remove("MOCK_IVS_CHAT_LOG")
        .env_remove("MOCK_IVS_CHAT_LOG_DIR")
        .env_remove("MOCK_IVS_CHAT_EXPLORE")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_failure_names_the_line_of_the_test_and_prints_no_panic_of_a_run() {
    let output = child(&[]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("panicked at tests/it/explore/children.rs:13:"), "{text}");
    assert_eq!(text.matches("panicked at").count(), 1, "{text}");
    let command = "MOCK_IVS_CHAT_EXPLORE=alice.connects.1:refused-400 cargo test \
                   explore::children::a_child_that_explores_a_fragile_client";
    assert!(text.contains(command), "{text}");
}

#[test]
fn the_environment_variable_runs_only_one_case() {
    let output = child(&[("MOCK_IVS_CHAT_EXPLORE", "alice.gets.1:reset")]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("3 runs, 1 failure with 1 distinct reason"), "{text}");
    assert!(text.contains("note: MOCK_IVS_CHAT_EXPLORE is set: only alice.gets.1:reset was run"));
    let survived = child(&[("MOCK_IVS_CHAT_EXPLORE", "alice.gets.1:duplicated")]);
    assert!(survived.status.success(), "{survived:?}");
}

#[test]
fn a_case_that_cannot_be_read_or_reached_is_an_error() {
    let text_of = |case| text(&child(&[("MOCK_IVS_CHAT_EXPLORE", case)]));
    let expected = "MOCK_IVS_CHAT_EXPLORE: \"exploded\" is not a fault";
    assert!(text_of("alice.gets.1:exploded").contains(expected));
    let expected = "the run did not come to all points of alice.gets.7:reset";
    assert!(text_of("alice.gets.7:reset").contains(expected));
}

#[test]
fn a_failing_exploration_writes_one_page() {
    let folder = format!("target/explore-pages-{}", std::process::id());
    let output = child(&[("MOCK_IVS_CHAT_LOG_DIR", &folder), ("MOCK_IVS_CHAT_LOG", "always")]);
    let text = text(&output);
    let paths: Vec<_> = text.lines().filter_map(|line| line.split_once("as a page: ")).collect();
    assert_eq!(paths.len(), 1, "{text}");
    let page = fs::read_to_string(paths[0].1).unwrap();
    fs::remove_file(paths[0].1).unwrap();
    assert!(page.contains("<td class=\"cell failed\""), "{page}");
    assert!(page.contains("href=\"#case-alice.connects.1:refused-400\""), "{page}");
}
