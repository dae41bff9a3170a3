//! Closures: the test's own decisions, and the questions that they have not answered.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::driver::{Driver, stack};
use crate::engine::io::{Answer, ClosureId, Input};
use crate::engine::{Ancestry, QuestionId};
use crate::hook::event::{HookEvent, HookVerdict};

/// A closure of the test.
#[derive(Clone, Debug)]
pub(crate) struct Closure {
    function: Function,
    /// The name of the closure in failures, unless it is that of its hook or of its function.
    name: Option<Arc<str>>,
    /// The line of the hook that has the closure.
    written_at: Option<&'static Location<'static>>,
}

#[derive(Clone)]
enum Function {
    Sync(Arc<SyncClosure>),
    Async(Arc<AsyncClosure>),
}

type SyncFunction = Box<dyn FnMut(HookEvent) -> HookVerdict + Send>;
type AsyncClosure = dyn Fn(HookEvent) -> Verdict + Send + Sync;

/// The future of a verdict.
pub(crate) type Verdict = Pin<Box<dyn Future<Output = HookVerdict> + Send>>;

/// A closure that answers one question after the other.
pub(crate) struct SyncClosure(Mutex<Turns>);

struct Turns {
    /// The closure itself, unless a thread is running it.
    function: Option<SyncFunction>,
    /// The questions that wait until it has answered the current one.
    waiting: VecDeque<Question>,
}

/// A question on its way to a closure.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) id: QuestionId,
    pub(super) closure: ClosureId,
    /// The closure itself, unless it is gone because the mock has stopped.
    function: Option<Function>,
    pub(super) source: Arc<str>,
    /// The line of the hook that has the closure.
    pub(super) written_at: Option<&'static Location<'static>>,
    pub(super) event: HookEvent,
    /// The closures that have caused the event.
    pub(super) causes: Ancestry,
    /// Dropped once the question has been answered.
    answered: Option<mpsc::Sender<()>>,
}

impl Closure {
    pub(crate) fn new(function: impl FnMut(HookEvent) -> HookVerdict + Send + 'static) -> Self {
        let turns = Turns { function: Some(Box::new(function)), waiting: VecDeque::new() };
        let function = Function::Sync(Arc::new(SyncClosure(Mutex::new(turns))));
        Self { function, name: None, written_at: None }
    }

    pub(crate) fn new_async(
        function: impl Fn(HookEvent) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let function = Function::Async(Arc::new(function));
        Self { function, name: None, written_at: None }
    }

    /// Names the line of the closure's hook in failures.
    pub(super) fn written_at(self, place: &'static Location<'static>) -> Self {
        Self { written_at: Some(place), ..self }
    }

    /// Names the closure in failures.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync(_) => f.write_str("a closure"),
            Self::Async(_) => f.write_str("an async closure"),
        }
    }
}

impl Question {
    pub(super) fn new(
        id: QuestionId,
        closure: ClosureId,
        asked: Option<Closure>,
        name: &str,
        event: HookEvent,
        causes: Ancestry,
    ) -> Self {
        let (function, own_name, written_at) = match asked {
            Some(Closure { function, name, written_at }) => (Some(function), name, written_at),
            None => (None, None, None),
        };
        let source = own_name.unwrap_or_else(|| match closure {
            ClosureId::Hook(_) => format!("the closure of {name:?}").into(),
            ClosureId::Handler(_) => format!("the review handler {name}").into(),
        });
        Self { id, closure, function, source, written_at, event, causes, answered: None }
    }

    pub(super) const fn is_async(&self) -> bool {
        matches!(self.function, Some(Function::Async(_)))
    }
}

impl SyncClosure {
    /// Removes the closure to run it, or leaves the question to the thread that runs it.
    fn begin(&self, question: Question) -> Result<(SyncFunction, Question), ()> {
        let mut turns = self.0.lock();
        match turns.function.take() {
            Some(function) => Ok((function, question)),
            None => {
                turns.waiting.push_back(question);
                Err(())
            }
        }
    }

    /// Puts the closure back, or returns it with the next question that waits for it.
    fn end(&self, function: SyncFunction) -> Option<(SyncFunction, Question)> {
        let mut turns = self.0.lock();
        // Under the same lock as `begin`: a question that started to wait after this look at the
        // queue would never be asked.
        match turns.waiting.pop_front() {
            Some(question) => Some((function, question)),
            None => {
                turns.function = Some(function);
                None
            }
        }
    }
}

/// Questions that one thread asks in order, and how many it has asked.
#[derive(Debug)]
struct Queue {
    questions: Mutex<VecDeque<Question>>,
    answered: AtomicU64,
}

impl From<Vec<Question>> for Queue {
    fn from(questions: Vec<Question>) -> Self {
        Self { questions: Mutex::new(questions.into()), answered: AtomicU64::default() }
    }
}

