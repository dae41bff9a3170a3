//! Waits: their timeouts, why they end early, what they take out, and what they cost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{LIMIT, unlimited};
use mock_ivs_chat::{
    CloseCode, Handle, MockIvsChat, Participant, Quotas, Wait,
    log::{EntryKind, LogRetention, Matcher},
};

const TIMEOUT: Duration = Duration::from_millis(500);

/// Runs something that may hang, on a thread of its own, with a time limit.
pub(crate) fn within_limit<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let runner = thread::spawn(move || sender.send(run()).expect("the test listens"));
    let result = receiver.recv_timeout(LIMIT);
    let Ok(result) = result else {
        match runner.is_finished() {
            true => std::panic::resume_unwind(runner.join().expect_err("it sent nothing")),
            false => panic!("not done within {LIMIT:?}"),
        }
    };
    result
}

pub(crate) fn failure<T>(fails: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(fails)).err().expect("the wait should fail");
    *panic.downcast::<String>().expect("a failure is a text")
}

fn awaited<T>(wait: Wait<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(wait)
}

pub(crate) fn with_timeout(timeout: Duration) -> MockIvsChat {
    MockIvsChat::builder().quotas(Quotas::unlimited()).wait_timeout(timeout).start()
}

/// A message about every 200 µs, until it is dropped.
struct Traffic {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Traffic {
    fn start(ivs: &Handle) -> Self {
        let alice = ivs.create_room("busy").participant("alice");
        let is_over = Arc::<AtomicBool>::default();
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                alice.send_message("busy");
                thread::park_timeout(Duration::from_micros(200));
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().into_iter().for_each(|thread| thread.join().expect("it only says"));
    }
}

fn busy_work() -> bool {
    let end = Instant::now() + Duration::from_micros(600);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    false
}

fn times_out_with(wait: impl FnOnce(Wait<mock_ivs_chat::log::Entry>) -> mock_ivs_chat::log::Entry) {
    let ivs = with_timeout(TIMEOUT);
    let _traffic = Traffic::start(&ivs);
    let last = Arc::new(stamp::Stamp::default());
    let seen = Arc::clone(&last);
    let pending = ivs.log().wait_for(move |_| {
        seen.set();
        busy_work()
    });
    let start = Instant::now();
    let text = failure(|| wait(pending));
    // The limit is far above what a busy machine needs. Without a timeout of its own the predicate
    // would be called for as long as there is traffic, so the test would never end.
    let took = last.get().duration_since(start);
    assert!(took < TIMEOUT + Duration::from_secs(5), "{took:?}");
    assert!(text.starts_with("waited 500ms for an entry that matches"), "{text}");
}

mod stamp {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    /// A moment that two threads share.
    pub(super) struct Stamp {
        start: Instant,
        after: AtomicU64,
    }

    impl Default for Stamp {
        fn default() -> Self {
            Self { start: Instant::now(), after: AtomicU64::new(0) }
        }
    }

    impl Stamp {
        pub(super) fn set(&self) {
            let after = self.start.elapsed().as_micros();
            self.after.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
        }

        pub(super) fn get(&self) -> Instant {
            self.start + Duration::from_micros(self.after.load(Ordering::Relaxed))
        }
    }
}

#[test]
fn a_slow_predicate_and_a_busy_log_do_not_extend_a_blocking_wait() {
    within_limit(|| times_out_with(Wait::wait));
}

#[test]
fn a_slow_predicate_and_a_busy_log_do_not_extend_an_awaited_wait() {
    within_limit(|| times_out_with(awaited));
}

#[test]
fn an_entry_is_examined_once() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    (0..1_000).for_each(|_| drop(alice.send_message("hello")));
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    let wait = ivs.log().wait_for(move |entry| {
        counted.fetch_add(1, Ordering::Relaxed);
        entry.message().is_some_and(|message| message.content == "last")
    });
    let mut wait = pin!(wait);
    let (waker, _) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    for _ in 0..10 {
        assert!(wait.as_mut().poll(&mut cx).is_pending());
    }
    alice.send_message("last");
    while wait.as_mut().poll(&mut cx).is_pending() {}
    assert_eq!(calls.load(Ordering::Relaxed) as u64, ivs.log().mark_number());
}

