//! Conformance: plays the scripts of `tests/claims` against the mock, any pair of endpoints, or
//! Amazon IVS Chat, and says what is the same and what differs.

mod calls;
mod cleanup;
mod connector;
mod credentials;
mod feedback;
mod labels;
mod ledger;
mod live;
mod mock;
mod network;
mod outcome;
mod pace;
mod plan;
mod recording;
mod redaction;
mod rehearsal;
mod run;
mod session;
mod shared;
mod sockets;
mod stop;
mod target;
mod text;
mod twin;
mod view;

use shared::script;

pub use feedback::{check, score, with_score};
pub use ledger::{Cleanup, Left};
pub use mock::Deviation;
pub use outcome::{ClaimFact, ClaimResult, Counts, Outcome, StepResult, to_json, to_markdown};
pub use plan::plan;
pub use recording::{FORMAT, Recorded, Recording, read_all};
pub use run::{Claim, Progress, read_claims, run};
pub use stop::{Level, Stop};
pub use target::{Endpoints, Running, Target};
