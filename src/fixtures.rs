//! Fixtures for [rstest](https://docs.rs/rstest): a mock as a test argument.
//!
//! Requires the feature `rstest`. Import a fixture like any function and request it by its name:
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
//! There is no fixture for a room, because its mock would be out of the test's reach. A test that
//! needs a room in every case creates it from a mock in its own fixture:
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

/// Starts a mock on the system clock.
///
/// # Panics
///
/// If no port or thread is available.
#[fixture]
pub fn ivs() -> MockIvsChat {
    MockIvsChat::start()
}

/// Starts a mock whose clock stands still at `2026-01-01T00:00:00Z`, so that its transcripts show
/// exact times.
///
/// # Panics
///
/// If no port or thread is available.
#[fixture]
pub fn frozen_ivs() -> MockIvsChat {
    MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start()
}
