//! Clock: the source of time. No other file of the crate reads the time of day.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;

use crate::proto::timestamp::Timestamp;

/// The source of the mock's time.
///
/// [`Handle::advance`](crate::Handle::advance) jumps any clock forward.
///
/// ```
/// use std::time::Duration;
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// ivs.advance(Duration::from_secs(90));
/// assert_eq!(ivs.now().to_string(), "2026-01-01T00:01:30Z");
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    Frozen(Timestamp),
    Tokio(Timestamp),
}

impl Clock {
    /// Returns the system clock, which is the default: clients compare expiration times with it.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// let ivs = MockIvsChat::builder().clock(Clock::system()).start();
    /// ```
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a clock that stands still until it is advanced. The log shows its times as they are,
    /// because they are the same in every run.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    /// let ivs = MockIvsChat::builder().clock(clock).start();
    /// assert_eq!(ivs.now().to_string(), "2026-01-01T00:00:00Z");
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is not RFC 3339 in UTC, such as `2026-01-01T00:00:00Z`.
    #[must_use]
    #[track_caller]
    pub fn frozen_at(time: &str) -> Self {
        Self(Source::Frozen(parse(time)))
    }

    /// Returns a clock that starts at a time and then follows tokio's, which a test can pause. The
    /// mock must run on the test's runtime:
    /// [`MockIvsChatBuilder::on_current_runtime`](crate::MockIvsChatBuilder::on_current_runtime).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
    /// let clock = Clock::tokio_from("2026-01-01T00:00:00Z");
    /// let ivs = MockIvsChat::builder().clock(clock).on_current_runtime().start();
    /// tokio::time::advance(Duration::from_secs(5)).await;
    /// assert_eq!(ivs.now().to_string(), "2026-01-01T00:00:05Z");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `time` is not RFC 3339 in UTC, such as `2026-01-01T00:00:00Z`.
    #[must_use]
    #[track_caller]
    pub fn tokio_from(time: &str) -> Self {
        Self(Source::Tokio(parse(time)))
    }

    pub(crate) const fn follows_tokio(&self) -> bool {
        matches!(self.0, Source::Tokio(_))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

#[track_caller]
fn parse(time: &str) -> Timestamp {
    match time.parse() {
        Ok(time) => time,
        Err(error) => panic!("{error}"),
    }
}

/// A clock that has been started.
#[derive(Debug)]
pub(crate) struct RunningClock {
    source: RunningSource,
    /// The sum of all advances, in nanoseconds.
    offset: AtomicU64,
    /// The moment of the source at which the clock was stopped, in nanoseconds; 0 if it runs.
    stopped_at: AtomicU64,
}

#[derive(Debug)]
enum RunningSource {
    System,
    Frozen(Timestamp),
    Tokio { runtime: Handle, from: Timestamp, start: tokio::time::Instant, is_paused: bool },
}

impl RunningClock {
    /// Starts a clock. A tokio clock follows that of `runtime`.
    pub(crate) fn start(clock: &Clock, runtime: &Handle) -> Self {
        let source = match clock.0 {
            Source::System => RunningSource::System,
            Source::Frozen(at) => RunningSource::Frozen(at),
            Source::Tokio(from) => {
                let _entered = runtime.enter();
                let start = tokio::time::Instant::now();
                let is_paused = is_tokio_paused();
                RunningSource::Tokio { runtime: runtime.clone(), from, start, is_paused }
            }
        };
        Self { source, offset: AtomicU64::new(0), stopped_at: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let base = match self.stopped_at.load(Ordering::Relaxed) {
            0 => self.source_now(),
            stopped_at => Timestamp::from_unix(Duration::from_nanos(stopped_at)),
        };
        base + Duration::from_nanos(self.offset.load(Ordering::Relaxed))
    }

    fn source_now(&self) -> Timestamp {
        match &self.source {
            RunningSource::System => system_now(),
            RunningSource::Frozen(at) => *at,
            RunningSource::Tokio { runtime, from, start, .. } => {
                let _entered = runtime.enter();
                *from + start.elapsed()
            }
        }
    }

    /// Stops the clock for good. From now on only advances move it.
    pub(crate) fn freeze(&self) {
        if !self.is_frozen() {
            let now = self.source_now().to_unix().as_nanos() as u64;
            self.stopped_at.store(now, Ordering::Relaxed);
        }
    }

    /// Returns `true` if only advances move the clock.
    pub(crate) fn is_frozen(&self) -> bool {
        let is_stopped = self.stopped_at.load(Ordering::Relaxed) != 0;
        is_stopped || matches!(self.source, RunningSource::Frozen(_))
    }

    /// Advances the clock to a time, unless it is there already.
    pub(crate) fn advance_to(&self, time: Timestamp) {
        let missing = time.since(self.now());
        self.offset.fetch_add(
            Timestamp::from_unix(missing).to_unix().as_nanos() as u64,
            Ordering::Relaxed,
        );
    }

    /// Returns how long to sleep until a time is reached; `None` if the clock never gets there by
    /// itself.
    pub(crate) fn sleep_until(&self, time: Timestamp) -> Option<Duration> {
        (!self.is_frozen()).then(|| time.since(self.now()))
    }

    /// Returns `true` if the times differ between runs.
    pub(crate) const fn is_volatile(&self) -> bool {
        match self.source {
            RunningSource::System => true,
            RunningSource::Frozen(_) => false,
            RunningSource::Tokio { is_paused, .. } => !is_paused,
        }
    }
}

impl RunningClock {
    /// Returns `true` if the clock is tokio's and stands still while tasks run.
    pub(crate) const fn is_paused(&self) -> bool {
        matches!(self.source, RunningSource::Tokio { is_paused: true, .. })
    }

    /// Returns the time of a tokio clock that stands still while tasks run; `None` for other clocks.
    pub(crate) fn paused_time(&self) -> Option<Timestamp> {
        self.is_paused().then(|| self.source_now())
    }

    /// Returns `true` if the time between two events says anything about a client.
    pub(crate) fn measures_clients(&self) -> bool {
        !self.is_frozen()
    }
}

/// Returns `true` if tokio's clock stands still while the system's moves. Must be called in a
/// runtime.
pub(crate) fn is_tokio_paused() -> bool {
    let (tokio, system) = (tokio::time::Instant::now(), std::time::Instant::now());
    while system.elapsed() < Duration::from_micros(1) {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == tokio
}

/// Returns a number that distinguishes this moment from others. It is not a time: it only makes IDs
/// differ.
pub(crate) fn start_nanos() -> u64 {
    system_now().to_unix().as_nanos() as u64
}

#[expect(clippy::disallowed_methods, reason = "all of the crate takes the system's time from here")]
fn system_now() -> Timestamp {
    SystemTime::now().into()
}
