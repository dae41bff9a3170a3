//! Report: why a test has failed, and what may explain it.

use std::fmt;
use std::sync::Arc;

use crate::api::explanations::{
    delayed, failed_reviews, held, recent_findings, stalled, unfired_lines, why_not_fired,
    why_not_more,
};
use crate::api::log::Log;
use crate::driver::Driver;
use crate::hook::chain::{Expectation, HookStatus};
use crate::log::entry::Entry;
use crate::log::explain;
use crate::log::failure::{self, Section};
use crate::log::filter::Filter;
use crate::log::lint::Finding;
use crate::log::secrets::TokenLabels;
use crate::log::timeline;

/// The result of a test: expectations that were not met, panics of closures, and what may explain
/// them.
///
/// `Display` and `Debug` write all of it in at most about 100 lines, with the end of the log as a
/// timeline; [`Report::transcript`] returns the whole log.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// ivs.on_handshake().named("refuse the first").expect(1..).once().refuse(503, "closed");
/// let report = ivs.finish().wait().unwrap_err();
/// assert_eq!(report.unmet(), ["hook \"refuse the first\": expected to fire at least once, but it never fired"]);
/// ```
#[derive(Clone)]
pub struct Report {
    failures: Box<Failures>,
    never_fired: Vec<String>,
    waiting_at_gates: usize,
    /// Most reports are never read, so the log is read only when a report is.
    log: Log,
}

/// The reasons why a test has failed, a sentence each.
#[derive(Clone, Debug, Default)]
struct Failures {
    unmet: Vec<String>,
    /// The hooks that are unmet.
    unmet_hooks: Vec<HookStatus>,
    panics: Vec<String>,
    unanswered: Vec<String>,
    denied: Vec<String>,
    /// The same, with marks in the place of tokens.
    denied_findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(driver: &Arc<Driver>) -> Self {
        let log = Log { driver: Arc::clone(driver), filter: Filter::default() };
        let mut failures = Box::<Failures>::default();
        let mut never_fired = Vec::new();
        for hook in driver.hook_standings() {
            match &hook.expected {
                Some(expectation) if !hook.is_as_expected() => {
                    failures.unmet.push(unmet(&hook, expectation));
                    failures.unmet_hooks.push(hook);
                }
                None if hook.hits == 0 => never_fired.push(hook.name().into()),
                _ => {}
            }
        }
        let panics = driver.panics().into_iter();
        failures.panics = panics.map(|p| format!("{} panicked: {}", p.whose, p.message)).collect();
        failures.unanswered = driver.unanswered();
        let denied = &driver.log_settings().denied;
        // The lint reads the whole log, so it runs only if a finding can fail the test.
        if !denied.is_empty() {
            let findings = log.marked_findings().into_iter();
            let findings = findings.filter(|finding| denied.contains(&finding.lint)).collect();
            failures.denied_findings = findings;
            // Both forms are kept: a page labels tokens itself, and needs the findings with their
            // marks.
            let labeled = log.labeled(failures.denied_findings.clone()).into_iter();
            failures.denied = labeled.map(|finding| finding.to_string()).collect();
        }
        Self { failures, never_fired, waiting_at_gates: driver.waiting_at_gates(), log }
    }

    /// Returns `true` if the test has failed: an expectation is not met, a closure has panicked or
    /// not returned, or a client did something that the test denies.
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

    /// Returns the expectations of hooks that were not met, a sentence each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().unmet().is_empty());
    /// ```
    #[must_use]
    pub fn unmet(&self) -> &[String] {
        &self.failures.unmet
    }

    /// Returns the panics of hook closures and of review handlers, a sentence each.
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

    /// Returns the findings of the lint that the test denies by
    /// [`MockIvsChatBuilder::deny`](crate::MockIvsChatBuilder::deny), one line each.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().denied().is_empty());
    /// ```
    #[must_use]
    pub fn denied(&self) -> &[String] {
        &self.failures.denied
    }

    /// Returns the other findings of the lint, a line each.
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

    /// Returns the names of hooks without an expectation that never fired.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert!(MockIvsChat::start().report().never_fired().is_empty());
    /// ```
    #[must_use]
    pub fn never_fired(&self) -> &[String] {
        &self.never_fired
    }

    /// Returns how many events wait at gates that were not released.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert_eq!(MockIvsChat::start().report().waiting_at_gates(), 0);
    /// ```
    #[must_use]
    pub const fn waiting_at_gates(&self) -> usize {
        self.waiting_at_gates
    }

