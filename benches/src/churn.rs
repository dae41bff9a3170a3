//! Connections that come and go in one mock: the memory they leave behind, and what they cost later.

use std::process::Command;

use mock_ivs_chat::{MockIvsChat, Room, log::LogRetention};

use crate::fan_out::steady;
use crate::measure::{Effort, Figure, Samples, Target, Unit, median};
use crate::memory::resident_bytes;

/// Measures 100,000 connections, each of a user of its own, per process.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let count = if effort == Effort::Quick { 200 } else { 100_000 };
    let kinds = [("clients", "client in memory"), ("participants", "participant")];
    let recordings = [
        ("off", "log off", Target::AtMost(16.0)),
        ("last", "the last 1,000 entries kept", Target::AtMost(16.0)),
        ("all", "all entries kept", Target::None),
    ];
    let mut figures = Vec::new();
    for (kind, shown_kind) in kinds {
        for (recording, shown_recording, target) in recordings {
            let runs: Vec<_> =
                (0..effort.times(3)).map(|_| in_a_process(kind, recording, count)).collect();
            let samples = |name: &str, index: usize| Samples {
                name: name.into(),
                values: runs.iter().map(|run| run[index]).collect(),
            };
            let what =
                format!("memory left by a {shown_kind} that came and went, {shown_recording}");
            figures.push(Figure::alone(&what, Unit::Bytes, samples("ours", 0), target));
            let what = format!("settled after {count} times a {shown_kind}, {shown_recording}");
            let contest = [samples("ours", 2), samples("before them", 1)];
            let target = if effort == Effort::Quick { Target::None } else { SETTLED };
            figures.extend(Figure::against(&what, Unit::Time, &contest, &[target]));
        }
    }
    figures
}

/// As long as before, with room for noise.
const SETTLED: Target = Target::RatioAtMost(1.25);

/// The bytes that each connection leaves behind, and the time of `settled` before and after all.
fn in_a_process(kind: &str, recording: &str, count: usize) -> [f64; 3] {
    let program = std::env::current_exe().expect("this program is a file");
    let arguments = ["child-churn", kind, recording, &count.to_string()];
    // One arena for all threads: memory that is free in the arena of another one looks like a leak.
    let child = Command::new(program).args(arguments).env("MALLOC_ARENA_MAX", "1").output();
    let output = child.expect("this program can be run").stdout;
    let text = String::from_utf8_lossy(&output);
    let values = text.split_whitespace().map(|value| value.parse().ok());
    let values: Option<Vec<f64>> = values.collect();
    values.unwrap_or_default().try_into().expect("a child prints its three figures")
}

/// The part of a process of its own.
pub fn child(arguments: &[String]) {
    let [kind, recording, count] = arguments else { panic!("the parent gives three arguments") };
    let recording = match recording.as_str() {
        "off" => LogRetention::Off,
        "last" => LogRetention::Last(1_000),
        _ => LogRetention::All,
    };
    let count: usize = count.parse().expect("the parent gives a number");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime can be built").block_on(async {
        let ivs = steady().log_retention(recording).in_memory().on_current_runtime().start();
        let room = ivs.create_room("lobby");
        let is_client = kind == "clients";
        // The first ones bring what all share, and a pool of memory that the others use again.
        come_and_go(&ivs, &room, is_client, 0..count / 10).await;
        let settled_before = settled(&ivs).await;
        let before = resident_bytes();
        come_and_go(&ivs, &room, is_client, count / 10..count / 10 + count).await;
        let grown = resident_bytes() - before;
        println!("{} {settled_before} {}", grown / count as f64, settled(&ivs).await);
    });
}

async fn come_and_go(
    ivs: &MockIvsChat,
    room: &Room,
    is_client: bool,
    numbers: std::ops::Range<usize>,
) {
    for number in numbers {
        let user_id = format!("user-{number:06}");
        if is_client {
            let token = room.chat_token(user_id).create();
            drop(ivs.connect(&token).await.expect("the mock lets everybody in"));
        } else {
            drop(room.participant(user_id));
        }
        // The mock serves its side on this thread.
        tokio::task::yield_now().await;
    }
    ivs.settled().await;
}

async fn settled(ivs: &MockIvsChat) -> f64 {
    let mut values = Vec::new();
    for _ in 0..101 {
        let start = std::time::Instant::now();
        ivs.settled().await;
        values.push(start.elapsed().as_secs_f64());
    }
    median(&values)
}
