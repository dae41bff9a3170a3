//! Send queue: the bytes that wait to be written to one connection, and their writer.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;

use crate::transport::wakeup::{WakerSlot, Wakeup};

/// The bytes that wait to be written to one connection, in order.
///
/// The driver appends under its own lock. There are two writers: a flush, which runs after the
/// driver has released its lock, and the connection task. They never write at the same time:
/// `Writer` names the one that may.
///
/// ```text
///               poll_work finds the queue empty
///        ┌──────────────────────────────────────────┐
///        │                                          ▼
///   ┌────────┐   close, which wakes the task    ┌────────┐
///   │  Task  │◄─────────────────────────────────│  None  │
///   └────────┘                                  └────────┘
///        ▲                                        │    ▲
///        │ give_to_task: the peer takes no more,  │    │ take_batch finds the
///        │ or take_batch finds the closed queue   │    │ open queue empty
///        │ empty; both wake the task              ▼    │
///        │                                      ┌────────┐
///        └──────────────────────────────────────│ Flush  │
///                                               └────────┘
///                      push into `None` asks for a flush
/// ```
///
/// - In `Task`, the task either runs or has been woken. It goes on until it finds the queue empty,
///   so a push needs no wakeup.
/// - In `None`, the queue is empty, and it is open or the task has seen that it is closed. The task
///   has left its waker.
/// - In `Flush`, one flush has been asked for or is running. A task that is polled meanwhile only
///   leaves its waker: it must not write in the middle of a batch of the flush.
///
/// The mutex is the last one that any thread takes. No waker is cloned, woken or dropped while it
/// is held: methods that end with work for the task return a [`Wakeup`].
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    state: Mutex<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    chunks: VecDeque<Bytes>,
    /// The frames and bytes that are not written yet, including those that a writer has taken.
    queued_frames: usize,
    queued_bytes: usize,
    is_closed: bool,
    writer: Writer,
    /// The connection task, once it has found nothing to do.
    task: WakerSlot,
}

/// The writer of the queued bytes, including those that are appended later.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Writer {
    /// The connection task: first because the handshake response must precede all frames, and
    /// later whenever the peer does not take everything immediately.
    #[default]
    Task,
    /// Neither: the queue is empty.
    None,
    /// The next flush, or the one that is running.
    Flush,
}

/// The result of appending bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Enqueued {
    /// The bytes are queued, and their writer knows that there are bytes to write.
    Queued,
    /// The bytes are queued, but stay there until the caller flushes.
    NeedsFlush,
    /// The queue is closed; the bytes were dropped.
    Closed,
    /// The peer reads too slowly; the bytes were dropped.
    Full,
}

/// The next thing that the connection task has to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Write these bytes.
    Write(Batch),
    /// Shut the stream down: all bytes are written and the queue is closed.
    Finish,
}

/// Bytes that are on their way from the queue to the stream.
#[derive(Debug, Default)]
pub(crate) struct Batch(VecDeque<Bytes>);

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `write` with as many slices as fit into one write.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        // A single frame, which is the common case, needs no table of slices.
        if let ([bytes], []) = self.0.as_slices() {
            return write(&[IoSlice::new(bytes)]);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        for (slice, bytes) in slices.iter_mut().zip(&self.0) {
            *slice = IoSlice::new(bytes);
        }
        write(&slices[..self.0.len().min(MAX_SLICES)])
    }

    /// Removes bytes that were written. Returns how many frames are written to their end.
    fn consume(&mut self, mut written: usize) -> usize {
        let mut frames = 0;
        while let Some(bytes) = self.0.front_mut() {
            if written < bytes.len() {
                bytes.advance(written);
                break;
            }
            written -= bytes.len();
            self.0.pop_front();
            frames += 1;
        }
        frames
    }
}

impl SendQueue {
    /// Appends bytes. The limit keeps a peer that does not read from growing the queue, but a
    /// single frame may have any size.
    pub(crate) fn push(&self, bytes: Bytes) -> Enqueued {
        let mut state = self.state.lock();
        if state.is_closed {
            return Enqueued::Closed;
        }
        if state.queued_bytes > 0 && state.queued_bytes + bytes.len() > MAXIMUM_QUEUED_BYTES {
            return Enqueued::Full;
        }
        state.queued_frames += 1;
        state.queued_bytes += bytes.len();
        state.chunks.push_back(bytes);
        if state.writer == Writer::None {
            state.writer = Writer::Flush;
            return Enqueued::NeedsFlush;
        }
        Enqueued::Queued
    }

