//! Outbox: the bytes that wait to be written to one connection.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

/// The bytes that wait to be written to one connection, in order.
///
/// The driver fills it under its lock, the connection's task empties it; its own lock is the last
/// that anybody takes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    is_finished: bool,
    writer: Option<Waker>,
}

/// What became of bytes that were to be appended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pushed {
    /// They wait to be written.
    Taken,
    /// They come behind the last that is ever written.
    Finished,
    /// The peer reads too slowly.
    Full,
}

/// What a writer is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// To write these bytes.
    Write(VecDeque<Bytes>),
    /// To end: nothing comes after what it was given.
    Finish,
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
        inner.wake();
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
        inner.wake();
        true
    }

    /// Wakes nobody for what is appended from now on, until [`Outbox::poll_next`] is asked again.
    pub(crate) fn forget_writer(&self) {
        self.inner.lock().writer = None;
    }

    /// Whether anything waits to be taken.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.inner.lock().queue.is_empty()
    }

    /// Takes all that waits. What it is given counts against the limit until it has been written.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        if !inner.queue.is_empty() {
            return Poll::Ready(Next::Write(std::mem::take(&mut inner.queue)));
        }
        if inner.is_finished {
            return Poll::Ready(Next::Finish);
        }
        match &mut inner.writer {
            Some(waker) => waker.clone_from(cx.waker()),
            None => inner.writer = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn written(&self, bytes: usize) {
        let mut inner = self.inner.lock();
        inner.queued_bytes = inner.queued_bytes.saturating_sub(bytes);
    }
}

impl Inner {
    fn wake(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

/// Assumed: how much the service keeps for a peer that does not read.
pub(crate) const MAXIMUM_QUEUED_BYTES: usize = 16 * 1024 * 1024;
