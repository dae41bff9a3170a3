//! Workers: threads that run closures of the test and serve nothing else.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run closures of the test.
///
/// A closure may block for as long as it likes, so each runs on a thread that nothing else needs.
/// These are not the blocking threads of tokio: a runtime that ends waits for those, and a closure
/// that never returns would make a failed test hang.
#[derive(Debug, Default)]
pub(super) struct Workers {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    threads: Vec<(u64, SyncSender<Job>)>,
    latest: u64,
}

impl Workers {
    /// Runs a job on a thread that is idle, or on a new one.
    pub(super) fn run(self: &std::sync::Arc<Self>, job: Job) -> io::Result<()> {
        let idle = self.idle.lock().threads.pop();
        let job = match idle {
            // A thread takes itself off the list before it ends, so this one still listens.
            Some((_, sender)) => match sender.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(job)) => job,
            },
            None => job,
        };
        let workers = std::sync::Arc::clone(self);
        let builder = thread::Builder::new().name("mock-ivs-chat-closure".into());
        builder.spawn(move || workers.work(job)).map(drop)
    }

    fn work(&self, mut job: Job) {
        loop {
            job();
            let (sender, receiver) = mpsc::sync_channel(1);
            let number = self.become_idle(sender);
            job = match receiver.recv_timeout(IDLE_TIME) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) if self.stop_being_idle(number) => return,
                // Another thread has taken this one off the list and is about to send a job.
                Err(_) => match receiver.recv() {
                    Ok(job) => job,
                    Err(mpsc::RecvError) => return,
                },
            };
        }
    }

    fn become_idle(&self, sender: SyncSender<Job>) -> u64 {
        let mut idle = self.idle.lock();
        idle.latest += 1;
        let number = idle.latest;
        idle.threads.push((number, sender));
        number
    }

    /// Returns `true` if the thread was still idle and can end.
    fn stop_being_idle(&self, number: u64) -> bool {
        let mut idle = self.idle.lock();
        let place = idle.threads.iter().position(|(other, _)| *other == number);
        place.map(|place| idle.threads.swap_remove(place)).is_some()
    }
}

/// How long a thread without work waits for more before it ends.
const IDLE_TIME: Duration = Duration::from_secs(1);
