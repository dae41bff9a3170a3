//! Lossy network: hooks lose, duplicate, delay and reorder frames, and finally reset the
//! connection. Look at the lines with the name of a hook: each shows its effect on a frame.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use std::time::Duration;

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, Quotas};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).quotas(Quotas::unlimited()).start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let mut alice = Client::connect(&ivs.ws_url(), &token.token).await?;
    let bob = room.participant("bob");
    alice.send_message("hello").await?;
    alice.next().await?;

    let to_alice = || ivs.on_delivery().to("alice");
    to_alice().containing("lost").named("loss").drop_frame();
    to_alice().containing("twice").named("echo").duplicate();
    to_alice().containing("late").named("lag").delay(Duration::from_secs(2));
    to_alice().containing("second").named("detour").reorder();
    to_alice().containing("last").named("cable").reset();

    for content in ["lost", "twice", "late", "second", "first"] {
        bob.send_message(content);
    }
    ivs.advance(Duration::from_secs(2));
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.push(alice.next().await?["Content"].as_str().unwrap_or_default().to_owned());
    }
    println!("alice has seen: {seen:?}\n");
    assert_eq!(seen, ["twice", "twice", "first", "second", "late"]);

    bob.send_message("last");
    assert!(alice.next().await.is_err(), "the connection is reset");

    print!("{}", ivs.log());
    Ok(())
}
