//! Page: the README of the scripts, compared with the parser.

use std::collections::BTreeSet;

use super::format::command;
use crate::script::header::{KINDS, PROVENANCES, Requirement};
use crate::tidy::{assert_none, file};

const PAGE: &str = "tests/claims/README.md";

/// The rows of the table whose first column has this title, as cells.
fn table(title: &str) -> Vec<Vec<String>> {
    let page = file(PAGE);
    let head = format!("| {title} |");
    let lines = page.lines().skip_while(|line| !line.starts_with(&head)).skip(2);
    let rows = lines.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows: Vec<_> = rows.map(|row| row.split(" | ").map(str::to_owned).collect()).collect();
    assert!(!rows.is_empty(), "{PAGE} has no table {title:?}");
    rows
}

/// The texts in backquotes.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The first words of a table, which are in backquotes.
fn words(title: &str) -> BTreeSet<String> {
    table(title).iter().flat_map(|row| code(&row[0]).map(str::to_owned)).collect()
}

#[test]
fn the_page_has_an_example_that_is_a_script() {
    let script = file("tests/claims/moderation/deletion-without-a-reason.claim");
    assert!(
        file(PAGE).contains(&format!("```text\n{script}```")),
        "{PAGE}: copy moderation/deletion-without-a-reason.claim to the example"
    );
}

#[test]
fn the_page_explains_all_words_of_headers() {
    let known = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(words("Kind"), known(&KINDS));
    assert_eq!(words("Provenance"), known(&PROVENANCES));
    assert_eq!(words("Requirement"), known(&Requirement::ALL.map(Requirement::name)));
}

#[test]
fn each_command_of_the_page_is_one() {
    let mut complaints = Vec::new();
    for row in table("Command").iter().filter(|row| !row[0].contains("cargo")) {
        for line in code(&row[0]) {
            if let Err(message) = command(line) {
                complaints.push(format!("{PAGE}: `{line}`: {message}"));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn each_condition_and_verdict_of_the_page_is_one_and_none_is_missing() {
    let page = file(PAGE);
    let line = |start: &str| page.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let (conditions, verdicts) = (line("All points have the conditions"), line("All have the"));
    let mut complaints = Vec::new();
    for row in table("Point") {
        let point = code(&row[0]).next().expect("a point has a name").to_owned();
        let hooks = code(conditions)
            .chain(code(&row[1]))
            .map(|condition| format!("hook on {point} {condition}: delay 5s"))
            .chain(
                code(verdicts)
                    .chain(code(&row[2]))
                    .map(|verdict| format!("hook on {point}: {verdict}")),
            );
        for hook in hooks {
            if let Err(message) = command(&hook) {
                complaints.push(format!("{PAGE}: `{hook}`: {message}"));
            }
        }
        // The parser names all verdicts when it finds another word.
        let message = command(&format!("hook on {point}: dance")).unwrap_err();
        let known = message.rsplit_once(", found").map_or("", |(known, _)| known);
        let has = |verdict: &str| {
            let mut described = code(verdicts).chain(code(&row[2]));
            described.any(|text| text.contains(verdict))
        };
        let missing = code(known).filter(|verdict| point != "review" && !has(verdict));
        complaints.extend(missing.map(|word| format!("{PAGE}: `{point}` lacks `{word}`")));
    }
    assert_none(&complaints);
}
