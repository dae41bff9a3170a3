//! Serve: runs the mock as a server for programs in other languages. It prints its two URLs, then
//! the transcript as it grows, until Ctrl-C.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use mock_ivs_chat::{Log, MockIvsChat, Quotas};

const USAGE: &str = "usage: serve [--port N] [--no-quotas]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => return fail(2, format_args!("{mistake}\n{USAGE}")),
    };
    let quotas = if options.has_quotas { Quotas::aws() } else { Quotas::unlimited() };
    let builder = MockIvsChat::builder().port(options.port).quotas(quotas).wait_timeout(FOR_EVER);
    let ivs = match builder.try_start() {
        Ok(ivs) => ivs,
        Err(error) => return fail(1, error),
    };
    let urls = format!("http_url={}\nws_url={}\n", ivs.endpoint_url(), ivs.ws_url());
    // The reader of the output may stop reading, and Ctrl-C must work nevertheless. Therefore a
    // separate thread prints, and nothing waits for it.
    let (sender, printed) = tokio::sync::oneshot::channel();
    let log = ivs.log();
    std::thread::spawn(move || sender.send(print_all(&urls, &log)));
    let served = tokio::select! {
        printed = printed => printed.unwrap_or(Ok(())),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the transcript has closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

/// Prints the URLs, and then each addition to the transcript.
fn print_all(urls: &str, log: &Log) -> io::Result<()> {
    print(urls)?;
    let mut printed = 0;
    loop {
        let mark = log.mark();
        let transcript = log.to_string();
        print(&transcript[printed..])?;
        printed = transcript.len();
        log.clone().since(mark).wait_for(|_| true).wait();
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn fail(code: u8, mistake: impl fmt::Display) -> ExitCode {
    // If stderr cannot be written, no other place is left to report it.
    let _ = writeln!(io::stderr(), "{mistake}");
    ExitCode::from(code)
}

/// A wait timeout that never elapses in practice.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

struct Options {
    port: u16,
    has_quotas: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { port: 0, has_quotas: true };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--no-quotas" => options.has_quotas = false,
                "--port" => {
                    let port = arguments.next().ok_or("--port needs a number")?;
                    options.port = port.parse().map_err(|_| format!("`{port}` is not a port"))?;
                }
                _ => return Err(format!("unknown argument `{argument}`")),
            }
        }
        Ok(options)
    }
}
