//! Output: the lines that the program prints.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use mock_ivs_chat::log::{Finding, Lint};
use mock_ivs_chat::{Handle, Log};
use tokio::sync::oneshot;

use crate::cli::LogFormat;
use crate::news::{self, News};

/// Prints lines to stdout.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints an error to stderr.
pub(crate) fn complain(message: &str) {
    // If stderr cannot be written, no other place is left to report it.
    let _ = writeln!(io::stderr(), "mock-ivs-chat: {message}");
}

/// Prints the log as it grows, and lint findings as they occur, on threads of their own.
///
/// The reader of the output may stop reading, and signals must work nevertheless. So nothing waits
/// for the threads. The receiver completes when the log cannot be printed.
pub(crate) fn follow(ivs: &Handle, format: Option<LogFormat>) -> oneshot::Receiver<io::Error> {
    let (sender, failed) = oneshot::channel();
    let (log, lints) = (ivs.log(), ivs.clone());
    thread::spawn(move || {
        let error = match format {
            None => return follow_nothing(sender),
            Some(format) => follow_log(&log, format),
        };
        // The program may have ended first.
        let _ = sender.send(error);
    });
    thread::spawn(move || follow_lint(&lints));
    failed
}

/// Keeps the sender, because its end would look like a failure.
fn follow_nothing(sender: oneshot::Sender<io::Error>) {
    std::mem::forget(sender);
}

/// The pause between two checks. A check reads the whole log, so a busy client must not start one
/// for each frame.
const LINT_INTERVAL: Duration = Duration::from_millis(200);

/// Prints findings to stderr, each once.
fn follow_lint(ivs: &Handle) {
    let mut printed = Printed::default();
    loop {
        let mark = ivs.log().mark();
        let is_pedantic = |finding: &Finding| Lint::PEDANTIC.contains(&finding.lint);
        let findings: Vec<_> = ivs.lint().into_iter().filter(|one| !is_pedantic(one)).collect();
        for finding in printed.news(&findings) {
            complain(&format!("lint: {finding}"));
        }
        news::wait(ivs.log().since(mark).wait_for(|_| true));
        // No other thread unparks this one, so this is a pause.
        thread::park_timeout(LINT_INTERVAL);
    }
}

/// How many findings of each lint about each entry have been printed. Those whose entry has left
/// the log are forgotten: indexes of entries are never used again, so they do not come back.
#[derive(Default)]
struct Printed(BTreeMap<(u64, String), usize>);

impl Printed {
    /// Returns the findings that have not been printed.
    fn news<'a>(&mut self, findings: &'a [Finding]) -> Vec<&'a Finding> {
        let mut counts = BTreeMap::new();
        let is_new = |finding: &&Finding| {
            let key = (finding.entry, finding.lint.to_string());
            let printed = self.0.get(&key).copied().unwrap_or(0);
            let count = counts.entry(key).or_insert(0);
            *count += 1;
            *count > printed
        };
        let news = findings.iter().filter(is_new).collect();
        self.0 = counts;
        news
    }
}

fn follow_log(log: &Log, format: LogFormat) -> io::Error {
    let mut news = News::new(log.clone(), 0);
    loop {
        let entry = news.next_blocking();
        let line = match format {
            LogFormat::Text => entry.to_string(),
            LogFormat::Json => entry.to_json().to_string(),
        };
        if let Err(error) = print(&format!("{line}\n")) {
            return error;
        }
    }
}

#[cfg(test)]
mod tests {
    use mock_ivs_chat::MockIvsChat;
    use mock_ivs_chat::log::LogRetention;

    use super::*;

    /// Each finding is printed once, although a bounded log has as many findings as before.
    #[test]
    fn findings_are_news_after_others_have_left_the_log() {
        let ivs = MockIvsChat::builder().log_retention(LogRetention::Last(2)).quiet().start();
        let alice = ivs.create_room("lobby").participant("alice");
        let mut printed = Printed::default();
        for _ in 0..5 {
            let raw = r#"{"action":"SEND_MESSAGE","RequestId":"r","Content":"hello"}"#;
            alice.send_raw(raw);
            let findings = ivs.lint();
            assert_eq!(printed.news(&findings), [&findings[0]]);
            assert!(printed.news(&findings).is_empty());
        }
        ivs.clear_log();
        alice.send_raw(r#"{"action":"SEND_MESSAGE","RequestId":"r","Content":"hello"}"#);
        assert_eq!(printed.news(&ivs.lint()).len(), 1);
        assert_eq!(printed.0.len(), 1);
    }
}
