//! Checks the send queue, and its hand-over between flushes and the connection task, in all
//! interleavings of the threads (some models: up to a number of preemptions). A lost wakeup is a
//! deadlock here, and two writers at the same time mix the bytes.

#![allow(dead_code, reason = "the models do not use everything that the files offer")]

mod transport;

// The files that are checked lock by `parking_lot`: by this name they get loom's lock.
extern crate self as parking_lot;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::transport::client_sink::ClientSink;
use crate::transport::send_queue::{Enqueued, Work};
use crate::transport::stream::SharedStream;
use crate::transport::wakeup::Wakeup;

/// `parking_lot::Mutex`, as loom's.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Locks as `parking_lot` does, without poison.
    pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no other thread panics")
    }
}

/// The driver as far as the queue knows it: one lock, under which frames are queued in an order.
struct Driver {
    queued: Mutex<String>,
    sink: std::sync::Arc<ClientSink>,
}

impl Driver {
    fn new(room: usize) -> Arc<Self> {
        let sink = ClientSink::new(std::sync::Arc::new(SharedStream::new(room)));
        Arc::new(Self { queued: Mutex(loom::sync::Mutex::new(String::new())), sink })
    }

    /// Queues a frame under the lock, and flushes after it, as a transaction does.
    fn send(&self, frame: &'static str) {
        let mut queued = self.queued.lock();
        let enqueued = self.sink.queue.push(frame.into());
        if enqueued != Enqueued::Closed {
            queued.push_str(frame);
        }
        drop(queued);
        if enqueued == Enqueued::NeedsFlush {
            self.sink.flush();
        }
    }

    fn close(&self, frame: Option<&'static str>) {
        let mut queued = self.queued.lock();
        let wakeup = match frame {
            None => self.sink.queue.close_without_frame(),
            Some(frame) => match self.sink.queue.close_with(frame.into()) {
                Some(wakeup) => {
                    queued.push_str(frame);
                    wakeup
                }
                None => Wakeup::none(),
            },
        };
        drop(queued);
        wakeup.wake();
    }

    /// Writes as the connection task does, until the queue is closed and written.
    fn run_task(&self) {
        block_on(std::future::poll_fn(|cx| {
            loop {
                match self.sink.queue.poll_work(cx) {
                    Poll::Ready(Work::Write(mut batch)) => {
                        while !batch.is_empty() {
                            let written = batch.write(|slices| self.sink.stream.write(slices));
                            self.sink.queue.record_written(&mut batch, written);
                        }
                    }
                    Poll::Ready(Work::Finish) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }));
    }

    /// Everything that was queued must have been written, in the order of the transactions.
    fn check(&self) {
        assert_eq!(self.sink.stream.written(), *self.queued.lock());
        assert!(!self.sink.queue.has_queued());
    }
}

/// Runs a model in all interleavings, or in those with at most this many preemptions.
fn check(name: &str, preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let runs = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&runs);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 100_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{name}: {} interleavings", runs.load(Ordering::Relaxed));
}

fn spawn(driver: &Arc<Driver>, act: impl FnOnce(&Driver) + 'static) -> thread::JoinHandle<()> {
    let driver = Arc::clone(driver);
    thread::spawn(move || act(&driver))
}

/// A task, and one thread that sends and closes.
fn one_sender(room: usize, close: Option<&'static str>) {
    let driver = Driver::new(room);
    let task = spawn(&driver, Driver::run_task);
    driver.send("ab");
    driver.send("c");
    driver.close(close);
    task.join().expect("the task ends");
    driver.check();
}

/// A task, and two threads that send; the second one closes.
fn two_senders(room: usize) {
    let driver = Driver::new(room);
    let task = spawn(&driver, Driver::run_task);
    let other = spawn(&driver, |driver| driver.send("x"));
    driver.send("ab");
    driver.close(Some("."));
    other.join().expect("the sender ends");
    task.join().expect("the task ends");
    driver.check();
}

/// Two threads that close at the same time: one close frame, and one end.
fn two_closers() {
    let driver = Driver::new(9);
    let task = spawn(&driver, Driver::run_task);
    let other = spawn(&driver, |driver| driver.close(Some("y")));
    driver.close(Some("z"));
    other.join().expect("the closer ends");
    task.join().expect("the task ends");
    driver.check();
}

fn main() {
    check("one sender, a peer that reads", Some(5), || one_sender(9, Some(".")));
    check("one sender, a peer that reads one byte", Some(5), || one_sender(1, Some(".")));
    check("one sender, no close frame", Some(5), || one_sender(0, None));
    check("two closers", Some(5), two_closers);
    check("two senders, a peer that reads", Some(4), || two_senders(9));
    check("two senders, a peer that reads one byte", Some(4), || two_senders(1));
}
