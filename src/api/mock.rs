//! `MockIvsChat`: the mock that a test owns, and its end.

use std::backtrace::Backtrace;
use std::fmt;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::api::builder::MockIvsChatBuilder;
use crate::api::environment;
use crate::api::failure_page::Ending;
use crate::api::handle::{Handle, address};
use crate::api::report::Report;
use crate::api::settle::Settling;
use crate::api::start::StartError;
use crate::api::wait::{Wait, Waiting};
use crate::driver::Driver;
use crate::log::failure::Failure;
use crate::log::record::OutageEvent;
use crate::net::server::StopReason;
use crate::net::thread::ServerThread;

/// An Amazon IVS Chat inside a test.
///
/// It serves the messaging protocol and the control plane on one loopback port, from the test's
/// own process, until it is dropped.
///
/// This type owns the mock: it starts and ends it. **All other methods are those of [`Handle`]**,
/// to which it dereferences:
///
/// | Task | Methods of [`Handle`] |
/// |---|---|
/// | addresses | [`addr`](Handle::addr), [`ws_url`](Handle::ws_url), [`endpoint_url`](Handle::endpoint_url), [`aws_env`](Handle::aws_env) |
/// | in-memory clients | [`connect`](Handle::connect), [`serve_stream`](Handle::serve_stream) |
/// | rooms and the control plane | [`create_room`](Handle::create_room), [`new_room`](Handle::new_room), [`room`](Handle::room), [`call`](Handle::call) |
/// | chat logging | [`new_logging_configuration`](Handle::new_logging_configuration), [`chat_logs`](Handle::chat_logs) |
/// | review handlers | [`review_lambda`](Handle::review_lambda), [`review_lambda_async`](Handle::review_lambda_async) |
/// | time | [`now`](Handle::now), [`advance`](Handle::advance) |
/// | hooks | [`on_handshake`](Handle::on_handshake), [`on_action`](Handle::on_action), [`on_review`](Handle::on_review), [`on_delivery`](Handle::on_delivery), [`on_operation`](Handle::on_operation), [`on_any_operation`](Handle::on_any_operation), [`install`](Handle::install), [`gate`](Handle::gate) |
/// | outages | [`disconnect_all`](Handle::disconnect_all), [`close_all`](Handle::close_all), [`restart`](Handle::restart), [`outage`](Handle::outage) |
/// | the log | [`log`](Handle::log), [`lint`](Handle::lint) |
/// | the end of a test | [`settled`](Handle::settled), [`verify`](Handle::verify), [`report`](Handle::report) |
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// alice.send_message("hello");
/// bob.expect_message("hello").wait();
/// ```
#[must_use = "the mock ends when it is dropped"]
pub struct MockIvsChat {
    handle: Handle,
    /// The mock's own thread, unless it runs on the test's runtime or has stopped.
    thread: Mutex<Option<ServerThread>>,
    /// The line of the test that has started the mock.
    started_at: &'static Location<'static>,
    /// Whether `finish` has returned the report.
    is_finished: bool,
    /// Dropped last, so that it sees the whole log.
    ending: Ending,
}

/// A panic of the test does not interrupt a change of the state; see the driver.
impl RefUnwindSafe for MockIvsChat {}
impl UnwindSafe for MockIvsChat {}

impl MockIvsChat {
    pub(crate) fn new(
        handle: Handle,
        thread: Option<ServerThread>,
        started_at: &'static Location<'static>,
    ) -> Self {
        let ending = Ending::new(Arc::clone(handle.driver()));
        Self { handle, thread: Mutex::new(thread), started_at, is_finished: false, ending }
    }

