//! Fixtures for [rstest](https://docs.rs/rstest): a mock as an argument of a test.
//!
//! With the feature `rstest`. A fixture is imported like any function, and asked for by its name:
//!
//! ```
//! use mock_ivs_chat::MockIvsChat;
//! use mock_ivs_chat::fixtures::{frozen_ivs, ivs};
//! use rstest::rstest;
//!
//! #[rstest]
//! fn a_message_reaches_bob(ivs: MockIvsChat) {
//!     let room = ivs.create_room("lobby");
//!     let bob = room.participant("bob");
//!     room.participant("alice").send_message("hello");
//!     bob.expect_message("hello").wait();
//! }
//!
//! #[rstest]
//! fn the_transcript_shows_times(frozen_ivs: MockIvsChat) {
//!     assert_eq!(frozen_ivs.now().to_string(), "2026-01-01T00:00:00Z");
//! }
//! # assert_ne!(ivs().now(), frozen_ivs().now());
//! ```
//!
//! There is no fixture for a room: it would have a mock of its own, that nobody could reach. A
//! test that needs one each time makes it from a mock, in a fixture of its own:
//!
//! ```
//! use mock_ivs_chat::fixtures::frozen_ivs;
//! use mock_ivs_chat::{MockIvsChat, Room};
//! use rstest::{fixture, rstest};
//!
//! #[fixture]
//! fn lobby(frozen_ivs: MockIvsChat) -> (MockIvsChat, Room) {
//!     let room = frozen_ivs.create_room("lobby");
//!     (frozen_ivs, room)
//! }
//!
//! #[rstest]
//! #[case("hello")]
//! #[case("🍵")]
//! fn an_echo_comes_back(lobby: (MockIvsChat, Room), #[case] content: &str) {
//!     let (_ivs, room) = lobby;
//!     let alice = room.participant("alice");
//!     alice.send_message(content);
//!     alice.expect_message(content).wait();
//! }
//! # let (_ivs, room) = lobby(frozen_ivs());
//! # room.participant("alice").send_message("hello");
//! ```

use rstest::fixture;

use crate::api::mock::MockIvsChat;
use crate::clock::Clock;

/// A mock that was just started, on the clock of the system.
///
/// # Panics
///
/// If there is no port or no thread to be had.
#[fixture]
pub fn ivs() -> MockIvsChat {
    MockIvsChat::start()
}

/// A mock that was just started, whose clock stands still at `2026-01-01T00:00:00Z`, so that its
/// transcripts show times as they are.
///
/// # Panics
///
/// If there is no port or no thread to be had.
#[fixture]
pub fn frozen_ivs() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start()
}
