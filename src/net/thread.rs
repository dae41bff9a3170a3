//! `ServerThread`: a thread with its own runtime, which ends in a bounded time.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

/// The thread that a mock runs on.
#[derive(Debug)]
pub(crate) struct ServerThread {
    join: JoinHandle<()>,
    stop: Arc<Notify>,
    ended: mpsc::Receiver<()>,
}

impl ServerThread {
    /// Runs the tasks of a runtime.
    pub(crate) fn spawn(runtime: DetachedRuntime) -> io::Result<Self> {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (end, ended) = mpsc::channel();
        let join = thread::Builder::new().name("mock-ivs-chat".into()).spawn(move || {
            runtime.get().block_on(stopped.notified());
            drop(runtime);
            // The mock may have given up waiting.
            let _ = end.send(());
        })?;
        Ok(Self { join, stop, ended })
    }

    /// Ends the thread, and waits for its end for a limited time.
    pub(crate) fn end(self) {
        self.stop.notify_one();
        // A closure on this very thread may drop the mock, and cannot wait for the thread.
        if self.join.thread().id() == thread::current().id() {
            return;
        }
        // A test closure that never returns must not block the whole test run.
        let has_timed_out =
            self.ended.recv_timeout(TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout);
        // The last thing that the thread has to do is to end, and on Windows that may have to wait
        // for the current thread: see `TIMEOUT`.
        if !has_timed_out && !cfg!(windows) {
            // The result is empty: panics of tasks are recorded when they happen.
            let _ = self.join.join();
        }
    }
}

/// A runtime that can be dropped anywhere, even in a task of another runtime.
#[derive(Debug)]
pub(crate) struct DetachedRuntime(Option<Runtime>);

impl DetachedRuntime {
    pub(crate) fn build() -> io::Result<Self> {
        Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> &Handle {
        self.get().handle()
    }

    const fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only the drop takes the runtime")
    }
}

impl Drop for DetachedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How long the end of a mock waits for its thread.
///
/// On Windows, no thread can start or end while another one runs the destructors of its
/// thread-local variables. If such a variable holds a mock whose thread has not started yet, this
/// wait uses up all of its time. There is little to wait for: the ports and the streams of the mock
/// are closed before.
const TIMEOUT: Duration =
    if cfg!(windows) { Duration::from_millis(250) } else { Duration::from_secs(5) };
