//! Run: plays the scripts of a folder against a target, one after the other.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mock_ivs_chat::Quota;
use parking_lot::Mutex;

use crate::outcome::ClaimResult;
use crate::redaction::redact;
use crate::shared::claims::memory::MemoryStage;
use crate::shared::script::header::Requirement;
use crate::shared::script::hook::Verdict;
use crate::shared::script::settings::Setting;
use crate::shared::script::story::Command;
use crate::shared::script::{Script, play};
use crate::target::{Running, Target};
use crate::twin::{INTERRUPTED, Steps, Twin};

/// A script and its file.
#[derive(Debug)]
pub struct Claim {
    pub(crate) path: PathBuf,
    pub(crate) script: Script,
}

impl Claim {
    /// The claim, as in `messaging/content-is-not-trimmed`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.script.header.claim
    }

    /// The area, which is the first part of the name.
    #[must_use]
    pub fn area(&self) -> &str {
        self.name().split('/').next().unwrap_or_default()
    }

    /// The kind of the claim.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.script.header.kind
    }

    /// The time that the story takes on a clock that cannot be moved.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.clock_steps().sum()
    }

    fn clock_steps(&self) -> impl Iterator<Item = Duration> + '_ {
        self.script.steps.iter().filter_map(|step| match step.command {
            Command::Clock(duration) => Some(duration),
            _ => None,
        })
    }

    /// Returns `true` if the story tells participants from clients: only clients make a handshake.
    fn needs_participants(&self) -> bool {
        let commands = || self.script.steps.iter().map(|step| &step.command);
        let is_on_handshakes = |command: &Command| matches!(command, Command::Hook(hook) if matches!(hook.verdict, Verdict::Handshake(_)));
        commands().any(|command| matches!(command, Command::Participant(_)))
            && commands().any(is_on_handshakes)
    }

    /// Returns `true` if the claim is about a rate, and its actions took too long to exceed that:
    /// each waits for the response to the one before, which takes a while over a slow network or on
    /// a busy machine. A rate refills continuously, so one more request is allowed after the window
    /// divided by the limit.
    fn is_too_slow(&self, burst: Duration) -> bool {
        let limits = self.script.transcript.lines().filter_map(rate_limit);
        limits.max().is_some_and(|limit| burst > RATE_WINDOW / limit.max(1))
    }

    /// Returns the reason why a target without the mock's tools cannot show this claim.
    pub(crate) fn obstacle(&self, limit: Duration) -> Option<String> {
        let requires = &self.script.header.requires;
        if requires.contains(&Requirement::Hooks) {
            return Some("needs hooks, which only the mock has".into());
        }
        if requires.contains(&Requirement::Settings) {
            return Some("needs settings of the mock".into());
        }
        if self.kind() == "mock" {
            return Some("is about the mock's own tools".into());
        }
        if requires.contains(&Requirement::Lambda) {
            return Some("needs a Lambda function that answers as the script says".into());
        }
        if self.clock_steps().any(|step| step.subsec_nanos() % SHORTEST_NANOS != 0) {
            return Some("needs a clock that stands still".into());
        }
        if self.duration() > limit {
            let duration = humantime::format_duration(self.duration());
            let flag = if requires.contains(&Requirement::Hour) { "--hour" } else { "--wait" };
            return Some(format!("lets {duration} pass, which needs {flag}"));
        }
        None
    }
}

/// Returns the limit of the rate that a line of a transcript says was exceeded.
fn rate_limit(line: &str) -> Option<u32> {
    let (_, quota) = line.split_once("quota exceeded: ")?;
    let (name, limit) = quota.rsplit_once(", ")?;
    let is_number = NUMBERS.iter().any(|quota| quota.to_string() == name);
    if is_number { None } else { limit.trim().parse().ok() }
}

/// The quotas that limit a number or a size, which no time refills.
const NUMBERS: [Quota; 4] = [
    Quota::ConcurrentConnections,
    Quota::Rooms,
    Quota::LoggingConfigurations,
    Quota::MessageAttributeBytes,
];

/// The time in which the service counts what a rate limits.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// Real time is not more exact than this.
const SHORTEST_NANOS: u32 = 10_000_000;

