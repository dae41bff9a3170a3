//! Stack: the closures that the current thread is inside.
//!
//! A closure must not be asked about what it causes itself, and no closure must wait for itself.
//! Both need to know which closures run on the current thread, and which ones have caused those.

use std::cell::RefCell;

use crate::engine::io::ClosureId;
use crate::engine::{Ancestor, Ancestry, QuestionId};

thread_local! {
    static RUNNING: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// A closure that runs on this thread.
#[derive(Clone, Debug)]
struct Frame {
    ancestor: Ancestor,
    question: QuestionId,
    /// The closures that have caused the event that this one decides about.
    causes: Ancestry,
}

/// Marks a closure as running on this thread until it is dropped.
#[must_use]
pub(super) struct Entered(());

pub(super) fn enter(
    mock: u64,
    closure: ClosureId,
    question: QuestionId,
    causes: Ancestry,
) -> Entered {
    let ancestor = Ancestor { mock, closure };
    RUNNING.with_borrow_mut(|running| running.push(Frame { ancestor, question, causes }));
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = RUNNING.with_borrow_mut(Vec::pop);
        drop(left);
    }
}

/// Returns `true` if this thread is inside a closure of any mock.
pub(super) fn is_inside_closure() -> bool {
    // A thread that is about to end has no such stack any more, and runs no closure.
    RUNNING.try_with(|running| !running.borrow().is_empty()).unwrap_or(false)
}

/// Returns the closures that cause what this thread does now.
pub(super) fn ancestry() -> Ancestry {
    let ancestors = RUNNING.try_with(|running| {
        let mut ancestors: Vec<Ancestor> = Vec::new();
        for frame in running.borrow().iter() {
            let causes = frame.causes.0.iter().flat_map(|causes| causes.iter().copied());
            for ancestor in causes.chain([frame.ancestor]) {
                if !ancestors.contains(&ancestor) {
                    ancestors.push(ancestor);
                }
            }
        }
        ancestors
    });
    let ancestors = ancestors.unwrap_or_default();
    Ancestry(if ancestors.is_empty() { None } else { Some(ancestors.into()) })
}

/// Returns the questions of a mock that closures on this thread are about to answer.
pub(super) fn questions_of(mock: u64) -> Vec<QuestionId> {
    let questions = RUNNING.try_with(|running| {
        let running = running.borrow();
        let own = running.iter().filter(|frame| frame.ancestor.mock == mock);
        own.map(|frame| frame.question).collect()
    });
    questions.unwrap_or_default()
}
