//! A client from the registry, `ezsockets`, explored. It prints the report, and fails if the
//! explorer does not find the mistake that this client makes with IVS Chat: it connects again with
//! the chat token that it has used already.

use std::time::Duration;

use ezsockets::{
    Bytes, ClientConfig, ClientExt, Error, RawMessage, SocketConfig, Utf8Bytes, connect,
};
use mock_ivs_chat::explore::Invariant;
use mock_ivs_chat::{Capability, Handle, explore};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Passes everything on that the service sends.
struct Inbox(mpsc::UnboundedSender<String>);

#[async_trait::async_trait]
impl ClientExt for Inbox {
    type Call = ();

    async fn on_text(&mut self, text: Utf8Bytes) -> Result<(), Error> {
        // Once the scenario has ended, nobody reads any more.
        let _sent = self.0.send(text.to_string());
        Ok(())
    }

    async fn on_connect(&mut self) -> Result<(), Error> {
        let _sent = self.0.send("connected".into());
        Ok(())
    }

    async fn on_binary(&mut self, _bytes: Bytes) -> Result<(), Error> {
        Ok(())
    }

    async fn on_call(&mut self, (): ()) -> Result<(), Error> {
        Ok(())
    }
}

/// Sends two messages, each until it is echoed.
async fn chat(ivs: Handle) -> Result<(), String> {
    let room = ivs.create_room("lobby");
    let token = room.chat_token("alice").capability(Capability::SendMessage).create();
    let config = ClientConfig::new(ivs.ws_url().as_str())
        .header("Sec-WebSocket-Protocol", token.token)
        .reconnect_interval(Duration::from_secs(1))
        .max_initial_connect_attempts(5)
        .max_reconnect_attempts(5)
        // The default ping has the time of day, which would differ from run to run.
        .socket_config(SocketConfig {
            heartbeat_ping_msg_fn: std::sync::Arc::new(|_| RawMessage::Ping(Bytes::new())),
            ..SocketConfig::default()
        });
    let (sender, mut inbox) = mpsc::unbounded_channel();
    let (alice, running) = connect(|_client| Inbox(sender), config).await;
    let running = tokio::spawn(running);
    let result = async {
        // The client discards everything that it should send before it is connected.
        let connected = timeout(Duration::from_secs(30), inbox.recv()).await;
        connected.ok().flatten().ok_or("no connection")?;
        for content in ["hello", "how are you?"] {
            say(&alice, &mut inbox, content).await?;
        }
        Ok(())
    };
    let result = result.await;
    let _closing = alice.close(None);
    let _ended = timeout(Duration::from_secs(30), running).await;
    drop(alice);
    result
}

/// Sends a message until it is echoed.
async fn say(
    alice: &ezsockets::Client<Inbox>,
    inbox: &mut mpsc::UnboundedReceiver<String>,
    content: &str,
) -> Result<(), String> {
    for attempt in 0..5 {
        let frame = format!(
            r#"{{"Action":"SEND_MESSAGE","RequestId":"{content} {attempt}","Content":"{content}"}}"#
        );
        alice.text(frame).map_err(|_| "the client has ended")?;
        let echo = async {
            while let Some(text) = inbox.recv().await {
                if text.contains(content) {
                    return true;
                }
            }
            false
        };
        if timeout(Duration::from_secs(10), echo).await == Ok(true) {
            return Ok(());
        }
    }
    Err(format!("{content:?} was never echoed"))
}

fn main() {
    // The client uses `futures::select!`, whose random choices continue from run to run on a thread.
    let explorer = explore(chat).uphold([Invariant::NoTokenReused]).schedules(0).threads(1);
    let exploration = explorer.run();
    println!("{exploration}\n{:?}", exploration.duration());
    assert!(exploration.problems().is_empty(), "the client cannot be explored");
    let is_reused = |reason: &String| reason.contains("no token is used twice");
    let failures = exploration.failures();
    assert!(failures.iter().any(|failure| failure.reasons().iter().any(is_reused)));
}
