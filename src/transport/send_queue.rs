//! Outbox: the bytes that wait to be written to one connection, and who writes them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;

/// The bytes that wait to be written to one connection, in order.
///
/// The driver fills it under its lock. It is emptied by whoever flushes after the step, as far as
/// the peer takes it at once, and else by the connection's task: never by both. Its own lock is the
/// last that anybody takes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    is_finished: bool,
    writer: Writer,
    /// The connection's task, once it has found nothing to do.
    task: Option<Waker>,
}

/// Who writes what waits, and what comes behind it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Writer {
    /// The connection's task: at first, for its handshake is to be answered before, and whenever
    /// more is there than the peer takes at once.
    #[default]
    Task,
    /// Nobody: there is nothing.
    Nobody,
    /// Whoever flushes next.
    Flush,
}

/// What became of bytes that were to be appended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pushed {
    /// They wait to be written, by somebody who knows.
    Taken,
    /// They are the first that wait, and nobody writes them unless a flush does.
    First,
    /// They come behind the last that is ever written.
    Finished,
    /// The peer reads too slowly.
    Full,
}

/// What the connection's task is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// To write these bytes.
    Write(Batch),
    /// To end: nothing comes after what it was given.
    Finish,
}

/// Bytes that are on their way from the outbox to the stream.
#[derive(Debug, Default)]
pub(crate) struct Batch(VecDeque<Bytes>);

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes as much of it as goes into one write.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, bytes) in slices.iter_mut().zip(&self.0) {
            *slice = IoSlice::new(bytes);
        }
        write(&slices[..self.0.len().min(SLICES)])
    }

    /// Takes out what was written.
    fn consume(&mut self, mut written: usize) {
        while let Some(bytes) = self.0.front_mut() {
            if written < bytes.len() {
                return bytes.advance(written);
            }
            written -= bytes.len();
            self.0.pop_front();
        }
    }
}

impl Outbox {
    /// Appends bytes, unless they cannot go out any more. A peer that does not read cannot make
    /// the queue grow without limit, but a single frame may be as large as it likes.
    pub(crate) fn push(&self, bytes: Bytes) -> Pushed {
        let mut inner = self.inner.lock();
        if inner.is_finished {
            return Pushed::Finished;
        }
        if inner.queued_bytes > 0 && inner.queued_bytes + bytes.len() > MAXIMUM_QUEUED_BYTES {
            return Pushed::Full;
        }
        inner.queued_bytes += bytes.len();
        inner.queue.push_back(bytes);
        if inner.writer == Writer::Nobody {
            inner.writer = Writer::Flush;
            return Pushed::First;
        }
        Pushed::Taken
    }

    /// Appends the last bytes; says whether they were taken.
    pub(crate) fn finish(&self, bytes: Bytes) -> bool {
        self.end(Some(bytes))
    }

    /// Ends it behind what waits, with no close frame.
    pub(crate) fn finish_bare(&self) {
        self.end(None);
    }

    fn end(&self, last: Option<Bytes>) -> bool {
        let mut inner = self.inner.lock();
        if inner.is_finished {
            return false;
        }
        inner.queue.extend(last);
        inner.is_finished = true;
        if inner.writer != Writer::Flush {
            inner.hand_to_task();
        }
        true
    }

