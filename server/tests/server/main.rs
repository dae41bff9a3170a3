//! The server as its users see it: the program, its output, its control API.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps what is not there fails, as it should"
)]

mod api;
mod command_line;
mod guard;
mod keep_alive;
mod log;
mod openapi;
mod routes;
mod state;
mod support;
mod tls;
