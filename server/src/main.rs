//! The server of mock-ivs-chat: Amazon IVS Chat for tests in any language, with remote control.

mod admin;
mod boundaries;
mod cli;
mod extract;
mod news;
mod output;
mod problem;
mod serve;
mod state;
mod stream;
mod tls;

use std::process::ExitCode;

use crate::cli::Options;

fn main() -> ExitCode {
    let options = match Options::parse_with_file(std::env::args_os()) {
        Ok(options) => options,
        Err(error) => {
            // It prints help and versions to stdout, and mistakes to stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(64)
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => {
            let served = runtime.block_on(serve::run(&options));
            // A closure that still waits for a review must not delay the end.
            runtime.shutdown_background();
            served
        }
        Err(error) => Err(format!("the runtime cannot start: {error}")),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            output::complain(&message);
            ExitCode::FAILURE
        }
    }
}
