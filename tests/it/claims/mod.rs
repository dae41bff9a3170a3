//! Claims: the scripts of `tests/claims`, played on the whole mock in memory.

mod controls;
mod format;
mod install;
mod memory;

use std::collections::BTreeSet;
use std::fs;

use crate::script::corpus::folder_of;
use crate::script::{Script, corpus};

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
    let folders = fs::read_dir(corpus::folder()).expect("there are scripts");
    let folders = folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let folders: BTreeSet<String> = folders.collect();
    let areas: BTreeSet<String> = AREAS.iter().map(|area| folder_of(area)).collect();
    assert_eq!(folders, areas);
}

/// The lines of all headers, in one text: what the corpus claims, at a glance.
#[test]
fn every_fact_is_stated_once() {
    let mut facts = BTreeSet::new();
    for path in AREAS.iter().flat_map(|area| corpus::scripts(&folder_of(area))) {
        let text = fs::read_to_string(&path).expect("the script was just listed");
        let script = Script::parse(&text);
        let script = script.unwrap_or_else(|problem| panic!("{}:{problem}", path.display()));
        for line in script.header.to_string().lines() {
            let fact = line.split(" | ").nth(4).unwrap_or_default().to_owned();
            assert!(
                facts.insert(fact),
                "{}: another script says this, too: {line}",
                path.display()
            );
        }
    }
}
