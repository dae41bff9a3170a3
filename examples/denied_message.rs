//! Denied message: a review handler denies a message, and its sender gets ERROR 406. Look at the
//! reason, which a client shows to its user.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, ReviewResponse};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    let room = ivs.create_room("lobby");

    // The application's review handler, as a closure: no Lambda function is needed.
    room.review_with(|message| {
        if message.content.contains("http") {
            ReviewResponse::deny("no links")
        } else {
            ReviewResponse::allow()
        }
    });

    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let bob = room.participant("bob");
    let mut alice = Client::connect(&ivs.ws_url(), &token.token).await?;

    alice.send_message("look at http://example.com").await?;
    let denial = alice.next().await?;
    println!("alice receives: {} {}\n", denial["ErrorCode"], denial["ErrorMessage"]);

    alice.send_message("never mind").await?;
    alice.next().await?;
    let message = bob.expect_message("never mind").await;
    assert_eq!(message.sender.user_id, "alice");
    assert_eq!(bob.received().len(), 1, "bob never sees the message that was denied");

    print!("{}", ivs.log());
    Ok(())
}
