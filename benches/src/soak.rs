//! Soak: one mock with 500 connections that chat, meet faults, come and go for as long as asked,
//! while memory stays flat.
//!
//!     cargo run --release --manifest-path benches/Cargo.toml --bin soak -- --seconds 1800
//!
//! Connections, tokens, hooks, closures and questions come and go; the log keeps the latest 10,000
//! entries. The memory of the process is printed every half minute, and must not grow after the
//! first two minutes, in which buffers and tables reach their size.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use mock_ivs_chat::hook::{ActionVerdict, Corruption, DeliveryVerdict};
use mock_ivs_chat::log::LogRetention;
use mock_ivs_chat::{Capability, CloseCode, ErrorCode, Handle, MockIvsChat, Quotas, Room};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const ARENAS: &str = "MALLOC_ARENA_MAX";
const CONNECTIONS: usize = 500;
const INTERVAL: Duration = Duration::from_secs(30);
const WARM_UP: Duration = Duration::from_secs(120);
/// The memory that an allocator may hold back without a leak.
const SLACK_KIB: u64 = 8 * 1024;

/// The events so far.
#[derive(Debug, Default)]
struct Counts {
    connected: AtomicUsize,
    received: AtomicUsize,
    asked: AtomicUsize,
    hooks: AtomicUsize,
}

fn main() -> Result<(), Box<dyn Error>> {
    // The C library keeps what threads have freed in arenas, and each thread of the mock may use
    // any of them, so a leak could not be told from free memory. One arena is used again.
    if std::env::var_os(ARENAS).is_none() {
        let mut again = Command::new(std::env::current_exe()?);
        let status = again.args(std::env::args_os().skip(1)).env(ARENAS, "1").status()?;
        return if status.success() { Ok(()) } else { Err(format!("the soak: {status}").into()) };
    }
    let arguments: Vec<_> = std::env::args().collect();
    let seconds = match arguments.iter().position(|argument| argument == "--seconds") {
        Some(at) => arguments.get(at + 1).ok_or("--seconds needs a number")?.parse()?,
        None => 5,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(soak(Duration::from_secs(seconds)))
}

async fn soak(length: Duration) -> Result<(), Box<dyn Error>> {
    let ivs = MockIvsChat::builder()
        .quotas(Quotas::unlimited())
        .log_retention(LogRetention::Last(10_000))
        .start();
    let counts = Arc::new(Counts::default());
    install_faults(&ivs, &counts);
    let start = Instant::now();
    let end = start + length;
    let rooms: Vec<_> = (0..50).map(|room| ivs.create_room(format!("room-{room}"))).collect();
    let clients = (0..CONNECTIONS).map(|number| {
        let (handle, room) = (ivs.handle(), rooms[number % rooms.len()].clone());
        let counts = Arc::clone(&counts);
        tokio::spawn(async move { client(&handle, &room, number, end, &counts).await })
    });
    let clients: Vec<_> = clients.collect();
    let changing = tokio::spawn(change_hooks(ivs.handle(), end, Arc::clone(&counts)));
    let mut warm = None;
    while Instant::now() < end {
        let rest = end.saturating_duration_since(Instant::now());
        tokio::time::sleep(rest.min(INTERVAL)).await;
        let (elapsed, memory) = (start.elapsed(), resident_kib()?);
        let [connected, received, asked, hooks] =
            [&counts.connected, &counts.received, &counts.asked, &counts.hooks]
                .map(|count| count.load(Ordering::Relaxed));
        println!(
            "{:>5} s: {memory} KiB, {connected} connected, {received} received, \
             {asked} closures asked, {hooks} hooks installed, {} entries dropped",
            elapsed.as_secs(),
            ivs.log().dropped(),
        );
        if elapsed >= WARM_UP {
            let warm = *warm.get_or_insert(memory);
            if memory > warm + SLACK_KIB {
                return Err(format!("{warm} KiB after two minutes, {memory} KiB now").into());
            }
        }
        // A stalled connection notices nothing, not even that its client has gone. An outage ends
        // it.
        ivs.restart();
    }
    for client in clients {
        client.await?;
    }
    changing.await?;
    if counts.connected.load(Ordering::Relaxed) < CONNECTIONS {
        return Err("some clients never connected".into());
    }
    ivs.finish().wait().map(drop).map_err(|report| report.to_string().into())
}

/// Installs what goes wrong every now and then, and closures that look at everything.
fn install_faults(ivs: &MockIvsChat, counts: &Arc<Counts>) {
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
    let asked = Arc::clone(counts);
    ivs.on_action().every(7).decide(move |_| {
        asked.asked.fetch_add(1, Ordering::Relaxed);
        ActionVerdict::Pass
    });
    let asked = Arc::clone(counts);
    ivs.on_delivery().every(53).decide_async(move |_| {
        asked.asked.fetch_add(1, Ordering::Relaxed);
        async { DeliveryVerdict::Pass }
    });
}

/// Installs hooks, lets them see some events, and removes them.
async fn change_hooks(ivs: Handle, end: Instant, counts: Arc<Counts>) {
    while Instant::now() < end {
        let passing = ivs.on_action().decide(|_| ActionVerdict::Pass).scoped();
        let dropping = ivs.on_delivery().to("user-7").drop_frame().scoped();
        let gate = ivs.gate();
        let held = gate.clone();
        let holding =
            ivs.on_delivery().to("user-8").decide(move |_| DeliveryVerdict::hold(&held)).scoped();
        counts.hooks.fetch_add(3, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop((passing, dropping, holding));
        gate.release();
    }
}

/// Visits a room over and over.
async fn client(ivs: &Handle, room: &Room, number: usize, end: Instant, counts: &Counts) {
    let mut visits = 0;
    while Instant::now() < end {
        // A handshake that is refused or reset is tried again, after a pause.
        let Ok(stream) = connect(ivs, room, number).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        visits += 1;
        counts.connected.fetch_add(1, Ordering::Relaxed);
        // Every other client leaves without a word.
        let is_polite = (visits + number).is_multiple_of(2);
        // A connection that a fault ends is as good as one that its client leaves.
        let _ = visit(stream, number, is_polite, &counts.received).await;
    }
}

/// Says something, listens for a while and leaves, one way or another.
async fn visit(
    mut client: WebSocketStream<TcpStream>,
    number: usize,
    is_polite: bool,
    received: &AtomicUsize,
) -> Result<(), tungstenite::Error> {
    for turn in 0..5 {
        let frame = format!(r#"{{"Action":"SEND_MESSAGE","Content":"{number}: {turn}"}}"#);
        client.send(Message::text(frame)).await?;
        tokio::time::sleep(Duration::from_millis(500 + (number % 100) as u64)).await;
        while let Ok(Some(frame)) = tokio::time::timeout(Duration::ZERO, client.next()).await {
            frame?;
            received.fetch_add(1, Ordering::Relaxed);
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

/// Returns the resident memory of the process, on systems that report it.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim_end_matches("kB").trim().parse()?)
}
