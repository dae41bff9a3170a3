//! Everything that a test calls: the mock, its builder, rooms, tokens, participants, hooks, the log
//! and waits.

pub(crate) mod builder;
mod builder_check;
mod builder_service;
mod chat_log_objects;
pub(crate) mod chat_token;
pub(crate) mod connection;
mod connection_control;
pub(crate) mod environment;
mod explanations;
pub(crate) mod failure_page;
pub(crate) mod gate;
pub(crate) mod handle;
pub(crate) mod hook;
mod hook_closures;
mod hooks;
mod impossible;
pub(crate) mod in_memory;
pub(crate) mod log;
mod log_count;
pub(crate) mod log_cursor;
mod log_expect;
mod log_export;
mod log_wait;
pub(crate) mod logging_configuration;
pub(crate) mod mock;
pub(crate) mod outage;
pub(crate) mod participant;
mod participant_expect;
mod probe;
pub(crate) mod report;
mod reset;
pub(crate) mod room;
pub(crate) mod room_update;
pub(crate) mod run;
#[cfg(feature = "aws-sdk")]
pub(crate) mod sdk;
mod sdk_env;
mod settle;
pub(crate) mod start;
mod taken;
pub(crate) mod test_error;
#[cfg(feature = "tls")]
mod tls;
pub(crate) mod wait;
mod wait_timeout;
