//! `OwnThread`: a thread with a runtime of its own, which ends within a bound.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

/// A thread that a mock runs on.
#[derive(Debug)]
pub(crate) struct OwnThread {
    join: JoinHandle<()>,
    stop: Arc<Notify>,
    ended: mpsc::Receiver<()>,
}

impl OwnThread {
    /// Runs what is spawned on a runtime.
    pub(crate) fn spawn(runtime: OwnRuntime) -> io::Result<Self> {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (end, ended) = mpsc::channel();
        let join = thread::Builder::new().name("mock-ivs-chat".into()).spawn(move || {
            runtime.get().block_on(stopped.notified());
            drop(runtime);
            // Nobody hears it if the mock gave up waiting.
            let _ = end.send(());
        })?;
        Ok(Self { join, stop, ended })
    }

    /// Ends the thread, and waits for that as long as is reasonable.
    pub(crate) fn end(self) {
        self.stop.notify_one();
        // A mock that is dropped on its own thread, by a closure that it runs, cannot wait for it.
        let is_own_thread = self.join.thread().id() == thread::current().id();
        // A closure of the test that never returns must not take the whole test run with it.
        if !is_own_thread
            && self.ended.recv_timeout(TIMEOUT) != Err(mpsc::RecvTimeoutError::Timeout)
        {
            // The thread has nothing to say: its tasks' panics stay with the tasks.
            let _ = self.join.join();
        }
    }
}

/// A runtime that can be dropped anywhere, also where another one runs.
#[derive(Debug)]
pub(crate) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    pub(crate) fn build() -> io::Result<Self> {
        Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.get().handle()
    }

    const fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only its drop takes the runtime away")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How long the end of a mock waits for its thread.
const TIMEOUT: Duration = Duration::from_secs(5);
