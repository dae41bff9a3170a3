//! Options: the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use mock_ivs_chat_conformance::{Deviation, Endpoints, Target};

/// Checks claims about Amazon IVS Chat against a service.
///
/// A claim is a script in tests/claims: who connects, what they send, what they should receive.
/// This program plays the scripts against a target with the real AWS SDK and a real WebSocket
/// client, and says for each claim whether the target does the same, something different, or
/// whether the run does not show it.
///
/// Nothing is ever sent to a host that does not belong to the target.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    long_about,
    after_long_help = "Exit status: 0 if nothing differs, 1 if something differs, 2 for a mistake on the command line or in a \
                  script, or a target that cannot be used, 3 if resources could not be deleted, 130 after an \
                  interruption.\n\n\
                  Examples:\n  \
                  mock-ivs-chat-conformance mock\n  \
                  mock-ivs-chat-conformance mock --steps messaging/content\n  \
                  mock-ivs-chat-conformance url --control http://127.0.0.1:8080 --messaging ws://127.0.0.1:8080\n  \
                  mock-ivs-chat-conformance aws --region us-west-2 --dry-run"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays the scripts against the mock in this process, a new one for each script.
    Mock {
        /// Uses TLS, the host names of AWS, and signatures that the mock checks.
        #[arg(long)]
        tls: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Plays the scripts against any pair of endpoints.
    ///
    /// It creates rooms and logging configurations there, with the tag
    /// `mock-ivs-chat-conformance`, and deletes them after each script. At the end, and after an
    /// interruption, it looks for what creations without a response have left. A second
    /// interruption stops the deletion; --clean goes on with it.
    Url {
        /// The control plane, as in http://127.0.0.1:8080 or https://localhost:8443.
        #[arg(long, value_name = "URL")]
        control: String,
        /// The messaging API, as in ws://127.0.0.1:8080 or wss://localhost:8443.
        #[arg(long, value_name = "URL")]
        messaging: String,
        /// The region that requests are signed for.
        #[arg(long, default_value = "us-west-2", value_parser = region)]
        region: String,
        /// Signs with the default credential chain, instead of with keys that mean nothing.
        #[arg(long)]
        credentials: bool,
        /// Keeps to the documented rates of AWS.
        #[arg(long)]
        keep_rates: bool,
        /// How long to wait for something that should come.
        #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
        patience: Duration,
        /// How long to wait after each step for something that should not come.
        #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
        quiet: Duration,
        #[command(flatten)]
        reach: Reach,
        #[command(flatten)]
        common: Common,
    },
    /// Plays the scripts against Amazon IVS Chat. Costs money; see --dry-run.
    ///
    /// It uses the default credential chain: environment variables, profiles, or a role. It creates
    /// rooms and logging configurations with the tag `mock-ivs-chat-conformance`, and deletes them
    /// after each script. At the end, and after an interruption, it looks for what creations without
    /// a response have left. A second interruption stops the deletion; --clean goes on with it. It
    /// stays below the documented rates.
    Aws {
        /// The region, as in us-west-2.
        #[arg(long, value_parser = region)]
        region: String,
        /// How long to wait for something that should come.
        #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
        patience: Duration,
        /// How long to wait after each step for something that should not come.
        #[arg(long, default_value = "300ms", value_parser = humantime::parse_duration)]
        quiet: Duration,
        #[command(flatten)]
        reach: Reach,
        #[command(flatten)]
        common: Common,
    },
    /// Prints how the facts of all claims are known, by area, as a table.
    Score {
        /// The folder of recordings.
        #[arg(long, value_name = "DIR", default_value_os_t = default_recordings())]
        recordings: PathBuf,
        /// The folder of scripts.
        #[arg(long, value_name = "DIR", default_value_os_t = default_claims())]
        claims: PathBuf,
        /// Writes the table into this file, between its two markers.
        #[arg(long, value_name = "FILE")]
        update: Option<PathBuf>,
    },
    /// Compares recordings with the scripts, and says what has to change.
    Check {
        /// The folder of recordings.
        #[arg(long, value_name = "DIR", default_value_os_t = default_recordings())]
        recordings: PathBuf,
        /// The folder of scripts.
        #[arg(long, value_name = "DIR", default_value_os_t = default_claims())]
        claims: PathBuf,
    },
}

