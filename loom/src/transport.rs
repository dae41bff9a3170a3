//! The files of the crate that are checked, and a stand-in for the stream that they write to.

#[path = "../../src/transport/client_sink.rs"]
pub(crate) mod client_sink;
#[path = "../../src/transport/send_queue.rs"]
pub(crate) mod send_queue;
#[path = "stream.rs"]
pub(crate) mod stream;
#[path = "../../src/transport/wakeup.rs"]
pub(crate) mod wakeup;
