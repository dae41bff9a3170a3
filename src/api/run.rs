//! Run: a whole test around a mock, so that the test's own error and the report appear together.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::api::builder::MockIvsChatBuilder;
use crate::api::mock::{Finishing, MockIvsChat};
use crate::api::report::Report;
use crate::api::settle::Settling;
use crate::api::start::StartError;
use crate::api::test_error::{Causes, TestError};
use crate::api::wait::{Wait, WaitError, Waiting};
use crate::log::failure::Failure;

impl MockIvsChat {
    /// Starts a mock, runs an async test with it, and ends it as [`MockIvsChat::finish`] does.
    ///
    /// If the test returns an error, the failure contains that error, the line that returned it, and
    /// the report beside it. With a mock that is merely dropped, an expectation that was not met
    /// would hide the error. Any error can be returned; see [`TestError`].
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, TestFailure};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), TestFailure> {
    /// MockIvsChat::run(async |ivs| {
    ///     let token = ivs.create_room("lobby").chat_token("alice").create();
    ///     let _client = ivs.connect(&token).await?;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the mock cannot start, the test returns an error, or the report is a failure.
    ///
    /// # Panics
    ///
    /// If the test panics.
    #[track_caller]
    pub fn run<T>(
        test: impl AsyncFnOnce(&Self) -> Result<T, TestError>,
    ) -> impl Future<Output = Result<T, TestFailure>> {
        Self::builder().run(test)
    }

    /// Ends the mock as [`MockIvsChat::finish`] does, and combines the report with the result of
    /// the test.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, TestFailure};
    ///
    /// fn main() -> Result<(), TestFailure> {
    ///     let ivs = MockIvsChat::start();
    ///     let result = "30".parse::<u32>();
    ///     let minutes = ivs.finish_with(result).wait()?;
    ///     assert_eq!(minutes, 30);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the result is an error, or the report is a failure.
    ///
    /// # Panics
    ///
    /// If [`Wait::wait`] is called on the thread that the mock runs on; await it there.
    #[track_caller]
    pub fn finish_with<T, E>(mut self, result: Result<T, E>) -> Wait<Result<T, TestFailure>>
    where
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let result = result.map_err(|error| Returned { error: error.into(), location: None });
        // Before the mock ends, because the page that it writes then depends on it.
        self.has_failed_test(result.is_err());
        let driver = Arc::clone(self.driver());
        let settling = Settling::start(&driver, Location::caller());
        let finishing = Finishing::new(self, settling);
        Wait::new(&driver, FinishingWith { finishing, result: Some(result) })
    }
}

impl MockIvsChatBuilder {
    /// Starts a mock with these settings, runs an async test with it, and ends it; see
    /// [`MockIvsChat::run`].
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let builder = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z"));
    /// let failure = builder
    ///     .run(async |ivs| {
    ///         ivs.on_action().named("deny").expect(1..).ignore();
    ///         Err::<(), _>("cannot reach the backend".into())
    ///     })
    ///     .await
    ///     .unwrap_err();
    /// assert_eq!(failure.error().unwrap().to_string(), "cannot reach the backend");
    /// assert_eq!(failure.report().unwrap().unmet().len(), 1);
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// If the mock cannot start, the test returns an error, or the report is a failure.
    ///
    /// # Panics
    ///
    /// If the test panics.
    #[track_caller]
    pub fn run<T>(
        self,
        test: impl AsyncFnOnce(&MockIvsChat) -> Result<T, TestError>,
    ) -> impl Future<Output = Result<T, TestFailure>> {
        // An async function would not know its caller.
        let started_at = Location::caller();
        async move {
            let mut mock = match self.start_for(started_at) {
                Ok(mock) => mock,
                Err(error) => return Err(TestFailure::not_started(error)),
            };
            let result = test(&mock).await;
            mock.has_failed_test(result.is_err());
            let result = result.map_err(|error| {
                let (error, location) = error.into_parts();
                Returned { error, location: Some(location) }
            });
            combine(result, mock.finish().await)
        }
    }

    /// Prints nothing when a test panics beside the mock.
    ///
    /// Otherwise the mock prints its report on stderr then: unmet expectations, and the end of the
    /// log as a timeline. The environment variable `MOCK_IVS_CHAT_QUIET=1` does the same as this
    /// for all mocks.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().quiet().start();
    /// ```
    pub const fn quiet(mut self) -> Self {
        self.log_settings.is_quiet = true;
        self
    }
}

