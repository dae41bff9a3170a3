//! Time: what is due happens, each thing at its own moment.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::{Driver, stack};
use crate::engine::io::{Input, TimerId};
use crate::proto::timestamp::Timestamp;

impl Driver {
    /// Moves the clock by `duration`. Everything that becomes due has happened when this returns,
    /// each thing at its own time, closures included.
    pub(crate) fn advance(self: &Arc<Self>, duration: Duration) {
        let mut transaction = self.begin();
        let now = transaction.now;
        transaction.state.engine.handle(now, Input::Advance(duration));
        // Threads that advance the clock concurrently add up. A closure advances from the moment
        // at which it runs, whatever the target of the advance that caused it.
        let start = match stack::is_inside_closure() {
            true => now,
            false => now.max(transaction.state.advance_target),
        };
        let target = start + duration;
        transaction.state.advance_target = target.max(transaction.state.advance_target);
        self.finish_call(transaction);
        while !self.advance_towards(target) {}
        // The timer sleeps until a moment that has come nearer.
        self.state.lock().armed = None;
        self.rescheduled.notify_one();
    }

    /// Visits the deadlines until `target`, or until a closure has to be asked. Returns `true` if
    /// the clock has reached the target.
    fn advance_towards(self: &Arc<Self>, target: Timestamp) -> bool {
        let mut transaction = self.begin();
        while !transaction.has_questions() {
            // Looked up after each step, because a step may set a deadline before the next known
            // one.
            let deadline = transaction.state.engine.next_deadline().filter(|at| *at <= target);
            self.clock.advance_to(deadline.unwrap_or(target));
            transaction.now = transaction.state.now(&self.clock);
            let now = transaction.now;
            transaction.state.engine.handle_timeout(now);
            transaction.execute_all();
            if deadline.is_none() {
                break;
            }
        }
        let has_arrived = !transaction.has_questions();
        self.finish_call(transaction);
        has_arrived
    }

    /// Handles what is due by now, and returns how long nothing more will be due, or `None` if
    /// nothing will be due at all.
    pub(crate) fn tick(self: &Arc<Self>) -> Option<Duration> {
        let mut transaction = self.begin();
        let now = transaction.now;
        transaction.state.engine.handle_timeout(now);
        transaction.execute_all();
        let deadline = transaction.state.engine.next_deadline();
        // Before the commit, which would otherwise find an earlier deadline and wake this very
        // timer.
        transaction.state.armed = deadline;
        let questions = transaction.commit().questions;
        self.flush();
        self.ask_elsewhere(questions);
        deadline.and_then(|deadline| self.clock.sleep_until(deadline))
    }

    /// Stops the clock. Nothing becomes due any more until the clock is advanced.
    pub(crate) fn freeze_clock(&self) {
        self.clock.freeze();
    }

    /// Returns `true` if only advances move the clock.
    pub(crate) fn is_clock_frozen(&self) -> bool {
        self.clock.is_frozen()
    }

    /// Completes when something is due earlier than was known.
    pub(crate) async fn rescheduled(&self) {
        self.rescheduled.notified().await;
    }

    /// Waits for real time on behalf of the engine.
    pub(super) fn start_timer(self: &Arc<Self>, id: TimerId, duration: Duration) {
        let driver = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::time::sleep(duration).await;
            driver.feed(Input::RealTimeElapsed(id));
        });
    }
}
