//! The cost of mock-ivs-chat, measured with its peers in the same run.

pub mod churn;
pub mod clock;
pub mod crowd;
pub mod drop;
pub mod echo;
pub mod explore;
pub mod fan_out;
pub mod hooks;
pub mod http;
pub mod in_memory;
pub mod log;
pub mod measure;
pub mod memory;
pub mod servers;
pub mod start;
pub mod waits;
pub mod wire;
