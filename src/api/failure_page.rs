//! Ending: what the log has to say when its mock is dropped.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io, thread};

use crate::api::log::Log;
use crate::driver::Driver;
use crate::log::filter::Filter;

/// Writes the page of a mock whose test fails. It acts when it is dropped.
#[derive(Debug)]
pub(crate) struct Ending {
    driver: Arc<Driver>,
    /// Whether the test has failed by the mock's own report.
    pub(crate) has_failed: bool,
}

impl Ending {
    pub(crate) const fn new(driver: Arc<Driver>) -> Self {
        Self { driver, has_failed: false }
    }

    fn write_page(&self, has_failed: bool) {
        let Some(folder) = env::var_os("MOCK_IVS_CHAT_LOG_DIR").filter(|dir| !dir.is_empty())
        else {
            return;
        };
        let is_always = env::var_os("MOCK_IVS_CHAT_LOG").is_some_and(|when| when == "always");
        if !has_failed && !is_always {
            return;
        }
        let test = test_name();
        let log = Log { driver: Arc::clone(&self.driver), filter: Filter::default() };
        report(&write(Path::new(&folder), &test, &log.to_html(&test)));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.write_page(self.has_failed || thread::panicking());
    }
}

/// The name of the test: that of its thread, by the convention of Rust's test harness.
fn test_name() -> String {
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main").map(str::to_owned);
    name.or_else(|| env::var("NEXTEST_TEST_NAME").ok()).unwrap_or_else(|| "main".into())
}

/// The name of the program, without what Cargo appends to those of tests: two of them may have
/// tests of one name.
fn test_binary() -> String {
    let program = env::current_exe().ok();
    let stem = program.as_deref().and_then(Path::file_stem).and_then(|stem| stem.to_str());
    let stem = stem.unwrap_or("test");
    let is_hash = |end: &str| end.len() == 16 && end.bytes().all(|b| b.is_ascii_hexdigit());
    stem.rsplit_once('-').filter(|(_, end)| is_hash(end)).map_or(stem, |(name, _)| name).to_owned()
}

fn write(folder: &Path, test: &str, page: &str) -> io::Result<PathBuf> {
    thread_local! {
        /// How many pages this thread, and so as a rule this test, has written.
        static WRITTEN: Cell<u32> = const { Cell::new(0) };
    }
    let number = WRITTEN.with(|written| {
        written.set(written.get() + 1);
        written.get()
    });
    let is_plain = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let plain: String = test.chars().map(|c| if is_plain(c) { c } else { '.' }).collect();
    let binary = test_binary();
    let name = match number {
        1 => format!("{binary}.{plain}.html"),
        _ => format!("{binary}.{plain}-{number}.html"),
    };
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    fs::write(&path, page)?;
    Ok(path)
}

/// Tells the person who asked for the page where it is, or why it is not.
#[expect(clippy::print_stderr, reason = "the harness shows it below the failure of the test")]
fn report(written: &io::Result<PathBuf>) {
    match written {
        Ok(path) => eprintln!("the log as a page: {}", path.display()),
        Err(error) => eprintln!("the log cannot be written as a page: {error}"),
    }
}