impl Driver {
    /// Asks closures on behalf of a method call of the test. They have answered when this returns,
    /// unless a closure is async, busy, or does not return.
    pub(super) fn ask_for_test(self: &Arc<Self>, questions: Vec<Question>) {
        if questions.is_empty() {
            return;
        }
        let queue = Arc::new(Queue::from(questions));
        // The call of a closure is on a thread already that nothing else needs.
        if stack::is_inside_closure() {
            return self.ask_here(&queue);
        }
        // One other thread asks them in order, so that a closure which never returns does not take
        // the thread of the test with it.
        let (done, finished) = mpsc::channel::<()>();
        let (driver, own_queue) = (Arc::clone(self), Arc::clone(&queue));
        // The closures find the runtime of the test, as they would on its thread.
        let runtime = tokio::runtime::Handle::try_current().ok();
        let job = move || {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            driver.ask_here(&own_queue);
            drop(done);
        };
        if let Err(error) = self.workers.run(Box::new(job)) {
            let problem = format!("cannot start a thread for it: {error}");
            return self.record_panic("a closure", &problem);
        }
        self.wait_for_answers(&queue, &finished);
    }

    /// Waits until all closures have answered, but not for one that does not return.
    fn wait_for_answers(self: &Arc<Self>, queue: &Queue, finished: &mpsc::Receiver<()>) {
        let limit = self.wait_timeout.max(BUSY_TIMEOUT);
        let (mut answered, mut since) = (0, Instant::now());
        let mut rest_finished = None;
        while finished.recv_timeout(HANDOVER_TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) {
            let now = queue.answered.load(Ordering::Relaxed);
            if now != answered {
                // Many closures that each return may take longer than one is allowed to.
                (answered, since) = (now, Instant::now());
            } else if rest_finished.is_none() {
                // The closure that is running does not hold up those of other events.
                rest_finished = Some(self.hand_over(queue));
            } else if since.elapsed() >= limit {
                // Its event stays parked, and reports name it as running.
                return;
            }
        }
        if let Some(rest_finished) = rest_finished {
            let _ = rest_finished.recv_timeout(limit.saturating_sub(since.elapsed()));
        }
    }

    /// Asks the closures that are left in a queue on threads of their own. The result is
    /// disconnected once they have answered.
    fn hand_over(self: &Arc<Self>, queue: &Queue) -> mpsc::Receiver<()> {
        let (done, finished) = mpsc::channel();
        let mut rest = Vec::from(std::mem::take(&mut *queue.questions.lock()));
        rest.iter_mut().for_each(|question| question.answered = Some(done.clone()));
        self.ask_elsewhere(rest);
        finished
    }

