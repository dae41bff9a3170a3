//! Options: what the user asks of the explorer.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::api::builder::MockIvsChatBuilder;
use crate::api::failure_page;
use crate::api::handle::Handle;
use crate::api::log::Log;
use crate::api::mock::MockIvsChat;
use crate::explore::exploration::Exploration;
use crate::explore::invariant::{Check, Invariant, InvariantResult};
use crate::explore::plan::Selection;
use crate::explore::run::Bench;
use crate::explore::scenario::{Scenario, ScenarioResult, erased};
use crate::explore::search;

/// Explores a scenario: runs it once for each fault at each point at which it can happen.
///
/// The scenario is an async closure that gets a [`Handle`] of a fresh mock, drives the client under
/// test, and makes assertions like any test. Each run has its own mock, on its own paused tokio
/// runtime. The scenario must do the same in each run: an address, a random number or the time of
/// day must not decide what it does.
///
/// ```
/// use mock_ivs_chat::explore;
///
/// # async fn connect_with_retries(ivs: &mock_ivs_chat::Handle) -> mock_ivs_chat::ClientStream {
/// #     let room = ivs.room("lobby");
/// #     for attempt in 1..=20 {
/// #         let token = room.chat_token("alice").create();
/// #         let connecting = ivs.connect(&token);
/// #         if let Ok(Ok(stream)) =
/// #             tokio::time::timeout(std::time::Duration::from_secs(5), connecting).await
/// #         {
/// #             return stream;
/// #         }
/// #         tokio::time::sleep(std::time::Duration::from_millis(200 * attempt)).await;
/// #     }
/// #     panic!("the client gave up");
/// # }
/// # fn a_test() {
/// explore(async |ivs| {
///     ivs.create_room("lobby");
///     let client = connect_with_retries(&ivs).await;
///     drop(client);
/// })
/// .in_memory()
/// .check();
/// # }
/// # a_test();
/// ```
#[must_use = "an explorer does nothing until `check` or `run` is called"]
pub fn explore<S, R>(scenario: S) -> Explorer
where
    S: AsyncFn(Handle) -> R + Send + Sync + 'static,
    R: ScenarioResult + 'static,
{
    Explorer {
        scenario: erased(scenario),
        mock: Arc::new(MockIvsChat::builder),
        is_in_memory: false,
        invariants: Vec::new(),
        selection: Selection::default(),
        expected: Vec::new(),
        most_faults: 2,
        combinations: 128,
        schedules: 32,
        seed: 0,
        threads: None,
        time_limit: Duration::from_secs(600),
        real_time_limit: Duration::from_secs(20),
        time_budget: None,
        stops_at_first_failure: false,
    }
}

/// The settings of an exploration before it starts. See [`explore`].
#[must_use = "an explorer does nothing until `check` or `run` is called"]
pub struct Explorer {
    pub(crate) scenario: Scenario,
    mock: Arc<dyn Fn() -> MockIvsChatBuilder + Send + Sync>,
    is_in_memory: bool,
    invariants: Vec<Check>,
    pub(crate) selection: Selection,
    /// Patterns of the cases that may fail.
    pub(crate) expected: Vec<String>,
    pub(crate) most_faults: usize,
    pub(crate) combinations: usize,
    pub(crate) schedules: usize,
    pub(crate) seed: u64,
    threads: Option<usize>,
    time_limit: Duration,
    pub(super) real_time_limit: Duration,
    pub(crate) time_budget: Option<Duration>,
    pub(crate) stops_at_first_failure: bool,
}

impl Explorer {
    /// Starts each mock with the settings that this closure returns. Clock and runtime are the
    /// explorer's.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Quotas, explore};
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.mock(|| MockIvsChat::builder().quotas(Quotas::unlimited()));
    /// ```
    pub fn mock(
        mut self,
        settings: impl Fn() -> MockIvsChatBuilder + Send + Sync + 'static,
    ) -> Self {
        self.mock = Arc::new(settings);
        self
    }

    /// Opens no port: clients connect by [`Handle::connect`] or [`Handle::serve_stream`]. Runs are
    /// faster then, and exact. Otherwise each mock listens on a loopback port of its own.
    pub const fn in_memory(mut self) -> Self {
        self.is_in_memory = true;
        self
    }

    /// Adds an invariant: a condition on the log that must hold after each run, also after the one
    /// without faults. The closure returns a `bool` or a [`Result`], or it asserts.
    ///
    /// ```
    /// use mock_ivs_chat::explore;
    /// use mock_ivs_chat::log::Matcher;
    ///
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.invariant("no spam", |log| {
    ///     log.entries().iter().all(|entry| entry.message().is_none_or(|m| m.content != "spam"))
    /// });
    /// ```
    pub fn invariant<R: InvariantResult>(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&Log) -> R + Send + Sync + 'static,
    ) -> Self {
        self.invariants.push(Check::new(name.into(), check));
        self
    }

    /// Adds ready-made invariants.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// use mock_ivs_chat::explore::Invariant;
    ///
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.uphold([Invariant::NoMessageLost, Invariant::BacksOff]);
    /// ```
    pub fn uphold(mut self, invariants: impl IntoIterator<Item = Invariant>) -> Self {
        let checks = invariants
            .into_iter()
            .map(|invariant| Check::new(invariant.to_string(), move |log| invariant.check(log)));
        self.invariants.extend(checks);
        self
    }

    /// Explores only points whose name matches this pattern, or that of another call. `*` stands
    /// for any characters: `alice.sends.*`, `*.connects.*`, `call.*`.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.point("alice.sends.*");
    /// ```
    pub fn point(mut self, pattern: impl Into<String>) -> Self {
        self.selection.points.push(pattern.into());
        self
    }

    /// Injects only faults whose name matches this pattern, or that of another call: `reset`,
    /// `closed-*`.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.fault("closed-*");
    /// ```
    pub fn fault(mut self, pattern: impl Into<String>) -> Self {
        self.selection.faults.push(pattern.into());
        self
    }

    /// Explores only the points of this user, or of that of another call.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.user("alice");
    /// ```
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.selection.users.push(user_id.into());
        self
    }

