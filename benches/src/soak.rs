//! Soak: 500 connections that chat, meet faults, come and go for as long as asked, while memory stays
//! flat.
//!
//!     cargo run --release --manifest-path benches/Cargo.toml --bin soak -- --seconds 1800
//!
//! A mock remembers each token and each connection for as long as it lives, so one mock after another
//! is soaked, each for half a minute; what the process holds after each is printed, and must not
//! grow.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::{Capability, CloseCode, ErrorCode, Handle, MockIvsChat, Quotas, Room, hook::Corruption};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const ARENAS: &str = "MALLOC_ARENA_MAX";
const CONNECTIONS: usize = 500;
const GENERATION: Duration = Duration::from_secs(30);
/// What an allocator may hold back without a leak.
const SLACK_KIB: u64 = 32 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    // The C library keeps what threads have freed in arenas, of which a mock's thread gets any; so
    // what is free and what is lost could not be told from each other. One arena is used again.
    if std::env::var_os(ARENAS).is_none() {
        let mut again = Command::new(std::env::current_exe()?);
        let status = again.args(std::env::args_os().skip(1)).env(ARENAS, "1").status()?;
        return if status.success() { Ok(()) } else { Err(format!("the soak: {status}").into()) };
    }
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
        let memory = resident_kib()?;
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
    let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    install_faults(&ivs);
    runtime.block_on(async {
        let rooms: Vec<_> = (0..50).map(|room| ivs.create_room(format!("room-{room}"))).collect();
        let end = Instant::now() + length;
        let clients = (0..CONNECTIONS).map(|number| {
            let (handle, room) = (ivs.handle(), rooms[number % rooms.len()].clone());
            tokio::spawn(async move { client(&handle, &room, number, end).await })
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

/// What goes wrong every now and then.
fn install_faults(ivs: &MockIvsChat) {
    ivs.on_handshake().every(29).refuse(429, "slow down");
    ivs.on_handshake().every(97).reset();
    ivs.on_action().every(31).reject(ErrorCode::TooManyRequests, "slow down");
    ivs.on_action().every(211).disconnect(CloseCode::GOING_AWAY);
    ivs.on_action().every(307).stall();
    ivs.on_action().every(401).reset();
    ivs.on_delivery().every(101).drop_frame();
    ivs.on_delivery().every(103).duplicate();
    ivs.on_delivery().every(107).delay_real_time(Duration::from_millis(20));
    ivs.on_delivery().every(1_009).corrupt(Corruption::InvalidJson);
    ivs.on_delivery().every(2_003).reset();
}

/// Visits a room over and over; returns how often it connected, and what it received.
async fn client(ivs: &Handle, room: &Room, number: usize, end: Instant) -> (usize, usize) {
    let (mut connected, mut received) = (0, 0);
    while Instant::now() < end {
        // A handshake that is refused or reset is tried again, after a pause.
        let Ok(stream) = connect(ivs, room, number).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        connected += 1;
        // Every other client leaves without a word.
        let is_polite = (connected + number).is_multiple_of(2);
        // A connection that a fault ends is as good as one that its client leaves.
        let _ = visit(stream, number, is_polite, &mut received).await;
    }
    (connected, received)
}

/// Says something, listens for a while and leaves, one way or another.
async fn visit(
    mut client: WebSocketStream<TcpStream>,
    number: usize,
    is_polite: bool,
    received: &mut usize,
) -> Result<(), tungstenite::Error> {
    for turn in 0..5 {
        let frame = format!(r#"{{"Action":"SEND_MESSAGE","Content":"{number}: {turn}"}}"#);
        client.send(Message::text(frame)).await?;
        tokio::time::sleep(Duration::from_millis(500 + (number % 100) as u64)).await;
        while let Ok(Some(frame)) = tokio::time::timeout(Duration::ZERO, client.next()).await {
            frame?;
            *received += 1;
        }
    }
    if is_polite {
        client.close(None).await?;
    }
    Ok(())
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

/// What the process holds, where the system says so.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim_end_matches("kB").trim().parse()?)
}
