//! The explorer: runs a test once for each fault at each point at which it can happen.
//!
//! [`explore`] takes a scenario: an async closure that gets a fresh mock, drives the client under
//! test and makes assertions. The explorer runs it once without faults and records all points:
//! handshakes, frames in both directions, control plane calls, reviews, and pauses of the clock.
//! Then it runs the scenario once for each point and each fault that can happen there.
//!
//! See [`guide::explore`](crate::guide::explore) for the whole story.

mod abort;
mod case;
mod criteria;
mod exploration;
mod failure;
mod fault;
mod html;
mod inject;
mod invariant;
mod options;
mod panics;
mod plan;
mod point;
mod progress;
mod report;
mod run;
mod scenario;
mod search;
mod table;
mod transcript;
mod words;
mod workers;

pub use crate::explore::exploration::Exploration;
pub use crate::explore::failure::Failure;
pub use crate::explore::invariant::{Invariant, InvariantResult};
pub use crate::explore::options::{Explorer, explore};
pub use crate::explore::scenario::ScenarioResult;
