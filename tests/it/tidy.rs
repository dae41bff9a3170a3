//! The rules of the repository's layout that a machine can check. A failure says what to do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Function, code_of, functions_of};

/// A file of the repository: its path from the root, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The code without comments and string literals. Line numbers are kept.
    fn code(&self) -> String {
        code_of(&self.text)
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All files that people wrote, sorted by path.
pub(crate) fn files() -> Vec<File> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).expect("the walk began at the root");
        Some(File { path: path.to_string_lossy().replace('\\', "/"), text })
    };
    paths.into_iter().filter_map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folders of the repository can be read");
    for entry in entries {
        let path = entry.expect("the folders of the repository can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                collect(&path, paths);
            }
        } else if name != "Cargo.lock" && name != ".git" && !name.starts_with("LICENSE-") {
            paths.push(path);
        }
    }
}

pub(crate) fn rust_files() -> Vec<File> {
    files().into_iter().filter(File::is_rust).collect()
}

pub(crate) fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with a list of all complaints.
#[track_caller]
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

#[test]
fn every_file_says_at_its_top_what_it_is() {
    let silent = |file: &File| !file.text.starts_with("//! ");
    let complaints: Vec<_> = rust_files()
        .iter()
        .filter(|file| silent(file) && !file.is_in("fuzz/fuzz_targets/"))
        .map(|file| format!("{}: begin it with a line of `//!` that says what it is", file.path))
        .collect();
    assert_none(&complaints);
}

/// The layers of the crate, from the lowest to the highest, and what each may import from the
/// crate besides itself.
pub(crate) const LAYERS: [(&str, &[&str]); 12] = [
    ("proto", &[]),
    ("clock", &["proto"]),
    ("service", &["proto"]),
    ("hook", &["proto", "service"]),
    ("log", &["hook", "proto", "service"]),
    ("engine", &["hook", "log", "proto", "service"]),
    ("transport", &["proto"]),
    ("driver", &["clock", "engine", "hook", "log", "proto", "service", "transport"]),
    ("net", &["driver", "proto", "transport"]),
    ("api", &["clock", "driver", "engine", "hook", "log", "net", "proto", "service", "transport"]),
    ("explore", &["api", "driver", "hook", "log", "proto", "service"]),
    ("fixtures", &["api", "clock"]),
];

