//! The mock over real sockets, as its users see it; and the repository's own rules.

mod bad_input;
#[cfg(feature = "rstest")]
mod fixtures;
mod framing;
mod handshake;
mod lifecycle;
mod log;
mod messaging;
mod moderation;
mod participants;
mod raw;
mod readme;
mod rooms;
mod session_life;
mod source;
mod support;
mod tidy;
mod tokens;
