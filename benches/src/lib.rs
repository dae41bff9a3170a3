//! What mock-ivs-chat costs, measured beside others in the same run.

pub mod clock;
pub mod crowd;
pub mod drop;
pub mod echo;
pub mod fan_out;
pub mod http;
pub mod measure;
pub mod memory;
pub mod servers;
pub mod start;
pub mod wire;