    /// Returns the transcript of the whole test, however long it is.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// assert_eq!(MockIvsChat::start().report().transcript(), "");
    /// ```
    #[must_use]
    pub fn transcript(&self) -> String {
        self.log.to_string()
    }

    /// The reasons why the test has failed, in lines.
    pub(crate) fn reasons(&self, entries: &[Entry]) -> Vec<String> {
        let Failures { panics, unanswered, .. } = &*self.failures;
        let mut lines = self.unmet_lines(entries);
        lines.extend(panics.iter().chain(unanswered).cloned());
        lines.extend(self.denied_lines());
        lines
    }

    /// Returns the hooks with expectations that are not met. Their number is limited, so that a
    /// report stays short.
    fn unmet_lines(&self, entries: &[Entry]) -> Vec<String> {
        let Failures { unmet, unmet_hooks, .. } = &*self.failures;
        let mut lines = Vec::new();
        for (sentence, hook) in unmet.iter().zip(unmet_hooks).take(MOST_REASONS) {
            lines.push(sentence.clone());
            lines.extend(hook.origin().map(|line| format!("  {line}")));
            let reasons = match hook.hits {
                0 => why_not_fired(hook, entries),
                _ if hook.has_fired_too_rarely() => why_not_more(hook, entries),
                _ => Vec::new(),
            };
            lines.extend(reasons.into_iter().map(|reason| format!("  {reason}")));
        }
        lines
    }

    fn denied_lines(&self) -> Vec<String> {
        let mut denied = explain::merged(&self.failures.denied_findings);
        denied.truncate(MOST_REASONS);
        denied.into_iter().map(|finding| format!("denied: {finding}")).collect()
    }

    /// Returns `true` if there is nothing to print: not even an entry of the log.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_failure() && self.log.driver.log_length() == 0
    }
}

impl Report {
    /// Returns the report with marks in the place of tokens.
    pub(crate) fn marked_text(&self) -> String {
        let (entries, _) = self.log.driver.entries_since(0);
        let timeline = failure::excerpt(&entries, &[], &self.lanes_in(&entries));
        format!("{}{}", self.summary(&entries), timeline.trim_end())
    }

    /// Returns the report without the timeline, with marks in the place of tokens.
    pub(crate) fn marked_summary(&self) -> String {
        let (entries, _) = self.log.driver.entries_since(0);
        self.summary(&entries)
    }

    /// Returns the expectations that are not met and the denied findings: the reasons of a failure
    /// that a failed wait does not have.
    pub(crate) fn expectations(&self) -> String {
        let (entries, _) = self.log.driver.entries_since(0);
        let mut text = String::new();
        for reason in self.unmet_lines(&entries).iter().chain(&self.denied_lines()) {
            let reason = self.log.driver.without_tokens(reason);
            failure::write_paragraph(&mut text, "", &reason).expect("a string takes any text");
        }
        TokenLabels::new().label(&self.log.driver.without_tokens(&text)).into_owned()
    }

    /// Returns what a failure that the test has returned does not say: the reasons why the test
    /// has also failed, below its text. The text already shows the end of the log.
    pub(crate) fn below_failure(&self, text: &str) -> String {
        let (entries, _) = self.log.driver.entries_since(0);
        let mut reasons = String::new();
        for reason in self.reasons(&entries) {
            let reason = self.log.driver.without_tokens(&reason);
            if !text.contains(reason.trim_start()) {
                failure::write_paragraph(&mut reasons, "", &reason)
                    .expect("a string takes any text");
            }
        }
        let text = self.log.driver.without_tokens(text);
        let text = match reasons.is_empty() {
            true => text,
            false => format!("{}\n\n{reasons}", text.trim_end()),
        };
        TokenLabels::new().label(&text).into_owned()
    }

    /// Returns `true` if nothing has happened since the log had this length, apart from the end of
    /// the test.
    pub(crate) fn has_only_ended_since(&self, log_length: u64) -> bool {
        self.log.driver.has_only_ended_since(log_length)
    }

    /// Returns the report below another text. Neither shows a token.
    pub(crate) fn after(&self, text: &str) -> String {
        let text = self.log.driver.without_tokens(text);
        let text = format!("{text}\n{}", self.marked_text());
        TokenLabels::new().label(&text).into_owned()
    }

    /// Returns the lanes that the failure is about, by their titles.
    pub(crate) fn lanes(&self) -> Vec<String> {
        let (entries, _) = self.log.driver.entries_since(0);
        self.lanes_in(&entries)
    }

