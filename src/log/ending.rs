//! Ending: what the log has to say when its mock is dropped.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io, thread};

use crate::driver::Driver;
use crate::log::lint::Finding;
use crate::log::view::{Filter, Log};

/// Writes the page of a mock whose test fails, and fails a test in which a client did what the
/// test denies. It acts when it is dropped.
#[derive(Debug)]
pub(crate) struct Ending {
    driver: Arc<Driver>,
}

impl Ending {
    pub(crate) const fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }

    fn log(&self) -> Log {
        Log { driver: Arc::clone(&self.driver), filter: Filter::default() }
    }

    fn denied(&self) -> Vec<Finding> {
        let denied = &self.driver.log_settings().denied;
        if denied.is_empty() {
            return Vec::new();
        }
        let findings = self.log().lint().into_iter();
        findings.filter(|finding| denied.contains(&finding.lint)).collect()
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
        let page = self.log().to_html(&test);
        report(&write(Path::new(&folder), &test, &page));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let denied = self.denied();
        self.write_page(thread::panicking() || !denied.is_empty());
        // A second panic would take all other tests of the process with it.
        if !denied.is_empty() && !thread::panicking() {
            let findings: Vec<String> = denied.iter().map(|f| format!("  {f}\n")).collect();
            panic!(
                "a client did what the test denies:\n{}\ntranscript:\n{}",
                findings.concat(),
                self.log()
            );
        }
    }
}

/// The name of the test: that of its thread, by the convention of Rust's test harness.
fn test_name() -> String {
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main").map(str::to_owned);
    name.or_else(|| env::var("NEXTEST_TEST_NAME").ok()).unwrap_or_else(|| "main".into())
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
    let name = if number == 1 { format!("{plain}.html") } else { format!("{plain}-{number}.html") };
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
