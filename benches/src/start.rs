//! The first start in a process, and the starts that follow.

use std::process::Command;
use std::time::Instant;

use mock_ivs_chat::MockIvsChat;

use crate::measure::{Effort, Figure, Samples, Target, Unit, rounds, seconds};
use crate::servers::bare;

/// Measures first starts, each in a process of its own, and 1,000 in one process.
pub fn measure(effort: Effort) -> Vec<Figure> {
    let names =
        ["ours", "a bare port, thread and runtime", "wiremock", "httpmock", "mockito", "ws-mock"];
    let mut starts = names.map(|name| move || in_a_fresh_process(name));
    let [ours, floor, wiremock, httpmock, mockito, ws_mock] = &mut starts;
    let contest = rounds(
        effort.times(41),
        &mut [
            (names[0], ours),
            (names[1], floor),
            (names[2], wiremock),
            (names[3], httpmock),
            (names[4], mockito),
            (names[5], ws_mock),
        ],
    );
    let targets = [
        Target::RatioAtMost(1.5),
        Target::RatioAtMost(1.0 / 3.0),
        Target::None,
        Target::None,
        Target::None,
    ];
    let mut figures = Figure::against("first start in a process", Unit::Time, &contest, &targets);
    figures.extend(a_thousand_together(effort));
    figures
}

fn in_a_fresh_process(name: &str) -> f64 {
    let program = std::env::current_exe().expect("this program is a file");
    let output = Command::new(program).args(["child-start", name]).output();
    let output = output.expect("this program can be run").stdout;
    let nanoseconds = String::from_utf8_lossy(&output).trim().parse::<f64>();
    nanoseconds.expect("a child prints its nanoseconds") / 1e9
}

/// The part of a fresh process: starts one server and prints how long that took.
pub fn child(arguments: &[String]) {
    let elapsed = match arguments[0].as_str() {
        "ours" => timed(MockIvsChat::start),
        "wiremock" => timed_async(wiremock::MockServer::start()),
        "httpmock" => timed(httpmock::MockServer::start),
        "mockito" => timed(mockito::Server::new),
        "ws-mock" => timed_async(ws_mock::ws_mock_server::WsMockServer::start()),
        _ => timed(bare),
    };
    println!("{elapsed}");
}

fn timed<T>(start: impl FnOnce() -> T) -> u128 {
    let before = Instant::now();
    let _server = start();
    before.elapsed().as_nanos()
}

/// The runtime that a server needs to be started in is the test's, and does not count.
fn timed_async<T>(start: impl Future<Output = T>) -> u128 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime is available").block_on(async {
        let before = Instant::now();
        let _server = start.await;
        before.elapsed().as_nanos()
    })
}

fn a_thousand_together(effort: Effort) -> Vec<Figure> {
    let count = if effort == Effort::Quick { 20 } else { 1_000 };
    let (mut starts, mut drops) = (Vec::new(), Vec::new());
    for _ in 0..effort.times(5) {
        let mut mocks = Vec::new();
        starts.push(seconds(|| mocks.extend((0..count).map(|_| MockIvsChat::start()))));
        drops.push(seconds(|| drop(mocks)));
    }
    let figure = |what: &str, values: Vec<f64>| {
        let values = values.into_iter().map(|all| all / f64::from(count)).collect();
        let samples = Samples { name: "ours".into(), values };
        Figure::alone(
            &format!("{what} of {count} alive together, each"),
            Unit::Time,
            samples,
            Target::None,
        )
    };
    vec![figure("start", starts), figure("drop", drops)]
}
