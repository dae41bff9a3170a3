//! Soak: 500 connections that chat, come and go for as long as asked, while memory stays flat.
//!
//!     cargo run --release --manifest-path benches/Cargo.toml --bin soak -- --seconds 1800
//!
//! A mock keeps its log for as long as it lives, so one mock after another is soaked, each for ten
//! seconds; what the process holds after each is printed, and must not grow.

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, Handle, MockIvsChat, Quotas, Room};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

const CONNECTIONS: usize = 500;
const GENERATION: Duration = Duration::from_secs(10);
/// What an allocator may hold back without a leak.
const SLACK_KIB: u64 = 32 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let seconds = match arguments.iter().position(|argument| argument == "--seconds") {
        Some(at) => arguments.get(at + 1).ok_or("--seconds of what?")?.parse()?,
        None => 5,
    };
    let start = Instant::now();
    let mut after_first = None;
    loop {
        let rest = Duration::from_secs(seconds).saturating_sub(start.elapsed());
        if rest.is_zero() {
            return Ok(());
        }
        let (connected, delivered) = generation(rest.min(GENERATION))?;
        let memory = resident_kib();
        let elapsed = start.elapsed().as_secs();
        println!("{elapsed:>5} s: {connected} connected, {delivered} received, {memory} KiB after");
        let first = *after_first.get_or_insert(memory);
        if memory > first + SLACK_KIB {
            return Err(format!("{first} KiB after the first generation, {memory} now").into());
        }
    }
}

/// One mock and its clients; returns how often clients connected, and what they received.
fn generation(length: Duration) -> Result<(usize, usize), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ivs = MockIvsChat::builder().quotas(Quotas::off()).start();
    runtime.block_on(async {
        let rooms: Vec<_> = (0..50).map(|room| ivs.create_room(format!("room-{room}"))).collect();
        let end = Instant::now() + length;
        let clients = (0..CONNECTIONS).map(|number| {
            let (handle, room) = (ivs.handle(), rooms[number % rooms.len()].clone());
            tokio::spawn(async move { client(&handle, &room, number, end).await.unwrap_or((0, 0)) })
        });
        let mut totals = (0, 0);
        for client in clients.collect::<Vec<_>>() {
            let (connected, received) = client.await?;
            totals = (totals.0 + connected, totals.1 + received);
        }
        if totals.0 < CONNECTIONS {
            return Err("some clients never connected".into());
        }
        Ok(totals)
    })
}

/// Connects, says something, listens for a while and leaves, one way or another; over and over.
async fn client(
    ivs: &Handle,
    room: &Room,
    number: usize,
    end: Instant,
) -> Result<(usize, usize), Box<dyn Error + Send + Sync>> {
    let (mut connected, mut received) = (0, 0);
    while Instant::now() < end {
        let mut client = connect(ivs, room, number).await?;
        connected += 1;
        for turn in 0..5 {
            let frame = format!(r#"{{"Action":"SEND_MESSAGE","Content":"{number}: {turn}"}}"#);
            client.send(Message::text(frame)).await?;
            tokio::time::sleep(Duration::from_millis(500 + (number % 100) as u64)).await;
            while let Ok(Some(frame)) = tokio::time::timeout(Duration::ZERO, client.next()).await {
                frame?;
                received += 1;
            }
        }
        // Every other client leaves without a word.
        if (connected + number) % 2 == 0 {
            client.close(None).await?;
        }
    }
    Ok((connected, received))
}

async fn connect(
    ivs: &Handle,
    room: &Room,
    number: usize,
) -> Result<WebSocketStream<TcpStream>, Box<dyn Error + Send + Sync>> {
    let token = room.chat_token(format!("user-{number}")).capability(Capability::SendMessage);
    let mut request = ivs.ws_url().into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", token.create().token.parse()?);
    let stream = TcpStream::connect(ivs.addr()).await?;
    Ok(client_async(request, stream).await?.0)
}

/// What the process holds; 0 where the system does not say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