    /// Starts a mock on an ephemeral loopback port; it is ready when this returns.
    ///
    /// It runs on its own thread, and so in any test: with or without an async runtime, tokio's or
    /// another. Only under a paused tokio clock does it run on the test's runtime and follow that
    /// clock. Otherwise each timeout of the client would fire immediately, because tokio does not
    /// wait for a server on another thread.
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
    /// If a port, a thread or a runtime is not available; see [`MockIvsChat::try_start`].
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a mock, or returns the reason why it cannot start.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::try_start().expect("a loopback port is free");
    /// ```
    ///
    /// # Errors
    ///
    /// If a port, a thread or a runtime is not available.
    #[track_caller]
    pub fn try_start() -> Result<Self, StartError> {
        Self::builder().try_start()
    }

    /// Returns a builder, which sets everything that is set before the start.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::builder().region("eu-west-1").start();
    /// assert!(ivs.create_room("lobby").arn().starts_with("arn:aws:ivschat:eu-west-1:"));
    /// ```
    pub fn builder() -> MockIvsChatBuilder {
        MockIvsChatBuilder::new()
    }

    /// Returns a handle for spawned tasks and other threads. It does not keep the mock alive.
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

    /// Ends the mock, as dropping it does. When this returns, all connections are closed, the port
    /// refuses clients, and the thread has ended. The log can still be read.
    ///
    /// Many clients wait for their connections to end when they are shut down. After this call,
    /// they need not wait.
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
        self.end(StopReason::Stopped, Some(OutageEvent::Stop));
    }
}

impl MockIvsChat {
    /// Lets the mock settle, as [`Handle::settled`] does, ends it, and returns a report: `Err` if
    /// an expectation was not met, a closure has panicked or not returned, or a client did what the
    /// test denies.
    ///
    /// A mock that is dropped without this panics where this returns `Err`. It settles for at most a
    /// second, and not at all if the mock runs on this very thread. If the test is panicking
    /// already, the mock prints its report on stderr instead, unless it is
    /// [quiet](MockIvsChatBuilder::quiet). To see the error that a test returns beside the report,
    /// use [`MockIvsChat::run`] or [`MockIvsChat::finish_with`].
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// ivs.finish().wait().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If [`Wait::wait`] is called on the thread that the mock runs on; await it there.
    #[track_caller]
    pub fn finish(self) -> Wait<Result<Report, Report>> {
        let driver = Arc::clone(self.driver());
        let settling = Settling::start(&driver, Location::caller());
        Wait::new(&driver, Finishing::new(self, settling))
    }

    /// Ends the mock without a report, because the explorer has read it already.
    #[cfg(feature = "explore")]
    pub(crate) fn end_unreported(mut self) {
        self.end(StopReason::Stopped, None);
        self.is_finished = true;
        self.ending.is_silent = true;
        self.handle.driver().release_closures();
    }

    /// Records whether the test itself has failed, for the page of the mock.
    pub(super) const fn has_failed_test(&mut self, has_failed: bool) {
        self.ending.has_failed = has_failed;
    }

    /// Ends the mock and returns its report.
    fn end_with_report(mut self) -> Result<Report, Report> {
        self.end(StopReason::Stopped, None);
        self.is_finished = true;
        // After the end, which gives running closures a moment to return, and before the hooks are
        // removed.
        let report = self.handle.report();
        self.ending.has_failed |= report.is_failure();
        self.handle.driver().release_closures();
        if report.is_failure() { Err(report) } else { Ok(report) }
    }

    /// Ends everything that the mock does, in a bounded time. An outage is recorded in the log.
    fn end(&self, reason: StopReason, outage: Option<OutageEvent>) {
        // `None` means that the mock was stopped before. The ports close first, so no connection
        // begins meanwhile. The streams close last, after an outage has been recorded.
        if let Some(connections) = self.handle.server().stop(reason) {
            self.handle.driver().shut_down(outage);
            self.handle.driver().stop(reason.message());
            connections.close();
        }
        // In a statement of its own, so that the lock is released before the thread ends.
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            thread.end();
        }
    }
}

/// The end of a mock that settles first.
pub(super) struct Finishing {
    mock: Option<MockIvsChat>,
    settling: Settling,
}

impl Finishing {
    pub(super) const fn new(mock: MockIvsChat, settling: Settling) -> Self {
        Self { mock: Some(mock), settling }
    }
}

