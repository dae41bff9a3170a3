//! Support: threads, scratch folders, and the program as another process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) fn claims_folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/claims"))
}

/// Does some work for each item, on as many threads as there are processors.
pub(crate) fn for_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<_> = items.iter().map(|_| Mutex::new(None)).collect();
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
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
    stdout: Option<ChildStdout>,
}

/// What a process has printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts the program with AWS keys that mean nothing, and without those of the tester.
    pub(crate) fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::start_with(arguments, |_| {})
    }

    pub(crate) fn start_with(
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        change: impl FnOnce(&mut Command),
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
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take();
        Self { child, stdout }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins with this text.
    pub(crate) fn wait_for_line(&mut self, start: &'static str) {
        let mut stdout = BufReader::with_capacity(1, self.stdout.take().unwrap());
        let stdout = self.within_limit(move || {
            let mut line = String::new();
            while !line.starts_with(start) {
                line.clear();
                let length = stdout.read_line(&mut line).unwrap();
                assert_ne!(length, 0, "the program ends without a line `{start}`");
            }
            stdout.into_inner()
        });
        self.stdout = Some(stdout);
    }

    /// Waits for the end of the process.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = self.stdout.take().unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        let (stdout, stderr) = self.within_limit(move || {
            let errors = std::thread::spawn(move || {
                let mut text = String::new();
                stderr.read_to_string(&mut text).map(|_| text).unwrap()
            });
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            (text, errors.join().unwrap())
        });
        Ended { status: self.child.wait().unwrap(), stdout, stderr }
    }

    /// Waits for a thread; ends the process if that takes too long.
    fn within_limit<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(work()));
        match receiver.recv_timeout(LIMIT) {
            Ok(done) => done,
            Err(why) => {
                let _ = self.child.kill();
                panic!("the program did not get there within {LIMIT:?}: {why}");
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that fails leaves no process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a process may take to print a line, or to end.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