    /// Appends the last bytes and closes the queue; `None` if it was closed before.
    pub(crate) fn close_with(&self, bytes: Bytes) -> Option<Wakeup> {
        self.close(Some(bytes))
    }

    /// Closes the queue after the bytes that are in it, without a close frame.
    pub(crate) fn close_without_frame(&self) -> Wakeup {
        self.close(None).unwrap_or(Wakeup::none())
    }

    fn close(&self, last: Option<Bytes>) -> Option<Wakeup> {
        let mut state = self.state.lock();
        if state.is_closed {
            return None;
        }
        // The last bytes are exempt from the limit: a slow peer gets its close frame, too.
        state.queued_frames += usize::from(last.is_some());
        state.queued_bytes += last.as_ref().map_or(0, Bytes::len);
        state.chunks.extend(last);
        state.is_closed = true;
        // A flush that is under way gives the rest to the task at its end.
        let is_flushing = state.writer == Writer::Flush;
        Some(if is_flushing { Wakeup::none() } else { state.give_to_task() })
    }

    /// Ready once nothing more can be appended.
    pub(crate) fn poll_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |state| state.is_closed.then_some(()))
    }

    /// Returns `true` if bytes are queued that the connection task does not have yet.
    pub(crate) fn has_queued(&self) -> bool {
        let state = self.state.lock();
        state.writer == Writer::Flush || !state.chunks.is_empty()
    }

    /// Returns how many frames are not written to their end, and how many bytes are not written.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.queued_frames, state.queued_bytes)
    }

    /// Takes everything that is queued, for the connection task. Bytes count against the limit
    /// until they are written.
    pub(crate) fn poll_work(&self, cx: &Context<'_>) -> Poll<Work> {
        self.poll(cx, QueueState::next_work)
    }

    fn poll<T>(&self, cx: &Context<'_>, look: impl Fn(&mut QueueState) -> Option<T>) -> Poll<T> {
        // A waker is cloned and dropped outside the lock, which takes a second round. The queue may
        // have changed between the two, so the second round looks again.
        let mut waker = None;
        loop {
            let mut state = self.state.lock();
            if let Some(found) = look(&mut state) {
                return Poll::Ready(found);
            }
            if state.task.holds(cx.waker()) {
                return Poll::Pending;
            }
            if let Some(waker) = waker.take() {
                let replaced = state.task.replace(waker);
                drop(state);
                drop(replaced);
                return Poll::Pending;
            }
            drop(state);
            waker = Some(cx.waker().clone());
        }
    }

    /// Takes everything that is queued, for a flush whose last batch is written; that batch lends
    /// its memory. An empty batch ends the flush.
    pub(crate) fn take_batch(&self, mut batch: Batch) -> (Batch, Wakeup) {
        // The queue keeps this memory, and an idle connection must not keep that of a burst.
        batch.0.shrink_to(MAX_SLICES);
        let mut state = self.state.lock();
        std::mem::swap(&mut state.chunks, &mut batch.0);
        if !batch.is_empty() {
            return (batch, Wakeup::none());
        }
        state.writer = Writer::None;
        let wakeup = if state.is_closed { state.give_to_task() } else { Wakeup::none() };
        (batch, wakeup)
    }

    /// Passes the rest of a batch to the task, before bytes that were appended since.
    pub(crate) fn give_to_task(&self, Batch(mut rest): Batch) -> Wakeup {
        let mut state = self.state.lock();
        rest.append(&mut state.chunks);
        state.chunks = rest;
        state.give_to_task()
    }

    /// Removes written bytes from a batch, and from the bytes that count against the limit.
    pub(crate) fn record_written(&self, batch: &mut Batch, bytes: usize) {
        let frames = batch.consume(bytes);
        let mut state = self.state.lock();
        state.queued_frames = state.queued_frames.saturating_sub(frames);
        state.queued_bytes = state.queued_bytes.saturating_sub(bytes);
    }
}

impl QueueState {
    fn next_work(&mut self) -> Option<Work> {
        if self.writer == Writer::Flush {
            return None;
        }
        if !self.chunks.is_empty() {
            self.writer = Writer::Task;
            return Some(Work::Write(Batch(std::mem::take(&mut self.chunks))));
        }
        if self.is_closed {
            return Some(Work::Finish);
        }
        self.writer = Writer::None;
        None
    }

