//! Wait: something that a test waits for, in async tests and in others.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{self, RuntimeFlavor};

use crate::api::explanations::with_sections;
use crate::api::log_wait::LogWait;
use crate::driver::Driver;
use crate::log::failure::{Failure, Section};
use crate::log::secrets::TokenLabels;

/// Something that a test waits for: await it, or call [`Wait::wait`] where there is no runtime.
///
/// It panics when it has taken longer than the wait timeout, which is 5 s of real time unless
/// [`MockIvsChatBuilder::wait_timeout`](crate::MockIvsChatBuilder::wait_timeout) or the variable
/// `MOCK_IVS_CHAT_WAIT_TIMEOUT_MS` says otherwise. The message says what the test waits for and on
/// which line, which entry of the log comes nearest and what differs, and shows the last entries as
/// a timeline, with the lines of the hooks that fired in it. A wait that can no longer succeed fails
/// immediately and says why.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use mock_ivs_chat::{ChatMessage, MockIvsChat, Wait};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let bob = room.participant("bob");
/// let wait: Wait<ChatMessage> = bob.expect_message("hello");
/// room.participant("alice").send_message("hello");
/// assert_eq!(wait.await.sender.user_id, "alice");
/// # });
/// ```
#[must_use = "a wait does nothing until it is awaited or `wait` is called"]
pub struct Wait<T> {
    driver: Arc<Driver>,
    waiting: Pin<Box<dyn Waiting<T>>>,
}

/// The future inside a [`Wait`].
pub(crate) trait Waiting<T>: Future<Output = Result<T, Box<Failure>>> + Send {
    /// Returns the message of the panic for a wait that must not block its thread.
    fn cannot_block(&self, why: &str) -> String;
}

impl<T> Wait<T> {
    pub(crate) fn new(driver: &Arc<Driver>, waiting: impl Waiting<T> + 'static) -> Self {
        Self { driver: Arc::clone(driver), waiting: Box::pin(waiting) }
    }

    /// Waits, and blocks the thread: for tests without an async runtime.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// bob.send_message("hello");
    /// assert_eq!(bob.expect_message("hello").wait().content, "hello");
    /// ```
    ///
    /// # Panics
    ///
    /// As an awaited wait does; and immediately if the mock runs on this thread, because nothing
    /// could happen while the thread is blocked.
    #[doc(alias = "blocking")]
    #[expect(clippy::must_use_candidate, reason = "to have waited may be all that is wanted")]
    #[track_caller]
    pub fn wait(mut self) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            match self.waiting.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(output)) => return output,
                Poll::Ready(Err(failure)) => {
                    let runtime =
                        Section { title: "runtime", lines: blocked_runtime(&self.driver) };
                    fail_with(&self.driver, &failure.section(runtime))
                }
                Poll::Pending => {}
            }
            // Only after a poll, because a wait that need not block can end on any thread.
            if let Some(why) = cannot_block(&self.driver) {
                let text = self.waiting.cannot_block(why);
                fail_about(&self.driver, &text, &text, &[]);
            }
            // Returns immediately if the waker was called since the poll. It may also return for no
            // reason, which costs a poll.
            thread::park();
        }
    }
}

impl<T: 'static> Wait<T> {
    /// Returns a wait that does not panic if it fails: its result is then an error with the text of
    /// the panic. Use it where a failure is not the end of the test.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let bob = ivs.create_room("lobby").participant("bob");
    /// let wait = bob.expect_message("hello").into_result();
    /// bob.connection().reset();
    /// let error = wait.wait().unwrap_err();
    /// assert!(error.to_string().contains("connection ended"));
    /// ```
    #[doc(alias = "try_wait")]
    pub fn into_result(self) -> Wait<Result<T, WaitError>> {
        let driver = Arc::clone(&self.driver);
        Wait::new(&driver, IntoResult(self))
    }
}

/// A wait that yields its failure as a value.
struct IntoResult<T>(Wait<T>);

