//! `MockIvsChat`: the mock as a test owns it, and its end.

use std::backtrace::Backtrace;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::api::builder::Builder;
use crate::api::failure_page::Ending;
use crate::api::handle::Handle;
use crate::api::report::Report;
use crate::api::start::StartError;
use crate::log::record::Outage;
use crate::net::thread::ServerThread;

/// An Amazon IVS Chat inside a test.
///
/// It serves the messaging protocol and the control plane on one loopback port, from the test's
/// own process, until it is dropped. Its methods are those of [`Handle`], which it derefs to.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.say("hello");
/// bob.expect_message_blocking("hello");
/// ```
#[derive(Debug)]
#[must_use = "the mock ends when it is dropped"]
pub struct MockIvsChat {
    handle: Handle,
    /// The thread of its own, unless it runs on the test's runtime or has stopped.
    thread: Mutex<Option<ServerThread>>,
    /// Whether the test has its report already.
    is_finished: bool,
    /// Dropped last, so that it sees the whole log.
    ending: Ending,
}

impl MockIvsChat {
    pub(crate) fn new(handle: Handle, thread: Option<ServerThread>) -> Self {
        let ending = Ending::new(Arc::clone(handle.driver()));
        Self { handle, thread: Mutex::new(thread), is_finished: false, ending }
    }

    /// Starts a mock on an ephemeral loopback port; it is ready when this returns.
    ///
    /// It runs on a thread of its own, and so in any test: with or without an async runtime, of
    /// tokio or not. Only under a paused tokio clock it runs on the test's runtime instead and
    /// follows that clock, for a server on another thread would make each timeout of the client
    /// fire at once.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// assert!(ivs.ws_url().starts_with("ws://127.0.0.1:"));
    /// ```
    ///
    /// # Panics
    ///
    /// If no port, no thread or no runtime can be had; see [`MockIvsChat::try_start`].
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a mock, or says why that is impossible.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::try_start().expect("a loopback port can be had");
    /// ```
    ///
    /// # Errors
    ///
    /// If no port, no thread or no runtime can be had.
    pub fn try_start() -> Result<Self, StartError> {
        Self::builder().try_start()
    }

    /// Sets what can be set before the start.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::builder().region("eu-west-1").start();
    /// assert!(ivs.create_room("lobby").arn().starts_with("arn:aws:ivschat:eu-west-1:"));
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A handle for spawned tasks and other threads, which does not keep the mock alive.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let handle = ivs.handle();
    /// std::thread::spawn(move || handle.create_room("lobby")).join().unwrap();
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the mock, as its drop does: all connections are cut, the port refuses, and the thread
    /// is gone when this returns. The log can still be read.
    ///
    /// A client that waits for its connections to end, as many do when they are shut down, has
    /// nothing to wait for after this.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.stop();
    /// assert!(!alice.is_connected());
    /// assert!(ivs.log().to_string().ends_with("outage: stop\n  alice is gone\n"));
    /// ```
    pub fn stop(&self) {
        self.end(Some(Outage::Stop));
    }
}

impl MockIvsChat {
    /// Ends the mock, and says what is to be said of the test: `Err` if an expectation was not
    /// met, a closure has panicked, or a client did what the test denies.
    ///
    /// A mock that is dropped without this panics where this returns `Err`; but not while the
    /// test panics already.
    ///
    /// What a client has written and the mock has not read yet does not count:
    /// [`MockIvsChat::finish_async`] waits for that, and [`Handle::settled_blocking`] does.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// ivs.finish().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The report, if the test has failed by it.
    pub fn finish(mut self) -> Result<Report, Report> {
        self.end(None);
        self.is_finished = true;
        let report = self.handle.report();
        self.ending.has_failed = report.is_failure();
        self.handle.driver().release_closures();
        if report.is_failure() { Err(report) } else { Ok(report) }
    }

    /// Lets what is under way come to its end, as [`Handle::settled`] does, and then ends the mock
    /// as [`MockIvsChat::finish`] does.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// ivs.finish_async().await.unwrap();
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The report, if the test has failed by it.
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock on waits, if something is under way all the time.
    #[track_caller]
    pub fn finish_async(self) -> impl Future<Output = Result<Report, Report>> + Send {
        let settled = self.settled();
        async move {
            settled.await;
            self.finish()
        }
    }

    /// Ends all that the mock does, in a bounded time; the log tells of it if it is an outage.
    fn end(&self, outage: Option<Outage>) {
        if let Some(connections) = self.handle.server().stop() {
            self.handle.driver().shut_down(outage);
            self.handle.driver().stop();
            connections.close();
        }
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            thread.end();
        }
    }
}

impl Deref for MockIvsChat {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for MockIvsChat {
    fn drop(&mut self) {
        self.end(None);
        if self.is_finished {
            return;
        }
        let report = self.handle.report();
        self.handle.driver().release_closures();
        // A test that fails already is not to fail with something else, let alone to abort.
        if thread::panicking() {
            return;
        }
        if report.is_failure() && is_in_thread_local_destructor() {
            // A panic here would abort the process, and hide the report of any other test.
            return print(&report);
        }
        assert!(!report.is_failure(), "{report}");
    }
}

/// Returns `true` if a destructor of a thread-local variable is running. Only a backtrace knows
/// that, and it takes a while, so call this only for a failure.
fn is_in_thread_local_destructor() -> bool {
    let backtrace = Backtrace::force_capture().to_string();
    let mut internals = backtrace.lines().filter_map(|line| line.split_once("sys::thread_local::"));
    internals.any(|(_, name)| {
        name.starts_with("destructors::")
            || name.starts_with("guard::")
            || name.contains("::destroy")
    })
}

/// Prints a failure that cannot be a panic.
#[expect(clippy::print_stderr, reason = "stderr is the only place left to report a failure")]
fn print(report: &Report) {
    eprintln!("a mock in a thread-local variable has failed its test:\n{report}");
}
