//! Workers: threads that run cases in parallel, with a watchdog for those that hang in real time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::explore::abort::{Abort, Reason};
use crate::explore::case::Case;
use crate::explore::run::{self, Bench, End, Run};

/// How a batch of cases is run.
pub(crate) struct Orders<'a> {
    pub(crate) bench: &'a Arc<Bench>,
    pub(crate) threads: usize,
    /// How many events a run may have.
    pub(crate) log_limit: u64,
    /// When no new run is started any more.
    pub(crate) deadline: Option<Instant>,
    /// How much real time a run may take without ending.
    pub(crate) real_time_limit: Duration,
    /// The run without faults, once it is known.
    pub(crate) baseline: Option<&'a Arc<Run>>,
}

/// The work that the threads share.
struct Batch {
    bench: Arc<Bench>,
    cases: Vec<Case>,
    next: AtomicUsize,
    log_limit: u64,
    deadline: Option<Instant>,
    baseline: Option<Arc<Run>>,
    /// Whether no run is started any more.
    is_over: AtomicBool,
    /// The runs in progress, by the number of the case.
    running: Mutex<BTreeMap<usize, Running>>,
}

struct Running {
    abort: Arc<Abort>,
    since: Instant,
    is_stopped: bool,
}

/// Runs cases in parallel. `on_run` sees each run as it ends, in any order, and returns `false` to
/// start no further one. The results are in the order of the cases; a case that was not run has
/// none.
pub(crate) fn run_all(
    orders: &Orders<'_>,
    cases: Vec<Case>,
    mut on_run: impl FnMut(usize, &Run) -> bool,
) -> Vec<Option<Run>> {
    let count = cases.len();
    let batch = Arc::new(Batch {
        bench: Arc::clone(orders.bench),
        cases,
        next: AtomicUsize::new(0),
        log_limit: orders.log_limit,
        deadline: orders.deadline,
        baseline: orders.baseline.cloned(),
        is_over: AtomicBool::new(false),
        running: Mutex::default(),
    });
    let (sender, receiver) = mpsc::channel();
    let mut alive = 0;
    for _ in 0..orders.threads.clamp(1, count.max(1)) {
        alive += usize::from(spawn(&batch, &sender));
    }
    let mut results: Vec<Option<Run>> = Vec::new();
    results.resize_with(count, || None);
    while alive > 0 {
        match receiver.recv_timeout(WATCH_INTERVAL) {
            Ok(Some((index, run))) => {
                if !on_run(index, &run) {
                    batch.is_over.store(true, Ordering::Relaxed);
                }
                results[index] = Some(run);
            }
            Ok(None) => alive -= 1,
            Err(RecvTimeoutError::Timeout) => {
                for index in batch.hanging(orders.real_time_limit) {
                    // The thread is given up, because nothing can end it. Another takes its place.
                    let mut run = Run::ended(End::Stopped(Reason::Blocked));
                    run.digest(&batch.cases[index], batch.baseline.as_deref());
                    if !on_run(index, &run) {
                        batch.is_over.store(true, Ordering::Relaxed);
                    }
                    results[index] = Some(run);
                    // The thread that was given up never reports its end, so its successor counts
                    // in its place.
                    alive -= usize::from(!spawn(&batch, &sender));
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    results
}

/// A run with the number of its case; `None` when a thread has no more to do.
type Message = Option<(usize, Run)>;

/// Starts a thread. Returns `false` if the system has no more of them.
fn spawn(batch: &Arc<Batch>, sender: &Sender<Message>) -> bool {
    let (batch, sender) = (Arc::clone(batch), sender.clone());
    // The mock takes the name of the test from its thread.
    let name = thread::current().name().unwrap_or("explore").to_owned();
    thread::Builder::new().name(name).spawn(move || batch.work(&sender)).is_ok()
}

impl Batch {
    fn work(&self, sender: &Sender<Message>) {
        while let Some((index, abort)) = self.take() {
            let mut run = run::run(&self.bench, &self.cases[index], self.log_limit, &abort);
            run.digest(&self.cases[index], self.baseline.as_deref());
            // A run that was given up has its result already, and the thread its successor. The
            // lock decides which side reports a run: either this thread or the one that gives it up
            // removes the entry, never both.
            if self.running.lock().remove(&index).is_none() {
                return;
            }
            if sender.send(Some((index, run))).is_err() {
                return;
            }
        }
        // The receiver may have been dropped.
        let _sent = sender.send(None);
    }

    fn take(&self) -> Option<(usize, Arc<Abort>)> {
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_late || self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.cases.len() {
            return None;
        }
        let abort = Arc::<Abort>::default();
        let running =
            Running { abort: Arc::clone(&abort), since: Instant::now(), is_stopped: false };
        // Before the run begins, so that the watchdog sees each run from its start.
        self.running.lock().insert(index, running);
        Some((index, abort))
    }

    /// Stops runs that take too long, and returns those that do not stop: they are given up.
    fn hanging(&self, limit: Duration) -> Vec<usize> {
        let mut running = self.running.lock();
        let mut given_up = Vec::new();
        for (index, run) in &mut *running {
            let elapsed = run.since.elapsed();
            // A run that spins ends at its next poll. One that blocks its thread does not, and is
            // given up.
            if elapsed >= limit && !run.is_stopped {
                run.is_stopped = true;
                run.abort.stop(Reason::Spinning);
            } else if elapsed >= limit + STOP_TIMEOUT && run.is_stopped {
                given_up.push(*index);
            }
        }
        for index in &given_up {
            running.remove(index);
        }
        given_up
    }
}

/// How often the watchdog looks while no run ends.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// How long a stopped run may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
