//! Progress: how far the runs have come, on stderr.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::log::explain::counted;

/// Shows on stderr how far the runs have come: a line that is rewritten on a terminal, or else one
/// line now and then.
pub(crate) struct Progress {
    test: String,
    is_terminal: bool,
    shown: Instant,
    has_line: bool,
    done: usize,
    failed: usize,
}

impl Progress {
    pub(crate) fn new(test: &str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        // As if a line had been shown, so an exploration that is soon over shows nothing.
        let shown = Instant::now();
        Self { test: test.to_owned(), is_terminal, shown, has_line: false, done: 0, failed: 0 }
    }

    /// Counts a run, of which `planned` are known so far.
    pub(crate) fn count(&mut self, has_failed: bool, planned: usize) {
        self.done += 1;
        self.failed += usize::from(has_failed);
        let interval = if self.is_terminal { TERMINAL_INTERVAL } else { LINE_INTERVAL };
        if self.shown.elapsed() < interval {
            return;
        }
        self.shown = Instant::now();
        let text = format!(
            "exploring {}: {} of {}, {} failed",
            self.test,
            counted(self.done, "run"),
            planned.max(self.done),
            self.failed
        );
        // Only a line on a terminal has to be erased at the end.
        self.has_line |= self.is_terminal;
        let start = if self.is_terminal { "\r\x1b[2K" } else { "" };
        let end = if self.is_terminal { "" } else { "\n" };
        write(&format!("{start}{text}{end}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_line {
            write("\r\x1b[2K");
        }
    }
}

/// Writes past the test harness, which would keep the text until the test has ended. Nothing
/// depends on whether it can be shown.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _written = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
const LINE_INTERVAL: Duration = Duration::from_secs(10);
