//! Open questions: the calls of closures that have not returned.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::task::AbortHandle;

use crate::driver::closures::Question;
use crate::engine::QuestionId;

/// The questions that closures have not answered.
#[derive(Debug, Default)]
pub(super) struct OpenQuestions {
    open: Mutex<BTreeMap<QuestionId, OpenQuestion>>,
    /// Notified when one has been answered.
    answered: Condvar,
}

#[derive(Debug)]
struct OpenQuestion {
    source: Arc<str>,
    /// The line of the closure, unless its name has it.
    written_at: Option<&'static Location<'static>>,
    /// Whether the closure was called. Otherwise the question still waits for its turn.
    is_called: bool,
    /// The task of an async closure.
    task: Option<AbortHandle>,
    is_async: bool,
}

impl OpenQuestions {
    pub(super) fn add(&self, question: &Question) {
        let is_async = question.is_async();
        let source = Arc::clone(&question.source);
        let written_at = question.written_at;
        let open = OpenQuestion { source, written_at, is_called: false, task: None, is_async };
        self.open.lock().insert(question.id, open);
    }

    /// Records that the closure of a question has been called.
    pub(super) fn begin(&self, id: QuestionId) {
        if let Some(open) = self.open.lock().get_mut(&id) {
            open.is_called = true;
        }
    }

    /// Remembers the task of an async closure, unless it has already answered.
    pub(super) fn set_task(&self, id: QuestionId, task: AbortHandle) {
        if let Some(open) = self.open.lock().get_mut(&id) {
            open.task = Some(task);
        }
    }

    pub(super) fn remove(&self, id: QuestionId) {
        let removed = self.open.lock().remove(&id);
        // Dropped after the lock has been released: the handle may be the last reference to its
        // task, and to the test's future in it.
        drop(removed);
        self.answered.notify_all();
    }

    /// Ends the task of an async closure whose answer does not matter any more. A closure that is
    /// not async cannot be ended, and stays accountable for returning.
    pub(super) fn withdraw(&self, id: QuestionId) {
        let mut open = self.open.lock();
        if open.get(&id).is_some_and(|question| question.is_async) {
            let removed = open.remove(&id);
            drop(open);
            if let Some(task) = removed.and_then(|question| question.task) {
                task.abort();
            }
        }
    }

    /// Ends the tasks of all async closures.
    pub(super) fn abort_all(&self) {
        let tasks: Vec<_> =
            self.open.lock().values().filter_map(|question| question.task.clone()).collect();
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// Returns `true` if a closure that is not async has an open question, apart from these.
    pub(super) fn is_any_running(&self, except: &[QuestionId]) -> bool {
        is_any_running(&self.open.lock(), except)
    }

    /// Returns the open questions apart from these.
    pub(super) fn all_except(&self, questions: &[Question]) -> Vec<QuestionId> {
        let open = self.open.lock();
        let is_other = |id: &QuestionId| questions.iter().all(|question| question.id != *id);
        open.keys().copied().filter(is_other).collect()
    }

    /// Waits until no closure has an open question apart from these, but no longer than `limit`.
    pub(super) fn wait_until_idle(&self, except: &[QuestionId], limit: Duration) {
        let mut open = self.open.lock();
        let is_busy = |open: &mut BTreeMap<_, _>| is_any_running(open, except);
        let _ = self.answered.wait_while_for(&mut open, is_busy, limit);
    }

    /// Waits until a question has been answered, but no longer than `limit`.
    pub(super) fn wait_for(&self, id: QuestionId, limit: Duration) {
        let mut open = self.open.lock();
        let is_open = |open: &mut BTreeMap<_, _>| open.contains_key(&id);
        let _ = self.answered.wait_while_for(&mut open, is_open, limit);
    }

    /// Returns a sentence for each call of a closure that has not returned, apart from these. The
    /// events that wait for their turn are counted beside the first call that they wait for. The
    /// sentence has no duration, which would differ between runs.
    pub(super) fn describe(&self, except: &[QuestionId]) -> Vec<String> {
        let open = self.open.lock();
        let open = open.iter().filter(|(id, _)| !except.contains(id));
        let mut waiting = BTreeMap::<String, usize>::new();
        let mut running = Vec::new();
        for (_, question) in open {
            match question.is_called {
                true => running.push(question.whose()),
                false => *waiting.entry(question.whose()).or_default() += 1,
            }
        }
        let mut lines = Vec::new();
        for whose in running {
            let queue = match waiting.remove(&whose).unwrap_or_default() {
                0 => String::new(),
                1 => ", and 1 event waits for it".into(),
                count => format!(", and {count} events wait for it"),
            };
            lines.push(format!("{whose} has not returned{queue}"));
        }
        lines.extend(waiting.into_keys().map(|whose| format!("{whose} has not been called yet")));
        lines
    }
}

impl OpenQuestion {
    fn whose(&self) -> String {
        match self.written_at {
            Some(place) => format!("{} at {place}", self.source),
            None => self.source.to_string(),
        }
    }
}

fn is_any_running(open: &BTreeMap<QuestionId, OpenQuestion>, except: &[QuestionId]) -> bool {
    open.iter().any(|(id, question)| !question.is_async && !except.contains(id))
}