    /// Ready once nothing more can be appended.
    pub(crate) fn poll_finished(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        if inner.is_finished {
            return Poll::Ready(());
        }
        inner.task = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether anything waits that is not in the hands of the connection's task.
    pub(crate) fn has_waiting(&self) -> bool {
        let inner = self.inner.lock();
        inner.writer == Writer::Flush || !inner.queue.is_empty()
    }

    /// Takes all that waits, for the connection's task. What it is given counts against the limit
    /// until it has been written.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        if inner.writer != Writer::Flush {
            if !inner.queue.is_empty() {
                inner.writer = Writer::Task;
                return Poll::Ready(Next::Write(Batch(std::mem::take(&mut inner.queue))));
            }
            if inner.is_finished {
                return Poll::Ready(Next::Finish);
            }
            inner.writer = Writer::Nobody;
        }
        match &mut inner.task {
            Some(waker) => waker.clone_from(cx.waker()),
            None => inner.task = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes all that waits, for a flush, whose last batch was written and whose room is used
    /// again. Nothing more is the flush's to write behind an empty one.
    pub(crate) fn next_to_flush(&self, mut batch: Batch) -> Batch {
        batch.0.shrink_to(SLICES);
        let mut inner = self.inner.lock();
        std::mem::swap(&mut inner.queue, &mut batch.0);
        if batch.is_empty() {
            inner.writer = Writer::Nobody;
            if inner.is_finished {
                inner.hand_to_task();
            }
        }
        batch
    }

    /// Leaves what a flush could not write to the task, in front of what came since.
    pub(crate) fn hand_to_task(&self, Batch(mut rest): Batch) {
        let mut inner = self.inner.lock();
        rest.append(&mut inner.queue);
        inner.queue = rest;
        inner.hand_to_task();
    }

    /// Takes note of what was written of a batch.
    pub(crate) fn written(&self, batch: &mut Batch, bytes: usize) {
        batch.consume(bytes);
        let mut inner = self.inner.lock();
        inner.queued_bytes = inner.queued_bytes.saturating_sub(bytes);
    }
}

impl Inner {
    fn hand_to_task(&mut self) {
        self.writer = Writer::Task;
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

/// Assumed: how much the service keeps for a peer that does not read.
pub(crate) const MAXIMUM_QUEUED_BYTES: usize = 16 * 1024 * 1024;
/// How many queued frames leave in one write.
const SLICES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(batch: &Batch) -> String {
        batch.write(|slices| slices.iter().flat_map(|s| s.iter().map(|b| *b as char)).collect())
    }

    fn idle() -> Outbox {
        let outbox = Outbox::default();
        assert!(outbox.poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
        outbox
    }

    #[test]
    fn nothing_is_flushed_before_the_task_has_had_its_first_turn() {
        let outbox = Outbox::default();
        assert_eq!(outbox.push("early".into()), Pushed::Taken);
        let mut cx = Context::from_waker(Waker::noop());
        let next = outbox.poll_next(&mut cx);
        assert!(matches!(next, Poll::Ready(Next::Write(batch)) if text(&batch) == "early"));
        // It is still at work on that.
        assert_eq!(outbox.push("late".into()), Pushed::Taken);
    }

    #[test]
    fn only_the_first_that_waits_asks_for_a_flush() {
        let outbox = idle();
        assert_eq!(outbox.push("one ".into()), Pushed::First);
        assert_eq!(outbox.push("two".into()), Pushed::Taken);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_next(&mut cx).is_pending(), "it is promised to a flush");
        assert!(outbox.has_waiting());
        assert_eq!(text(&outbox.next_to_flush(Batch::default())), "one two");
        assert!(outbox.has_waiting(), "it was not written yet");
        assert!(outbox.next_to_flush(Batch::default()).is_empty());
        assert!(!outbox.has_waiting());
        assert_eq!(outbox.push("three".into()), Pushed::First);
    }

    #[test]
    fn what_a_flush_cannot_write_goes_to_the_task_in_front_of_the_rest() {
        let outbox = idle();
        outbox.push("one".into());
        let mut batch = outbox.next_to_flush(Batch::default());
        outbox.written(&mut batch, 1);
        outbox.push("two".into());
        outbox.hand_to_task(batch);
        assert_eq!(outbox.push("three".into()), Pushed::Taken);
        let next = outbox.poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(next, Poll::Ready(Next::Write(batch)) if text(&batch) == "netwothree"));
    }

    #[test]
    fn the_end_is_left_to_the_task_behind_a_flush() {
        let outbox = idle();
        outbox.push("one".into());
        assert!(outbox.finish("close".into()));
        assert_eq!(outbox.push("two".into()), Pushed::Finished);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_next(&mut cx).is_pending());
        assert_eq!(text(&outbox.next_to_flush(Batch::default())), "oneclose");
        assert!(outbox.next_to_flush(Batch::default()).is_empty());
        assert!(matches!(outbox.poll_next(&mut cx), Poll::Ready(Next::Finish)));
    }
}
