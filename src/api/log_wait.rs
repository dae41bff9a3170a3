//! Log wait: a wait for an entry of the log that matches, with a timeout in real time.
//!
//! A wait does not use tokio's timers: under a paused clock they would fire immediately.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::api::explanations::with_sections;
use crate::api::impossible::conflict;
use crate::api::log::Log;
use crate::api::wait::{Waiting, fail_with};
use crate::api::wait_timeout::WaitTimeout;
use crate::driver::{ClosurePanic, Driver, Registration};
use crate::log::entry::Entry;
use crate::log::explain;
use crate::log::failure::{self, Failure, Section};
use crate::log::filter::Filter;
use crate::log::matcher::Matcher;
use crate::log::retention::LogRetention;
use crate::log::store::Selection;
use crate::proto::timestamp::Timestamp;
use crate::service::ConnectionId;

/// A wait for an entry of the log.
pub(crate) struct LogWait<T> {
    driver: Arc<Driver>,
    filter: Filter,
    selection: Selection,
    /// The cursor: each entry before it has been examined, once.
    next: u64,
    /// How many entries were dropped from the log before they could be examined.
    missed: u64,
    search: Box<dyn Search<T>>,
    /// The matcher of the wanted entry, unless the search is a test closure.
    matcher: Option<Matcher>,
    pub(crate) what: String,
    caller: &'static Location<'static>,
    /// Whether a closure has panicked, which fails the wait.
    has_panicked: bool,
    registration: Registration,
    /// Set by the first poll: before it, the wait takes no time.
    timeout: Option<(Instant, WaitTimeout)>,
    /// The time of a paused clock at the first poll.
    paused_time: Option<Timestamp>,
    is_complete: bool,
}

/// A wait that is dropped while it is pending leaves a trace for the report, because the failure of
/// the test is then somewhere else, such as in `tokio::time::timeout`.
impl<T> Drop for LogWait<T> {
    fn drop(&mut self) {
        if self.timeout.is_some() && !self.is_complete {
            self.driver.record_abandoned(format!("{}, at {}", self.what, self.caller));
        }
    }
}

/// The search of a wait. It converts the entry that matches.
pub(crate) trait Search<T>: Send {
    fn search(&mut self, entry: &Entry) -> Option<T>;

    /// Describes the entries found so far, for the failure.
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
        format!("; {} of {} arrived", self.found.len(), self.count)
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
    /// A closure has panicked, as this says.
    Panicked(String),
}

/// Why a wait can no longer succeed.
#[derive(Clone, Copy)]
enum End {
    LogIsOff,
    Connection(ConnectionId),
    Mock(&'static str),
}

impl<T> LogWait<T> {
    /// Creates a wait for the first entry of a view of which the search makes something.
    #[track_caller]
    pub(crate) fn new(
        log: &Log,
        what: impl Into<String>,
        search: impl Search<T> + 'static,
    ) -> Self {
        let wait = Self::without_check(log, what, search, None);
        wait.refuse_conflict();
        wait
    }

    /// Creates a wait for the first entry of a view that matches, and names the nearest one in the
    /// failure. The search must find nothing else.
    #[track_caller]
    pub(crate) fn matching(
        log: &Log,
        what: impl Into<String>,
        matcher: Matcher,
        search: impl Search<T> + 'static,
    ) -> Self {
        let wait = Self::without_check(log, what, search, Some(matcher));
        wait.refuse_conflict();
        wait
    }

    #[track_caller]
    fn without_check(
        log: &Log,
        what: impl Into<String>,
        search: impl Search<T> + 'static,
        matcher: Option<Matcher>,
    ) -> Self {
        Self {
            registration: Registration::new(log.driver.waiters()),
            driver: Arc::clone(&log.driver),
            filter: log.filter.clone(),
            selection: log.filter.selection(matcher.as_ref()),
            next: log.filter.since,
            missed: 0,
            search: Box::new(search),
            matcher,
            what: what.into(),
            caller: Location::caller(),
            has_panicked: false,
            timeout: None,
            paused_time: None,
            is_complete: false,
        }
    }

    /// Fails if nothing can match, instead of waiting for it.
    #[track_caller]
    fn refuse_conflict(&self) {
        if let Some(why) = conflict(&self.driver, &self.filter, self.matcher.as_ref()) {
            let headline = format!("cannot wait for {}: {why}", self.what);
            fail_with(&self.driver, &Failure::without_place(headline));
        }
    }

    pub(crate) const fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// Starts at a number before which nothing can be found.
    pub(crate) fn starting_at(mut self, first: u64) -> Self {
        self.next = self.next.max(first);
        self
    }

