//! Probe: asks tokio for a driver, which it has no other way to deny than a panic.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether this thread runs a probe, whose panic is an answer.
    static IS_PROBING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a probe; `None` if it panics, which prints nothing.
///
/// The process's panic hook is extended once. Threads that run no probe use the hook that was there
/// before.
pub(crate) fn probe<T>(run: impl FnOnce() -> T) -> Option<T> {
    static EXTENDED: Once = Once::new();
    // A thread that panics cannot change the hook.
    if !thread::panicking() {
        EXTENDED.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !IS_PROBING.try_with(Cell::get).unwrap_or(false) {
                    previous(info);
                }
            }));
        });
    }
    IS_PROBING.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    IS_PROBING.set(false);
    result.ok()
}
