//! Report: what is to be said at the end of a test.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::api::log::Log;
use crate::driver::Driver;
use crate::hook::chain::Expectation;
use crate::log::filter::Filter;

/// What is to be said at the end of a test: expectations that were not met, panics of closures,
/// and what may be of interest besides.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake().named("refuse the first").expect(1..).once().refuse(503, "closed");
/// let report = ivs.finish().wait().unwrap_err();
/// assert_eq!(report.unmet(), ["\"refuse the first\" was to fire at least once, but fired never"]);
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    failures: Box<Failures>,
    never_fired: Vec<String>,
    waiting_at_gates: usize,
    /// What takes long to say is said when it is asked for: most reports are never read.
    log: Log,
}

/// By what a test has failed, a sentence each.
#[derive(Clone, Debug, Default)]
struct Failures {
    unmet: Vec<String>,
    /// Where the test says what it expects, for each that is unmet.
    expected_at: Vec<&'static Location<'static>>,
    panics: Vec<String>,
    unanswered: Vec<String>,
    denied: Vec<String>,
}

impl Report {
    pub(crate) fn new(driver: &Arc<Driver>) -> Self {
        let log = Log { driver: Arc::clone(driver), filter: Filter::default() };
        let mut failures = Box::<Failures>::default();
        let mut never_fired = Vec::new();
        for standing in driver.hook_standings() {
            let hits = standing.hits;
            match standing.expected {
                Some(Expectation { hits: expected, caller }) if !expected.contains(&hits) => {
                    let (name, fired) = (&standing.name, times(hits));
                    let wanted = describe(*expected.start(), *expected.end());
                    let sentence = format!("{name:?} was to fire {wanted}, but fired {fired}");
                    failures.unmet.push(sentence);
                    failures.expected_at.push(caller);
                }
                None if hits == 0 => never_fired.push(standing.name.as_ref().into()),
                _ => {}
            }
        }
        let panics = driver.panics().into_iter();
        failures.panics = panics.map(|p| format!("{} panicked: {}", p.whose, p.message)).collect();
        failures.unanswered = driver.unanswered();
        let denied = &driver.log_settings().denied;
        if !denied.is_empty() {
            let findings = log.lint().into_iter().filter(|finding| denied.contains(&finding.lint));
            failures.denied = findings.map(|finding| finding.to_string()).collect();
        }
        Self { failures, never_fired, waiting_at_gates: driver.waiting_at_gates(), log }
    }

    /// Whether the test has failed by it: an expectation is not met, a closure has panicked, or a
    /// client did what the test denies.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(!MockIvsChat::start().report().is_failure());
    /// ```
    #[must_use]
    pub fn is_failure(&self) -> bool {
        let Failures { unmet, panics, unanswered, denied, .. } = &*self.failures;
        ![unmet, panics, unanswered, denied].iter().all(|failures| failures.is_empty())
    }

    /// Expectations of hooks that were not met, a sentence each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().unmet().is_empty());
    /// ```
    #[must_use]
    pub fn unmet(&self) -> &[String] {
        &self.failures.unmet
    }

    /// Panics of hooks' closures and of review handlers, a sentence each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().panics().is_empty());
    /// ```
    #[must_use]
    pub fn panics(&self) -> &[String] {
        &self.failures.panics
    }

    /// Returns the closures that had not returned when the report was made, a sentence each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().unanswered().is_empty());
    /// ```
    #[must_use]
    pub fn unanswered(&self) -> &[String] {
        &self.failures.unanswered
    }

    /// What clients did that the test denies by [`MockIvsChatBuilder::deny`](crate::MockIvsChatBuilder::deny), a line
    /// each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().denied().is_empty());
    /// ```
    #[must_use]
    pub fn denied(&self) -> &[String] {
        &self.failures.denied
    }

    /// What else the lint finds in what clients did, a line each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().findings().is_empty());
    /// ```
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let denied = &self.log.driver.log_settings().denied;
        let findings = self.log.lint().into_iter().filter(|found| !denied.contains(&found.lint));
        findings.map(|finding| finding.to_string()).collect()
    }

    /// The names of hooks without an expectation that never fired.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().never_fired().is_empty());
    /// ```
    #[must_use]
    pub fn never_fired(&self) -> &[String] {
        &self.never_fired
    }

    /// How many things wait at gates that nobody released.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert_eq!(MockIvsChat::start().report().waiting_at_gates(), 0);
    /// ```
    #[must_use]
    pub const fn waiting_at_gates(&self) -> usize {
        self.waiting_at_gates
    }

    /// The transcript of the whole test.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert_eq!(MockIvsChat::start().report().transcript(), "");
    /// ```
    #[must_use]
    pub fn transcript(&self) -> String {
        self.log.to_string()
    }

    /// All but the transcript, a line each.
    pub(crate) fn summary(&self) -> String {
        let Failures { unmet, expected_at, panics, unanswered, denied } = &*self.failures;
        let unmet = unmet.iter().zip(expected_at);
        let unmet = unmet.map(|(sentence, at)| format!("{sentence}, expected at {at}"));
        let mut lines: Vec<_> = unmet.chain(panics.iter().cloned()).collect();
        lines.extend(unanswered.iter().cloned());
        lines.extend(denied.iter().map(|finding| format!("denied: {finding}")));
        lines.extend(self.never_fired.iter().map(|name| format!("{name:?} never fired")));
        if self.waiting_at_gates > 0 {
            lines.push(format!("{} still waiting at a gate", self.waiting_at_gates));
        }
        lines.extend(self.findings().iter().map(|finding| format!("lint: {finding}")));
        lines.join("\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        if !summary.is_empty() {
            writeln!(f, "{summary}\n")?;
        }
        write!(f, "transcript:\n{}", self.log)
    }
}

impl std::error::Error for Report {}

fn describe(from: usize, to: usize) -> String {
    match (from, to) {
        (from, to) if from == to => times(from),
        (0, to) => format!("at most {}", times(to)),
        (from, usize::MAX) => format!("at least {}", times(from)),
        (from, to) => format!("{from} to {to} times"),
    }
}

fn times(count: usize) -> String {
    match count {
        0 => "never".into(),
        1 => "once".into(),
        _ => format!("{count} times"),
    }
}
