//! Tests of the runner: it finds what differs, reaches nothing but its target, and leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(unix)]
mod cleanup;
mod deviations;
mod feedback;
mod hosts;
#[cfg(unix)]
mod leftovers;
mod outputs;
mod scripts;
mod secrets;
mod support;
mod tls;
mod url;
