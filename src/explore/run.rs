//! Run: the scenario once, against a fresh mock on a paused runtime of its own.

use std::future::{Future, poll_fn};
use std::hash::{DefaultHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::api::builder::MockIvsChatBuilder;
use crate::api::handle::Handle;
use crate::explore::abort::{Abort, Reason};
use crate::explore::case::Case;
use crate::explore::criteria::{Cause, causes};
use crate::explore::inject::{Injected, connected, until};
use crate::explore::invariant::Check;
use crate::explore::panics;
use crate::explore::point::{Sighting, sightings};
use crate::explore::scenario::{Running, Scenario};
use crate::explore::transcript::{self, Line};
use crate::log::entry::Entry;
use crate::log::lint::Finding;
use crate::log::record::{Caller, Event};
use crate::proto::timestamp::Timestamp;

/// Everything that runs need, and that is the same for all of them.
pub(crate) struct Bench {
    pub(crate) scenario: Scenario,
    /// Makes the settings of each mock.
    pub(crate) mock: Arc<dyn Fn() -> MockIvsChatBuilder + Send + Sync>,
    pub(crate) is_in_memory: bool,
    pub(crate) invariants: Vec<Check>,
    /// How much time of the clock a run may take.
    pub(crate) time_limit: Duration,
}

/// How the scenario ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Done,
    Error(String),
    Panicked(String),
    /// It did not end, for this reason.
    Stopped(Reason),
}

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) end: End,
    /// The panics of other tasks than the scenario's own.
    pub(crate) panics: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    /// How many tasks were left over.
    pub(crate) tasks: usize,
    /// The names of the clients that were still connected.
    pub(crate) connections: Vec<String>,
    /// The invariants that do not hold, by name, with the reason.
    pub(crate) broken: Vec<(String, String)>,
    /// The failures in the mock's own report.
    pub(crate) report: Vec<String>,
    /// Whether all faults have happened.
    pub(crate) is_reached: bool,
    /// A digest of everything that the clients did.
    pub(crate) behavior: u64,
    /// The reasons why the run has failed.
    pub(crate) causes: Vec<Cause>,
    /// The points, if the run was survived with an effect.
    pub(crate) sightings: Vec<Sighting>,
    /// The transcript, unless the run was survived.
    pub(crate) lines: Vec<Line>,
    /// The log, until the transcript is made of it.
    pub(crate) entries: Vec<Entry>,
    pub(crate) start: Timestamp,
    pub(crate) log_length: u64,
    pub(crate) connection_count: usize,
}

impl Run {
    /// Returns a run that says nothing except how it ended.
    pub(crate) fn ended(end: End) -> Self {
        Self {
            end,
            panics: Vec::new(),
            findings: Vec::new(),
            tasks: 0,
            connections: Vec::new(),
            broken: Vec::new(),
            report: Vec::new(),
            is_reached: true,
            behavior: 0,
            causes: Vec::new(),
            sightings: Vec::new(),
            lines: Vec::new(),
            entries: Vec::new(),
            start: Timestamp::default(),
            log_length: 0,
            connection_count: 0,
        }
    }

    /// Judges the run, keeps of its log what the verdict needs, and forgets the rest: the transcript
    /// of a failure, and the points after which another fault can be tried. The run without faults
    /// keeps both.
    pub(crate) fn digest(&mut self, case: &Case, baseline: Option<&Self>) {
        let entries = std::mem::take(&mut self.entries);
        self.causes = causes(self, baseline);
        if baseline.is_none() || !self.causes.is_empty() {
            self.lines = transcript::lines(&entries, self.start, case);
        }
        if baseline.is_none_or(|baseline| self.has_effect(baseline) && self.causes.is_empty()) {
            self.sightings = sightings(&entries, self.start);
        }
    }

    /// Returns `true` if any client did anything else than without faults.
    pub(crate) const fn has_effect(&self, baseline: &Self) -> bool {
        self.behavior != baseline.behavior
    }
}

