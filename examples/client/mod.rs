//! Client: a small chat client in the role of the code under test.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A connection to a room.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    requests: u32,
}

impl Client {
    /// Connects with a chat token.
    pub(crate) async fn connect(url: &str, token: &str) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        let protocol = token.parse().expect("a token is made of characters that headers allow");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let (socket, _) = connect_async(request).await?;
        Ok(Self { socket, requests: 0 })
    }

    /// Sends a message, and does not wait for a response.
    pub(crate) async fn send_message(&mut self, content: &str) -> Result<(), Error> {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        let frame = json!({ "Action": "SEND_MESSAGE", "RequestId": id, "Content": content });
        self.socket.send(Message::text(frame.to_string())).await
    }

    /// Returns the next frame of the service, or an error after the last one.
    pub(crate) async fn next(&mut self) -> Result<Value, Error> {
        loop {
            match self.socket.next().await.unwrap_or(Err(Error::ConnectionClosed))? {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap_or_default()),
                Message::Close(_) => return Err(Error::ConnectionClosed),
                _ => {}
            }
        }
    }
}