/// The failure of a test: the error that it returned, and the report of its mock.
///
/// `Display` and `Debug` write both, the error first.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, TestFailure};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake().named("refuse").expect(1..).refuse(503, "closed");
/// let failure: TestFailure = ivs.finish_with(Err::<(), _>("no backend")).wait().unwrap_err();
/// let text = failure.to_string();
/// assert!(text.starts_with("the test returned an error: no backend\n"));
/// assert!(text.contains("hook \"refuse\": expected to fire at least once, but it never fired"));
/// ```
pub struct TestFailure {
    error: Option<Returned>,
    report: Option<Report>,
}

/// The error that a test returned, and the line that returned it if that is known.
struct Returned {
    error: Box<dyn Error + Send + Sync>,
    location: Option<&'static Location<'static>>,
}

impl TestFailure {
    /// Returns the error of the test, or the reason why the mock did not start.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let failure = MockIvsChat::start().finish_with(Err::<(), _>("no backend")).wait().unwrap_err();
    /// assert_eq!(failure.error().unwrap().to_string(), "no backend");
    /// ```
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_ref().map(|returned| &*returned.error)
    }

    /// Returns the report of the mock, if the mock did start.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let failure = MockIvsChat::start().finish_with(Err::<(), _>("no backend")).wait().unwrap_err();
    /// assert!(!failure.report().unwrap().is_failure());
    /// ```
    #[must_use]
    pub const fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }
}

impl TestFailure {
    fn not_started(error: StartError) -> Self {
        let error = Returned { error: error.into(), location: None };
        Self { error: Some(error), report: None }
    }

    /// Returns `true` if the error, or one of its causes, is a failed wait after which nothing has
    /// happened.
    fn shows_end_of(&self, report: &Report) -> bool {
        let mut error = self.error().map(|error| error as &(dyn Error + 'static));
        while let Some(cause) = error {
            if let Some(wait) = cause.downcast_ref::<WaitError>() {
                return report.has_only_ended_since(wait.log_length());
            }
            error = cause.source();
        }
        false
    }
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if let Some(Returned { error, location }) = &self.error {
            // A test without a report has no mock: it has not begun.
            let subject = match &self.report {
                Some(_) => "the test returned an error",
                None => "the mock did not start",
            };
            let place = location.map(|place| format!(", at {place}")).unwrap_or_default();
            text.push_str(&format!("{subject}{place}: {error}{}\n", Causes(&**error)));
        }
        match &self.report {
            Some(report) if text.is_empty() => report.fmt(f),
            // The text already shows the same timeline and sections.
            Some(report) if self.shows_end_of(report) => f.write_str(&report.below_failure(&text)),
            Some(report) => f.write_str(&report.after(&text)),
            None => f.write_str(&text),
        }
    }
}

/// The same text as that of `Display`, because a test that returns the failure prints this.
impl fmt::Debug for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for TestFailure {}

fn combine<T>(
    result: Result<T, Returned>,
    report: Result<Report, Report>,
) -> Result<T, TestFailure> {
    match (result, report) {
        (Ok(value), Ok(_)) => Ok(value),
        (Ok(_), Err(report)) => Err(TestFailure { error: None, report: Some(report) }),
        // The error counts and not the report, which may only follow from it.
        (Err(error), Ok(report) | Err(report)) => {
            Err(TestFailure { error: Some(error), report: Some(report) })
        }
    }
}

/// The end of a mock whose test has a result.
struct FinishingWith<T> {
    finishing: Finishing,
    result: Option<Result<T, Returned>>,
}

// The result is never pinned: it is returned, not polled.
impl<T> Unpin for FinishingWith<T> {}

impl<T> Future for FinishingWith<T> {
    type Output = Result<Result<T, TestFailure>, Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let report = Pin::new(&mut self.finishing).poll(cx);
        report.map_ok(|report| {
            let result = self.result.take().expect("it completes only once");
            combine(result, report)
        })
    }
}

impl<T: Send> Waiting<Result<T, TestFailure>> for FinishingWith<T> {
    fn cannot_block(&self, why: &str) -> String {
        self.finishing.cannot_block(why)
    }
}
