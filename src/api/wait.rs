//! Waits: for an entry of the log that matches, with a timeout in real time.
//!
//! A wait does not use tokio's timers: under a paused clock they would fire immediately.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::api::log::Log;
use crate::api::wait_timeout::WaitTimeout;
use crate::driver::{ClosurePanic, Driver, Registration};
use crate::log::entry::Entry;
use crate::log::failure::{self, Failure, Section};
use crate::log::filter::Filter;
use crate::log::lint;
use crate::log::matcher::Pattern;
use crate::log::retention::Recording;
use crate::log::store::Selection;
use crate::service::ConnectionId;

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
    selection: Selection,
    /// The cursor: each entry before it has been examined, once.
    next: u64,
    /// How many entries were dropped from the log before they could be examined.
    missed: u64,
    search: Box<dyn Search<T>>,
    /// What it looks for, if the search is not a test closure.
    pattern: Option<Pattern>,
    pub(crate) what: String,
    caller: &'static Location<'static>,
    registration: Registration,
    /// Set by the first poll: before it, the wait takes no time.
    timeout: Option<(Instant, WaitTimeout)>,
}

/// What a wait looks for: it makes something of the entry that matches.
pub(crate) trait Search<T>: Send {
    fn search(&mut self, entry: &Entry) -> Option<T>;

    /// Says what was found on the way, for the failure.
    fn progress(&self) -> String {
        String::new()
    }
}

impl<T, F: FnMut(&Entry) -> Option<T> + Send> Search<T> for F {
    fn search(&mut self, entry: &Entry) -> Option<T> {
        self(entry)
    }
}

/// Looks for several entries.
pub(crate) struct SearchMany<F> {
    pub(crate) count: usize,
    pub(crate) found: Vec<Entry>,
    pub(crate) matches: F,
}

impl<F: FnMut(&Entry) -> bool + Send> Search<Vec<Entry>> for SearchMany<F> {
    fn search(&mut self, entry: &Entry) -> Option<Vec<Entry>> {
        if (self.matches)(entry) {
            self.found.push(entry.clone());
        }
        (self.found.len() == self.count).then(|| std::mem::take(&mut self.found))
    }

    fn progress(&self) -> String {
        format!("; {} of {} came", self.found.len(), self.count)
    }
}

/// How far a look at the new entries came.
enum Look<T> {
    Found(T),
    /// All entries have been examined.
    Current,
    /// More entries are left than are examined in one go.
    Behind,
    /// The time was up before all entries were examined.
    TimedOut,
}

/// Why a wait can no longer succeed.
#[derive(Clone, Copy)]
enum End {
    LogIsOff,
    Connection(ConnectionId),
    Mock,
}

impl<T> Wait<T> {
    /// A wait for the first entry of a view of which the search makes something.
    #[track_caller]
    pub(crate) fn new(
        log: &Log,
        what: impl Into<String>,
        search: impl Search<T> + 'static,
    ) -> Self {
        Self {
            registration: Registration::new(log.driver.waiters()),
            driver: Arc::clone(&log.driver),
            filter: log.filter.clone(),
            selection: log.filter.selection(None),
            next: log.filter.since,
            missed: 0,
            search: Box::new(search),
            pattern: None,
            what: what.into(),
            caller: Location::caller(),
            timeout: None,
        }
    }

    /// Looks only for entries that match a pattern, and names the nearest one in the failure. The
    /// search must find nothing else.
    pub(crate) fn matching(mut self, pattern: Pattern) -> Self {
        self.selection = self.filter.selection(Some(&pattern));
        self.pattern = Some(pattern);
        self
    }

    /// Starts at a number before which nothing can be found.
    pub(crate) fn starting_at(mut self, first: u64) -> Self {
        self.next = self.next.max(first);
        self
    }

    /// Waits, and blocks the thread: for tests without an async runtime.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.say("hello");
    /// assert_eq!(bob.expect_message("hello").wait().content, "hello");
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing matches within the wait timeout, or if nothing can match any more.
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    pub fn wait(self) -> T {
        self.block()
    }

