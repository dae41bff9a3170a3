//! The mock over real sockets, as its users see it.

mod log_failures;
mod log_lanes;
mod log_lint;
mod support;
