//! Stack: the closures that run on the current thread.
//!
//! What a closure causes by a direct call must not be shown to the same closure again, and no
//! closure must wait for itself. Both need to know which closures the current thread is inside.

use std::cell::RefCell;
use std::sync::Arc;

use crate::engine::QuestionId;
use crate::engine::io::ClosureId;
use crate::hook::ids::HookId;

thread_local! {
    static RUNNING: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// A closure that runs on this thread.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The address of the driver, which tells mocks apart.
    driver: usize,
    closure: ClosureId,
    question: QuestionId,
}

/// Marks a closure as running on this thread until it is dropped.
#[must_use]
pub(super) struct Entered(());

pub(super) fn enter<D>(driver: &Arc<D>, closure: ClosureId, question: QuestionId) -> Entered {
    let driver = Arc::as_ptr(driver) as usize;
    RUNNING.with_borrow_mut(|running| running.push(Frame { driver, closure, question }));
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| {
            running.pop();
        });
    }
}

/// Returns `true` if this thread is inside a closure of any mock.
pub(super) fn is_inside_closure() -> bool {
    // A thread that is about to end has no such stack any more, and runs no closure.
    RUNNING.try_with(|running| !running.borrow().is_empty()).unwrap_or(false)
}

/// Returns the hooks of a mock whose closures run on this thread.
pub(super) fn hooks_of<D>(driver: &Arc<D>) -> Option<Arc<[HookId]>> {
    let hooks: Vec<_> = frames_of(driver)
        .into_iter()
        .filter_map(|frame| match frame.closure {
            ClosureId::Hook(hook) => Some(hook),
            ClosureId::Handler(_) => None,
        })
        .collect();
    if hooks.is_empty() { None } else { Some(hooks.into()) }
}

/// Returns the questions of a mock that closures on this thread are about to answer.
pub(super) fn questions_of<D>(driver: &Arc<D>) -> Vec<QuestionId> {
    frames_of(driver).into_iter().map(|frame| frame.question).collect()
}

fn frames_of<D>(driver: &Arc<D>) -> Vec<Frame> {
    let driver = Arc::as_ptr(driver) as usize;
    let frames = RUNNING.try_with(|running| {
        running.borrow().iter().filter(|frame| frame.driver == driver).copied().collect()
    });
    frames.unwrap_or_default()
}
