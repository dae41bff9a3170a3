//! Progress: how far a client has come with its next request, to tell a head that stays incomplete
//! from a connection that ends between requests.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far a client has come with its next request.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU8);

const IDLE: u8 = 0;
const IN_HEAD: u8 = 1;
const SERVING: u8 = 2;

impl Progress {
    /// Records that bytes of the client were read.
    pub(crate) fn read(&self) {
        // The bytes of a body are not the start of another head.
        let _ = self.0.compare_exchange(IDLE, IN_HEAD, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Records that the head is complete, or that the client is refused.
    pub(crate) fn serve(&self) {
        self.0.store(SERVING, Ordering::Relaxed);
    }

    /// Records that a response was written.
    pub(crate) fn write(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    pub(crate) fn is_in_head(&self) -> bool {
        self.0.load(Ordering::Relaxed) == IN_HEAD
    }
}