    /// Blocks until the wait is over.
    pub(crate) fn block(mut self) -> T {
        let deadline = Instant::now() + self.driver.wait_limit();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            let end = self.end();
            self.registration.register(&waker);
            match self.look(deadline) {
                Look::Found(found) => return found,
                Look::Behind => continue,
                Look::TimedOut => panic!("{}", self.failure()),
                Look::Current => {}
            }
            self.fail_if_over(end);
            if let Some(why) = cannot_block(&self.driver) {
                panic!("{}", self.refusal(why, None));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                panic!("{}", self.failure());
            }
            thread::park_timeout(left);
        }
    }

    /// Examines new entries, in batches that are read under the lock of the mock. The search, and
    /// the patterns of the view, are test code: they run without it, and however long they take,
    /// the wait ends in time.
    fn look(&mut self, deadline: Instant) -> Look<T> {
        // What a closure that has panicked should have brought about may never come.
        if let Some(ClosurePanic { whose, message, .. }) = self.driver.report_panic() {
            panic!("{}", self.refusal(&format!("{whose} panicked: {message}"), None));
        }
        let turn_end = Instant::now() + LONGEST_TURN;
        loop {
            let batch = self.driver.read_log(self.selection, self.next, BATCH);
            self.missed += batch.missed;
            for entry in &batch.entries {
                self.next = entry.number + 1;
                if self.filter.admits(entry) {
                    if let Some(found) = self.search.search(entry) {
                        return Look::Found(found);
                    }
                }
                // Entries from before the deadline count, as far as there is time to examine them.
                if Instant::now() >= deadline + GRACE {
                    return Look::TimedOut;
                }
            }
            self.next = batch.next.max(self.next);
            let now = Instant::now();
            if batch.is_last {
                return Look::Current;
            }
            if now >= deadline + GRACE {
                return Look::TimedOut;
            }
            if now >= turn_end {
                return Look::Behind;
            }
        }
    }

    /// Why nothing new can come, if so. It is asked before the entries are examined: an end that is
    /// seen here is conclusive only after a look at all entries.
    fn end(&self) -> Option<End> {
        if self.driver.log_settings().recording == Recording::Off {
            return Some(End::LogIsOff);
        }
        let connection = self.filter.connection().map(|(connection, _)| connection);
        if let Some(connection) = connection.filter(|c| self.driver.has_ended(*c)) {
            return Some(End::Connection(connection));
        }
        self.driver.waiters().has_stopped().then_some(End::Mock)
    }

    fn fail_if_over(&self, end: Option<End>) {
        let why: String = match end {
            None => return,
            Some(End::LogIsOff) => {
                "the log is off, by `Builder::recording`, so there is nothing to look at".into()
            }
            Some(End::Mock) => "the mock has stopped".into(),
            Some(End::Connection(connection)) => {
                let (entries, _) = self.driver.entries_since(0);
                let label = self.filter.connection().map_or("", |(_, label)| label);
                let end = failure::end_of(connection, &entries);
                let why = match end {
                    Some(end) => {
                        format!("{label}'s connection ended at #{}", entries[end].number())
                    }
                    None => format!("{label}'s connection has ended"),
                };
                panic!("{}", self.refusal(&why, end.map(|end| entries[end].number())));
            }
        };
        panic!("{}", self.refusal(&why, None));
    }

    fn refusal(&self, why: &str, named: Option<u64>) -> Failure {
        let headline = format!("cannot wait for {}: {why}", self.what);
        self.explain(Failure::new(headline, self.caller), named)
    }

    fn failure(&self) -> Failure {
        let limit = self.driver.wait_limit();
        let progress = self.search.progress();
        let headline = format!("waited {limit:?} for {}{progress}", self.what);
        self.explain(Failure::new(headline, self.caller), None)
    }

    fn explain(&self, failure: Failure, named: Option<u64>) -> Failure {
        let (entries, _) = self.driver.entries_since(0);
        let failure = match &self.pattern {
            Some(pattern) => failure.nearest(pattern, &self.filter, &entries),
            None => failure,
        };
        let missed = match self.missed {
            0 => Vec::new(),
            missed => vec![format!("{missed} entries, before the wait could look at them")],
        };
        let named =
            named.and_then(|number| entries.binary_search_by_key(&number, Entry::number).ok());
        let lanes = failure::lane_of(&self.filter, self.pattern.as_ref(), &entries);
        let failure = failure
            .naming(named)
            .timeline(&entries, &lanes)
            .section(Section { title: "dropped", lines: missed });
        with_sections(failure, &self.driver, &entries)
    }
}

