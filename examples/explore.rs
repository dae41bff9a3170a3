//! A reconnecting client, explored: three common mistakes are found, and the fixed client survives.
//!
//! The explorer runs the scenario once for each fault at each point, and prints a table.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::explore::Invariant;
use mock_ivs_chat::{Capability, ChatToken, ClientStream, Handle, explore};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// The mistakes that the client makes.
#[derive(Clone, Copy)]
struct Mistakes {
    /// It waits for a response for as long as it takes.
    no_timeout: bool,
    /// It connects again with the chat token that it has used already.
    reuses_token: bool,
    /// It tries again immediately after a failure.
    no_backoff: bool,
}

/// A client that sends messages, and connects again when its connection is lost.
struct Client {
    ivs: Handle,
    mistakes: Mistakes,
    token: Option<ChatToken>,
    socket: Option<WebSocketStream<ClientStream>>,
}

impl Client {
    /// Sends a message until it is confirmed, or rejected for good.
    async fn send_message(&mut self, request_id: &str, content: &str) -> Result<(), String> {
        for attempt in 0..8 {
            if attempt > 0 && !self.mistakes.no_backoff {
                sleep(Duration::from_millis(250 << attempt)).await;
            }
            let has_no_timeout = self.mistakes.no_timeout;
            let sending = self.attempt(request_id, content);
            let outcome = match has_no_timeout {
                true => sending.await,
                false => timeout(Duration::from_secs(5), sending).await.unwrap_or(None),
            };
            match outcome {
                Some(true) => return Ok(()),
                Some(false) => {}
                // The connection is of no use any more.
                None => self.socket = None,
            }
        }
        Err(format!("gave up on {content:?}"))
    }

    /// Returns whether the message is done with; `None` if the connection is lost.
    async fn attempt(&mut self, request_id: &str, content: &str) -> Option<bool> {
        if self.socket.is_none() {
            let token = self.token();
            let stream = self.ivs.connect(&token).await.ok()?;
            let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
            self.socket = Some(socket);
        }
        let socket = self.socket.as_mut()?;
        let frame =
            json!({ "Action": "SEND_MESSAGE", "RequestId": request_id, "Content": content });
        socket.send(Message::text(frame.to_string())).await.ok()?;
        loop {
            let text = socket.next().await?.ok()?.into_text().ok()?;
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            match (frame["Type"].as_str(), frame["ErrorCode"].as_u64()) {
                (Some("MESSAGE"), _) if frame["RequestId"] == request_id => return Some(true),
                // The session has expired.
                (Some("ERROR"), Some(401)) => return None,
                // The service will never have it.
                (Some("ERROR"), Some(400 | 403 | 404 | 406 | 413)) => return Some(true),
                (Some("ERROR"), _) => return Some(false),
                _ => {}
            }
        }
    }

    /// Gets a chat token, as the application's backend would.
    fn token(&mut self) -> ChatToken {
        if let Some(token) = self.token.clone().filter(|_| self.mistakes.reuses_token) {
            return token;
        }
        let room = self.ivs.room("lobby");
        let token = room.chat_token("alice").capability(Capability::SendMessage).create();
        self.token.insert(token).clone()
    }
}

/// Explores a client that makes these mistakes, and prints the report. Returns whether the client
/// survives.
fn survives(title: &str, mistakes: Mistakes) -> bool {
    let exploration = explore(async move |ivs| {
        ivs.create_room("lobby");
        let mut alice = Client { ivs, mistakes, token: None, socket: None };
        alice.send_message("r1", "hello").await?;
        alice.send_message("r2", "how are you?").await
    })
    .in_memory()
    .uphold([Invariant::NoMessageLost, Invariant::BacksOff])
    .run();
    println!("{title}: {exploration}");
    !exploration.is_failure()
}

fn main() {
    let fixed = Mistakes { no_timeout: false, reuses_token: false, no_backoff: false };
    assert!(!survives("no timeout", Mistakes { no_timeout: true, ..fixed }));
    assert!(!survives("a reused token", Mistakes { reuses_token: true, ..fixed }));
    assert!(!survives("no backoff", Mistakes { no_backoff: true, ..fixed }));
    assert!(survives("fixed", fixed));
}
