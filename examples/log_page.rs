//! Log page: prints a chat with many faults as a web page. Look at the red arrows, at the lint
//! findings, and at the details that unfold below a row.
//!
//! `cargo run --example log_page > log.html`

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

use std::time::Duration;

use mock_ivs_chat::{Capability, Clock, ErrorCode, MockIvsChat};

fn main() {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();
    let room = ivs.new_room("lobby").maximum_message_length(100).create();
    let alice = room.chat_token("alice").capability(Capability::SendMessage).join();
    let bob = room.participant("bob");
    let carol = room.participant("carol");

    alice.send_message_with("hello", [("color", "red")]);
    let message = bob.expect_message("hello").wait();
    ivs.advance(Duration::from_millis(1_200));

    // She may only send messages, and this one is too long.
    alice.delete_message(&message.id, "second thoughts");
    alice.expect_error(ErrorCode::Forbidden).wait();
    alice.send_message("spam! ".repeat(20));
    alice.expect_error(ErrorCode::BadRequest).wait();
    // A client that omits the ID of its request, and writes a member in lower case.
    alice.send_raw(r#"{"Action":"SEND_MESSAGE","content":"more spam"}"#);
    ivs.advance(Duration::from_millis(300));

    bob.delete_message(&message.id, "too loud");
    carol.disconnect_user("alice", "rude");
    room.send_event("app:poll", [("question", "tea?")]);
    bob.disconnect();

    print!("{}", ivs.log().to_html("chat::alice_is_moderated"));
}
