//! Wait timeout: a deadline in real time for a task that waits.
//!
//! One thread serves all waits of the process. It starts with the first wait, and ends when there
//! has been none for a while.

use std::collections::BTreeMap;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Wakes a task when its time is up.
#[derive(Debug)]
pub(crate) struct WaitTimeout {
    deadline: Instant,
    id: u64,
}

/// The state that the timer thread and the waits share. Wakers are foreign code: they are cloned,
/// woken and dropped only while the lock is not held.
#[derive(Debug)]
struct Timer {
    state: Mutex<TimerState>,
    changed: Condvar,
}

#[derive(Debug)]
struct TimerState {
    wakers: BTreeMap<(Instant, u64), Waker>,
    last: u64,
    is_running: bool,
}

static TIMER: Timer = Timer {
    state: Mutex::new(TimerState { wakers: BTreeMap::new(), last: 0, is_running: false }),
    changed: Condvar::new(),
};

impl WaitTimeout {
    pub(crate) fn start(deadline: Instant) -> Self {
        let mut state = TIMER.state.lock();
        state.last += 1;
        Self { deadline, id: state.last }
    }

    /// Returns `true` if the time is up; if not, `waker` is woken when it is.
    pub(crate) fn is_elapsed(&self, waker: &Waker) -> bool {
        if Instant::now() >= self.deadline {
            return true;
        }
        let (waker, key) = (waker.clone(), (self.deadline, self.id));
        let mut state = TIMER.state.lock();
        let before = state.wakers.insert(key, waker);
        let is_next = state.wakers.first_key_value().is_some_and(|(first, _)| *first == key);
        let must_start = !std::mem::replace(&mut state.is_running, true);
        drop(state);
        // Only now, because dropping a waker can drop a task, and with it another `WaitTimeout`.
        drop(before);
        if must_start {
            start_thread();
        } else if is_next {
            TIMER.changed.notify_one();
        }
        false
    }
}

impl Drop for WaitTimeout {
    fn drop(&mut self) {
        // The lock is released at the end of this statement, before the waker is dropped.
        let waker = TIMER.state.lock().wakers.remove(&(self.deadline, self.id));
        drop(waker);
    }
}

fn start_thread() {
    let thread = thread::Builder::new().name("mock-ivs-chat-wait".into()).spawn(run);
    if thread.is_err() {
        // Without a thread the waits still complete with what they wait for. The next wait tries
        // again to start one.
        TIMER.state.lock().is_running = false;
    }
}

fn run() {
    while let Some(due) = next_due() {
        // A waker that panics must not end the time of all other waits.
        for waker in due {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// Sleeps until some waits are due; returns `None` if the thread is no longer needed.
fn next_due() -> Option<Vec<Waker>> {
    let mut state = TIMER.state.lock();
    loop {
        let now = Instant::now();
        match state.wakers.first_key_value().map(|((deadline, _), _)| *deadline) {
            Some(deadline) if deadline <= now => {
                // The largest number comes after all waits that are due at this very moment.
                let later = state.wakers.split_off(&(now, u64::MAX));
                let due = std::mem::replace(&mut state.wakers, later);
                return Some(due.into_values().collect());
            }
            Some(deadline) => _ = TIMER.changed.wait_until(&mut state, deadline),
            None => {
                let is_idle = TIMER.changed.wait_for(&mut state, IDLE).timed_out();
                if is_idle && state.wakers.is_empty() {
                    // Under the same lock as the look at the wakers, so a wait that comes now
                    // starts a new thread instead of relying on this one.
                    state.is_running = false;
                    return None;
                }
            }
        }
    }
}

/// How long the thread stays without a wait.
const IDLE: Duration = Duration::from_secs(1);
