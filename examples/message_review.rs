//! Message review: an application's own review handler, from the JSON of its event to the JSON of
//! its response. Look at the messages that it changes, denies, or fails to review.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

mod client;

use client::Client;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, ReviewResponse};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();

    // The room names the function by its ARN, as it would in production.
    let arn = "arn:aws:lambda:us-west-2:123456789012:function:review";
    ivs.review_lambda(arn, |request| ReviewResponse::from_json(&lambda(&request.to_json())));
    let handler = json!({ "uri": arn, "fallbackResult": "DENY" });
    let room = ivs.new_room("lobby").with("messageReviewHandler", handler).create();

    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let mut alice = Client::connect(&ivs.ws_url(), &token.token).await?;
    for content in ["hello", "damn", "buy now", "crash"] {
        alice.send_message(content).await?;
        let frame = alice.next().await?;
        let outcome =
            if frame["Type"] == "ERROR" { &frame["ErrorMessage"] } else { &frame["Content"] };
        println!("{content:?} becomes {outcome}");
    }

    println!("\n{}", ivs.log());
    Ok(())
}

/// The body of a Lambda function.
fn lambda(event: &Value) -> Value {
    match event["Content"].as_str().unwrap_or_default() {
        "damn" => json!({ "ReviewResult": "ALLOW", "Content": "****" }),
        "buy now" => json!({ "ReviewResult": "DENY", "Attributes": { "Reason": "no adverts" } }),
        "crash" => json!({ "errorMessage": "out of memory" }),
        content => json!({ "ReviewResult": "ALLOW", "Content": content }),
    }
}