trait MarkNumber {
    fn mark_number(&self) -> u64;
}

impl MarkNumber for mock_ivs_chat::Log {
    fn mark_number(&self) -> u64 {
        self.entries().last().map_or(0, |entry| entry.index() + 1)
    }
}

struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counting_waker() -> (Waker, Arc<CountingWaker>) {
    let counting = Arc::new(CountingWaker(AtomicUsize::new(0)));
    (Waker::from(Arc::clone(&counting)), counting)
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_pending_waits_share_one_thread() {
    let ivs = MockIvsChat::start();
    let bob = ivs.create_room("lobby").participant("bob");
    let (waker, _) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    let mut waits: Vec<_> = (0..1_000).map(|n| bob.expect_message(n.to_string())).collect();
    for wait in &mut waits {
        assert!(pin!(wait).poll(&mut cx).is_pending());
    }
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    // The kernel keeps 15 characters of `mock-ivs-chat-wait`. Servers have names of their own.
    let timers = names.filter(|name| name.trim_end() == "mock-ivs-chat-w").count();
    assert_eq!(timers, 1);
}

/// Calls the mock whenever it is cloned, woken or dropped.
struct CallingWaker(Handle);

impl CallingWaker {
    fn call(&self) {
        assert!(!self.0.log().entries().is_empty());
        let _now = self.0.now();
    }
}

impl Wake for CallingWaker {
    fn wake(self: Arc<Self>) {
        self.call();
    }
}

impl Drop for CallingWaker {
    fn drop(&mut self) {
        self.call();
    }
}

#[test]
fn a_waker_may_call_the_mock_while_it_is_woken_and_dropped() {
    within_limit(|| {
        let ivs = with_timeout(Duration::from_millis(50));
        let alice = ivs.create_room("lobby").participant("alice");
        let mut wait = pin!(alice.expect_message("hello"));
        for _ in 0..3 {
            // Each poll replaces the waker of the one before, which is dropped.
            let waker = Waker::from(Arc::new(CallingWaker(ivs.handle())));
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        alice.send_message("hello");
        let waker = Waker::from(Arc::new(CallingWaker(ivs.handle())));
        assert!(matches!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(_)));
        // The timer wakes this one.
        let mut late = pin!(alice.expect_message("never"));
        let text = failure(|| awaited_with(late.as_mut(), &ivs));
        assert!(text.starts_with("waited 50ms"), "{text}");
    });
}

/// Polls a wait again whenever its waker is woken.
fn awaited_with<T>(mut wait: std::pin::Pin<&mut Wait<T>>, ivs: &Handle) -> T {
    struct Unpark(thread::Thread, CallingWaker);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.1.call();
            self.0.unpark();
        }
    }

    let unpark = Unpark(thread::current(), CallingWaker(ivs.clone()));
    let waker = Waker::from(Arc::new(unpark));
    loop {
        match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(found) => return found,
            Poll::Pending => thread::park_timeout(LIMIT),
        }
    }
}

#[test]
fn a_wait_on_a_connection_that_has_ended_fails_immediately() {
    within_limit(|| {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let alice = room.participant("alice");
        room.disconnect_user("alice", "rude");
        let start = Instant::now();
        let text = failure(|| alice.expect_message("hello").wait());
        assert!(text.contains(": alice's connection ended at #7"), "{text}");
        assert!(text.contains("#7    +"), "{text}");
        let text = failure(|| awaited(alice.expect_message("hello")));
        assert!(text.contains(": alice's connection ended at #7"), "{text}");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        // All entries are examined before the end counts.
        alice.expect_event("aws:DISCONNECT_USER").wait();
        alice.expect_close(CloseCode::NORMAL).wait();
    });
}

#[test]
fn a_connection_that_ends_during_a_wait_ends_the_wait() {
    within_limit(|| {
        let ivs = MockIvsChat::start();
        let bob = ivs.create_room("lobby").participant("bob");
        let wait = bob.expect_message("hello");
        let waiting = thread::spawn(move || failure(|| wait.wait()));
        bob.disconnect();
        let text = waiting.join().expect("the wait fails, not the thread");
        assert!(text.contains("bob's connection ended at #"), "{text}");
    });
}

