//! Throttled: a client that sends too fast gets ERROR 429. Look at the clock: the second after
//! which the client may send again takes no real time.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use std::time::Duration;

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, Quota, Quotas};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The service allows ten messages per second; two make a shorter example.
    let quotas = Quotas::aws().with(Quota::MessagingRequestsPerConnection, 2);
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().quotas(quotas).clock(clock).start();
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let mut alice = Client::connect(&ivs.ws_url(), &token.token).await?;

    let mut refused = None;
    for content in ["one", "two", "three"] {
        alice.send_message(content).await?;
        let frame = alice.next().await?;
        if frame["ErrorCode"] == 429 {
            refused = Some(content);
        }
    }
    println!("refused: {refused:?}\n");

    // A well-behaved client waits for its rate to recover, then sends again.
    ivs.advance(Duration::from_secs(1));
    alice.send_message(refused.ok_or("nothing was refused")?).await?;
    let frame = alice.next().await?;
    assert_eq!(frame["Content"], "three");

    print!("{}", ivs.log());
    Ok(())
}
