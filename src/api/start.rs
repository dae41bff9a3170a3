//! Start: what a mock needs from the system and from a runtime, and why it could not start.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::api::probe::probe;
use crate::clock::start_nanos;
use crate::net::listener::{Listener, Security};

/// The reason why a mock could not start.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let clock = Clock::tokio_from("2026-01-01T00:00:00Z");
/// let error = MockIvsChat::builder().clock(clock).try_start().unwrap_err();
/// assert_eq!(error.to_string(), "a clock that follows tokio's needs on_current_runtime()");
/// ```
pub struct StartError {
    message: String,
    source: Option<io::Error>,
}

impl StartError {
    pub(crate) fn new(message: impl Into<String>, source: Option<io::Error>) -> Self {
        Self { message: message.into(), source }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The same text as that of `Display`, because a test that returns this error prints it so.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// The text contains that of the source, so the chain goes on with the source's own source.
impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().and_then(std::error::Error::source)
    }
}

/// Listens on a socket of the test, or else on a loopback port. Must be called in a runtime.
pub(crate) fn listen(
    listener: Option<TcpListener>,
    port: u16,
    security: Security,
) -> Result<Listener, StartError> {
    let given = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let addr = given.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into());
    let listener = listener.map_or_else(|| TcpListener::bind(addr), Ok);
    let listener = listener.and_then(|listener| Listener::new(listener, security));
    listener.map_err(|error| StartError::new(format!("cannot listen on {addr}"), Some(error)))
}

/// Fails if the current runtime cannot use sockets.
pub(crate) fn check_io() -> Result<(), StartError> {
    // A socket that no client can find. Without one there is no listener either, which says so.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let socket = socket.and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    let probed = probe(|| drop(socket.and_then(tokio::net::UdpSocket::from_std)));
    probed.ok_or_else(|| {
        let message = "the tokio runtime has no I/O driver: build it with `enable_io()`, or start \
                       the mock with `in_memory()`, which needs none";
        StartError::new(message, None)
    })
}

/// Fails if the current runtime cannot sleep: the mock would never notice that time passes.
pub(crate) fn check_timers() -> Result<(), StartError> {
    probe(|| drop(tokio::time::sleep(Duration::ZERO))).ok_or_else(|| {
        let message = "the tokio runtime has no time driver: build it with `enable_time()`";
        StartError::new(message, None)
    })
}

/// Returns a number that no other mock has, in this process or in another one. Tokens are derived
/// from it, so that a client of an earlier mock on the same port cannot connect to a later one.
pub(crate) fn next_mock_id() -> u64 {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let counter = STARTED.fetch_add(1, Ordering::Relaxed);
    let parts = [u64::from(std::process::id()), start_nanos(), counter];
    // FNV-1a, which is the same in every version of Rust.
    parts.iter().flat_map(|part| part.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
