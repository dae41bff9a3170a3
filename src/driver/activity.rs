//! Activity: the tasks and closures that are at work, what they have done wrong, and their end.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::driver::closures::text_of;
use crate::driver::{Driver, RuntimeThread, stack};
use crate::engine::QuestionId;
#[cfg(feature = "tracing")]
use crate::log::entry::{Entry, EntryKind};
#[cfg(feature = "tracing")]
use crate::log::secrets::TokenLabels;
#[cfg(feature = "tracing")]
use crate::log::trace;
#[cfg(feature = "tracing")]
use crate::service::ConnectionId;

/// A panic of code of the test.
#[derive(Clone, Debug)]
pub(crate) struct ClosurePanic {
    /// The code that has panicked, such as the closure of a hook.
    pub(crate) whose: String,
    pub(crate) message: String,
    /// The question that the closure was asked, if its answer follows.
    pub(super) question: Option<QuestionId>,
    /// Whether a wait has failed with it already.
    pub(crate) is_reported: bool,
}

/// Counts a task as active for as long as it lives.
struct ActivityGuard<'a>(&'a AtomicU64);

impl<'a> ActivityGuard<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for ActivityGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Driver {
    /// Runs a task of the mock: counts it as active while it is polled, and records a panic of it as
    /// one of a closure. A task runs test code too, such as streams and `tracing` subscribers.
    ///
    /// The task is pinned by its caller, because a future that has another one as its argument takes
    /// twice its memory, and each connection has one.
    pub(crate) async fn supervised<T>(
        &self,
        source: &str,
        mut task: Pin<&mut impl Future<Output = T>>,
    ) -> T {
        std::future::poll_fn(|cx| {
            let _active = ActivityGuard::new(&self.active_tasks);
            let poll = AssertUnwindSafe(|| task.as_mut().poll(cx));
            catch_unwind(poll).unwrap_or_else(|payload| {
                self.record_panic(source, text_of(&*payload));
                resume_unwind(payload)
            })
        })
        .await
    }

    /// Returns the questions that closures on this thread are about to answer. A closure that waits
    /// for the mock to become idle must not wait for itself.
    pub(crate) fn own_questions(&self) -> Vec<QuestionId> {
        stack::questions_of(self.mock)
    }

    /// Returns `true` if no task of a client is active, no closure is running apart from those with
    /// these questions, and no frame waits to be written that could be.
    pub(crate) fn is_idle(&self, except: &[QuestionId]) -> bool {
        // The order of the three checks matters. A task lists its questions before it becomes
        // inactive, and frames that an answer causes are queued before its question is taken off
        // the list. So work that moves on during a check is seen by a later one.
        if self.active_tasks.load(Ordering::Acquire) > 0 || self.questions.is_any_running(except) {
            return false;
        }
        // Collected first: whether a stream is blocked takes its lock.
        let waiting: Vec<_> = {
            let state = self.state.lock();
            let sinks = state.sinks.values();
            sinks.filter(|sink| sink.queue.has_queued()).cloned().collect()
        };
        waiting.iter().all(|sink| sink.stream.is_blocked())
    }

    /// Returns a sentence for each closure that has not answered, except for those that this thread
    /// is inside.
    pub(crate) fn unanswered(self: &Arc<Self>) -> Vec<String> {
        self.questions.describe(&stack::questions_of(self.mock))
    }

    /// Ends everything that runs on behalf of the mock, as far as it can be ended: closures that
    /// are running get a moment to return. Waits that are pending fail with the reason.
    pub(crate) fn stop(self: &Arc<Self>, reason: &'static str) {
        self.has_stopped.store(true, Ordering::Release);
        self.questions.wait_until_idle(&stack::questions_of(self.mock), CLOSURE_TIMEOUT);
        self.questions.abort_all();
        self.tasks.abort_all();
        // Waits end last: closures that have just returned may have caused what they wait for.
        self.waiters.stop(reason);
    }

    /// Records that the current thread runs the mock's tasks.
    pub(crate) fn record_runtime_thread(&self) {
        if let Some(thread) = &self.runtime_thread {
            thread.record();
        }
    }

    /// Returns `true` if the mock stands still while the current thread is blocked.
    pub(crate) fn runs_on_current_thread(&self) -> bool {
        self.runtime_thread.as_ref().is_some_and(RuntimeThread::is_current)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Acquire)
    }

    /// Returns all panics of test code so far.
    pub(crate) fn panics(&self) -> Vec<ClosurePanic> {
        self.panics.lock().clone()
    }

    /// Records a panic, and lets all waits look.
    pub(super) fn record_panic(&self, whose: &str, message: &str) {
        self.record_panic_of(None, whose, message);
    }

    /// Records a panic of a closure that was asked a question.
    pub(super) fn record_panic_of(&self, question: Option<QuestionId>, whose: &str, message: &str) {
        let (whose, message) = (whose.into(), first_paragraph(message));
        self.panics.lock().push(ClosurePanic { whose, message, question, is_reported: false });
        self.waiters.notify();
    }

    /// Returns the first panic that no wait has failed with yet, and marks it as reported.
    pub(crate) fn report_panic(&self) -> Option<ClosurePanic> {
        let panic = {
            let mut panics = self.panics.lock();
            let panic = panics.iter_mut().find(|panic| !panic.is_reported)?;
            panic.is_reported = true;
            panic.clone()
        };
        // The answer follows on the thread of the closure. Otherwise it would differ between runs
        // whether the failure shows its effects.
        if let Some(question) = panic.question {
            self.questions.wait_for(question, ANSWER_TIMEOUT);
        }
        Some(panic)
    }
}