/// Wakes a thread that blocks in a wait.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Says why a wait must not block this thread, if so.
pub(crate) fn cannot_block(driver: &Driver) -> Option<&'static str> {
    driver.runs_on_current_thread().then_some(
        "the mock runs on this thread, by `Builder::on_current_runtime` or under a paused \
         clock, and stands still while the thread is blocked; await the wait instead",
    )
}

/// Adds what may explain any failure.
pub(crate) fn with_sections(failure: Failure, driver: &Arc<Driver>, entries: &[Entry]) -> Failure {
    // The cause of a failure is rarely older, and a long log would take long to check.
    let recent = &entries[entries.len().saturating_sub(MOST_LINTED)..];
    let findings = lint::check(recent, driver.clock().measures_clients());
    let findings = findings.iter().map(ToString::to_string).collect();
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
        let limit = self.driver.wait_limit();
        let new_timeout = || {
            let deadline = Instant::now() + limit;
            (deadline, WaitTimeout::start(deadline))
        };
        let (deadline, _) = *self.timeout.get_or_insert_with(new_timeout);
        let end = self.end();
        self.registration.register(cx.waker());
        match self.look(deadline) {
            Look::Found(found) => return Poll::Ready(found),
            Look::Behind => {
                // Other tasks of the executor have their turn in between.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Look::TimedOut => panic!("{}", self.failure()),
            Look::Current => {}
        }
        self.fail_if_over(end);
        if self.timeout.as_ref().is_some_and(|(_, timeout)| timeout.is_elapsed(cx.waker())) {
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

// The search is never pinned: it is called, not polled.
impl<T> Unpin for Wait<T> {}

/// The wait timeout where the test sets none.
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

/// The entries that a participant or a cursor has given out, so that it does not do so again.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<TakenNumbers>);

#[derive(Debug, Default)]
struct TakenNumbers {
    /// Nothing before this number is left to be taken.
    start: u64,
    /// The numbers from there on that were taken.
    numbers: BTreeSet<u64>,
}

impl Taken {
    /// Takes an entry, unless it was taken before.
    pub(crate) fn take(&self, entry: &Entry) -> bool {
        let mut taken = self.0.lock();
        entry.number >= taken.start && taken.numbers.insert(entry.number)
    }

    /// Returns `true` if an entry was taken.
    pub(crate) fn contains(&self, entry: &Entry) -> bool {
        let taken = self.0.lock();
        entry.number < taken.start || taken.numbers.contains(&entry.number)
    }

    /// The number before which nothing is left to be taken.
    pub(crate) fn start(&self) -> u64 {
        self.0.lock().start
    }

    /// Records that nothing before a number is left to be taken.
    pub(crate) fn set_start(&self, start: u64) {
        let mut taken = self.0.lock();
        if start > taken.start {
            taken.start = start;
            taken.numbers = taken.numbers.split_off(&start);
        }
    }
}

/// How many entries are read while the lock of the mock is held.
const BATCH: usize = 64;

/// How long a task examines entries before it lets others run.
const LONGEST_TURN: Duration = Duration::from_millis(10);

/// How long entries are still examined after the deadline.
const GRACE: Duration = Duration::from_millis(50);

/// How many of the last entries are linted for a failure.
const MOST_LINTED: usize = 2_048;