/// Runs the scenario with the faults of a case. At most `log_limit` events may happen.
pub(crate) fn run(bench: &Bench, case: &Case, log_limit: u64, abort: &Arc<Abort>) -> Run {
    // Collected around the whole run, because the mock and tasks of clients can panic as well.
    let (result, mut panics) = panics::collect(|| {
        catch_unwind(AssertUnwindSafe(|| run_on_own_runtime(bench, case, log_limit, abort)))
    });
    match result {
        Ok(Ok(mut run)) => {
            run.panics = panics;
            run
        }
        Ok(Err(error)) => Run::ended(End::Error(format!("cannot build a runtime: {error}"))),
        Err(_) => Run::ended(End::Panicked(panics.pop().unwrap_or_default())),
    }
}

fn run_on_own_runtime(
    bench: &Bench,
    case: &Case,
    log_limit: u64,
    abort: &Arc<Abort>,
) -> std::io::Result<Run> {
    let mut builder = runtime::Builder::new_current_thread();
    let builder = match bench.is_in_memory {
        true => builder.enable_time(),
        false => builder.enable_all(),
    };
    // Then the branches of `tokio::select!` are the same in each run.
    #[cfg(tokio_unstable)]
    builder.rng_seed(runtime::RngSeed::from_bytes(b"explorer"));
    let runtime = builder.start_paused(true).build()?;
    let run = runtime.block_on(async {
        let ivs = (bench.mock)().for_explorer().start();
        let start = ivs.now();
        // The watcher is one of the tasks that were there before the scenario.
        let watcher = tokio::spawn(watch(ivs.handle(), log_limit, Arc::clone(abort)));
        yield_now().await;
        let before = alive_tasks();
        let mut injected = Injected::new(&ivs, case);
        let scenario = (bench.scenario)(ivs.handle());
        let end = drive(scenario, &mut injected, bench.time_limit, abort).await;
        let end = match end {
            End::Done => finish(&ivs, &mut injected, before, abort).await,
            end => end,
        };
        let run = examine(bench, &ivs, start, end, injected.are_all_reached());
        // Only after the checks: the end of the faults and of the mock would itself change the log.
        drop(injected);
        ivs.end_unreported();
        watcher.abort();
        // The tasks of a scenario that was stopped are not a leak.
        let tasks = if run.end == End::Done { left_over_tasks().await } else { 0 };
        Run { tasks, ..run }
    });
    // A closure that blocks must not block the explorer.
    runtime.shutdown_background();
    Ok(run)
}

/// Stops a run whose log grows without end.
async fn watch(ivs: Handle, log_limit: u64, abort: Arc<Abort>) {
    until(&ivs, || ivs.driver().log_length() > log_limit).await;
    abort.stop(Reason::Busy);
}

/// Polls the scenario and the faults, until the scenario ends or the time is over.
async fn drive(
    mut scenario: Running,
    injected: &mut Injected,
    time_limit: Duration,
    abort: &Abort,
) -> End {
    // A sleep on the paused clock: a run that only waits for it takes no real time.
    let mut limit = pin!(sleep(time_limit));
    let end = poll_fn(|cx| {
        // Before the scenario, so that a fault that is due strikes ahead of what the clients do.
        injected.poll(cx);
        let polled = catch_unwind(AssertUnwindSafe(|| scenario.as_mut().poll(cx)));
        let end = match polled {
            Ok(Poll::Ready(Ok(()))) => End::Done,
            Ok(Poll::Ready(Err(error))) => End::Error(error),
            Err(_) => End::Panicked(panics::take_last().unwrap_or_default()),
            Ok(Poll::Pending) => {
                if let Some(reason) = abort.poll_stopped(cx) {
                    return Poll::Ready(End::Stopped(reason));
                }
                return limit.as_mut().poll(cx).map(|()| End::Stopped(Reason::Time(time_limit)));
            }
        };
        Poll::Ready(end)
    })
    .await;
    // Dropping the clients of the scenario can panic as well.
    match catch_unwind(AssertUnwindSafe(|| drop(scenario))) {
        Ok(()) => end,
        Err(_) => End::Panicked(panics::take_last().unwrap_or_default()),
    }
}

