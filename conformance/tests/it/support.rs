//! Support: threads, scratch folders, and the program as another process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub(crate) fn claims_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/claims"))
}

/// Does some work for each item, on several threads for each processor: stories wait a lot.
pub(crate) fn for_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<_> = items.iter().map(|_| Mutex::new(None)).collect();
    let threads = std::thread::available_parallelism().map_or(1, Into::into) * 3;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    *results[index].lock().unwrap() = Some(work(item));
                }
            });
        }
    });
    results.into_iter().map(|result| result.into_inner().unwrap().unwrap()).collect()
}

/// The program, as another process with a time limit.
pub(crate) struct Program {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// The output of a process, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts the program with AWS keys that mean nothing, and without those of the tester.
    pub(crate) fn start(
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-ivs-chat-conformance"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("RUST_BACKTRACE", "0");
        command.envs(variables.iter().copied());
        let mut child = command.spawn().unwrap();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Sends a signal, as in `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success(), "`kill` fails");
    }

    /// Waits until the process has printed this to stderr.
    #[cfg(unix)]
    pub(crate) fn wait_for_error(&self, text: &str) {
        let found = self.stderr.wait_until(|printed| printed.text.contains(text));
        assert!(found, "`{text}` was not printed within {LIMIT:?}");
    }

    /// Waits for the end of the process.
    pub(crate) fn end(mut self) -> Ended {
        for output in [&self.stdout, &self.stderr] {
            assert!(output.wait_until(|printed| printed.has_ended), "no end within {LIMIT:?}");
        }
        let status = self.child.wait().unwrap();
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that fails leaves no process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a process so far, on one of its streams.
struct Output(Arc<(Mutex<Printed>, Condvar)>);

#[derive(Default)]
struct Printed {
    text: String,
    has_ended: bool,
}

impl Output {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Printed>, Condvar)>::default();
        let output = Self(Arc::clone(&shared));
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                shared.0.lock().unwrap().text += &(line.unwrap() + "\n");
                shared.1.notify_all();
            }
            shared.0.lock().unwrap().has_ended = true;
            shared.1.notify_all();
        });
        output
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }

    fn wait_until(&self, condition: impl Fn(&Printed) -> bool) -> bool {
        let printed = self.0.0.lock().unwrap();
        let waited = self.0.1.wait_timeout_while(printed, LIMIT, |printed| !condition(printed));
        !waited.unwrap().1.timed_out()
    }
}

/// How long a process may take to print a line, or to end.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
