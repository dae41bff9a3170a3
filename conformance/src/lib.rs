//! Conformance: plays the scripts of `tests/claims` against the mock, any pair of endpoints, or
//! Amazon IVS Chat, and says what is the same and what differs.

mod calls;
mod connector;
mod credentials;
mod feedback;
mod labels;
mod live;
mod mock;
mod network;
mod outcome;
mod pace;
mod plan;
mod recording;
mod rehearsal;
mod run;
mod session;
mod shared;

use shared::script;
mod sockets;
mod target;
mod text;
mod twin;
mod view;

pub use feedback::{check, score, with_score};
pub use mock::Deviation;
pub use outcome::{ClaimFact, ClaimResult, Counts, Outcome, StepResult, to_markdown};
pub use plan::plan;
pub use recording::{FORMAT, Recorded, Recording, read_all};
pub use run::{Claim, Progress, read_claims, run};
pub use target::{Endpoints, Running, Target};