impl<T> Future for IntoResult<T> {
    type Output = Result<Result<T, WaitError>, Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let wait = &mut self.0;
        wait.waiting.as_mut().poll(cx).map(|output| {
            Ok(output.map_err(|failure| WaitError {
                text: shown(&wait.driver, &failure.to_string()),
                log_length: wait.driver.log_length(),
            }))
        })
    }
}

impl<T> Waiting<Result<T, WaitError>> for IntoResult<T> {
    fn cannot_block(&self, why: &str) -> String {
        self.0.waiting.cannot_block(why)
    }
}

/// The failure of a wait, which [`Wait::into_result`] returns.
///
/// ```
/// # use mock_ivs_chat::MockIvsChat;
/// # let ivs = MockIvsChat::builder().wait_timeout(std::time::Duration::ZERO).start();
/// let bob = ivs.create_room("lobby").participant("bob");
/// let error = bob.expect_message("hello").into_result().wait().unwrap_err();
/// println!("{error}");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct WaitError {
    text: String,
    /// How many entries the log had when the wait failed.
    log_length: u64,
}

impl WaitError {
    pub(crate) const fn log_length(&self) -> u64 {
        self.log_length
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The same text as that of `Display`, because a test that returns this error prints it so.
impl fmt::Debug for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for WaitError {}

impl<T: 'static> From<LogWait<T>> for Wait<T> {
    fn from(wait: LogWait<T>) -> Self {
        let driver = Arc::clone(wait.driver());
        Self::new(&driver, wait)
    }
}

impl<T> Future for Wait<T> {
    type Output = T;

    // The caller of `poll` is the `.await` of the test, so a panic points there.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.waiting.as_mut().poll(cx) {
            Poll::Ready(Ok(output)) => Poll::Ready(output),
            Poll::Ready(Err(failure)) => fail_with(&self.driver, &failure),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

/// Wakes a thread that blocks in a wait.
pub(super) struct Unpark(pub(super) Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns a hint if this thread runs all tasks of a runtime. A wait that blocks it does not let
/// the test's own client run.
fn blocked_runtime(driver: &Driver) -> Vec<String> {
    let runtime = runtime::Handle::try_current().ok();
    let is_blocked = runtime.is_some_and(|it| it.runtime_flavor() == RuntimeFlavor::CurrentThread)
        && driver.own_questions().is_empty();
    let hint = "`wait` has blocked the only thread of this tokio runtime, so no task of the test \
                ran meanwhile; use `.await` instead";
    if is_blocked { vec![hint.into()] } else { Vec::new() }
}

/// Returns the reason why a wait must not block this thread, if there is one.
fn cannot_block(driver: &Driver) -> Option<&'static str> {
    driver.runs_on_current_thread().then_some(
        "the mock runs on this thread, by `on_current_runtime()` or under a paused \
         clock, and stands still while the thread is blocked; await the wait instead",
    )
}

/// Fails a test at the line of the caller, with the end of the log.
#[track_caller]
pub(crate) fn fail(driver: &Arc<Driver>, message: impl fmt::Display) -> ! {
    let (entries, _) = driver.entries_since(0);
    let failure = Failure::without_place(message.to_string()).timeline(&entries, &[]);
    fail_with(driver, &with_sections(failure, driver, &entries))
}

/// Fails a test with a failure, which the page of the test repeats.
#[track_caller]
pub(crate) fn fail_with(driver: &Driver, failure: &Failure) -> ! {
    fail_about(driver, &failure.to_string(), &failure.without_timeline(), failure.lanes())
}

/// Fails a test with a text. The page of the test has another text, because it shows the log
/// itself, and shows some lanes first.
#[track_caller]
pub(crate) fn fail_about(driver: &Driver, text: &str, on_page: &str, lanes: &[String]) -> ! {
    // Before the panic, because the mock writes its page while the test unwinds.
    driver.record_failure(&driver.without_tokens(on_page), lanes.to_vec());
    panic!("{}", shown(driver, text))
}

/// Returns a text with labels in place of chat tokens.
fn shown(driver: &Driver, text: &str) -> String {
    TokenLabels::new().label(&driver.without_tokens(text)).into_owned()
}
