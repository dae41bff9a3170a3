//! Abort: how a run is stopped that does not end by itself.

use std::fmt;
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;

/// The reason why a run did not end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// The limit on the time of the clock.
    Time(Duration),
    /// The log grows without end.
    Busy,
    /// It runs in real time without the clock moving.
    Spinning,
    /// It blocks its thread.
    Blocked,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(limit) => {
                write!(f, "did not end within {}", humantime::format_duration(*limit))
            }
            Self::Busy => f.write_str("did not end: it does the same over and over"),
            Self::Spinning => f.write_str("did not end: a task runs without ever waiting"),
            Self::Blocked => f.write_str("did not end: it blocks its thread"),
        }
    }
}

/// The switch that stops one run.
#[derive(Debug, Default)]
pub(crate) struct Abort {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<Reason>,
    waker: Option<Waker>,
}

impl Abort {
    /// Stops the run. The first reason counts.
    pub(crate) fn stop(&self, reason: Reason) {
        let waker = {
            let mut state = self.state.lock();
            state.reason.get_or_insert(reason);
            state.waker.take()
        };
        waker.inspect(Waker::wake_by_ref);
    }

    /// Returns the reason if the run was stopped, or else has the task woken then.
    pub(crate) fn poll_stopped(&self, cx: &Context<'_>) -> Option<Reason> {
        // Wakers are cloned, called and dropped without the lock, because they are code of the
        // runtime, which could come back here.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if state.reason.is_some() {
            return state.reason;
        }
        let before = state.waker.replace(waker);
        drop(state);
        drop(before);
        None
    }
}
