//! Time: what is due happens, each thing at its own moment.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::Driver;
use crate::driver::step::Step;
use crate::log::record::What;
use crate::proto::timestamp::Timestamp;

impl Driver {
    pub(crate) fn now(&self) -> Timestamp {
        self.state.lock().now(&self.clock)
    }

    /// Moves the clock on, and lets happen what becomes due, each at its own time.
    pub(crate) fn advance(self: &Arc<Self>, duration: Duration) {
        let _flushing = self.flush_later();
        let mut step = self.begin();
        step.catch_up();
        let (start, cause) = (step.now, step.state.log.len());
        step.state.record(start, cause, What::Advanced(duration));
        let target = start + duration;
        while let Some(deadline) = step.state.next_deadline().filter(|at| *at <= target) {
            self.clock.advance_to(deadline);
            step.now = step.state.now(&self.clock);
            step.catch_up();
        }
        self.clock.advance_to(target);
        step.now = step.state.now(&self.clock);
        // What the timer sleeps until has come nearer without becoming another deadline.
        step.state.armed = None;
        step.conclude();
    }

    /// Lets happen what is due by now, and says for how long nothing more will be; `None` if
    /// nothing will be at all.
    pub(crate) fn tick(self: &Arc<Self>) -> Option<Duration> {
        self.step(|step| {
            step.state.armed = step.state.next_deadline();
            step.state.armed.and_then(|deadline| self.clock.sleep_until(deadline))
        })
    }

    /// Completes when something is due earlier than was known.
    pub(crate) async fn rescheduled(&self) {
        self.rescheduled.notified().await;
    }
}

impl Step<'_> {
    /// Lets happen what is due.
    pub(super) fn catch_up(&mut self) {
        while self.next_due() {}
    }
}
