//! Plan: what a run would do, how long it would take, and what it would cost.

use std::fmt::Write as _;
use std::time::Duration;

use crate::pace;
use crate::rehearsal::{Usage, rehearse};
use crate::run::Claim;

/// How long the service takes to answer, roughly.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Returns the time of a run that keeps to the rates; each step waits for the service, too.
fn duration(usage: &Usage, quiet: Duration) -> Duration {
    let calls = usage.calls.iter().map(|(operation, calls)| pace::duration(operation, *calls));
    let steps = usage.frames_sent + usage.connections + usage.calls.values().sum::<u32>();
    calls.sum::<Duration>() + usage.clock + (quiet + ROUND_TRIP) * steps
}

/// Returns the plan as text. Scripts that the target cannot show are listed with the reason.
///
/// # Errors
///
/// If a script cannot be played on the mock in memory.
pub fn plan(
    claims: &[Claim],
    is_mock: bool,
    limit: Duration,
    quiet: Duration,
) -> Result<String, String> {
    let mut text = String::new();
    let (mut total, mut played) = (Usage::default(), 0);
    for claim in claims {
        let obstacle = if is_mock { None } else { claim.obstacle(limit) };
        if let Some(why) = obstacle {
            let _ = writeln!(text, "not shown  {}: {why}", claim.name());
            continue;
        }
        let usage = rehearse(claim)?.usage;
        let clock = if usage.clock.is_zero() || is_mock {
            String::new()
        } else {
            format!(", {} of waiting", humantime::format_duration(usage.clock))
        };
        let calls: u32 = usage.calls.values().sum();
        let _ = writeln!(
            text,
            "play       {}: {calls} calls, {} connections, {} frames sent, {} received{clock}",
            claim.name(),
            usage.connections,
            usage.frames_sent,
            usage.frames_received
        );
        total.add(&usage);
        played += 1;
    }
    let _ = writeln!(text, "\n{played} of {} scripts would be played.", claims.len());
    if is_mock {
        text.push_str("The mock in this process costs nothing; each script takes milliseconds.\n");
        return Ok(text);
    }
    let _ = writeln!(text, "Calls of operations:");
    for (operation, calls) in &total.calls {
        let _ = writeln!(text, "  {operation}: {calls}");
    }
    let seconds = Duration::from_secs(duration(&total, quiet).as_secs() + 1);
    let _ = writeln!(
        text,
        "Connections: {}. Frames sent by clients: {}. Frames received: {}.\n\
         Time: about {}, at the documented rates.\n\
         Cost on AWS: chat is billed by messages sent and messages delivered, at most {} and {} \
         here. The prices are at {PRICES}.\n\
         Each resource is deleted after its script.",
        total.connections,
        total.frames_sent,
        total.frames_received,
        humantime::format_duration(seconds),
        total.frames_sent + total.calls.get("SendEvent").copied().unwrap_or_default(),
        total.frames_received
    );
    Ok(text)
}

const PRICES: &str = "https://aws.amazon.com/ivs/pricing/";