/// Waits until client tasks and the mock have noticed the end of the scenario.
async fn finish(ivs: &Handle, injected: &mut Injected, before: usize, abort: &Abort) -> End {
    for _ in 0..QUIET_ROUNDS {
        if alive_tasks() <= before && connected(ivs).next().is_none() {
            return End::Done;
        }
        yield_now().await;
    }
    // Only after the yields, because a sleep advances the paused clock and fires the timers of
    // clients.
    let grace = Box::pin(async {
        sleep(GRACE).await;
        Ok(())
    });
    drive(grace, injected, GRACE * 2, abort).await
}

/// Returns how many tasks are left once the mock has ended.
async fn left_over_tasks() -> usize {
    for _ in 0..QUIET_ROUNDS {
        if alive_tasks() == 0 {
            break;
        }
        yield_now().await;
    }
    alive_tasks()
}

fn alive_tasks() -> usize {
    runtime::Handle::current().metrics().num_alive_tasks()
}

/// Reads everything that the end of the mock would change.
fn examine(bench: &Bench, ivs: &Handle, start: Timestamp, end: End, is_reached: bool) -> Run {
    let log = ivs.log();
    let entries = log.entries();
    let mut connections: Vec<String> =
        connected(ivs).map(|connection| connection.user_id().to_owned()).collect();
    connections.sort_unstable();
    let broken = bench.invariants.iter().filter_map(|check| {
        let reason = check.broken(&log)?;
        Some((check.name.clone(), reason))
    });
    Run {
        end,
        broken: broken.collect(),
        findings: log.lint(),
        connections,
        report: ivs.report().reasons(&entries),
        is_reached,
        behavior: behavior(&entries, start),
        log_length: ivs.driver().log_length(),
        connection_count: entries
            .iter()
            .filter(|entry| matches!(entry.record.event, Event::Connected(_)))
            .count(),
        entries,
        start,
        ..Run::ended(End::Done)
    }
}

/// Returns a digest of everything that clients did, and when: attempts to connect, whatever became
/// of them, frames and calls. The end of a connection is mostly what a fault does.
fn behavior(entries: &[Entry], start: Timestamp) -> u64 {
    let mut digest = DefaultHasher::new();
    for entry in entries {
        match &entry.record.event {
            event if is_attempt(event) && !entry.is_participant() => {
                // Without the time, which is that of the result and so depends on the fault.
                digest.write_u8(1);
                continue;
            }
            Event::FrameReceived(payload) if !entry.is_participant() => {
                digest.write(payload.bytes());
                digest.write_u8(2);
            }
            Event::Request(request) if request.origin != Caller::Test => {
                digest.write(request.body.as_bytes());
                digest.write_u8(3);
            }
            _ => continue,
        }
        digest.write_u128(entry.at().since(start).as_nanos());
    }
    digest.finish()
}

/// Returns `true` for an attempt to connect. Its time is that of its result.
fn is_attempt(event: &Event) -> bool {
    match event {
        Event::Connected(_) | Event::HandshakeRefused(_) | Event::Unserved(_) => true,
        Event::GaveUp(gave_up) => gave_up.operation.is_none(),
        Event::HookFired(hooked) => ["handshake reset", "handshake accepted"]
            .iter()
            .any(|effect| hooked.effect.starts_with(effect)),
        _ => false,
    }
}

/// How often tasks get to run before the explorer waits for them on the clock.
const QUIET_ROUNDS: u32 = 64;

/// How long tasks of clients may go on after the scenario has ended.
const GRACE: Duration = Duration::from_secs(60);
