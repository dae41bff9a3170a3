//! Outage: the service is unreachable for a while, and a client reconnects to the same port. Look
//! at the transcript: rooms and tokens survive the outage.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use std::time::{Duration, Instant};

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, Room};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    let room = ivs.create_room("lobby");
    let mut alice = Client::connect(&ivs.ws_url(), &token(&room)).await?;
    alice.send_message("hello").await?;
    alice.next().await?;

    let outage = ivs.outage();
    assert!(alice.next().await.is_err(), "the connection is reset");

    // The first attempts to reconnect fail; then the service is back.
    let reconnecting = tokio::spawn(reconnect(ivs.ws_url(), room.clone()));
    assert!(Client::connect(&ivs.ws_url(), &token(&room)).await.is_err(), "the service is down");
    outage.end();

    let mut alice = reconnecting.await??;
    alice.send_message("what did I miss?").await?;
    alice.next().await?;
    print!("{}", ivs.log().user("alice"));
    Ok(())
}

/// Connects, with a fresh token and a longer pause for each attempt.
async fn reconnect(url: String, room: Room) -> Result<Client, String> {
    let (started, mut pause) = (Instant::now(), Duration::from_millis(1));
    while started.elapsed() < Duration::from_secs(10) {
        if let Ok(client) = Client::connect(&url, &token(&room)).await {
            return Ok(client);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err("the service has not come back".into())
}

/// Creates a token, as the application's backend does for a client.
fn token(room: &Room) -> String {
    room.chat_token("alice").capability(Capability::SendMessage).create().token
}