    /// Declares that the cases which match this pattern fail, such as `alice.sends.*:rejected-*`.
    /// They do not make the test fail. If all of them survive, the test fails, so that the
    /// declaration is removed once the client is fixed.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.expect_failure_at("alice.sends.*:rejected-*");
    /// ```
    pub fn expect_failure_at(mut self, pattern: impl Into<String>) -> Self {
        self.expected.push(pattern.into());
        self
    }

    /// Injects at most this many faults into one run: 2 unless set. 1 turns combinations off.
    ///
    /// Combinations are only made of faults that the scenario survives alone, and are shrunk: the
    /// report names faults that are needed together.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.most_faults(1);
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    #[track_caller]
    pub const fn most_faults(mut self, count: usize) -> Self {
        assert!(count > 0, "`most_faults` needs at least 1");
        self.most_faults = count;
        self
    }

    /// Tries at most this many combinations of faults: 128 unless set. The seed chooses them.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.combinations(1_000);
    /// ```
    pub const fn combinations(mut self, count: usize) -> Self {
        self.combinations = count;
        self
    }

    /// Tries at most this many other orders of the frames of different connections: 32 unless set.
    /// The seed chooses them.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.schedules(100);
    /// ```
    pub const fn schedules(mut self, count: usize) -> Self {
        self.schedules = count;
        self
    }

    /// Sets the seed that chooses combinations and schedules: 0 unless set. The same seed gives the
    /// same report, byte for byte.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.seed(7);
    /// ```
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs on this many threads: as many as the machine has cores, unless set. The results are the
    /// same.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.threads(1);
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    #[track_caller]
    pub fn threads(mut self, count: usize) -> Self {
        assert!(count > 0, "`threads` needs at least 1");
        self.threads = Some(count);
        self
    }

    /// Sets how much time of the clock a run may take: 10 minutes unless set. The clock is virtual,
    /// so no real time passes.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.time_limit(std::time::Duration::from_secs(60 * 60));
    /// ```
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets how much real time a run may take: 20 seconds unless set. A run that takes longer is
    /// stopped and fails. A run that blocks its thread cannot be stopped: it fails 2 seconds later,
    /// and its thread is leaked.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.real_time_limit(std::time::Duration::from_secs(120));
    /// ```
    pub const fn real_time_limit(mut self, limit: Duration) -> Self {
        self.real_time_limit = limit;
        self
    }

    /// Starts no further run after this much real time, for CI. Skipped cases are in the report, but
    /// do not make the test fail.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.time_budget(std::time::Duration::from_secs(30));
    /// ```
    pub const fn time_budget(mut self, budget: Duration) -> Self {
        self.time_budget = Some(budget);
        self
    }

    /// Stops at the first failure, in the order of points and faults.
    ///
    /// ```
    /// # use mock_ivs_chat::explore;
    /// # let explorer = explore(async |_ivs| ());
    /// explorer.stop_at_first_failure();
    /// ```
    pub const fn stop_at_first_failure(mut self) -> Self {
        self.stops_at_first_failure = true;
        self
    }

    /// Explores, and panics with the report if the scenario does not survive all faults. It works
    /// in any test, sync or async, and blocks its thread.
    ///
    /// Like a mock, it writes the results as an HTML page into the folder that the environment
    /// variable `MOCK_IVS_CHAT_LOG_DIR` names if the test fails, and with `MOCK_IVS_CHAT_LOG=always`
    /// in any case.
    ///
    /// # Panics
    ///
    /// If a case fails that is not expected to, the scenario fails without faults or does nothing,
    /// an expected failure does not occur, or `MOCK_IVS_CHAT_EXPLORE` has an invalid value.
    #[track_caller]
    pub fn check(self) {
        let exploration = self.run();
        exploration.write_page();
        assert!(!exploration.is_failure(), "{}", exploration.for_terminal());
    }

    /// Explores, and returns all results.
    ///
    /// # Panics
    ///
    /// If `MOCK_IVS_CHAT_EXPLORE` has an invalid value.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Exploration {
        match search::explore(&self) {
            Ok(exploration) => exploration,
            Err(message) => panic!("{message}"),
        }
    }

    /// Returns what all runs need.
    pub(crate) fn bench(&self) -> Bench {
        let (settings, is_in_memory) = (Arc::clone(&self.mock), self.is_in_memory);
        Bench {
            scenario: Arc::clone(&self.scenario),
            mock: Arc::new(move || match is_in_memory {
                true => settings().in_memory(),
                false => settings(),
            }),
            is_in_memory,
            invariants: self.invariants.clone(),
            time_limit: self.time_limit,
        }
    }

    pub(crate) fn thread_count(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
    }

    pub(crate) fn test_name(&self) -> String {
        failure_page::test_name()
    }
}

impl std::fmt::Debug for Explorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explorer")
            .field("selection", &self.selection)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// The environment variable that runs only one case.
pub(crate) const VARIABLE: &str = "MOCK_IVS_CHAT_EXPLORE";
