//! Waits: for an entry of the log that matches, with a limit in real time.
//!
//! A wait does not use tokio's timers: under a paused clock they would fire at once.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::driver::{CaughtPanic, Driver};
use crate::log::entry::Entry;
use crate::log::view::{Filter, Log};

/// A wait for an entry of the log, which completes with what was found in it.
///
/// It panics when it has waited for the limit of the mock, 5 s of real time unless set: with what
/// it waited for, the line of the test that waits, and the transcript.
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
    matcher: Matcher<T>,
    what: String,
    caller: &'static Location<'static>,
    alarm: Option<Alarm>,
}

/// What a wait looks for: it makes something of the entry that matches.
pub(crate) type Matcher<T> = Box<dyn FnMut(&Entry) -> Option<T> + Send>;

impl<T> Wait<T> {
    /// A wait for the first entry of a view of which the matcher makes something.
    #[track_caller]
    pub(crate) fn new(log: &Log, what: impl Into<String>, matcher: Matcher<T>) -> Self {
        Self {
            driver: Arc::clone(&log.driver),
            filter: log.filter.clone(),
            seen: log.filter.since,
            matcher,
            what: what.into(),
            caller: Location::caller(),
            alarm: None,
        }
    }

    /// Blocks until the wait is over.
    #[track_caller]
    pub(crate) fn block(mut self) -> T {
        let deadline = Instant::now() + self.driver.wait_limit();
        loop {
            if let Some(found) = self.look() {
                return found;
            }
            if !self.driver.block_beyond(self.seen, deadline) {
                panic!("{}", self.failure());
            }
        }
    }

    /// Looks through what is new in the log. A closure that has panicked fails the wait at once:
    /// what it should have brought about may never come.
    fn look(&mut self) -> Option<T> {
        if let Some(CaughtPanic { whose, message, .. }) = self.driver.report_panic() {
            panic!("{whose} panicked: {message}\n\n{}", self.failure());
        }
        // The matcher is the test's own code and runs outside the lock.
        let entries = self.driver.entries_since(self.seen);
        self.seen = entries.last().map_or(self.seen, |entry| entry.number + 1);
        let mut admitted = entries.iter().filter(|entry| self.filter.admits(entry));
        admitted.find_map(&mut self.matcher)
    }

    fn failure(&self) -> String {
        let log = Log { driver: Arc::clone(&self.driver), filter: Filter::default() };
        let Self { what, caller, .. } = self;
        let limit = self.driver.wait_limit();
        format!("waited {limit:?} for {what}, at {caller}\n\ntranscript:\n{log}")
    }
}

impl<T> Future for Wait<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        loop {
            if let Some(found) = self.look() {
                return Poll::Ready(found);
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

// The matcher is never pinned: it is called, not polled.
impl<T> Unpin for Wait<T> {}

impl Log {
    /// Waits for the first entry of this view that matches, also among those that are there
    /// already; [`Log::since`] tells where to begin.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let entry = ivs.log().wait_for(|entry| entry.kind() == EntryKind::Connected).await;
    /// assert_eq!(entry.user_id(), Some("alice"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for(
        &self,
        mut matches: impl FnMut(&Entry) -> bool + Send + 'static,
    ) -> Wait<Entry> {
        let matcher = move |entry: &Entry| matches(entry).then(|| entry.clone());
        Wait::new(self, "an entry that matches", Box::new(matcher))
    }

    /// Waits as [`Log::wait_for`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::{EntryKind, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.log().wait_for_blocking(|entry| entry.kind() == EntryKind::Connected);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock; see [`Wait`].
    #[track_caller]
    pub fn wait_for_blocking(&self, matches: impl FnMut(&Entry) -> bool + Send + 'static) -> Entry {
        self.wait_for(matches).block()
    }
}

/// The limit on waits where the test sets none.
pub(crate) fn limit_from_environment() -> Duration {
    let milliseconds = std::env::var("MOCK_IVS_CHAT_WAIT_LIMIT_MS").ok();
    let milliseconds = milliseconds.and_then(|text| text.parse().ok()).unwrap_or(5_000);
    Duration::from_millis(milliseconds)
}

/// Wakes a task at a moment of real time.
struct Alarm {
    deadline: Instant,
    shared: Arc<AlarmState>,
}

#[derive(Default)]
struct AlarmState {
    inner: Mutex<AlarmInner>,
    changed: Condvar,
}

#[derive(Default)]
struct AlarmInner {
    waker: Option<Waker>,
    is_off: bool,
}

impl Alarm {
    fn set(deadline: Instant) -> Self {
        let shared = Arc::<AlarmState>::default();
        let state = Arc::clone(&shared);
        // A thread that cannot be had leaves the wait without a limit, not without an end: it
        // still completes with what it waits for.
        let _ = thread::Builder::new().name("mock-ivs-chat-wait".into()).spawn(move || {
            let mut inner = state.inner.lock();
            while !inner.is_off {
                if state.changed.wait_until(&mut inner, deadline).timed_out() {
                    break;
                }
            }
            let waker = inner.waker.take();
            drop(inner);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Self { deadline, shared }
    }

    /// Whether the moment has come; if not, `waker` is woken when it does.
    fn rings(&self, waker: &Waker) -> bool {
        if Instant::now() >= self.deadline {
            return true;
        }
        self.shared.inner.lock().waker = Some(waker.clone());
        false
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut inner = self.shared.inner.lock();
        inner.is_off = true;
        inner.waker = None;
        self.shared.changed.notify_one();
    }
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
