//! Bytes below the driver: the stream to a client, the queue of frames that wait for it, and the
//! framing of WebSocket messages.

#[cfg(feature = "tls")]
pub(crate) mod adapter;
pub(crate) mod client_sink;
pub(crate) mod faults;
pub(crate) mod framing;
pub(crate) mod io;
pub(crate) mod send_queue;
pub(crate) mod stream;
pub(crate) mod wakeup;