impl Future for Finishing {
    type Output = Result<Result<Report, Report>, Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A mock that does not settle in time ends all the same: its report says what it is busy
        // with.
        let settled = self.settling.poll_settled(cx);
        settled.map(|_| {
            let mock = self.mock.take().expect("it completes only once");
            Ok(mock.end_with_report())
        })
    }
}

impl Waiting<Result<Report, Report>> for Finishing {
    fn cannot_block(&self, why: &str) -> String {
        format!("cannot finish: {why}")
    }
}

impl MockIvsChat {
    /// Prints the report beside the panic of a test. The test harness shows it with the panic.
    fn explain_panic(&self, report: &Report) {
        let driver = self.handle.driver();
        if is_quiet(driver) || report.is_empty() {
            return;
        }
        let text = match driver.latest_failure() {
            // The failure has everything else already, and that of `verify` has these, too.
            Some(failure) => {
                let text = report.expectations();
                let is_known = |line: &str| failure.text.contains(line);
                if text.lines().next().is_some_and(is_known) { String::new() } else { text }
            }
            None => report.to_string(),
        };
        if !text.is_empty() {
            let Self { started_at, .. } = self;
            print(format_args!(
                "the mock started at {started_at}, when the test panicked:\n{text}"
            ));
        }
    }
}

/// Returns `true` if the mock should print nothing beside a panic of the test.
fn is_quiet(driver: &Driver) -> bool {
    driver.log_settings().is_quiet || environment::is_quiet()
}

impl Deref for MockIvsChat {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl MockIvsChat {
    /// Lets the mock settle for a limited time, if the end of the test depends on what clients have
    /// sent: whether a hook fires as often as expected, whether a closure panics, or whether a
    /// denied lint has a finding.
    fn settle_before_judging(&self) {
        let driver = self.handle.driver();
        let judges = driver.hook_standings().iter().any(|hook| hook.expected.is_some())
            || driver.has_closures()
            || !driver.log_settings().denied.is_empty();
        // A test that fails already needs no judgment. A thread that the mock itself needs, or a
        // closure that it waits for, would wait for nothing.
        let can_wait = !self.is_finished
            && !thread::panicking()
            && self.handle.server().stop_reason().is_none()
            && !driver.runs_on_current_thread()
            && driver.own_questions().is_empty();
        if judges && can_wait {
            Settling::start(driver, Location::caller()).wait_for(SETTLING_TIME);
        }
    }
}

/// How long the end of a mock lets it settle.
const SETTLING_TIME: Duration = Duration::from_secs(1);

impl Drop for MockIvsChat {
    fn drop(&mut self) {
        self.settle_before_judging();
        self.end(StopReason::Dropped, None);
        if self.is_finished {
            return;
        }
        let report = self.handle.report();
        self.handle.driver().release_closures();
        // A panic in a test that is already failing would abort the process.
        if thread::panicking() {
            return self.explain_panic(&report);
        }
        self.ending.has_failed = report.is_failure();
        if report.is_failure() && is_in_thread_local_destructor() {
            // A panic here would abort the process, and hide the report of any other test.
            return print(format_args!(
                "the mock started at {}, in a thread-local variable, has failed its test:\n\n\
                 {report}",
                self.started_at
            ));
        }
        if report.is_failure() {
            // A destructor has no caller, not even with `#[track_caller]`, so the panic points
            // here, and the first line names the test.
            let (text, started_at) = (report.to_string(), self.started_at);
            let text = text.trim_end();
            panic!("the mock started at {started_at} has failed its test:\n\n{text}");
        }
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

/// Prints a text that cannot be the message of a panic.
#[expect(clippy::print_stderr, reason = "stderr is the only place left to report a failure")]
fn print(text: fmt::Arguments<'_>) {
    eprintln!("{text}");
}

/// One line without secrets, because mocks are fields of fixtures that tests print.
impl fmt::Debug for MockIvsChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MockIvsChat({})", address(self.handle.server()))
    }
}