    pub(crate) fn lanes_in(&self, entries: &[Entry]) -> Vec<String> {
        let Failures { unmet_hooks, denied_findings, .. } = &*self.failures;
        let users = unmet_hooks.iter().filter_map(|hook| hook.user_id());
        let of_user = |user| entries.iter().rev().find(|entry| entry.user_id() == Some(user));
        let named = denied_findings.iter().filter_map(|finding| {
            let place = entries.binary_search_by_key(&finding.entry, Entry::index);
            place.ok().map(|place| &entries[place])
        });
        let mut lanes: Vec<String> = Vec::new();
        for lane in users.filter_map(of_user).chain(named).filter_map(timeline::title) {
            if lanes.len() < MOST_LANES && !lanes.contains(&lane) {
                lanes.push(lane);
            }
        }
        lanes
    }

    /// Returns the report without the timeline, with marks in the place of tokens.
    pub(crate) fn summary(&self, entries: &[Entry]) -> String {
        let mut text = String::new();
        self.write_summary(&mut text, entries).expect("a string takes any text");
        self.log.driver.without_tokens(&text)
    }

    fn write_summary(&self, f: &mut dyn fmt::Write, entries: &[Entry]) -> fmt::Result {
        let driver = &self.log.driver;
        // Before a text is wrapped: half of a token could not be recognized.
        let hide = |line: &String| driver.without_tokens(line);
        let reasons: Vec<_> = self.reasons(entries).iter().map(hide).collect();
        for reason in reasons.iter().take(MOST_REASONS) {
            failure::write_paragraph(f, "", reason)?;
        }
        if reasons.len() > MOST_REASONS {
            let Failures { unmet, panics, unanswered, denied, .. } = &*self.failures;
            let all = unmet.len() + panics.len() + unanswered.len() + denied.len();
            writeln!(f, "… ({all} reasons in all)")?;
        }
        if !reasons.is_empty() {
            f.write_str("\n")?;
        }
        let unfired = driver.hook_standings().into_iter();
        let unfired = unfired.filter(|hook| hook.hits == 0 && hook.expected.is_none());
        let denied = &driver.log_settings().denied;
        let mut findings = recent_findings(driver, entries);
        // The denied ones are among the reasons above.
        findings.retain(|finding| !denied.contains(&finding.lint));
        let sections = [
            Section { title: "reviews that failed", lines: failed_reviews(driver, entries) },
            Section { title: "hooks that have not fired", lines: unfired_lines(unfired, entries) },
            Section { title: "gates", lines: held(driver, entries) },
            Section { title: "delays", lines: delayed(driver, entries) },
            Section { title: "stalled connections", lines: stalled(driver) },
            Section { title: "outages", lines: driver.outages() },
            Section { title: "frames that were not sent", lines: driver.unsent() },
            Section { title: "refused", lines: explain::refusals(entries, &[]) },
            Section { title: "waits that were dropped", lines: driver.abandoned() },
            Section { title: "lint", lines: explain::merged(&findings) },
        ];
        for Section { title, lines } in sections.iter().filter(|section| !section.lines.is_empty())
        {
            let lines = lines.iter().map(hide).collect();
            writeln!(f, "{}", Section { title, lines })?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&TokenLabels::new().label(&self.marked_text()))
    }
}

/// The same text as that of `Display`, because a test that ends with `finish().await?` prints this.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Report {}

/// A sentence about an expectation that is not met.
fn unmet(hook: &HookStatus, expectation: &Expectation) -> String {
    let (from, to) = (*expectation.hits.start(), *expectation.hits.end());
    let expected = match (from, to) {
        (0, 0) => "expected not to fire".into(),
        (from, to) if from == to => format!("expected to fire {}", times(from)),
        (0, to) => format!("expected to fire at most {}", times(to)),
        (from, usize::MAX) => format!("expected to fire at least {}", times(from)),
        (from, to) => format!("expected to fire {from} to {}", times(to)),
    };
    let actual = match hook.hits {
        0 => "it never fired".into(),
        hits => format!("it fired {}", times(hits)),
    };
    format!("{}: {expected}, but {actual}", hook.title())
}

fn times(count: usize) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// How many lanes are shown because a reason is about them.
const MOST_LANES: usize = 4;

/// How many lines a report has about the reasons why a test has failed.
const MOST_REASONS: usize = 40;
