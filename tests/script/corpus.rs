//! Corpus: the scripts in a folder, played one after the other, and their expectations rewritten.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::settings::Setting;
use super::story::Command;
use super::{Script, Stage, diff, play, with_transcript};

/// Returns the folder of the repository's scripts. Several packages play them.
pub(crate) fn folder() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors().map(|folder| folder.join("tests/claims"));
    folders.find(|folder| folder.is_dir()).expect("the package belongs to the repository")
}

/// Returns the folder of an area, whose test cannot have a hyphen in its name.
pub(crate) fn folder_of(area: &str) -> String {
    area.replace('_', "-")
}

/// Returns the files of all scripts of an area, sorted.
pub(crate) fn scripts(area: &str) -> Vec<PathBuf> {
    let folder = folder().join(area);
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_script = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "claim");
    let mut scripts: Vec<_> = paths.filter(is_script).collect();
    scripts.sort();
    scripts
}

/// Whether the environment has `UPDATE=1`, so that tests write what they expect.
pub(crate) fn updates() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// Plays all scripts of an area; panics with all that differ from their transcripts.
///
/// If `may_update` is set and the environment has `UPDATE=1`, it writes the transcripts instead.
pub(crate) fn check<S: Stage>(area: &str, may_update: bool, start: impl Fn(&[Setting]) -> S) {
    let updates = may_update && updates();
    let scripts = scripts(area);
    assert!(!scripts.is_empty(), "there are no scripts in tests/claims/{area}");
    let failures: Vec<String> = scripts
        .iter()
        .filter_map(|path| {
            let checked = catch_unwind(AssertUnwindSafe(|| check_script(path, updates, &start)));
            let failure = checked.unwrap_or_else(|panic| Err(panic_message(&*panic)));
            failure.err().map(|message| format!("{}{message}", shown(path)))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} scripts failed\n\n{}\nIf the new transcripts are right, UPDATE=1 writes them.",
        failures.len(),
        scripts.len(),
        failures.join("\n")
    );
}

fn check_script<S: Stage>(
    path: &Path,
    updates: bool,
    start: impl Fn(&[Setting]) -> S,
) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!(": {error}"))?;
    let script = Script::parse(&text).map_err(|problem| format!(":{problem}"))?;
    let name = claim_of(path);
    if script.header.claim != name {
        return Err(format!(":1: expected `claim: {name}`, as the file is named"));
    }
    if !can_play::<S>(&script) {
        return Ok(());
    }
    let transcript = play(&script, start).map_err(|problem| format!(":{problem}"))?;
    if let Some(word) = script.header.uncovered(&transcript) {
        return Err(format!(": `covers` has `{word}`, but the transcript does not show it"));
    }
    if transcript == script.transcript {
        return Ok(());
    }
    if updates {
        let text = with_transcript(&text, &transcript);
        // Other tests read the script at the same time, so it must always be complete.
        let new = path.with_extension("new");
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
        return written.map_err(|error| format!(": {error}"));
    }
    let difference = diff::diff(&script.transcript, &transcript);
    Err(format!(": the transcript differs (- expected, + seen)\n{}\n\n{difference}", script.header))
}

/// Whether a stage has what a script needs beyond the mock itself.
fn can_play<S: Stage>(script: &Script) -> bool {
    let signatures = Command::Setting(Setting::DemandSignatures);
    let demands_signatures = script.steps.iter().any(|step| step.command == signatures);
    (S::HAS_WIRE || !script.header.requires_wire()) && (S::HAS_SIGNATURES || !demands_signatures)
}

/// Returns the claim that belongs to a path: the area and the name.
fn claim_of(path: &Path) -> String {
    let relative = path.strip_prefix(folder()).unwrap_or(path).with_extension("");
    relative.to_string_lossy().replace('\\', "/")
}

fn shown(path: &Path) -> String {
    format!("tests/claims/{}.claim", claim_of(path))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!(": the mock panicked: {}", text.unwrap_or("without a message"))
}
