//! First message: two WebSocket clients chat, and one of them is moderated and then disconnected.
//! Look at the transcript at the end.

#![expect(clippy::print_stdout, reason = "what an example has to show, it prints")]

use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, Clock, MockIvsChat};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    let ivs = MockIvsChat::builder().clock(clock).start();

    // The test takes the part of the application's backend.
    let room = ivs.create_room("lobby");
    let alice = room
        .chat_token("alice")
        .capability(Capability::SendMessage)
        .attributes([("displayName", "Alice")])
        .create();
    let bob = room
        .chat_token("bob")
        .capabilities([
            Capability::SendMessage,
            Capability::DeleteMessage,
            Capability::DisconnectUser,
        ])
        .create();

    // The clients: any WebSocket library that can offer a subprotocol.
    let mut alice = connect(&ivs.ws_url(), &alice.token).await?;
    let mut bob = connect(&ivs.ws_url(), &bob.token).await?;
    send(&mut alice, json!({ "Action": "SEND_MESSAGE", "Content": "hello", "RequestId": "a1" }))
        .await?;
    receive(&mut alice).await?;
    let message = receive(&mut bob).await?;

    // Bob moderates: he deletes the message, then disconnects Alice.
    let id = &message["Id"];
    let reason = "too loud";
    send(&mut bob, json!({ "Action": "DELETE_MESSAGE", "Id": id, "Reason": reason })).await?;
    receive(&mut alice).await?;
    receive(&mut bob).await?;
    let user = &message["Sender"]["UserId"];
    send(&mut bob, json!({ "Action": "DISCONNECT_USER", "UserId": user, "Reason": reason }))
        .await?;
    receive(&mut alice).await?;
    receive(&mut bob).await?;
    match alice.next().await {
        Some(Ok(Message::Close(Some(close)))) => println!("alice was closed: {close}\n"),
        other => return Err(format!("alice should have been closed, not: {other:?}").into()),
    }

    print!("{}", ivs.log());
    Ok(())
}

async fn connect(url: &str, token: &str) -> Result<Client, Box<dyn Error>> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", token.parse()?);
    Ok(connect_async(request).await?.0)
}

async fn send(client: &mut Client, frame: Value) -> Result<(), Box<dyn Error>> {
    Ok(client.send(Message::text(frame.to_string())).await?)
}

async fn receive(client: &mut Client) -> Result<Value, Box<dyn Error>> {
    let frame = client.next().await.ok_or("the connection ended")??;
    Ok(serde_json::from_str(frame.to_text()?)?)
}
