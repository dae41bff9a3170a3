//! Waits: for an entry of the log that matches, with a limit in real time.
//!
//! A wait does not use tokio's timers: under a paused clock they would fire at once.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::api::log::{Filter, Log};
use crate::api::wait_timeout::Alarm;
use crate::driver::{ClosurePanic, Driver};
use crate::log::entry::Entry;
use crate::log::failure::{Failure, Section};
use crate::log::matcher::Pattern;
use crate::log::retention::Recording;

/// A wait for an entry of the log, which completes with what was found in it.
///
/// It panics when it has waited for the limit of the mock, 5 s of real time unless set: with what
/// it waited for, the line of the test that waits, the entry that came nearest and what differs,
/// the last entries as a timeline, and what the lint finds.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use mock_ivs_chat::{MockIvsChat, Wait};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let bob = room.participant("bob");
/// let wait: Wait<mock_ivs_chat::Message> = bob.expect_message("hello");
/// room.participant("alice").say("hello");
/// assert_eq!(wait.await.sender.user_id, "alice");
/// # });
/// ```
#[must_use = "a wait does nothing until it is awaited"]
pub struct Wait<T> {
    driver: Arc<Driver>,
    filter: Filter,
    /// How much of the log has been looked at.
    seen: u64,
    /// How many entries were dropped from the log before they could be looked at.
    missed: u64,
    seeker: Box<dyn Seek<T>>,
    /// What it looks for, if that is not a closure's secret.
    pattern: Option<Pattern>,
    pub(crate) what: String,
    caller: &'static Location<'static>,
    alarm: Option<Alarm>,
}

/// What a wait looks for: it makes something of the entry that matches.
pub(crate) trait Seek<T>: Send {
    fn look(&mut self, entry: &Entry) -> Option<T>;

    /// What was found on the way, for the failure.
    fn progress(&self) -> String {
        String::new()
    }
}

impl<T, F: FnMut(&Entry) -> Option<T> + Send> Seek<T> for F {
    fn look(&mut self, entry: &Entry) -> Option<T> {
        self(entry)
    }
}

/// Looks for several entries.
pub(crate) struct Several<F> {
    pub(crate) count: usize,
    pub(crate) found: Vec<Entry>,
    pub(crate) matches: F,
}

impl<F: FnMut(&Entry) -> bool + Send> Seek<Vec<Entry>> for Several<F> {
    fn look(&mut self, entry: &Entry) -> Option<Vec<Entry>> {
        if (self.matches)(entry) {
            self.found.push(entry.clone());
        }
        (self.found.len() == self.count).then(|| std::mem::take(&mut self.found))
    }

    fn progress(&self) -> String {
        format!("; {} of {} came", self.found.len(), self.count)
    }
}

impl<T> Wait<T> {
    /// A wait for the first entry of a view of which the seeker makes something.
    #[track_caller]
    pub(crate) fn new(log: &Log, what: impl Into<String>, seeker: impl Seek<T> + 'static) -> Self {
        Self {
            driver: Arc::clone(&log.driver),
            filter: log.filter.clone(),
            seen: log.filter.since,
            missed: 0,
            seeker: Box::new(seeker),
            pattern: None,
            what: what.into(),
            caller: Location::caller(),
            alarm: None,
        }
    }

    /// Has the failure name the entry that comes nearest to a pattern.
    pub(crate) fn explained_by(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// Blocks until the wait is over.
    #[track_caller]
    pub(crate) fn block(mut self) -> T {
        let deadline = Instant::now() + self.driver.wait_limit();
        loop {
            if let Some(found) = self.look() {
                return found;
            }
            let hopeless = self.is_hopeless().or_else(|| is_hopeless_to_block(&self.driver));
            if let Some(why) = hopeless {
                panic!("{}", self.refusal(why));
            }
            if !self.driver.block_beyond(self.seen, deadline) {
                panic!("{}", self.failure());
            }
        }
    }

    /// Looks through what is new in the log. A closure that has panicked fails the wait at once:
    /// what it should have brought about may never come.
    fn look(&mut self) -> Option<T> {
        if let Some(ClosurePanic { whose, message, .. }) = self.driver.report_panic() {
            panic!("{}", self.refusal(&format!("{whose} panicked: {message}")));
        }
        // The seeker is the test's own code and runs outside the lock.
        let (entries, length) = self.driver.entries_since(self.seen);
        self.missed += entries.first().map_or(length, Entry::number).saturating_sub(self.seen);
        self.seen = length;
        entries
            .iter()
            .filter(|entry| self.filter.admits(entry))
            .find_map(|entry| self.seeker.look(entry))
    }

    /// Why nothing can come of the wait, however long it lasts.
    fn is_hopeless(&self) -> Option<&'static str> {
        let is_off = self.driver.log_settings().recording == Recording::Off;
        is_off.then_some("the log is off, by `Builder::recording`, so there is nothing to look at")
    }

