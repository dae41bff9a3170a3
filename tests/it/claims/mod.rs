//! Claims: the scripts of `tests/claims`, played on the whole mock in memory.

mod assumptions;
mod controls;
mod format;
mod install;
mod manifest;
mod memory;
mod page;
mod signatures;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::script::corpus::folder_of;
use crate::script::diff::diff;
use crate::script::header::Fact;
use crate::script::story::Command;
use crate::script::{Script, corpus};
use crate::tidy::{assert_none, file, root};

use assumptions::{PAGE, compare};
use manifest::manifest;
use memory::MemoryStage;

/// A test for each folder of scripts.
macro_rules! areas {
    ($($area:ident),*) => {
        $(
            #[test]
            fn $area() {
                corpus::check(&folder_of(stringify!($area)), true, MemoryStage::start);
            }
        )*

        const AREAS: &[&str] = &[$(stringify!($area)),*];
    };
}

areas!(control_plane, gates, hooks, messaging, moderation, quotas, reviews, sessions, time, tokens);

#[test]
fn every_folder_of_scripts_has_a_test() {
    let entries = fs::read_dir(corpus::folder()).expect("there are scripts");
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<_> = folders.filter_map(|f| f.file_name().into_string().ok()).collect();
    let areas: BTreeSet<String> = AREAS.iter().map(|area| folder_of(area)).collect();
    assert_eq!(folders, areas);
}

/// All scripts of the repository, by area and name.
pub(crate) fn all_scripts() -> Vec<Script> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("the script was just listed");
        let script = Script::parse(&text);
        script.unwrap_or_else(|problem| panic!("{}:{problem}", path.display()))
    };
    let paths = AREAS.iter().flat_map(|area| corpus::scripts(&folder_of(area)));
    paths.map(read).collect()
}

#[test]
fn every_fact_is_stated_once() {
    let mut facts = BTreeSet::new();
    for Script { header, .. } in all_scripts() {
        for Fact { fact, .. } in header.facts {
            let claim = &header.claim;
            assert!(facts.insert(fact.clone()), "{claim}: another script says this, too: {fact}");
        }
    }
}

#[test]
fn a_claim_about_a_change_shows_the_state_after_it() {
    let is_change = |operation: &str| {
        let verbs = ["Create", "Delete", "Tag", "Untag", "Update"];
        let is_seen_by_clients = ["CreateChatToken", "DeleteMessage"].contains(&operation);
        verbs.iter().any(|verb| operation.starts_with(verb)) && !is_seen_by_clients
    };
    let mut complaints = Vec::new();
    for Script { header, steps, .. } in all_scripts() {
        let last = steps.last().map(|step| &step.command);
        let Some(Command::Call { operation, .. }) = last else { continue };
        if is_change(operation) && header.claim.starts_with("control-plane/") {
            complaints.push(format!("{}: end with a Get or a List operation", header.claim));
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_guide_lists_the_scripts_of_each_assumption() {
    let headers: Vec<_> = all_scripts().into_iter().map(|script| script.header).collect();
    let page = file(PAGE);
    let (expected, complaints) = compare(&page, &headers);
    assert_none(&complaints);
    if corpus::updates() {
        fs::write(root().join(PAGE), &expected).expect("the guide can be written");
        return;
    }
    assert!(
        page == expected,
        "{PAGE} differs from the scripts (- written, + expected); UPDATE=1 writes it\n{}",
        diff(&page, &expected)
    );
}

#[test]
fn the_manifest_is_up_to_date() {
    let headers: Vec<_> = all_scripts().into_iter().map(|script| script.header).collect();
    let (path, manifest) = (corpus::folder().join("manifest.txt"), manifest(&headers));
    if corpus::updates() {
        fs::write(&path, &manifest).expect("the manifest can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == manifest,
        "tests/claims/manifest.txt differs from the scripts (- written, + expected); UPDATE=1 \
         writes it\n{}",
        diff(&written, &manifest)
    );
}
