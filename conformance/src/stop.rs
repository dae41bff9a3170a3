//! Stop: the wish to end a run. It reaches calls that are under way.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A switch that ends a run, and after that the deletion of its resources.
#[derive(Clone, Debug)]
pub struct Stop {
    level: watch::Sender<Level>,
    at: Arc<OnceLock<Instant>>,
}

/// How much should end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Nothing.
    Going,
    /// The run: its calls are stopped, and its resources are deleted.
    Run,
    /// The deletion of its resources as well.
    Deletion,
}

impl Default for Stop {
    fn default() -> Self {
        Self { level: watch::Sender::new(Level::Going), at: Arc::default() }
    }
}

impl Stop {
    /// Ends the run; the second time it ends the deletion as well. Returns what should end now.
    pub fn request(&self) -> Level {
        let mut now = Level::Run;
        let _ = self.at.get_or_init(Instant::now);
        self.level.send_modify(|level| {
            if *level != Level::Going {
                now = Level::Deletion;
            }
            *level = now;
        });
        now
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.level.borrow() >= Level::Run
    }

    /// Waits until the run should end.
    pub(crate) async fn stopped(&self) {
        self.reached(Level::Run).await;
    }

    /// Waits until the deletion should end.
    pub(crate) async fn abandoned(&self) {
        self.reached(Level::Deletion).await;
    }

    async fn reached(&self, least: Level) {
        let mut receiver = self.level.subscribe();
        // The sender is a part of `self`, so the wait cannot fail.
        let _ = receiver.wait_for(|level| *level >= least).await;
    }

    /// Returns how much longer the deletion may take; `None` unless the run should end.
    pub(crate) fn time_for_deletion(&self) -> Option<Duration> {
        let at = self.at.get()?;
        Some(DELETION_TIME.saturating_sub(at.elapsed()))
    }
}

/// How long the deletion may take after an interruption.
const DELETION_TIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_request_ends_the_deletion() {
        let stop = Stop::default();
        assert!(!stop.is_stopped());
        assert_eq!(stop.time_for_deletion(), None);
        assert_eq!(stop.request(), Level::Run);
        stop.stopped().await;
        assert!(stop.is_stopped());
        assert!(stop.time_for_deletion().is_some_and(|left| left <= DELETION_TIME));
        assert_eq!(stop.request(), Level::Deletion);
        stop.abandoned().await;
        assert_eq!(stop.request(), Level::Deletion);
    }
}