/// Reads the scripts in a folder and its subfolders.
///
/// # Errors
///
/// If there are none, or one of them has a mistake; the message has the file and the line.
pub fn read_claims(folder: &Path, only: &[String]) -> Result<Vec<Claim>, String> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    let mut claims = Vec::new();
    for path in paths {
        let shown = path.display();
        let text = fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?;
        let script = Script::parse(&text).map_err(|problem| format!("{shown}:{problem}"))?;
        claims.push(Claim { path, script });
    }
    if claims.is_empty() {
        return Err(format!("there is no script (*.claim) in {}", folder.display()));
    }
    if only.is_empty() {
        return Ok(claims);
    }
    claims.retain(|claim| only.iter().any(|part| claim.name().contains(part.as_str())));
    if claims.is_empty() {
        let parts = only.join("`, `");
        return Err(format!("no claim in {} has `{parts}` in its name", folder.display()));
    }
    Ok(claims)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|ending| ending == "claim") {
            paths.push(path);
        }
    }
    Ok(())
}

/// Plays scripts, and tells each result as soon as it is known. Where the clock cannot be moved,
/// stories that take longer than the limit are left out. It ends early once the target is
/// told to stop; the resources of the script that was played are deleted then, too.
pub fn run<'a>(
    claims: impl IntoIterator<Item = &'a Claim>,
    running: &Running,
    limit: Duration,
    mut tell: impl FnMut(Progress<'_>),
) -> Vec<ClaimResult> {
    let mut results = Vec::new();
    for claim in claims {
        if running.is_stopped() {
            break;
        }
        tell(Progress::Begins(claim));
        let Some(result) = run_claim(claim, running, limit) else { break };
        tell(Progress::Ends(&result));
        results.push(result);
    }
    results
}

/// The course of a run.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A script begins.
    Begins(&'a Claim),
    /// A script has ended.
    Ends(&'a ClaimResult),
}

/// Plays one script; returns `None` if it was interrupted.
fn run_claim(claim: &Claim, running: &Running, limit: Duration) -> Option<ClaimResult> {
    let header = &claim.script.header;
    // The mock's own clock stands still between the steps.
    let takes_real_time = !matches!(running.target(), Target::Mock(_) | Target::MockOverTls);
    if takes_real_time && let Some(why) = claim.obstacle(limit) {
        return Some(ClaimResult::not_shown(header, why));
    }
    if claim.needs_participants() {
        return Some(ClaimResult::not_shown(header, "is about participants, who have no socket"));
    }
    let steps = Arc::<Mutex<Steps>>::default();
    let played = catch_unwind(AssertUnwindSafe(|| {
        play(&claim.script, |settings: &[Setting]| {
            let live = running.begin(settings);
            Twin::new(MemoryStage::start(settings), live, Arc::clone(&steps))
        })
    }));
    if running.is_stopped() {
        return None;
    }
    let steps = steps.lock();
    let path = claim.path.display();
    Some(match played {
        Ok(Ok(transcript)) if transcript != claim.script.transcript => {
            let why = format!(
                "{path}: the mock prints another transcript than this script has; the page \
                 tests/claims/README.md says how to write it into the script"
            );
            ClaimResult::broken(header, why)
        }
        Ok(Ok(_)) => match ClaimResult::compared(header, &steps, None) {
            result
                if takes_real_time
                    && result.is_different()
                    && claim.is_too_slow(steps.longest_burst) =>
            {
                let took = Duration::from_millis(steps.longest_burst.as_millis() as u64);
                let took = humantime::format_duration(took);
                let why = format!("its actions took {took}, and the rate is per second");
                ClaimResult::not_shown(header, why)
            }
            result => result,
        },
        Ok(Err(problem)) if problem.message == INTERRUPTED => return None,
        Ok(Err(problem)) => ClaimResult::compared(header, &steps, Some(problem.message)),
        Err(panic) => ClaimResult::broken(
            header,
            format!("{path}: the runner panicked: {}", redact(&message(&*panic))),
        ),
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rates_refill_with_time() {
        let line = "  quota exceeded: messaging requests per connection, 10";
        assert_eq!(rate_limit(line), Some(10));
        assert_eq!(rate_limit("  quota exceeded: calls of GetRoom, 5"), Some(5));
        assert_eq!(rate_limit("  quota exceeded: bytes of message attributes, 1024"), None);
        assert_eq!(rate_limit("quota exceeded: concurrent connections, 1"), None);
        assert_eq!(rate_limit("  quota exceeded: rooms, 1"), None);
        assert_eq!(rate_limit("alice > {}"), None);
    }
}
