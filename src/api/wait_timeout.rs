//! Alarm: a limit in real time for what waits.

use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Wakes a task at a moment of real time.
pub(crate) struct Alarm {
    deadline: Instant,
    shared: Arc<AlarmState>,
}

#[derive(Default)]
struct AlarmState {
    inner: Mutex<AlarmInner>,
    changed: Condvar,
}

#[derive(Default)]
struct AlarmInner {
    waker: Option<Waker>,
    is_off: bool,
    has_rung: bool,
}

impl Alarm {
    pub(crate) fn set(deadline: Instant) -> Self {
        let shared = Arc::<AlarmState>::default();
        let state = Arc::clone(&shared);
        // A thread that cannot be had leaves the wait without a limit, not without an end: it
        // still completes with what it waits for.
        let _ = thread::Builder::new().name("mock-ivs-chat-wait".into()).spawn(move || {
            let mut inner = state.inner.lock();
            while !inner.is_off {
                if state.changed.wait_until(&mut inner, deadline).timed_out() {
                    break;
                }
            }
            inner.has_rung = true;
            let waker = inner.waker.take();
            drop(inner);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Self { deadline, shared }
    }

    /// Whether the moment has come; if not, `waker` is woken when it does.
    pub(crate) fn rings(&self, waker: &Waker) -> bool {
        let mut inner = self.shared.inner.lock();
        if inner.has_rung || Instant::now() >= self.deadline {
            return true;
        }
        inner.waker = Some(waker.clone());
        false
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut inner = self.shared.inner.lock();
        inner.is_off = true;
        inner.waker = None;
        self.shared.changed.notify_one();
    }
}