    /// Asks closures one after the other on this thread.
    fn ask_here(self: &Arc<Self>, queue: &Queue) {
        // A loop instead of recursion: one answer may lead to the next question many times.
        loop {
            // In a statement of its own, so that the closure runs without the lock.
            let next = queue.questions.lock().pop_front();
            let Some(question) = next else { return };
            let following = self.ask_one_here(question);
            queue.questions.lock().extend(following);
            queue.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ask_one_here(self: &Arc<Self>, mut question: Question) -> Vec<Question> {
        let closure = match question.function.take() {
            Some(Function::Sync(closure)) => closure,
            other => return self.ask_async(other, question),
        };
        let (sender, receiver) = mpsc::channel();
        question.answered = Some(sender);
        match closure.begin(question) {
            Ok((function, question)) => {
                let (function, answered) = self.run(function, question);
                self.end_turn(&closure, function);
                answered
            }
            Err(()) => {
                // Another thread is running the closure and asks it this question next. A closure
                // may be waiting for this very thread, so nothing waits for it without a limit,
                // and a closure does not wait for another one at all.
                if !stack::is_inside_closure() {
                    let _ = receiver.recv_timeout(BUSY_TIMEOUT);
                }
                Vec::new()
            }
        }
    }

    /// Asks closures on behalf of a client or of the clock, on threads of their own.
    pub(super) fn ask_elsewhere(self: &Arc<Self>, questions: Vec<Question>) {
        if questions.is_empty() {
            return;
        }
        // A closure may wait for a client's reaction to the frames so far.
        self.flush();
        // On a runtime that the mock shares with the test, what happens next would depend on how
        // fast another thread is. So that a closure that returns soon does not change the order of
        // events from run to run, the thread waits for it, but only for a moment.
        // Closures that were running before are left out. If one of them is stuck, each later event
        // would wait for it in vain.
        let earlier = self.runs_on_current_thread().then(|| self.questions.all_except(&questions));
        let mut questions = VecDeque::from(questions);
        while let Some(mut question) = questions.pop_front() {
            match question.function.take() {
                Some(Function::Sync(closure)) => {
                    if let Ok((function, question)) = closure.begin(question) {
                        self.work(closure, function, question);
                    }
                }
                other => questions.extend(self.ask_async(other, question)),
            }
        }
        if let Some(earlier) = earlier {
            self.questions.wait_until_idle(&earlier, HANDOVER_TIMEOUT);
        }
    }

    /// Runs a closure on a thread of its own, with this question and those that wait behind it.
    fn work(
        self: &Arc<Self>,
        closure: Arc<SyncClosure>,
        function: SyncFunction,
        question: Question,
    ) {
        let driver = Arc::clone(self);
        let (source, hold) = (Arc::clone(&question.source), self.hold_clock());
        let job = move || {
            let mut turn = Some((function, question));
            while let Some((function, question)) = turn {
                let (function, next) = driver.run(function, question);
                driver.ask_elsewhere(next);
                turn = closure.end(function);
            }
            drop(hold);
        };
        if let Err(error) = self.workers.run(Box::new(job)) {
            self.record_panic(&source, &format!("cannot start a thread for it: {error}"));
        }
    }

    /// Puts a closure back, or leaves it with its waiting questions to another thread.
    fn end_turn(self: &Arc<Self>, closure: &Arc<SyncClosure>, function: SyncFunction) {
        if let Some((function, question)) = closure.end(function) {
            self.work(Arc::clone(closure), function, question);
        }
    }

    /// Runs a closure, and returns the questions that follow from its answer.
    fn run(
        self: &Arc<Self>,
        mut function: SyncFunction,
        question: Question,
    ) -> (SyncFunction, Vec<Question>) {
        let Question { id, closure, source, event, causes, answered, .. } = question;
        self.questions.begin(id);
        let verdict = {
            let _entered = stack::enter(self.mock, closure, id, causes);
            catch_unwind(AssertUnwindSafe(|| function(event)))
        };
        let answer = self.answer_of(id, &source, verdict);
        let next = self.answer(id, answer);
        // Dropped only now, because the method call that waits for it must find the effects of the
        // answer.
        drop(answered);
        (function, next)
    }

    /// Spawns an async closure. One that is gone, because the mock has stopped, decides nothing.
    fn ask_async(self: &Arc<Self>, closure: Option<Function>, question: Question) -> Vec<Question> {
        let Some(Function::Async(function)) = closure else {
            return self.answer(question.id, Answer::Unavailable);
        };
        let (driver, id) = (Arc::clone(self), question.id);
        let task = self.runtime.spawn(async move {
            let source = Arc::clone(&question.source);
            driver.questions.begin(id);
            let verdict = poll_caught(driver.mock, function, question).await;
            let answer = driver.answer_of(id, &source, verdict);
            let next = driver.answer(id, answer);
            driver.ask_elsewhere(next);
        });
        self.questions.set_task(id, task.abort_handle());
        Vec::new()
    }

    fn answer_of(
        &self,
        id: QuestionId,
        source: &str,
        verdict: std::thread::Result<HookVerdict>,
    ) -> Answer {
        match verdict {
            Ok(verdict) => Answer::Verdict(verdict),
            Err(payload) => {
                self.record_panic_of(Some(id), source, text_of(&*payload));
                Answer::Panicked
            }
        }
    }

    /// Hands an answer to the engine, and returns the questions that follow from it.
    fn answer(self: &Arc<Self>, question: QuestionId, answer: Answer) -> Vec<Question> {
        let next = self.transact(Input::Answered { question, answer }).questions;
        // Taken off the list after the answer has taken effect. So the mock never looks idle in
        // between.
        self.questions.remove(question);
        self.flush();
        next
    }

    /// Keeps a paused clock of tokio from advancing until the result is dropped. A runtime does not
    /// advance its clock while a blocking task runs, and it knows nothing of our threads.
    fn hold_clock(self: &Arc<Self>) -> Option<mpsc::Sender<()>> {
        if !self.clock.is_paused() {
            return None;
        }
        let (sender, receiver) = mpsc::channel();
        let driver = Arc::downgrade(self);
        self.runtime.spawn_blocking(move || {
            let held = Instant::now();
            // The end of the test's runtime waits for this task, so it must not outlive the mock.
            while let (Err(mpsc::RecvTimeoutError::Timeout), Some(driver)) =
                (receiver.recv_timeout(HOLD_INTERVAL), driver.upgrade())
            {
                // A closure that never returns must not stop the clock for good.
                if driver.has_stopped() || held.elapsed() > driver.wait_timeout {
                    return;
                }
            }
        });
        Some(sender)
    }
}

/// Calls an async closure and polls its future. A panic, at the call or later, is a value.
async fn poll_caught(
    mock: u64,
    function: Arc<AsyncClosure>,
    question: Question,
) -> std::thread::Result<HookVerdict> {
    let Question { id, closure, event, causes, .. } = question;
    // For each poll anew: a task may move to another thread between two polls, and other tasks run
    // on this one.
    let enter = || stack::enter(mock, closure, id, causes.clone());
    let mut verdict = {
        let _entered = enter();
        catch_unwind(AssertUnwindSafe(|| function(event)))?
    };
    std::future::poll_fn(|cx| {
        let _entered = enter();
        match catch_unwind(AssertUnwindSafe(|| verdict.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(verdict)) => Poll::Ready(Ok(verdict)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

/// Returns the message of a panic.
pub(super) fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is not text")
}

/// How long a thread that serves clients and runs the test waits for a closure on another thread.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a method call waits for a closure that another thread is running.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a task that holds the clock looks whether it is still needed.
const HOLD_INTERVAL: Duration = Duration::from_millis(20);
