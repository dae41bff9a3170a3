//! The mock over real sockets, as its users see it; and the repository's own rules.

mod bad_input;
#[cfg(feature = "rstest")]
mod fixtures;
mod framing;
mod gates;
mod handshake;
mod hooks_on_the_wire;
mod hooks_when;
mod lifecycle;
mod log;
mod log_failures;
mod log_lanes;
mod log_lint;
mod messaging;
mod moderation;
mod participants;
mod raw;
mod readme;
mod reviews;
mod rooms;
mod session_life;
mod source;
mod support;
mod tidy;
mod tokens;
mod verification;
