//! Client sink: where the frames of a connection go after its handshake.

use std::sync::Arc;

use crate::transport::send_queue::{Batch, SendQueue};
use crate::transport::stream::SharedStream;

/// The queue of one client, and the stream that the queue is written to.
#[derive(Debug)]
pub(crate) struct ClientSink {
    pub(crate) queue: SendQueue,
    pub(crate) stream: Arc<SharedStream>,
}

impl ClientSink {
    pub(crate) fn new(stream: Arc<SharedStream>) -> Arc<Self> {
        Arc::new(Self { queue: SendQueue::default(), stream })
    }

    /// Writes queued bytes until the peer takes no more, and gives the rest to the connection task.
    /// Must not be called while a lock is held.
    ///
    /// Waking a task for each of a thousand members of a room would cost about half as much as the
    /// writes themselves.
    pub(crate) fn flush(&self) {
        let mut batch = Batch::default();
        loop {
            let (taken, wakeup) = self.queue.take_batch(batch);
            wakeup.wake();
            if taken.is_empty() {
                return;
            }
            batch = taken;
            while !batch.is_empty() {
                match batch.write(|slices| self.stream.try_write(slices)) {
                    Ok(written) if written > 0 => self.queue.record_written(&mut batch, written),
                    // The task finds an error of the stream itself.
                    _ => return self.queue.give_to_task(batch).wake(),
                }
            }
        }
    }
}
