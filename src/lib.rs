//! A whole Amazon IVS Chat inside a test: the messaging protocol and the control plane, served on
//! one loopback port by the test's own process.
//!
//! The idea: the service is a value. It is told what happened and when, and says what follows; it
//! knows neither sockets nor clocks nor locks. All that is not the service (HTTP, WebSockets, time,
//! the log, the waiting) is a shell around that value, and the shell decides nothing. So the same
//! inputs give the same frames, ids and transcript in every run, whether they come from a client
//! over TCP, from an AWS SDK over HTTP or from the test by a method call.
//!
//! ```
//! use mock_ivs_chat::{Clock, MockIvsChat};
//!
//! let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
//! let room = ivs.create_room("lobby");
//! let (alice, bob) = (room.participant("alice"), room.participant("bob"));
//! alice.send_message("hello");
//! let message = bob.expect_message("hello").wait();
//! assert_eq!(message.sender.user_id, "alice");
//! print!("{}", ivs.log());
//! ```
//!
//! [`MockIvsChat`] starts and ends a mock. Its methods are those of [`Handle`], by which a test
//! arranges and asserts; [`Room`], [`ChatTokenBuilder`] and [`Participant`] come from it, and so do
//! hooks and the [`Log`]. A [`MockIvsChatBuilder`] sets the [`Clock`], the [`Quotas`] and what else can be set. The
//! README has a first test to copy, and what is supported, assumed and left out.
//!
//! # Map
//!
//! In the order in which it is best read, from the wire inwards and out again:
//!
//! | Module | What it is |
//! |---|---|
//! | `proto` | the service's words: frames, actions, operations, exceptions, times; text to value and back |
//! | `service` | the service without I/O: rooms, tokens, sessions, quotas, reviews |
//! | `clock` | where time comes from, the only door to the system's |
//! | `log` | what happened: records, views of them, the transcript and its labels |
//! | `framing` | values to WebSocket bytes, once for a whole room |
//! | [`hook`] | what a test makes happen: where, when and what |
//! | `driver` | where service, clock, hooks, log and connections meet, one step after the other |
//! | `net` | the shell: bytes to the driver and from it |
//! | `wait` | waits for an entry of the log, with a limit in real time |
//! | `handle`, `room`, `token`, `participant`, `review` | what a test does with a mock, in the service's own words |
//! | `report` | what is to be said at the end of a test |
//! | `server` | the start and the end |
//!
//! # How an input becomes frames
//!
//! ```text
//!  client over TCP      AWS SDK over HTTP      test: handle, participant      time
//!        │                      │                         │                    │
//!  net::socket             net::http                      │             net::keep_time
//!        │ frame                │ operation               │ either             │ tick
//!        └──────────────────────┴────────────┬────────────┴────────────────────┘
//!                                            ▼
//!             ┌────────────────── driver: one step, one order ──────────────────┐
//!             │  hooks ─► service, told the time ─► hooks ─► log: a record each │
//!             └──────────────────────────────┬──────────────────────┬───────────┘
//!                              framing, once │                      │ wake
//!                                            ▼                      ▼
//!                            outboxes, one per connection   waits, transcripts
//!                                            │
//!                     net::wire, and net::socket for what does not go at once ─► client
//! ```
//!
//! # What always holds
//!
//! - One turn makes one order. A decision, its entries in the log and the queueing of its frames
//!   are one step, so the log and what clients see cannot disagree.
//! - A closure of the test runs within the step that asks it, but outside the lock, so it can use
//!   the mock as it likes.
//! - `proto` and `service` read no clock, take no lock, await nothing and touch no socket. A test
//!   of the crate holds them to that.
//! - A method of the fixture is an operation of the service. There is no back door, or the mock
//!   would begin to disagree with itself.
//! - What the service refuses is a value; what the test gets wrong is a panic at the test's line,
//!   with the transcript.
//! - No order comes from a hash and no id from chance. Ids count up, maps are sorted.
//! - Time never goes back, and an advanced clock visits each deadline at its own time.
//! - A frame is encoded and framed once, and its bytes are shared by all recipients and the log.
//! - Nothing here waits for a client: one that does not read is cut off in the end.
//! - Chat tokens never stand in the log.
//!
//! # What is deliberately absent
//!
//! No check of permissions, or of signatures unless asked for, no persistence, no process-wide
//! state but the timer thread of waits, no pool of mocks, no randomness, no simulated latency, and no type of a dependency in
//! the public API but `serde_json::Value`, where JSON of any shape is meant.
//!
//! # Where to look
//!
//! To see why a frame was answered as it was: `service::messaging`. Why a handshake was refused:
//! `service::session`. Why a call was: `proto::model`, then `service::control`. How a close is
//! carried out on the wire: `net::socket`. What a line of the transcript means:
//! `log::transcript`. How a behaviour is known: the words `Documented:`, `Observed:` and
//! `Assumed:` beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod clock;
pub mod docs;
mod driver;
mod engine;
#[cfg(feature = "rstest")]
#[cfg_attr(docsrs, doc(cfg(feature = "rstest")))]
pub mod fixtures;
pub mod hook;
pub mod log;
mod net;
mod proto;
mod service;
mod transport;

pub use crate::api::builder::MockIvsChatBuilder;
pub use crate::api::chat_token::{ChatToken, ChatTokenBuilder};
pub use crate::api::gate::Gate;
pub use crate::api::handle::Handle;
pub use crate::api::hook::{Hook, HookGuard};
pub use crate::api::in_memory::{ClientStream, ConnectError};
pub use crate::api::log::Log;
pub use crate::api::log_cursor::LogCursor;
pub use crate::api::mock::MockIvsChat;
pub use crate::api::outage::Outage;
pub use crate::api::participant::Participant;
pub use crate::api::report::Report;
pub use crate::api::room::{Room, RoomBuilder};
pub use crate::api::room_update::RoomUpdate;
#[cfg(feature = "aws-sdk")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-sdk")))]
pub use crate::api::sdk::SdkHttpClient;
pub use crate::api::start::StartError;
pub use crate::api::wait::Wait;
pub use crate::clock::Clock;
pub use crate::proto::action::{Action, ActionKind, DeleteMessage, DisconnectUser, SendMessage};
pub use crate::proto::attributes::Attributes;
pub use crate::proto::capability::Capability;
pub use crate::proto::close::CloseCode;
pub use crate::proto::error_code::ErrorCode;
pub use crate::proto::exception::Exception;
pub use crate::proto::frame::{ChatError, ChatEvent, ChatMessage, Frame, Sender};
pub use crate::proto::headers::Headers;
pub use crate::proto::operation::Operation;
#[cfg(feature = "sigv4")]
#[cfg_attr(docsrs, doc(cfg(feature = "sigv4")))]
pub use crate::proto::signature::Credentials;
pub use crate::proto::timestamp::{ParseTimestampError, Timestamp};
pub use crate::service::ConnectionId;
pub use crate::service::quota::{Quota, Quotas};
pub use crate::service::review_handler::{ReviewRequest, ReviewResponse};

/// Chat logging: logging configurations, and the records that arrive at their destinations.
pub mod logging {
    pub use crate::api::logging_configuration::{
        LoggingConfiguration, LoggingConfigurationBuilder,
    };
    pub use crate::service::chat_log::{ChatLogDestination, ChatLogRecord};
}

/// The README's Rust is compiled and run as well, with the feature that its fixtures need.
#[cfg(all(doctest, feature = "rstest"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