    /// Examines new entries, in batches that are read under the lock of the mock. The search, and
    /// the patterns of the view, are test code: they run without it, and however long they take,
    /// the wait ends in time.
    fn look(&mut self, deadline: Instant) -> Look<T> {
        // After a closure has panicked, the entry that it should have caused may never come.
        if let Some(ClosurePanic { whose, message, .. }) = self.driver.report_panic() {
            self.has_panicked = true;
            return Look::Panicked(format!("{whose} panicked: {message}"));
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
        if self.driver.log_settings().retention == LogRetention::Off {
            return Some(End::LogIsOff);
        }
        let connection = self.filter.connection().map(|(connection, _)| connection);
        // A connection that is closing still counts as open, because an entry about its end may
        // follow.
        if let Some(connection) = connection.filter(|c| self.driver.has_ended(*c)) {
            return Some(End::Connection(connection));
        }
        self.driver.waiters().stop_reason().map(End::Mock)
    }

    fn failure_of_end(&self, end: End) -> Failure {
        match end {
            End::LogIsOff => self.refusal(
                "the log is off, by `MockIvsChatBuilder::log_retention`, so there is nothing to look at",
                None,
            ),
            End::Mock(why) => self.refusal(why, None),
            End::Connection(connection) => {
                let (entries, _) = self.driver.entries_since(0);
                let label = self.filter.connection().map_or("", |(_, label)| label);
                let named = failure::end_of(connection, &entries).map(|end| entries[end].index());
                let why = match named {
                    Some(end) => format!("{label}'s connection ended at #{end}"),
                    None => format!("{label}'s connection has ended"),
                };
                self.refusal(&why, named)
            }
        }
    }

    fn refusal(&self, why: &str, named: Option<u64>) -> Failure {
        let headline = format!("cannot wait for {}: {why}", self.what);
        self.explain(Failure::new(headline, self.caller), named)
    }

    fn failure(&self) -> Failure {
        let limit = self.driver.wait_timeout();
        let progress = self.search.progress();
        let headline = format!("waited {limit:?} for {}{progress}", self.what);
        self.explain(Failure::new(headline, self.caller), None)
    }

    fn explain(&self, failure: Failure, named: Option<u64>) -> Failure {
        let (entries, _) = self.driver.entries_since(0);
        let unused = match (self.has_panicked, self.search.progress().is_empty()) {
            (true, _) => "but the panic has failed the wait",
            (false, true) => "but was consumed by an earlier wait",
            (false, false) => "and was counted",
        };
        let failure = match &self.matcher {
            Some(matcher) => {
                let end = Instant::now() + LONGEST_SEARCH;
                let has_time = || Instant::now() < end;
                failure.nearest(matcher, &self.filter, &entries, unused, has_time)
            }
            None => failure,
        };
        let missed = match self.missed {
            0 => Vec::new(),
            missed => vec![format!("{missed} entries, before the wait could look at them")],
        };
        let named =
            // A bounded log may have dropped the entry since.
            named.and_then(|number| entries.binary_search_by_key(&number, Entry::index).ok());
        let lanes = failure::lane_of(&self.filter, self.matcher.as_ref(), &entries);
        let user = self.filter.user().or_else(|| self.matcher.as_ref().and_then(Matcher::user_id));
        let absent = user.and_then(|user| explain::absence(user, &entries));
        let failure = failure
            .naming(named)
            .timeline(&entries, &lanes)
            .section(Section { title: "dropped", lines: missed })
            .section(Section { title: "users", lines: absent.into_iter().collect() })
            .section(Section { title: "clock", lines: self.jump().into_iter().collect() });
        with_sections(failure, &self.driver, &entries)
    }
}

impl<T> LogWait<T> {
    /// Returns a hint if a paused clock has moved far while the wait was pending, so that a session
    /// may have expired meanwhile.
    fn jump(&self) -> Option<String> {
        let duration = self.driver.clock().paused_time()?.since(self.paused_time?);
        (duration >= SHORTEST_JUMP).then(|| {
            let duration = Duration::from_secs(duration.as_secs());
            format!(
                "the paused clock moved by {} while the wait was pending, because tokio moves it \
                 to the next timer when all tasks are idle",
                humantime::format_duration(duration)
            )
        })
    }
}

impl<T> Waiting<T> for LogWait<T> {
    fn cannot_block(&self, why: &str) -> String {
        self.refusal(why, None).to_string()
    }
}

impl<T> Future for LogWait<T> {
    type Output = Result<T, Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.poll_once(cx);
        self.is_complete = polled.is_ready();
        polled
    }
}

impl<T> LogWait<T> {
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Box<Failure>>> {
        let limit = self.driver.wait_timeout();
        if self.timeout.is_none() {
            self.paused_time = self.driver.clock().paused_time();
        }
        // The time counts from the first poll, because a wait may be made long before it is
        // awaited.
        let new_timeout = || {
            let deadline = Instant::now() + limit;
            (deadline, WaitTimeout::start(deadline))
        };
        let (deadline, _) = *self.timeout.get_or_insert_with(new_timeout);
        // Before the look, so that an entry that was recorded before the end is found first. The
        // registration comes before it too, or an entry in between would wake nobody.
        let end = self.end();
        self.registration.register(cx.waker());
        match self.look(deadline) {
            Look::Found(found) => return Poll::Ready(Ok(found)),
            Look::Panicked(why) => return Poll::Ready(Err(Box::new(self.refusal(&why, None)))),
            Look::Behind => {
                // Other tasks of the executor have their turn in between.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Look::TimedOut => return Poll::Ready(Err(Box::new(self.failure()))),
            Look::Current => {}
        }
        if let Some(end) = end {
            return Poll::Ready(Err(Box::new(self.failure_of_end(end))));
        }
        if self.timeout.as_ref().is_some_and(|(_, timeout)| timeout.is_elapsed(cx.waker())) {
            return Poll::Ready(Err(Box::new(self.failure())));
        }
        Poll::Pending
    }
}

// The search is never pinned: it is called, not polled.
impl<T> Unpin for LogWait<T> {}

/// How many entries are read while the lock of the mock is held.
const BATCH: usize = 64;

/// How long a task examines entries before it lets others run.
const LONGEST_TURN: Duration = Duration::from_millis(10);

/// How far a paused clock must move during a wait before a failure says so.
const SHORTEST_JUMP: Duration = Duration::from_secs(1);

/// How long entries are still examined after the deadline.
const GRACE: Duration = Duration::from_millis(50);

/// How long a failure looks for the entry that comes nearest. Conditions of patterns are test code.
const LONGEST_SEARCH: Duration = Duration::from_millis(100);
