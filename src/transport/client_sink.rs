//! Wire: the way to a client after its handshake.

use std::sync::Arc;

use crate::transport::send_queue::{Batch, Outbox};
use crate::transport::stream::Link;

/// The way to a client: what waits for it, and the stream that it goes over.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) outbox: Outbox,
    pub(crate) link: Arc<Link>,
}

impl Wire {
    pub(crate) fn new(link: Arc<Link>) -> Arc<Self> {
        Arc::new(Self { outbox: Outbox::default(), link })
    }

    /// Writes what waits as far as the peer takes it at once, and leaves the rest to the
    /// connection's task. To wake a task for each of a thousand members of a room costs about half
    /// as much as the writes themselves.
    pub(crate) fn flush(&self) {
        let mut batch = Batch::default();
        loop {
            batch = self.outbox.next_to_flush(batch);
            if batch.is_empty() {
                return;
            }
            while !batch.is_empty() {
                match batch.write(|slices| self.link.try_write(slices)) {
                    Ok(written) if written > 0 => self.outbox.written(&mut batch, written),
                    // What is wrong with the stream, the task finds out for itself.
                    _ => return self.outbox.hand_to_task(batch),
                }
            }
        }
    }
}
