//! Wakeup: wakers that are woken and dropped only after all locks are released.

use std::task::Waker;

/// A task that must be woken once the caller has released its locks.
///
/// Waking or dropping a waker may run any code, including code that calls the mock. Whatever
/// happens under a lock therefore returns the waker instead of waking it.
#[derive(Debug, Default)]
#[must_use = "a task that is not woken may sleep forever"]
pub(crate) struct Wakeup(Option<Waker>);

impl Wakeup {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Wakes the task, if there is one. Must not be called while a lock is held.
    pub(crate) fn wake(self) {
        if let Some(waker) = self.0 {
            waker.wake();
        }
    }
}

/// A place for the waker of one task. It stands behind a lock, so it never clones, wakes or drops
/// a waker itself.
#[derive(Debug, Default)]
pub(crate) struct WakerSlot(Option<Waker>);

impl WakerSlot {
    /// Returns `true` if the stored waker wakes the same task.
    pub(crate) fn holds(&self, waker: &Waker) -> bool {
        self.0.as_ref().is_some_and(|stored| stored.will_wake(waker))
    }

    /// Stores a waker and returns the one it replaces, which must be dropped outside the lock.
    #[must_use = "the caller drops it after it has released the lock"]
    pub(crate) const fn replace(&mut self, waker: Waker) -> Option<Waker> {
        self.0.replace(waker)
    }

    /// Removes and returns the waker, which must be woken outside the lock.
    pub(crate) const fn take(&mut self) -> Wakeup {
        Wakeup(self.0.take())
    }
}
