//! The mock over real sockets, as its users see it.

mod bad_input;
mod framing;
mod handshake;
mod raw;
mod session_life;
mod support;
