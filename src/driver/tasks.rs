//! Tasks: futures on the mock's runtime that end with the mock.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime;
use tokio::task::AbortHandle;

/// Spawns tasks, and aborts those that are still running when the mock ends.
#[derive(Debug)]
pub(crate) struct Tasks {
    runtime: runtime::Handle,
    state: Mutex<TaskState>,
}

#[derive(Debug, Default)]
struct TaskState {
    spawned: u64,
    /// The running tasks. One that is just being spawned has no handle yet.
    running: BTreeMap<u64, Option<AbortHandle>>,
    has_ended: bool,
}

impl Tasks {
    pub(crate) fn new(runtime: runtime::Handle) -> Arc<Self> {
        Arc::new(Self { runtime, state: Mutex::default() })
    }

    /// Spawns a task, unless the mock has ended.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state.lock();
        if state.has_ended {
            return;
        }
        state.spawned += 1;
        let number = state.spawned;
        // Listed before it runs: a task that ends before its handle is known would otherwise leave
        // its entry in the list forever.
        state.running.insert(number, None);
        drop(state);
        let guard = TaskGuard { tasks: Arc::downgrade(self), number };
        // Without the lock: a runtime that has ended drops the task here, and with it the guard.
        let spawned = self.runtime.spawn(async move {
            let _guard = guard;
            task.await;
        });
        let handle = spawned.abort_handle();
        let mut state = self.state.lock();
        if let Some(running) = state.running.get_mut(&number) {
            *running = Some(handle);
        } else if state.has_ended {
            drop(state);
            handle.abort();
        }
    }

    /// Aborts all tasks, and spawns none from now on.
    pub(crate) fn abort_all(&self) {
        let mut state = self.state.lock();
        state.has_ended = true;
        let running = std::mem::take(&mut state.running);
        drop(state);
        for handle in running.into_values().flatten() {
            handle.abort();
        }
    }
}

/// Removes a task from the list when it ends.
struct TaskGuard {
    tasks: Weak<Tasks>,
    number: u64,
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.upgrade() {
            let removed = tasks.state.lock().running.remove(&self.number);
            drop(removed);
        }
    }
}