/// How the hosts of a target are reached.
#[derive(Args, Debug)]
pub(crate) struct Reach {
    /// A file with certificates (PEM) to trust instead of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Connects to an address in the place of a host of the target, as in
    /// ivschat.us-west-2.amazonaws.com:443:127.0.0.1:8443. Can be repeated.
    #[arg(long, value_name = "HOST:PORT:ADDRESS:PORT")]
    connect_to: Vec<String>,
    /// Deletes what interrupted runs have left, found by its tag, and plays nothing.
    #[arg(long)]
    clean: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Only claims with one of these texts in their names, as in `messaging/` or `order`.
    #[arg(value_name = "CLAIM")]
    pub(crate) only: Vec<String>,
    /// The folder of scripts.
    #[arg(long, value_name = "DIR", default_value_os_t = default_claims())]
    pub(crate) claims: PathBuf,
    /// Lists what would happen, how long it takes and what it costs. Nothing is sent.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Plays scripts that let at most this much time pass. The mock needs no time for it.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Plays scripts that require an hour as well, as their headers say. There are several.
    #[arg(long)]
    hour: bool,
    /// Prints each step of each script with its result.
    #[arg(long)]
    pub(crate) steps: bool,
    /// Where to write recording.json, table.json and table.md. No secret is in them, and no account,
    /// user or key. The run does not start if they cannot be written.
    #[arg(long, value_name = "DIR", default_value = "target/conformance")]
    pub(crate) out: PathBuf,
}

impl Common {
    /// The longest time that a script may let pass.
    pub(crate) fn limit(&self) -> Duration {
        if self.hour { Duration::MAX } else { self.wait }
    }
}

/// A target, and what to do with it.
pub(crate) struct Job {
    pub(crate) target: Target,
    pub(crate) common: Common,
    pub(crate) cleans: bool,
    /// The name of the target in recordings.
    pub(crate) name: &'static str,
    pub(crate) region: String,
    pub(crate) quiet: Duration,
}

impl Command {
    /// Returns the job of a command that plays scripts; returns other commands unchanged.
    pub(crate) fn into_job(self) -> Result<Job, Self> {
        match self {
            Self::Mock { tls, common } => Ok(Job {
                target: if tls { Target::MockOverTls } else { Target::Mock(Deviation::default()) },
                common,
                cleans: false,
                name: "mock",
                region: "us-west-2".into(),
                quiet: Duration::ZERO,
            }),
            Self::Url {
                control,
                messaging,
                region,
                credentials,
                keep_rates,
                patience,
                quiet,
                reach,
                common,
            } => {
                let endpoints = Endpoints {
                    control,
                    messaging,
                    region: region.clone(),
                    ca: reach.ca,
                    connect_to: reach.connect_to,
                    keeps_rates: keep_rates,
                    has_credentials: credentials,
                    patience,
                    quiet,
                };
                let target = Target::Url(endpoints);
                Ok(Job { target, common, cleans: reach.clean, name: "url", region, quiet })
            }
            Self::Aws { region, patience, quiet, reach, common } => {
                let endpoints = Endpoints {
                    control: format!("https://ivschat.{region}.amazonaws.com"),
                    messaging: format!("wss://edge.ivschat.{region}.amazonaws.com"),
                    region: region.clone(),
                    // Somebody else's server is not AWS, whatever its name is.
                    keeps_rates: reach.connect_to.is_empty(),
                    ca: reach.ca,
                    connect_to: reach.connect_to,
                    has_credentials: true,
                    patience,
                    quiet,
                };
                let name = if endpoints.connect_to.is_empty() { "aws" } else { "url" };
                let target = Target::Aws(endpoints);
                Ok(Job { target, common, cleans: reach.clean, name, region, quiet })
            }
            other => Err(other),
        }
    }
}

/// Reads a region, which becomes a part of the names of hosts.
fn region(text: &str) -> Result<String, String> {
    let is_legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.len() <= 63 && !text.is_empty() && text.chars().all(is_legal) {
        Ok(text.to_owned())
    } else {
        Err("a region has lower case letters, digits and hyphens, as in `us-west-2`".into())
    }
}

/// The scripts of the repository that this program was built from.
fn default_claims() -> PathBuf {
    in_repository("tests/claims")
}

fn default_recordings() -> PathBuf {
    in_repository("tests/recordings")
}

fn in_repository(folder: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join(folder)
}
