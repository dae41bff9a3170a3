//! Tests of the engine as a value: inputs and times go in, outputs are compared as lines of text.

mod actions;
mod controls;
mod deliveries;
mod handshakes;
mod keep_alive;
mod lanes;
mod model;
mod operations;
mod outages;
mod questions;
mod reviews;
mod scene;
mod timers;
