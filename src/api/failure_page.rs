//! Ending: the page that a mock writes when it is dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io, thread};

use parking_lot::Mutex;

use crate::api::environment;
use crate::api::log::Log;
use crate::api::report::Report;
use crate::driver::Driver;
use crate::log::entry::Entry;
use crate::log::filter::Filter;
use crate::log::page::Page;
use crate::proto::close::truncate;

/// Writes the page of a mock whose test fails. It acts when it is dropped.
#[derive(Debug)]
pub(crate) struct Ending {
    driver: Arc<Driver>,
    /// The name of the test. It is taken at the start of the mock, because the mock may end on a
    /// thread of the runtime, whose name is that of no test.
    test: String,
    /// Whether the test has failed by the mock's own report.
    pub(crate) has_failed: bool,
    /// Whether the explorer writes a page about all mocks instead.
    pub(crate) is_silent: bool,
}

impl Ending {
    pub(crate) fn new(driver: Arc<Driver>) -> Self {
        Self { driver, test: test_name(), has_failed: false, is_silent: false }
    }

    fn write_page(&self, has_failed: bool) {
        write_wanted(&self.test, has_failed, || {
            let log = Log { driver: Arc::clone(&self.driver), filter: Filter::default() };
            let entries = log.entries();
            let (failure, lanes) =
                if has_failed { self.failure(&entries) } else { Default::default() };
            let page = Page {
                title: &self.test,
                failure: &failure,
                lanes: &lanes,
                entries: &entries,
                findings: &log.marked_findings(),
            };
            page.html()
        });
    }

    /// The text of the failure, as far as the mock knows it, and the lanes that it is about. The
    /// page shows the log itself.
    fn failure(&self, entries: &[Entry]) -> (String, Vec<String>) {
        match self.driver.latest_failure() {
            Some(explained) => (explained.text, explained.lanes),
            None => {
                let report = Report::new(&self.driver);
                let mut text = report.summary(entries);
                if !report.is_failure() {
                    text.insert_str(0, "the test panicked; its own message is in its output\n\n");
                }
                (text, report.lanes_in(entries))
            }
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_silent {
            self.write_page(self.has_failed || thread::panicking());
        }
    }
}

/// Writes a page about a test, if the environment asks for one.
pub(crate) fn write_wanted(test: &str, has_failed: bool, html: impl FnOnce() -> String) {
    let Some(folder) = environment::log_dir() else { return };
    if has_failed || environment::logs_always() {
        let folder = in_target(&folder);
        report(&folder, &write(&folder, test, &html()));
    }
}

/// The name of the test: that of its thread, by the convention of Rust's test harness.
pub(crate) fn test_name() -> String {
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main").map(str::to_owned);
    name.or_else(|| env::var("NEXTEST_TEST_NAME").ok()).unwrap_or_else(|| "main".into())
}

/// Places a relative folder in the target folder of the workspace. Cargo runs the tests of each
/// package in its own folder, so the current one would be different for each.
fn in_target(folder: &Path) -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    // Cargo writes both files to its target folder. It writes the first one only if it has created
    // the folder itself, which is not the case where the folder is a mounted cache.
    let is_target = |folder: &Path| {
        ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|name| folder.join(name).is_file())
    };
    match program.ancestors().find(|folder| is_target(folder)) {
        Some(target) if folder.is_relative() => {
            target.join(folder.strip_prefix("target").unwrap_or(folder))
        }
        _ => folder.into(),
    }
}

/// The names of the package and the program: two programs may have tests of one name, and two
/// packages may have programs of one name.
fn test_program() -> String {
    let program = test_binary();
    match env::var("CARGO_PKG_NAME") {
        Ok(package) if package != program && !package.is_empty() => format!("{package}.{program}"),
        _ => program,
    }
}

/// The name of the program, without what Cargo appends to those of tests.
fn test_binary() -> String {
    let program = env::current_exe().ok();
    let stem = program.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let stem = stem.unwrap_or("test");
    let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|b| b.is_ascii_hexdigit());
    stem.rsplit_once('-').filter(|(_, end)| is_hash(end)).map_or(stem, |(name, _)| name).to_owned()
}

/// Names of files have at most 255 bytes on most systems.
const MAXIMUM_NAME_BYTES: usize = 200;

/// How many pages of each name this process has written, so that none overwrites another.
static WRITTEN: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

fn write(folder: &Path, test: &str, page: &str) -> io::Result<PathBuf> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let plain = test.chars().map(|c| if is_plain(c) { c } else { '.' });
    let name = format!("{}.{}", test_program(), plain.collect::<String>());
    let name = truncate(&name, MAXIMUM_NAME_BYTES).to_owned();
    // Several mocks of one test have pages of their own.
    let number = {
        let mut written = WRITTEN.lock();
        let number = written.entry(name.clone()).or_default();
        *number += 1;
        *number
    };
    let name = match number {
        1 => format!("{name}.html"),
        _ => format!("{name}-{number}.html"),
    };
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    fs::write(&path, page)?;
    Ok(path)
}

/// Prints where the page is, or why it could not be written.
#[expect(clippy::print_stderr, reason = "the harness shows it below the failure of the test")]
fn report(folder: &Path, written: &io::Result<PathBuf>) {
    match written {
        Ok(path) => eprintln!("the log as a page: {}", path.display()),
        Err(error) => eprintln!(
            "the log cannot be written as a page to {}, by `MOCK_IVS_CHAT_LOG_DIR`: {error}",
            folder.display()
        ),
    }
}
