//! Runtime thread: the thread that a mock shares with the test.

use std::pin::pin;
use std::task::{Context, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use tokio::task::coop::consume_budget;

/// The thread that drives a runtime of one thread. While a wait blocks it, nothing happens.
#[derive(Debug)]
pub(crate) struct RuntimeThread {
    started_on: ThreadId,
    /// The thread that has last polled a task of the mock. It can change: `block_on` may be called
    /// on any thread.
    polled_on: Mutex<Option<ThreadId>>,
}

impl RuntimeThread {
    pub(crate) fn new() -> Self {
        Self { started_on: thread::current().id(), polled_on: Mutex::default() }
    }

    /// Records that the current thread polls a task of the mock.
    pub(crate) fn record(&self) {
        *self.polled_on.lock() = Some(thread::current().id());
    }

    /// Returns `true` if the mock runs on the current thread.
    pub(crate) fn is_current(&self) -> bool {
        let current = thread::current().id();
        let polled_on = *self.polled_on.lock();
        match polled_on {
            Some(thread) => thread == current,
            // No task has run yet, as in a test that waits right after the start. The mock may
            // have been started on the runtime's thread or on one of its blocking threads.
            None => self.started_on == current && is_in_a_task(),
        }
    }
}

/// Returns `true` if tokio polls a task on this thread: only then is there a budget to use up. Must
/// be called only where that does no harm, as before a panic.
fn is_in_a_task() -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    (0..=MAXIMUM_BUDGET).any(|_| pin!(consume_budget()).as_mut().poll(&mut cx).is_pending())
}

/// More than tokio lets a task do in one poll.
const MAXIMUM_BUDGET: usize = 1024;
