//! The explorer: every fault at every point of a scenario.

mod children;
mod criteria;
mod options;
mod report;
mod suite;

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, ClientStream, Handle};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// A WebSocket in memory.
type Socket = WebSocketStream<ClientStream>;

/// Connects a user of the room "lobby", or says why not.
async fn connect(ivs: &Handle, user: &str) -> Result<Socket, String> {
    let room = ivs.room("lobby");
    let token = room.chat_token(user).capability(Capability::SendMessage).create();
    let stream = ivs.connect(&token).await.map_err(|error| error.to_string())?;
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

/// Sends a message.
async fn send(socket: &mut Socket, request_id: &str, content: &str) -> Result<(), String> {
    let frame =
        format!(r#"{{"Action":"SEND_MESSAGE","RequestId":"{request_id}","Content":"{content}"}}"#);
    socket.send(Message::text(frame)).await.map_err(|error| error.to_string())
}

/// Waits for any text frame; `None` after the last one.
async fn next(socket: &mut Socket) -> Option<String> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return Some(text.to_string()),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

/// A client that gives up at the first trouble: it connects, sends one message and waits for the
/// echo.
async fn fragile(ivs: Handle) -> Result<(), String> {
    ivs.create_room("lobby");
    let mut alice = connect(&ivs, "alice").await?;
    send(&mut alice, "r1", "hello").await?;
    next(&mut alice).await.map(drop).ok_or_else(|| "the connection ended".to_owned())
}
