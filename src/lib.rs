//! Amazon IVS Chat as an in-process mock for tests: the WebSocket messaging protocol and the HTTP
//! control plane on one loopback port.
//!
//! A test creates rooms and users, lets the code under test connect as it would to AWS, moves the
//! clock, makes things fail, and asserts on everything that was sent and received.
//!
//! # A first test
//!
//! ```
//! use mock_ivs_chat::{Capability, MockIvsChat};
//!
//! # async fn connect(url: &str, token: &str) {}
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let ivs = MockIvsChat::start();
//! let room = ivs.create_room("lobby");
//! let token = room.chat_token("alice").capability(Capability::SendMessage).create();
//!
//! // The code under test: it gets the URL and the token as it would from AWS.
//! let client = connect(&ivs.ws_url(), &token.token).await;
//!
//! // A participant is a user who lives inside the mock and needs no socket.
//! let (bob, carol) = (room.participant("bob"), room.participant("carol"));
//! bob.send_message("hello");
//! let message = carol.expect_message("hello").await;
//! assert_eq!(message.sender.user_id, "bob");
//! # });
//! ```
//!
//! Arranging and asserting are synchronous. A [`Wait`] is awaited, or completed by [`Wait::wait`]
//! in a test without a runtime:
//!
//! ```
//! use mock_ivs_chat::{Clock, MockIvsChat};
//!
//! let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
//! let room = ivs.create_room("lobby");
//! let (alice, bob) = (room.participant("alice"), room.participant("bob"));
//! alice.send_message("hello");
//! bob.expect_message("hello").wait();
//! print!("{}", ivs.log());
//! ```
//!
//! # The API by task
//!
//! [`MockIvsChat`] owns the mock. It dereferences to [`Handle`], which has most methods and can be
//! cloned for other tasks and threads.
//!
//! | Task | Start at |
//! |---|---|
//! | start a mock | [`MockIvsChat::start`]; [`MockIvsChat::builder`] for ports, clocks, quotas and other settings |
//! | connect the code under test | [`Handle::ws_url`], [`Handle::endpoint_url`], [`Handle::aws_env`]; [`Handle::connect`] without a socket |
//! | create rooms and tokens | [`Handle::create_room`], [`Room::chat_token`]; [`Handle::call`] for any operation |
//! | act as another user | [`Room::participant`] |
//! | act as the application | [`Room::send_event`], [`Room::delete_message`], [`Room::disconnect_user`] |
//! | review messages | [`Room::review_with`]; see [`guide::reviews`] |
//! | move the clock | [`Handle::advance`]; see [`guide::time`] |
//! | change quotas | [`MockIvsChatBuilder::quotas`]; see [`guide::quotas`] |
//! | make something fail | [`Handle::on_action`], [`Handle::on_delivery`], [`Handle::on_handshake`], [`Handle::on_operation`], [`Handle::on_review`], [`Handle::outage`]; see [`guide::faults`] |
//! | make everything fail that can | `explore`; see [`guide::explore`] |
//! | hold something until later | [`Handle::gate`] and `hold` of each hook |
//! | wait for something | [`Participant::expect_message`], [`Log::expect`], [`Log::cursor`]; see [`guide::waiting`] |
//! | assert that nothing happened | [`Handle::settled`], [`Log::assert_none`], [`Participant::assert_no_message`] |
//! | take a snapshot | [`Handle::log`], [`Log::per_connection`]; see [`guide::snapshots`] |
//! | find mistakes of a client | [`Handle::lint`], [`MockIvsChatBuilder::deny`] |
//! | end the test | drop, [`Handle::verify`], [`MockIvsChat::finish`] |
//!
//! # Cargo features
//!
//! All are off by default.
//!
//! | Feature | Adds |
//! |---|---|
//! | `explore` | the module `explore`: every fault at every point of a test |
//! | `rstest` | the module `fixtures`: a mock as an argument of a test |
//! | `aws-sdk` | `Handle::sdk_http_client`, an HTTP client for the AWS SDK that serves calls in process |
//! | `sigv4` | `MockIvsChatBuilder::require_signature`, which checks the signatures of HTTP requests |
//! | `tls` | `MockIvsChatBuilder::tls`: `wss://` and `https://` on a second port |
//! | `tracing` | an event for each log entry, in a span for each connection |
//!
//! # More
//!
//! The [`guide`] has a page for each topic. [`guide::fidelity`] lists what is supported and what is
//! assumed, and [`guide::architecture`] explains how the crate works inside.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The scripts of the tests name the crate in the same way inside and outside of it.
#[cfg(test)]
extern crate self as mock_ivs_chat;

mod api;
mod clock;
mod driver;
mod engine;
#[cfg(feature = "explore")]
#[cfg_attr(docsrs, doc(cfg(feature = "explore")))]
pub mod explore;
#[cfg(feature = "rstest")]
#[cfg_attr(docsrs, doc(cfg(feature = "rstest")))]
pub mod fixtures;
pub mod guide;
pub mod hook;
pub mod log;
mod net;
mod proto;
mod service;
mod transport;

pub use crate::api::builder::MockIvsChatBuilder;
pub use crate::api::chat_token::{ChatToken, ChatTokenBuilder};
pub use crate::api::connection::Connection;
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
pub use crate::api::run::TestFailure;
#[cfg(feature = "aws-sdk")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-sdk")))]
pub use crate::api::sdk::SdkHttpClient;
pub use crate::api::start::StartError;
pub use crate::api::test_error::TestError;
pub use crate::api::wait::{Wait, WaitError};
pub use crate::clock::Clock;
#[cfg(feature = "explore")]
#[cfg_attr(docsrs, doc(cfg(feature = "explore")))]
#[doc(no_inline)]
pub use crate::explore::explore;
pub use crate::proto::action::{Action, ActionKind, DeleteMessage, DisconnectUser, SendMessage};
pub use crate::proto::attributes::Attributes;
pub use crate::proto::capability::Capability;
pub use crate::proto::close::CloseCode;
pub use crate::proto::error_code::{ErrorCode, UnknownErrorCode};
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
