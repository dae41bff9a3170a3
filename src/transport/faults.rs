//! Faults: limits that a test puts on a stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Limits the bytes that are read or written per second of real time.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u32,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Throttle {
    pub(crate) const fn new(bytes_per_second: u32) -> Self {
        Self { bytes_per_second, pause: None }
    }

    /// Returns the largest number of bytes that may be moved now, once the pause is over.
    pub(crate) fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        Poll::Ready((self.bytes_per_second / MOVES_PER_SECOND).max(1) as usize)
    }

    /// Starts the pause that bytes cost.
    pub(crate) fn record_moved(&mut self, bytes: usize) {
        // A limit of zero counts as one byte a second, because a pause of infinite length would
        // panic.
        let seconds = bytes as f64 / f64::from(self.bytes_per_second.max(1));
        self.pause = Some(Box::pin(sleep(Duration::from_secs_f64(seconds))));
    }
}

/// The part of an HTTP response in which the stream is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CutAt {
    Head,
    Body,
}

impl CutAt {
    /// Returns how many of these bytes are written before the stream is closed; `None` if the
    /// place is not among them.
    pub(crate) fn offset_in(self, bytes: &[u8]) -> Option<usize> {
        if self == Self::Head {
            return Some(bytes.len().min(BYTES_OF_A_CUT_HEAD));
        }
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        // The body is written together with the head; half of it leaves.
        Some(head + (bytes.len() - head) / 2)
    }
}

/// A part of the first line of a head.
const BYTES_OF_A_CUT_HEAD: usize = 10;
/// The number of reads or writes that a second's worth of bytes is divided into.
const MOVES_PER_SECOND: u32 = 20;