#[test]
fn each_layer_imports_only_layers_below_it() {
    let mut complaints = Vec::new();
    for file in rust_files().iter().filter(|file| file.is_in("src/")) {
        let Some(layer) = layer_of(&file.path) else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            complaints.push(format!("{}: add `{layer}` to the table of layers", file.path));
            continue;
        };
        for (number, line) in file.code().lines().enumerate() {
            for imported in crate_paths(line) {
                if imported != layer && !allowed.contains(&imported) {
                    complaints.push(format!(
                        "{}:{}: `{layer}` must not import `{imported}`",
                        file.path,
                        number + 1
                    ));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn no_layer_is_below_itself() {
    for (index, (layer, allowed)) in LAYERS.iter().enumerate() {
        for lower in *allowed {
            let is_lower = LAYERS[..index].iter().any(|(name, _)| name == lower);
            assert!(is_lower, "`{layer}` may import `{lower}`, which is not below it");
        }
    }
}

/// The folder or file below `src` that a file belongs to; `None` for the root of the crate and the
/// pages of the guide.
fn layer_of(path: &str) -> Option<&str> {
    let layer = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    (!["guide", "lib"].contains(&layer)).then_some(layer)
}

/// The first part of each path in a line that starts at the root of the crate.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    let paths = line.match_indices("crate::").filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        // `$crate` is a macro's, and `pub(crate)::` does not exist.
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
    });
    paths.map(|(at, found)| {
        let rest = &line[at + found.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn the_core_knows_no_clock_no_lock_no_thread_and_no_socket() {
    let core = ["proto", "service", "hook", "log", "engine"];
    let banned = [
        "async",
        "await",
        "hyper",
        "parking_lot",
        "std::env",
        "std::fs",
        "std::net",
        "std::sync::atomic",
        "std::thread",
        "tokio",
        "tungstenite",
        "Instant",
        "Mutex",
        "OnceLock",
        "RwLock",
        "SystemTime::now",
        "Waker",
    ];
    let mut complaints = Vec::new();
    for file in rust_files() {
        if !layer_of(&file.path).is_some_and(|layer| core.contains(&layer)) {
            continue;
        }
        for (number, line) in file.code().lines().enumerate() {
            for word in banned.iter().filter(|word| has_word(line, word)) {
                complaints.push(format!(
                    "{}:{}: `{word}` belongs above the engine, which gets values and gives values",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn only_the_clock_reads_the_time_of_day() {
    let complaints: Vec<_> = rust_files()
        .iter()
        .filter(|file| file.is_in("src/") && file.path != "src/clock.rs")
        .filter(|file| file.code().contains("SystemTime::now"))
        .map(|file| format!("{}: take the time from the mock's clock, src/clock.rs", file.path))
        .collect();
    assert_none(&complaints);
}

#[test]
fn files_and_functions_are_short() {
    let mut complaints = Vec::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        if file.is_in("src/") && lines > MAXIMUM_FILE_LINES {
            complaints.push(format!(
                "{}: it has {lines} lines, and {MAXIMUM_FILE_LINES} are the limit; split it by \
                 what it is about",
                file.path
            ));
        }
        for Function { name, line, lines } in functions_of(&file.code()) {
            if lines > MAXIMUM_FUNCTION_LINES {
                complaints.push(format!(
                    "{}:{line}: `{name}` has {lines} lines, and {MAXIMUM_FUNCTION_LINES} are the \
                     limit; name its parts",
                    file.path
                ));
            }
        }
    }
    assert_none(&complaints);
}

const MAXIMUM_FILE_LINES: usize = 500;
const MAXIMUM_FUNCTION_LINES: usize = 70;

#[test]
fn there_are_no_to_do_comments() {
    // In two parts each, so that this list is not found itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("todo", "!"),
        concat!("unimplemented", "!"),
        concat!("dbg", "!"),
    ];
    let mut complaints = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                let place = format!("{}:{}", file.path, number + 1);
                complaints.push(format!("{place}: `{word}`: do it now, or leave it out"));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn no_test_sleeps() {
    let complaints: Vec<_> = rust_files()
        .iter()
        // On paused time nobody waits for a sleep.
        .filter(|file| file.is_in("tests/") && !file.text.contains("start_paused"))
        // Neither does a scenario that the explorer runs.
        .filter(|file| !file.is_in("tests/it/explore/"))
        .filter(|file| has_word(&file.code(), "sleep"))
        .map(|file| format!("{}: wait for a condition (`ivs.log().wait_for(…)`)", file.path))
        .collect();
    assert_none(&complaints);
}

#[test]
fn every_snapshot_belongs_to_a_test() {
    let mut complaints = Vec::new();
    for snapshot in files().iter().filter(|file| file.path.ends_with(".snap")) {
        let source = snapshot.text.lines().find_map(|line| line.strip_prefix("source: "));
        let source = source.unwrap_or_default();
        let test = fs::read_to_string(root().join(source)).unwrap_or_default();
        let stem = snapshot.path.rsplit('/').next().unwrap_or_default();
        let mut names = stem.trim_end_matches(".snap").split("__").skip(1);
        if !names.any(|name| is_snapshot_of(&test, name)) {
            let path = &snapshot.path;
            complaints.push(format!("{path}: no test in `{source}` makes it; delete it"));
        }
    }
    assert_none(&complaints);
}

/// Whether a test file has a test, or gives a snapshot a name, that a snapshot is named after.
fn is_snapshot_of(test: &str, name: &str) -> bool {
    // The second snapshot of a test without a name of its own ends in `-2`.
    let unnumbered = name.rsplit_once('-').map_or(name, |(name, _)| name);
    [name, unnumbered]
        .iter()
        .any(|name| test.contains(&format!("fn {name}(")) || test.contains(&format!("\"{name}\"")))
}

#[test]
fn the_changelog_knows_the_version() {
    let manifest = file("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("the crate has a version").trim_matches('"');
    assert!(
        file("CHANGELOG.md").contains(version),
        "CHANGELOG.md: say what is new in version {version}"
    );
}

#[test]
fn no_file_mentions_a_place_outside_the_repository() {
    let folders = ["Users", "home", "mnt", "root", "tmp", "work"];
    let mut complaints = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            let outside = folders.iter().map(|folder| format!("/{folder}/"));
            for place in outside.filter(|place| line.contains(place)) {
                let at = format!("{}:{}", file.path, number + 1);
                complaints.push(format!("{at}: `{place}` is there on one machine only"));
            }
        }
    }
    assert_none(&complaints);
}

/// Whether a line has a word, or several, not as a part of a longer one.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let is_open = |c: Option<char>| !c.is_some_and(is_part);
        is_open(before) && (word.ends_with('!') || is_open(after))
    })
}
