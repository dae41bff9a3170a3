//! Taken: a stream that is out of its slot for a poll, and the remains of one that is closed.

use std::io;
use std::task::Poll;

use crate::transport::io::Stream;
use crate::transport::stream::{SharedStream, Side, Slot, StreamState};
use crate::transport::wakeup::Wakeup;

/// A stream that a poll has taken out. It is put back when this is dropped, even by a panic of the
/// stream.
pub(super) struct Taken<'a> {
    shared: &'a SharedStream,
    /// `None` only while this is dropped.
    stream: Option<Stream>,
}

impl<'a> Taken<'a> {
    pub(super) fn new(shared: &'a SharedStream, state: &mut StreamState) -> Self {
        match std::mem::replace(&mut state.slot, Slot::InUse { is_contended: false }) {
            Slot::Idle(stream) => Self { shared, stream: Some(stream) },
            Slot::InUse { .. } | Slot::Closed => {
                unreachable!("the caller has seen the stream in its slot")
            }
        }
    }

    pub(super) const fn stream_mut(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("only the drop takes the stream")
    }

    /// Puts the stream back. Fails if it was closed meanwhile: whatever was polled is void then.
    pub(super) fn finish<T>(self, side: Side, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let shared = self.shared;
        drop(self);
        let mut state = shared.state.lock();
        if state.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        state.set_full(side, polled.is_pending());
        drop(state);
        polled
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let mut state = self.shared.state.lock();
        let Slot::InUse { is_contended } = state.slot else {
            drop(state);
            // The stream was closed while it was out.
            return Closed { stream: Some(stream), wakeups: Default::default() }.finish();
        };
        state.slot = Slot::Idle(stream);
        let wakeups = match is_contended {
            // Which side has found the stream in use is not recorded. A needless poll does no harm.
            true => [state.reader.take(), state.writer.take()],
            false => Default::default(),
        };
        drop(state);
        wakeups.into_iter().for_each(Wakeup::wake);
    }
}

/// The remains of a closed stream. Dropping the stream and waking the tasks may run any code, so
/// both happen after the lock is released.
#[must_use]
pub(super) struct Closed {
    pub(super) stream: Option<Stream>,
    pub(super) wakeups: [Wakeup; 2],
}

impl Closed {
    pub(super) fn finish(self) {
        if let Some(stream) = &self.stream {
            stream.close_below();
        }
        drop(self.stream);
        self.wakeups.into_iter().for_each(Wakeup::wake);
    }
}
