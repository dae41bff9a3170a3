//! Scenario: the closure of the user, and what it may return.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;

use crate::api::handle::Handle;

/// The result of a scenario: nothing, or a [`Result`] whose error can be displayed.
///
/// ```
/// use mock_ivs_chat::explore::ScenarioResult;
///
/// assert_eq!(().into_result(), Ok(()));
/// assert_eq!(Err::<(), _>("no backend").into_result(), Err("no backend".to_owned()));
/// ```
pub trait ScenarioResult {
    /// Returns the error as text.
    ///
    /// # Errors
    ///
    /// If the scenario has failed.
    fn into_result(self) -> Result<(), String>;
}

impl ScenarioResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T, E: Display> ScenarioResult for Result<T, E> {
    fn into_result(self) -> Result<(), String> {
        self.map(drop).map_err(|error| format!("{error:#}"))
    }
}

/// One run of a scenario.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// A scenario that can be run on any thread, any number of times.
pub(crate) type Scenario = Arc<dyn Fn(Handle) -> Running + Send + Sync>;

/// Erases the type of a scenario.
pub(crate) fn erased<S, R>(scenario: S) -> Scenario
where
    S: AsyncFn(Handle) -> R + Send + Sync + 'static,
    R: ScenarioResult + 'static,
{
    let scenario = Arc::new(scenario);
    Arc::new(move |ivs| {
        // The future owns a clone, because it borrows the closure and outlives this call.
        let scenario = Arc::clone(&scenario);
        Box::pin(async move { scenario(ivs).await.into_result() })
    })
}
