//! Plays the claims of the repository against a service; see `--help`.

mod cli;
mod files;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mock_ivs_chat_conformance::{
    ClaimResult, Cleanup, Counts, Level, Outcome, Progress, Running, Stop, check, plan, read_all,
    read_claims, run, score, with_score,
};

use crate::cli::{Command, Job, Options};

fn main() -> ExitCode {
    let done = match Options::parse().command.into_job() {
        Ok(job) => play(&job),
        Err(Command::Score { recordings, claims, update }) => {
            print_score(&recordings, &claims, update)
        }
        Err(Command::Check { recordings, claims }) => check_recordings(&recordings, &claims),
        Err(_) => Ok(0),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(mistake) => {
            say_error(&format!("error: {mistake}"));
            ExitCode::from(2)
        }
    }
}

/// Plays scripts, or says what playing them would mean; returns the exit status.
fn play(job: &Job) -> Result<u8, String> {
    let claims = read_claims(&job.common.claims, &job.common.only)?;
    let is_mock = job.name == "mock";
    if job.common.dry_run {
        say(&plan(&claims, is_mock, job.common.limit(), job.quiet)?);
        return Ok(0);
    }
    if !job.cleans {
        files::check_writable(&job.common.out)?;
    }
    let run_id = run_id();
    let running = Running::start(job.target.clone(), &run_id)?;
    watch_signals(running.stop_switch())?;
    if job.cleans {
        let (count, cleanup) = running.clean_all()?;
        say(&format!("{count} resources deleted"));
        return Ok(if complain_about(&cleanup) { 3 } else { 0 });
    }
    if let Err(mistake) = running.check() {
        return Ok(end_without_results(&running, &mistake));
    }
    let started = Instant::now();
    let bar = progress_bar(claims.len());
    let results = run(&claims, &running, job.common.limit(), |progress| match progress {
        Progress::Begins(claim) => bar.set_message(claim.name().to_owned()),
        Progress::Ends(result) => {
            bar.suspend(|| say_result(result, job.common.steps));
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    for host in running.refused() {
        say_error(&format!(
            "refused: {host} does not belong to the target; nothing was sent to it"
        ));
    }
    let cleanup = running.clean();
    let is_left = complain_about(&cleanup);
    let took = Duration::from_millis(started.elapsed().as_millis() as u64);
    let counts = Counts::of(&results);
    say(&format!("{counts}, in {}", humantime::format_duration(took)));
    let is_stopped = running.is_stopped();
    let mut is_written = true;
    if is_stopped {
        say_error("interrupted: nothing is written");
    } else if let Err(mistake) = files::write_all(job, &results) {
        say_error(&format!("error: {mistake}"));
        is_written = false;
    } else {
        let folder = job.common.out.display();
        say(&format!("written: recording.json, table.json and table.md in {folder}"));
    }
    Ok(if is_left {
        3
    } else if is_stopped {
        130
    } else if !is_written || results.iter().any(|result| result.is_broken) {
        2
    } else {
        u8::from(counts.different > 0)
    })
}

/// Ends a run whose target cannot be used, or that was interrupted before its first script.
fn end_without_results(running: &Running, mistake: &str) -> u8 {
    let is_stopped = running.is_stopped();
    if is_stopped {
        say_error("interrupted: nothing is written");
    } else {
        say_error(&format!("error: {mistake}"));
    }
    let is_left = complain_about(&running.clean());
    match (is_left, is_stopped) {
        (true, _) => 3,
        (false, true) => 130,
        (false, false) => 2,
    }
}

/// Prints the score, or writes it into a file.
fn print_score(recordings: &Path, claims: &Path, update: Option<PathBuf>) -> Result<u8, String> {
    let table = score(&read_claims(claims, &[])?, &read_all(recordings)?);
    let Some(path) = update else {
        say(table.trim_end());
        return Ok(0);
    };
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(failed)?;
    let updated = with_score(&text, &table).ok_or_else(|| {
        format!("{}: the markers around the score table are missing", path.display())
    })?;
    fs::write(&path, updated).map_err(failed)?;
    Ok(0)
}

/// Prints what recordings demand of the scripts.
fn check_recordings(recordings: &Path, claims: &Path) -> Result<u8, String> {
    let recordings = read_all(recordings)?;
    let complaints = check(&read_claims(claims, &[])?, &recordings)?;
    for complaint in &complaints {
        say(complaint);
    }
    say(&format!("{} recordings, {} complaints", recordings.len(), complaints.len()));
    Ok(u8::from(!complaints.is_empty()))
}

fn say_result(result: &ClaimResult, has_steps: bool) {
    let detail = match &result.result {
        Outcome::NotShown { why } => format!(": {why}"),
        Outcome::Different { diff, only_texts } => {
            let texts = if *only_texts { " (only the texts of errors)" } else { "" };
            format!("{texts}\n{diff}")
        }
        _ => String::new(),
    };
    say(&format!("{:9}  {}{detail}", result.result.word(), result.claim));
    if has_steps {
        for step in &result.steps {
            say(&format!("  {:9}  {}", step.result, step.step));
        }
    }
}

/// Ends the run once the program is told to end; the second time it ends the deletion as well.
fn watch_signals(stop: Stop) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot watch signals: {error}"))?;
    let (sender, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let ended = signals();
            let _ = sender.send(ended.is_ok());
            let Ok(mut ended) = ended else { return };
            while ended.recv().await.is_some() {
                say_error(match stop.request() {
                    Level::Deletion => "stopping: resources that are not deleted are named",
                    _ => {
                        "ending: the resources of this run are being deleted, which takes at most \
                         a minute; another signal stops that as well"
                    }
                });
            }
        });
    });
    match ready.recv() {
        Ok(true) => Ok(()),
        _ => Err("cannot watch signals".into()),
    }
}

/// Returns a channel with an item for each signal to end.
fn signals() -> io::Result<tokio::sync::mpsc::Receiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        for kind in kinds {
            let (mut signal, sender) = (signal(kind)?, sender.clone());
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    let _ = sender.send(()).await;
                }
            });
        }
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            let _ = sender.send(()).await;
        }
    });
    Ok(receiver)
}

/// A number that tells this run's resources from those of others.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", now.as_secs(), std::process::id())
}

fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
    let bar = ProgressBar::new(length as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Names the resources that are left; returns `true` if there are any.
fn complain_about(Cleanup { left, doubts }: &Cleanup) -> bool {
    for doubt in doubts {
        say_error(&format!("warning: {doubt}"));
    }
    for resource in left {
        say_error(&format!("not deleted: {resource}"));
    }
    if !left.is_empty() {
        say_error("run the same command with --clean to try again");
    }
    !left.is_empty()
}

fn say(text: &str) {
    // The reader of the output may have stopped reading; the run goes on.
    let _ = writeln!(io::stdout(), "{text}");
}

fn say_error(text: &str) {
    // If stderr cannot be written, no other place is left to report it.
    let _ = writeln!(io::stderr(), "{text}");
}
