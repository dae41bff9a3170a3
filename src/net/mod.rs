//! Network side of the mock: carries bytes from clients to the driver, and its outputs back.

pub(crate) mod cors;
pub(crate) mod http;
pub(crate) mod hyper_errors;
pub(crate) mod listener;
pub(crate) mod progress;
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod thread;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod websocket;