    fn refusal(&self, why: &str) -> Failure {
        let headline = format!("cannot wait for {}: {why}", self.what);
        self.explain(Failure::new(headline, self.caller))
    }

    fn failure(&self) -> Failure {
        let limit = self.driver.wait_limit();
        let progress = self.seeker.progress();
        let headline = format!("waited {limit:?} for {}{progress}", self.what);
        self.explain(Failure::new(headline, self.caller))
    }

    fn explain(&self, failure: Failure) -> Failure {
        let (entries, _) = self.driver.entries_since(0);
        let failure = match &self.pattern {
            Some(pattern) => failure.nearest(pattern, &self.filter, &entries),
            None => failure,
        };
        let missed = match self.missed {
            0 => Vec::new(),
            missed => vec![format!("{missed} entries, before the wait could look at them")],
        };
        let failure =
            failure.timeline(&entries).section(Section { title: "dropped", lines: missed });
        with_sections(failure, &self.driver)
    }
}

/// Why nothing can come of blocking this thread, if nothing can.
pub(crate) fn is_hopeless_to_block(driver: &Driver) -> Option<&'static str> {
    let shared = driver.log_settings().shared_thread;
    (shared == Some(thread::current().id())).then_some(
        "the mock runs on this thread, by `Builder::on_current_runtime` or under a paused \
         clock, and stands still while the thread is blocked; await the wait instead",
    )
}

/// Adds what may explain any failure.
pub(crate) fn with_sections(failure: Failure, driver: &Arc<Driver>) -> Failure {
    let log = Log { driver: Arc::clone(driver), filter: Filter::default() };
    let findings = log.lint().iter().map(ToString::to_string).collect();
    let unfired = driver.hook_standings().into_iter().filter(|standing| standing.hits == 0);
    let unfired = unfired.map(|standing| format!("{:?}", standing.name)).collect();
    let held = match driver.waiting_at_gates() {
        0 => Vec::new(),
        held => vec![format!("{held} waiting to be released")],
    };
    let unanswered = driver.unanswered();
    let panics = driver.panics().into_iter();
    let panics = panics.map(|panic| format!("{} panicked: {}", panic.whose, panic.message));
    failure
        .section(Section { title: "hooks that have not fired", lines: unfired })
        .section(Section { title: "gates", lines: held })
        .section(Section { title: "lint", lines: findings })
        .section(Section { title: "closures that have not returned", lines: unanswered })
        .section(Section { title: "panics", lines: panics.collect() })
}

impl<T> Future for Wait<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            if let Some(found) = self.look() {
                return Poll::Ready(found);
            }
            if let Some(why) = self.is_hopeless() {
                panic!("{}", self.refusal(why));
            }
            if self.driver.wake_beyond(self.seen, cx.waker()) {
                break;
            }
        }
        let limit = self.driver.wait_limit();
        let alarm = self.alarm.get_or_insert_with(|| Alarm::set(Instant::now() + limit));
        if alarm.rings(cx.waker()) {
            panic!("{}", self.failure());
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("what", &self.what).finish_non_exhaustive()
    }
}

// The seeker is never pinned: it is called, not polled.
impl<T> Unpin for Wait<T> {}

/// The limit on waits where the test sets none.
pub(crate) fn limit_from_environment() -> Duration {
    let milliseconds = std::env::var("MOCK_IVS_CHAT_WAIT_LIMIT_MS").ok();
    let milliseconds = milliseconds.and_then(|text| text.parse().ok()).unwrap_or(5_000);
    Duration::from_millis(milliseconds)
}

/// Fails a test, with the transcript.
#[track_caller]
pub(crate) fn fail(driver: &Arc<Driver>, message: impl fmt::Display) -> ! {
    let log = Log { driver: Arc::clone(driver), filter: Filter::default() };
    panic!("{message}\n\ntranscript:\n{log}")
}

/// What a participant or a test has been given already, so that it is not given it again.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<BTreeSet<u64>>);

impl Taken {
    /// Takes an entry, unless it was taken before.
    pub(crate) fn take(&self, entry: &Entry) -> bool {
        self.0.lock().insert(entry.number)
    }
}
