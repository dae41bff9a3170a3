//! Panics: those of a run are collected with their place, instead of being printed.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    /// The panics on this thread, while a run collects them.
    static COLLECTED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs a closure, and returns the panics on this thread in the meantime.
///
/// The process's panic hook is extended once. Threads that collect nothing use the hook that was
/// there before.
pub(crate) fn collect<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    static EXTENDED: Once = Once::new();
    EXTENDED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !note(info) {
                previous(info);
            }
        }));
    });
    // The borrow ends before the run, in which a panic borrows again.
    COLLECTED.with_borrow_mut(|collected| *collected = Some(Vec::new()));
    let result = run();
    let panics = COLLECTED.take().unwrap_or_default();
    (result, panics)
}

/// Removes and returns the panic that this thread has collected last.
pub(crate) fn take_last() -> Option<String> {
    COLLECTED.with_borrow_mut(|collected| collected.as_mut()?.pop())
}

/// Collects a panic, if this thread collects them.
fn note(info: &panic::PanicHookInfo<'_>) -> bool {
    let is_noted = COLLECTED.try_with(|collected| {
        // A second panic inside a panic hook would abort the process.
        let Ok(mut collected) = collected.try_borrow_mut() else { return false };
        let Some(panics) = collected.as_mut() else { return false };
        let place = info.location().map(|place| format!(", at {place}")).unwrap_or_default();
        let message = message(info.payload());
        panics.push(format!("{}{place}", message.trim_end()));
        true
    });
    is_noted.unwrap_or(false)
}

/// Returns the message of a panic.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_collected_with_their_place() {
        let (result, panics) = collect(|| panic::catch_unwind(|| panic!("no {}", "tea")));
        assert!(result.is_err());
        let place = format!(", at {}:", file!());
        assert!(panics.len() == 1 && panics[0].starts_with("no tea"), "{panics:?}");
        assert!(panics[0].contains(&place), "{panics:?}");
    }
}