#[test]
fn a_mock_that_stops_ends_waits_and_still_serves_participants() {
    within_limit(|| {
        let ivs = MockIvsChat::start();
        let room = ivs.create_room("lobby");
        let wait = ivs.log().expect(Matcher::connect().from("carol"));
        let waiting = thread::spawn(move || failure(|| wait.wait()));
        ivs.stop();
        let text = waiting.join().expect("the wait fails, not the thread");
        assert!(text.contains(": the mock has stopped"), "{text}");
        let alice = room.participant("alice");
        alice.send_message("still here");
        alice.expect_message("still here").wait();
        ivs.log().expect_message("still here").wait();
    });
}

/// Sends messages and expects each of them. This takes a second or two. Waits that read the whole
/// log each time would take minutes, which is beyond the limit.
fn send_and_expect(expect: impl Fn(&MockIvsChat, &Participant, String) + Send + 'static) {
    within_limit(move || {
        let ivs = unlimited();
        let alice = ivs.create_room("lobby").participant("alice");
        for number in 0..3_200 {
            let content = format!("message {number}");
            alice.send_message(&content);
            expect(&ivs, &alice, content);
        }
    });
}

#[test]
fn expecting_many_messages_is_linear() {
    send_and_expect(|_, alice, content| drop(alice.expect_message(content).wait()));
}

#[test]
fn expecting_many_messages_in_the_log_is_linear() {
    send_and_expect(|ivs, _, content| drop(ivs.log().expect_message(content).wait()));
}

#[test]
fn expecting_many_equal_messages_with_a_cursor_is_linear() {
    within_limit(|| {
        let ivs = unlimited();
        let alice = ivs.create_room("lobby").participant("alice");
        let cursor = ivs.log().cursor();
        for _ in 0..3_200 {
            alice.send_message("hello");
            cursor.expect_message("hello").wait();
        }
    });
}

#[test]
fn a_cursor_consumes_entries_and_a_log_does_not() {
    let ivs = with_timeout(Duration::from_millis(1));
    let room = ivs.create_room("lobby");
    let _alice = room.participant("alice");
    let connects = || Matcher::connect().from("alice");
    for _ in 0..2 {
        ivs.log().expect(connects()).wait();
    }
    let cursor = ivs.log().cursor();
    cursor.expect(connects()).wait();
    let text = failure(|| cursor.expect(connects()).wait());
    assert!(text.contains("matches, but was consumed"), "{text}");
    let _phone = room.participant("alice");
    cursor.expect(connects()).wait();
    cursor.wait_for(|entry| entry.kind() == EntryKind::Request).wait();
}

#[test]
fn waits_take_frames_out_in_any_order() {
    let ivs = unlimited();
    let bob = ivs.create_room("lobby").participant("bob");
    for content in ["a", "b", "a", "c", "a"] {
        bob.send_message(content);
    }
    let mut ids: Vec<_> = ["a", "c", "a", "b", "a"]
        .into_iter()
        .map(|content| bob.expect_message(content).wait().id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    bob.send_message("d");
    assert!(matches!(bob.receive().wait(), mock_ivs_chat::Frame::Message(m) if m.content == "d"));
}

#[test]
fn a_bounded_log_serves_waits_of_participants_and_of_the_log() {
    let ivs = MockIvsChat::builder()
        .quotas(Quotas::unlimited())
        .log_retention(LogRetention::Last(10))
        .wait_timeout(Duration::from_millis(20))
        .start();
    let alice = ivs.create_room("lobby").participant("alice");
    for number in 0..3_000 {
        let content = number.to_string();
        alice.send_message(&content);
        if number % 500 == 0 {
            alice.expect_message(&content).wait();
            ivs.log().expect_message(&content).wait();
        }
    }
    let text = failure(|| alice.expect_message("7").wait());
    assert!(text.starts_with("waited 20ms for MESSAGE to alice with content \"7\""), "{text}");
}
