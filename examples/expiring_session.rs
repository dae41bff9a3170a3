//! Expiring session: a session ends, and the client returns with a fresh token. Look at the clock:
//! the hour takes no real time.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use std::time::Duration;

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, Room};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    let room = ivs.create_room("lobby");
    let first = token(&room);
    let mut alice = Client::connect(&ivs.ws_url(), &first).await?;
    alice.send_message("hello").await?;
    alice.next().await?;

    ivs.advance(Duration::from_secs(60 * 60));
    let error = alice.next().await?;
    assert_eq!(error["ErrorCode"], 401, "the session has expired");
    assert!(alice.next().await.is_err(), "and the connection is closed");

    // The old token is useless: it was used, and it has expired.
    assert!(Client::connect(&ivs.ws_url(), &first).await.is_err());
    let mut alice = Client::connect(&ivs.ws_url(), &token(&room)).await?;
    alice.send_message("here I am again").await?;
    alice.next().await?;

    print!("{}", ivs.log());
    Ok(())
}

/// Creates a token, as the application's backend does for a client.
fn token(room: &Room) -> String {
    room.chat_token("alice").capability(Capability::SendMessage).create().token
}
