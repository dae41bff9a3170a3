//! Command line: the options, and the configuration file that has the same ones.

use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use hyper::http::uri::Authority;
use mock_ivs_chat::{ParseTimestampError, Timestamp};

use crate::tls;

/// Amazon IVS Chat as a server for tests in any language.
///
/// One port serves the messaging protocol (WebSockets), the control plane (point an AWS SDK to
/// `http_url`), the control API of the mock and its live page (both under `/__admin/`).
///
/// The program prints its URLs first, one per line, and then a line that begins with "ready".
#[derive(Debug, Parser)]
#[command(name = "mock-ivs-chat", version, args_override_self = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Address to listen on; anybody who can reach it can control the mock
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,

    /// Host name that clients use, in URLs and as a name of the certificate
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) host_name: Option<String>,

    /// Serve TLS on the same port, with a certificate of an authority that the mock creates once
    #[arg(long)]
    pub(crate) tls: bool,

    /// File for the certificate of the authority, for clients to trust; its key is stored beside
    /// it, in a file that ends in .key [default: mock-ivs-chat-ca.pem]
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(ca_file))]
    pub(crate) ca_file: Option<PathBuf>,

    /// Create a room at the start; may be repeated, and ARNs are the same in every run
    #[arg(long = "room", value_name = "NAME")]
    pub(crate) rooms: Vec<String>,

    /// Print a chat token with all capabilities for a user of the first room; may be repeated
    #[arg(long = "user-token", value_name = "USER")]
    pub(crate) user_tokens: Vec<String>,

    /// Region in ARNs
    #[arg(long, value_name = "REGION", default_value = "us-west-2")]
    pub(crate) region: String,

    /// Account in ARNs
    #[arg(long, value_name = "ID", default_value = "123456789012")]
    pub(crate) account_id: String,

    /// Time within which a chat token must be used
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) token_lifetime: Option<Duration>,

    /// Lift the quotas on rates and counts; limits on sizes stay
    #[arg(long)]
    pub(crate) unlimited: bool,

    /// Start with a clock that stands still, such as 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) frozen_at: Option<String>,

    /// Print the log as it grows
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,

    /// File that keeps rooms, logging configurations and tags across restarts
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// TOML file with options, such as `port = 8080` or `room = ["lobby", "stage"]`; the command
    /// line has precedence
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The form in which the log is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogFormat {
    /// The transcript
    Text,
    /// One JSON object per line
    Json,
}

const EXAMPLES: &str = "\
Examples:
  mock-ivs-chat --port 8080 --room lobby --user-token alice
  mock-ivs-chat --tls --ca-file ca.pem --room lobby
  curl -X POST http://127.0.0.1:8080/__admin/clock/advance \\
    -H 'content-type: application/json' -d '{\"byMs\": 3600000}'

Exit codes: 0 after SIGINT or SIGTERM, 1 if the mock cannot start or go on, 2 for a wrong option.";

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text);
    duration.map_err(|error| format!("{error}; examples: 90s, 1m, 1h 30m"))
}

fn host_name(text: &str) -> Result<String, &'static str> {
    // A port and the name of a user are parts of an authority, and not of a host.
    match text.parse::<Authority>() {
        Ok(authority) if authority.host() == text => Ok(text.to_owned()),
        _ => Err("a host name has no scheme, port or path; an address of IPv6 is in brackets"),
    }
}

fn time(text: &str) -> Result<String, String> {
    let _: Timestamp = text.parse().map_err(|error: ParseTimestampError| error.to_string())?;
    Ok(text.to_owned())
}

fn ca_file(file: PathBuf) -> Result<PathBuf, &'static str> {
    // Some file systems do not distinguish the case of letters.
    match file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("key")) {
        true => Err("the name must not end in .key, because the key is stored there"),
        false => Ok(file),
    }
}

impl Options {
    /// Reads the command line, and the configuration file that it names.
    pub(crate) fn parse_with_file(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        let options = Self::try_parse_from(&arguments)?;
        let Some(file) = &options.config else { return options.checked() };
        let read = arguments_of(file)
            .map_err(|message| Self::command().error(clap::error::ErrorKind::Io, message))?;
        // An option that is repeated has the last of its values, and the command line comes last.
        // Repeatable ones would add up instead: those of the file give way.
        let given = |option: &str| {
            let long = OsString::from(option);
            let with_value = format!("{option}=");
            arguments.iter().any(|argument| {
                *argument == long || argument.to_string_lossy().starts_with(&with_value)
            })
        };
        let added: Vec<OsString> = read
            .into_iter()
            .filter(|(option, _)| !given(option))
            .map(|(option, value)| match value {
                Some(value) => format!("{option}={value}").into(),
                None => option.into(),
            })
            .collect();
        arguments.splice(1..1, added);
        let matches = Self::command().try_get_matches_from(&arguments)?;
        Self::from_arg_matches(&matches)?.checked()
    }

    /// Returns the file for the certificate of the authority.
    pub(crate) fn ca_file(&self) -> &Path {
        self.ca_file.as_deref().unwrap_or_else(|| tls::CA_FILE.as_ref())
    }

    /// Checks options that need each other. One of them may be in the configuration file, so they
    /// are checked after the command line and the file have been combined.
    fn checked(self) -> Result<Self, clap::Error> {
        match self.ca_file.is_some() && !self.tls {
            true => Err(Self::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "--ca-file needs --tls, or `tls = true` in the configuration file",
            )),
            false => Ok(self),
        }
    }
}

/// Returns the options of a configuration file, each with its value.
fn arguments_of(file: &Path) -> Result<Vec<(String, Option<String>)>, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let table: toml::Table = text.parse().map_err(|error| format!("{shown}: {error}"))?;
    let command = Options::command();
    let known: Vec<&str> = command
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .filter(|name| !["config", "help", "version"].contains(name))
        .collect();
    let mut arguments = Vec::new();
    for (name, value) in table {
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            return Err(format!("{shown}: unknown option `{name}`; options: {known}"));
        }
        let values = match value {
            toml::Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let option = format!("--{name}");
            match value {
                toml::Value::Boolean(true) => arguments.push((option, None)),
                toml::Value::Boolean(false) => {}
                toml::Value::String(text) => arguments.push((option, Some(text))),
                toml::Value::Integer(number) => arguments.push((option, Some(number.to_string()))),
                toml::Value::Datetime(time) => arguments.push((option, Some(time.to_string()))),
                other => {
                    let kind = other.type_str();
                    return Err(format!("{shown}: `{name}` cannot be a {kind}"));
                }
            }
        }
    }
    Ok(arguments)
}
