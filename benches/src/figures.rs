//! Runs the benchmarks that are named on the command line, or all, and prints one table.
//!
//! `--quick` runs each for a moment, to see that it works; its figures mean nothing.

use mock_ivs_chat_benches::measure::{Effort, Figure};
use mock_ivs_chat_benches::{
    churn, clock, drop, echo, explore, fan_out, hooks, http, in_memory, log, measure, memory,
    start, waits,
};

type Benchmark = fn(Effort) -> Vec<Figure>;

const BENCHMARKS: [(&str, Benchmark); 13] = [
    ("start", start::measure),
    ("drop", drop::measure),
    ("echo", echo::measure),
    ("fan-out", fan_out::measure),
    ("in-memory", in_memory::measure),
    ("hooks", hooks::measure),
    ("log", log::measure),
    ("waits", waits::measure),
    ("clock", clock::measure),
    ("explore", explore::measure),
    ("http", http::measure),
    ("memory", memory::measure),
    ("churn", churn::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, rest @ ..] = &arguments[..] {
        // Some figures need a process that has done nothing else yet.
        match child.as_str() {
            "child-start" => return start::child(rest),
            "child-memory" => return memory::child(rest),
            "child-churn" => return churn::child(rest),
            _ => {}
        }
    }
    let effort =
        if arguments.iter().any(|a| a == "--quick") { Effort::Quick } else { Effort::Full };
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut figures = Vec::new();
    for (name, benchmark) in BENCHMARKS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted.as_str() == name) {
            eprintln!("{name} …");
            figures.extend(benchmark(effort));
        }
    }
    measure::print(&figures);
}