    fn give_to_task(&mut self) -> Wakeup {
        self.writer = Writer::Task;
        self.task.take()
    }
}

/// Assumed: how many bytes the service keeps for a peer that does not read.
pub(crate) const MAXIMUM_QUEUED_BYTES: usize = 16 * 1024 * 1024;
/// The number of queued frames that leave in one write.
const MAX_SLICES: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    use super::*;

    fn text(batch: &Batch) -> String {
        batch.write(|slices| slices.iter().flat_map(|s| s.iter().map(|b| *b as char)).collect())
    }

    fn idle() -> SendQueue {
        let queue = SendQueue::default();
        assert!(queue.poll_work(&Context::from_waker(Waker::noop())).is_pending());
        queue
    }

    fn take(queue: &SendQueue) -> Batch {
        let (batch, wakeup) = queue.take_batch(Batch::default());
        wakeup.wake();
        batch
    }

    #[test]
    fn nothing_is_flushed_before_the_task_has_run_for_the_first_time() {
        let queue = SendQueue::default();
        assert_eq!(queue.push("early".into()), Enqueued::Queued);
        let work = queue.poll_work(&Context::from_waker(Waker::noop()));
        assert!(matches!(work, Poll::Ready(Work::Write(batch)) if text(&batch) == "early"));
        // The task is still writing that.
        assert_eq!(queue.push("late".into()), Enqueued::Queued);
    }

    #[test]
    fn only_the_first_queued_bytes_ask_for_a_flush() {
        let queue = idle();
        assert_eq!(queue.push("one ".into()), Enqueued::NeedsFlush);
        assert_eq!(queue.push("two".into()), Enqueued::Queued);
        let cx = Context::from_waker(Waker::noop());
        assert!(queue.poll_work(&cx).is_pending(), "the bytes belong to a flush");
        assert!(queue.has_queued());
        assert_eq!(text(&take(&queue)), "one two");
        assert!(queue.has_queued(), "the batch is not written yet");
        assert!(take(&queue).is_empty());
        assert!(!queue.has_queued());
        assert_eq!(queue.push("three".into()), Enqueued::NeedsFlush);
    }

    #[test]
    fn the_task_writes_what_a_flush_could_not_ahead_of_later_bytes() {
        let queue = idle();
        queue.push("one".into());
        let mut batch = take(&queue);
        queue.record_written(&mut batch, 1);
        queue.push("two".into());
        queue.give_to_task(batch).wake();
        assert_eq!(queue.push("three".into()), Enqueued::Queued);
        let work = queue.poll_work(&Context::from_waker(Waker::noop()));
        assert!(matches!(work, Poll::Ready(Work::Write(batch)) if text(&batch) == "netwothree"));
    }

    #[test]
    fn the_task_finishes_after_a_flush_that_was_under_way() {
        let queue = idle();
        queue.push("one".into());
        queue.close_with("close".into()).unwrap().wake();
        assert!(queue.close_with("again".into()).is_none());
        assert_eq!(queue.push("two".into()), Enqueued::Closed);
        let cx = Context::from_waker(Waker::noop());
        assert!(queue.poll_work(&cx).is_pending());
        assert_eq!(text(&take(&queue)), "oneclose");
        assert!(take(&queue).is_empty());
        assert!(matches!(queue.poll_work(&cx), Poll::Ready(Work::Finish)));
    }

    /// A waker that uses the queue when it is woken or dropped.
    struct Reentrant(Arc<SendQueue>);

    impl Wake for Reentrant {
        fn wake(self: Arc<Self>) {
            self.0.has_queued();
        }
    }

    impl Drop for Reentrant {
        fn drop(&mut self) {
            self.0.has_queued();
        }
    }

    /// If the queue wakes or drops a waker while it is locked, this test can only hang.
    #[test]
    fn wakers_are_woken_and_dropped_outside_the_lock() {
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let queue = Arc::new(SendQueue::default());
            for _ in 0..2 {
                let waker = Waker::from(Arc::new(Reentrant(Arc::clone(&queue))));
                // The second waker replaces the first, and is the last reference to itself.
                assert!(queue.poll_work(&Context::from_waker(&waker)).is_pending());
            }
            queue.close_without_frame().wake();
            done.send(()).unwrap();
        });
        is_done.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    }
}
