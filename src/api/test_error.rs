//! Test error: the error of a whole test, with the line that returned it.

use std::error::Error;
use std::fmt;
use std::panic::Location;

/// The error of a test that [`MockIvsChat::run`](crate::MockIvsChat::run) runs: any error, and the
/// line whose `?` returned it.
///
/// `?` converts every error that a `Box<dyn Error + Send + Sync>` can be made of, and so does
/// `into`, also from a string. `Display` writes the error alone, and `Debug` also its causes and the
/// line.
///
/// It does not implement [`Error`] itself, because a type that does could not be made of every
/// error; [`TestError::error`] returns the error inside.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, TestError};
///
/// async fn connect(ivs: &MockIvsChat) -> Result<(), TestError> {
///     let minutes: u32 = "many".parse()?;
///     ivs.create_room("lobby").chat_token("alice").session_duration_in_minutes(minutes).create();
///     Ok(())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let failure = MockIvsChat::run(connect).await.unwrap_err().to_string();
/// assert!(failure.starts_with("the test returned an error, at "));
/// assert!(failure.contains(": invalid digit found in string"));
/// # });
/// ```
pub struct TestError {
    error: Box<dyn Error + Send + Sync>,
    location: &'static Location<'static>,
}

impl TestError {
    /// Returns the error inside.
    ///
    /// ```
    /// # use mock_ivs_chat::TestError;
    /// let error = TestError::from("no backend");
    /// assert_eq!(error.error().to_string(), "no backend");
    /// ```
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Returns the line that returned the error.
    ///
    /// ```
    /// # use mock_ivs_chat::TestError;
    /// let error = TestError::from("no backend"); let line = line!();
    /// assert_eq!(error.location().line(), line);
    /// ```
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(crate) fn into_parts(self) -> (Box<dyn Error + Send + Sync>, &'static Location<'static>) {
        (self.error, self.location)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for TestError {
    /// Keeps the line of the caller, which is that of the `?`.
    #[track_caller]
    fn from(error: E) -> Self {
        Self { error: error.into(), location: Location::caller() }
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}\n  at {}", self.error, Causes(&*self.error), self.location)
    }
}

/// The causes of an error, a line each.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "\n  caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
