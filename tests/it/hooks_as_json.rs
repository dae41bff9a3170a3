//! Hooks as JSON in a mock: their gates, and the lines that install them.

use mock_ivs_chat::hook::HookSpec;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::unlimited;

fn read(json: &Value) -> HookSpec {
    HookSpec::deserialize(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn a_hook_from_json_holds_events_at_its_gate() {
    let ivs = unlimited();
    let alice = ivs.create_room("lobby").participant("alice");
    let hook = ivs.install(read(&json!({ "on": "action", "then": "hold" })));
    let gate = hook.gate().unwrap();
    alice.send_message("hello");
    assert_eq!(gate.waiting(), 1);
    gate.release();
    alice.expect_message("hello").wait();
}

#[test]
fn a_report_names_the_line_that_installs_a_hook_from_json() {
    let ivs = unlimited();
    ivs.install(read(&json!({ "on": "action", "expect": 1, "then": "reset" })));
    let line = line!() - 1;
    let report = ivs.report().to_string();
    assert!(report.contains(&format!("tests/it/hooks_as_json.rs:{line}")), "{report}");
    ivs.reset_hooks();
}