/// Returns the first paragraph of a message in one line. The message of a failed wait goes on with
/// a timeline, and the failure that names the panic has one of its own.
fn first_paragraph(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// The progress of emitting the log to the crate `tracing`.
#[cfg(feature = "tracing")]
#[derive(Debug, Default)]
pub(super) struct Tracer {
    emitted: u64,
    is_emitting: bool,
    home: Home,
    /// The spans of open connections.
    spans: std::collections::BTreeMap<ConnectionId, Arc<tracing::Span>>,
    labels: TokenLabels,
}

/// Where the mock was started, and the subscriber that was the default there.
#[cfg(feature = "tracing")]
#[derive(Clone, Debug)]
struct Home {
    thread: std::thread::ThreadId,
    dispatch: tracing::Dispatch,
}

#[cfg(feature = "tracing")]
impl Default for Home {
    fn default() -> Self {
        Self { thread: std::thread::current().id(), dispatch: tracing::Dispatch::default() }
    }
}

#[cfg(feature = "tracing")]
impl Home {
    /// Calls a function with the subscriber of the test, also on the threads of the mock: a test
    /// often sets its subscriber for its own thread only.
    fn within(&self, emit: impl FnOnce()) {
        let has_subscriber = !self.dispatch.is::<tracing::subscriber::NoSubscriber>();
        if has_subscriber && std::thread::current().id() != self.thread {
            tracing::dispatcher::with_default(&self.dispatch, emit);
        } else {
            emit();
        }
    }
}

#[cfg(feature = "tracing")]
impl Driver {
    /// Emits an event of the crate `tracing` for each new entry of the log.
    ///
    /// Subscribers are foreign code, so no lock is held while they run. One thread at a time emits,
    /// which keeps the order, and it also emits what other threads add meanwhile.
    pub(super) fn trace(&self) {
        loop {
            let length = self.log_length();
            let (first, home) = {
                let mut tracer = self.tracer.lock();
                if tracer.is_emitting || tracer.emitted >= length {
                    return;
                }
                tracer.is_emitting = true;
                (std::mem::replace(&mut tracer.emitted, length), tracer.home.clone())
            };
            let _emitting = Emitting(self);
            let (mut entries, _) = self.entries_since(first);
            entries.retain(|entry| entry.index() < length);
            home.within(|| entries.iter().for_each(|entry| self.emit(entry)));
        }
    }
}

#[cfg(feature = "tracing")]
impl Driver {
    /// Emits an event within the span of its connection, which the first entry opens and the last
    /// one closes.
    fn emit(&self, entry: &Entry) {
        let peer = entry.record.peer.as_ref();
        let connection = peer.map(|peer| peer.connection);
        if let (Some(peer), EntryKind::Connected) = (peer, entry.kind()) {
            let span = Arc::new(trace::open(peer));
            self.tracer.lock().spans.insert(peer.connection, span);
        }
        let span = connection.and_then(|c| self.tracer.lock().spans.get(&c).cloned());
        let texts = trace::Texts::new(entry, &mut self.tracer.lock().labels);
        trace::emit(entry, span.as_deref(), &texts);
        if let (Some(connection), EntryKind::Closed | EntryKind::Disconnected) =
            (connection, entry.kind())
        {
            // A subscriber is notified of the end of a span when the last clone is dropped, here.
            let ended = self.tracer.lock().spans.remove(&connection);
            drop((span, ended));
        }
    }
}

/// Lets other threads emit when it is dropped, even if a subscriber panics.
#[cfg(feature = "tracing")]
struct Emitting<'a>(&'a Driver);

#[cfg(feature = "tracing")]
impl Drop for Emitting<'_> {
    fn drop(&mut self) {
        self.0.tracer.lock().is_emitting = false;
    }
}

/// How long the report of a panic waits for the effects of the answer in its place.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the end of a mock waits for closures that are running.
const CLOSURE_TIMEOUT: Duration = Duration::from_secs(1);
