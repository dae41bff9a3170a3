//! Limits: what a test does to the reads and writes of an open stream.

use std::io;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use crate::transport::faults::Throttle;
use crate::transport::stream::{SharedStream, Side};
use crate::transport::wakeup::Wakeup;

impl SharedStream {
    /// Limits the bytes that are written per second of real time, or lifts the limit.
    pub(crate) fn throttle_writes(&self, bytes_per_second: Option<u32>) {
        let mut state = self.state.lock();
        let replaced = std::mem::replace(&mut state.throttle, bytes_per_second.map(Throttle::new));
        state.is_full = false;
        // A task that waits for the end of a pause must look at the new limit.
        let wakeup = state.writer.take();
        drop(state);
        drop(replaced);
        wakeup.wake();
    }

    /// Limits the bytes that are read per second of real time, or lifts the limit.
    pub(crate) fn throttle_reads(&self, bytes_per_second: Option<u32>) {
        let mut state = self.state.lock();
        let limit = bytes_per_second.map(Throttle::new);
        let replaced = std::mem::replace(&mut state.read_throttle, limit);
        let wakeup = state.reader.take();
        drop(state);
        drop(replaced);
        wakeup.wake();
    }

    /// Leaves the stream open, but neither reads nor writes until it resumes.
    pub(crate) fn stall(&self) {
        self.state.lock().is_stalled = true;
    }

    /// Reads and writes again after a stall.
    pub(crate) fn resume(&self) {
        let mut state = self.state.lock();
        // A poll stores its waker before it finds the stall, so each task that is pending because
        // of the stall is woken here.
        state.is_stalled = false;
        let wakeups = [state.reader.take(), state.writer.take()];
        drop(state);
        wakeups.into_iter().for_each(Wakeup::wake);
    }

    /// Reads at most as much as the limit allows.
    pub(super) fn poll_throttled_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Registered first, so that a limit that changes in between is not missed.
        if self.register(cx, Side::Reader, |state| state.is_closed().then_some(())).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let mut state = self.state.lock();
        let allowance = state.read_throttle.as_mut().map(|throttle| throttle.poll_allowance(cx));
        drop(state);
        let longest = match allowance {
            None => buf.remaining(),
            Some(Poll::Ready(allowance)) => allowance.min(buf.remaining()),
            Some(Poll::Pending) => return Poll::Pending,
        };
        let mut bytes = vec![0; longest];
        let mut part = ReadBuf::new(&mut bytes);
        let read = self.poll_stream(cx, Side::Reader, |stream, cx| stream.poll_read(cx, &mut part));
        let bytes = part.filled();
        if let (Poll::Ready(Ok(())), Some(throttle)) = (&read, &mut self.state.lock().read_throttle)
        {
            throttle.record_moved(bytes.len());
        }
        buf.put_slice(bytes);
        read
    }

    /// Writes as a test wants it: at most as much as the throttle allows, and nothing after the
    /// cut.
    pub(super) fn poll_faulty_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Registered first, so that a limit that changes in between is not missed.
        if self.register(cx, Side::Writer, |state| state.is_closed().then_some(())).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut state = self.state.lock();
        let allowance = state.throttle.as_mut().map(|throttle| throttle.poll_allowance(cx));
        let cut = state.cut_at.and_then(|cut_at| cut_at.offset_in(&bytes));
        state.is_full = matches!(allowance, Some(Poll::Pending));
        drop(state);
        let longest = match allowance {
            None => bytes.len(),
            Some(Poll::Ready(allowance)) => allowance.min(bytes.len()),
            Some(Poll::Pending) => return Poll::Pending,
        };
        let slices = [io::IoSlice::new(&bytes[..cut.unwrap_or(longest)])];
        let written =
            self.poll_stream(cx, Side::Writer, |stream, cx| stream.poll_write(cx, &slices));
        if let Poll::Ready(Ok(written)) = written {
            if let Some(throttle) = &mut self.state.lock().throttle {
                throttle.record_moved(written);
            }
        }
        if cut.is_some() && written.is_ready() {
            self.close();
        }
        written
    }
}
