//! The memory of an idle connection and of a delivery in the log, as the system reports it.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use mock_ivs_chat::{MockIvsChat, Quotas};

use crate::fan_out::{chat_tokens, steady, tokens};
use crate::measure::{Effort, Figure, Samples, Target, Unit, rounds};
use crate::servers::tungstenite_echo;
use crate::wire::connect;

/// Measures memory, each time in a process that has done nothing else.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let count = if effort == Effort::Quick { 20 } else { 4_000 };
    let mut ours = || connections("ours", count);
    let mut other = || connections("tungstenite", count);
    let contest =
        rounds(effort.times(5), &mut [("ours", &mut ours), ("tokio-tungstenite", &mut other)]);
    let mut idle =
        Figure::alone("idle connection", Unit::Bytes, contest[0].clone(), Target::AtMost(16_384.0));
    idle.other = contest.get(1).cloned();
    let publishes = effort.times(200);
    let values = (0..effort.times(5)).map(|_| alone("deliveries", publishes)).collect();
    let samples = Samples { name: "ours".into(), values };
    let logged = Figure::alone("logged delivery", Unit::Bytes, samples, Target::AtMost(100.0));
    let values = (0..effort.times(5)).map(|_| alone("in-memory", count)).collect();
    let samples = Samples { name: "ours".into(), values };
    let target = Target::AtMost(12_288.0);
    let in_memory = Figure::alone("idle connection in memory", Unit::Bytes, samples, target);
    vec![idle, in_memory, logged]
}

/// Bytes for each of `count` connections to a server in a process of its own.
fn connections(server: &str, count: usize) -> f64 {
    let (mut child, mut lines) = spawn(&[server, &count.to_string()]);
    let mut line = || lines.next().expect("a child goes on").expect("a child prints text");
    let addr = line().parse().expect("a child prints its address");
    let tokens: Vec<_> = (0..count).map(|_| line()).collect();
    let mut commands = child.stdin.take().expect("a child listens");
    let mut resident = || -> f64 {
        commands.write_all(b"\n").expect("a child listens");
        line().parse().expect("a child prints its memory")
    };
    // The first connection brings what all share.
    let mut clients = vec![connect(addr, &tokens[0])];
    let before = resident();
    clients.extend(tokens[1..].iter().map(|token| connect(addr, token)));
    let after = resident();
    drop(commands);
    child.wait().expect("a child ends");
    (after - before) / (count - 1) as f64
}

/// Returns a measurement that a separate process takes of itself.
fn alone(what: &str, count: usize) -> f64 {
    let (mut child, mut lines) = spawn(&[what, &count.to_string()]);
    let line = lines.next().expect("a child prints").expect("a child prints text");
    child.wait().expect("a child ends");
    line.parse().expect("a child prints its figure")
}

fn spawn(arguments: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let program = std::env::current_exe().expect("this program is a file");
    let mut child = Command::new(program)
        .arg("child-memory")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be run");
    let output = child.stdout.take().expect("a child prints");
    (child, BufReader::new(output).lines())
}

/// The part of a process of its own.
pub fn child(arguments: &[String]) {
    let count = arguments[1].parse().expect("the parent gives a number");
    match arguments[0].as_str() {
        "ours" => {
            let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
            let tokens = tokens(&ivs.create_room("lobby"), count);
            serve(&ivs.addr().to_string(), &tokens);
        }
        "tungstenite" => {
            let server = tungstenite_echo();
            serve(&server.addr().to_string(), &vec!["token".to_owned(); count]);
        }
        "in-memory" => print_bytes_of_a_connection_in_memory(count),
        _ => print_bytes_of_a_delivery(count),
    }
}

/// Prints where to connect, then the memory in use whenever the parent asks.
fn serve(addr: &str, tokens: &[String]) {
    println!("{addr}\n{}", tokens.join("\n"));
    for _ in std::io::stdin().lines() {
        println!("{}", resident_bytes());
    }
}

/// Both ends of the stream are in this process.
fn print_bytes_of_a_connection_in_memory(count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime is available").block_on(async {
        let ivs = steady().in_memory().on_current_runtime().start();
        let tokens = chat_tokens(&ivs.create_room("lobby"), count);
        let connect = async |token| ivs.connect(token).await.expect("the mock lets everybody in");
        // The first connection brings what all share.
        let mut clients = vec![connect(&tokens[0]).await];
        let before = resident_bytes();
        for token in &tokens[1..] {
            clients.push(connect(token).await);
        }
        println!("{}", (resident_bytes() - before) / (count - 1) as f64);
    });
}

fn print_bytes_of_a_delivery(publishes: usize) {
    let ivs = steady().start();
    let room = ivs.create_room("lobby");
    let users: Vec<_> = (0..1_000).map(|user| room.participant(format!("user-{user}"))).collect();
    users[0].send_message("the first one brings what all share");
    let before = resident_bytes();
    for _ in 0..publishes {
        users[0].send_message("hello");
    }
    let grown = resident_bytes() - before;
    println!("{}", grown / (publishes * users.len()) as f64);
}

/// Memory of this process that is in use and not shared with files.
pub fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    // Elsewhere than on Linux there is nothing to read; the figures are not a number then.
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1_024.0)
}
