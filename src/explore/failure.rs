//! Failure: a case that the scenario does not survive, why, and where it begins to differ.

use std::fmt;

use crate::explore::case::Case;
use crate::explore::criteria::Cause;
use crate::explore::transcript::{self, Line};
use crate::log::explain::counted;

/// A case that the scenario does not survive.
///
/// `Display` writes the case and its reasons.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, explore};
///
/// let exploration = explore(async |ivs| {
///     let token = ivs.create_room("lobby").chat_token("alice").create();
///     ivs.connect(&token).await.map(drop)
/// })
/// .in_memory()
/// .run();
/// let failure = &exploration.failures()[0];
/// assert_eq!(failure.case(), "clock.0:outage");
/// ```
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) case: Case,
    pub(crate) causes: Vec<Cause>,
    pub(crate) lines: Vec<Line>,
    /// The number of the first line that differs from the run without faults.
    pub(crate) difference: Option<usize>,
    /// The line that the run without faults has there.
    pub(crate) instead_of: Option<String>,
    /// Whether the test declares the failure as expected.
    pub(crate) is_expected: bool,
}

impl Failure {
    pub(crate) fn new(case: Case, causes: Vec<Cause>, lines: Vec<Line>, baseline: &[Line]) -> Self {
        let difference = transcript::first_difference(&lines, baseline);
        let instead_of = difference.and_then(|number| {
            // Lines about faults have no counterpart, so they do not count in the run without
            // faults.
            let faults = lines[..number].iter().filter(|line| line.is_fault).count();
            baseline.get(number - faults).map(|line| line.text.clone())
        });
        Self { case, causes, lines, difference, instead_of, is_expected: false }
    }

    /// Returns the text of the case, which the environment variable `MOCK_IVS_CHAT_EXPLORE` takes:
    /// the faults and the points at which they happen, such as `alice.sends.2:reset`.
    #[must_use]
    pub fn case(&self) -> String {
        self.case.to_string()
    }

    /// Returns the reasons why the run has failed, a sentence each, the weightiest first.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.causes.iter().map(ToString::to_string).collect()
    }

    /// Returns `true` if the test expects this failure.
    #[must_use]
    pub const fn is_expected(&self) -> bool {
        self.is_expected
    }

    /// Returns the whole transcript of the run. `!` marks what the fault did, and `>` the first
    /// line that differs from the run without faults.
    #[must_use]
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for number in 0..=self.lines.len() {
            self.write_line(&mut text, number);
        }
        text
    }

    /// Returns the transcript without lines that say little: long before the faults and the first
    /// difference, and in the middle of a long end.
    pub(crate) fn excerpt(&self) -> String {
        let is_marked = |number: &usize| {
            self.lines[*number].is_fault || self.difference.is_some_and(|at| at <= *number)
        };
        let first = (0..self.lines.len()).find(is_marked).unwrap_or(self.lines.len());
        let start = first.saturating_sub(LINES_BEFORE);
        let mut text = String::new();
        if start > 0 {
            text.push_str(&omission(start, " as without faults"));
        }
        // One more than there are lines: the last number stands for the lines that are missing at
        // the end.
        let end = self.lines.len() + 1;
        let (head, tail) = (start + LINES_BEFORE + LINES_AFTER, LINES_AT_END);
        for number in start..end {
            if end - start > LINES_BEFORE + LINES_AFTER + tail + 1 && number >= head {
                if number == head {
                    text.push_str(&omission(end - tail - head, ""));
                }
                if number < end - tail {
                    continue;
                }
            }
            self.write_line(&mut text, number);
        }
        text
    }

    fn write_line(&self, text: &mut String, number: usize) {
        let is_first = self.difference == Some(number);
        let Some(line) = self.lines.get(number) else {
            if is_first {
                let missing = self.instead_of.as_deref().unwrap_or("nothing");
                let missing = shortened(missing.trim_start(), LONGEST_LINE - 31);
                text.push_str(&format!(">           (it ends here; without faults: {missing})\n"));
            }
            return;
        };
        let mark = match (line.is_fault, is_first) {
            (true, _) => '!',
            (false, true) => '>',
            (false, false) => ' ',
        };
        let at = format!("+{}.{:03}", line.at.as_secs(), line.at.subsec_millis());
        text.push_str(&format!("{mark} {at:>8}  {}\n", shortened(&line.text, LONGEST_LINE)));
        if is_first {
            let other = self.instead_of.as_deref().unwrap_or("nothing more");
            let other = shortened(other.trim_start(), LONGEST_LINE - 17);
            text.push_str(&format!("            (without faults: {other})\n"));
        }
    }
}

fn omission(count: usize, what: &str) -> String {
    format!("            … {}{what}\n", counted(count, "line"))
}

/// Returns the beginning of a long text.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let start: String = text.chars().take(longest - 1).collect();
    format!("{start}…")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.reasons().join("; "))
    }
}

/// How many lines an excerpt has before the first that matters, after it, and at the end.
const LINES_BEFORE: usize = 3;
const LINES_AFTER: usize = 14;
const LINES_AT_END: usize = 4;

/// The number of characters of a line in a transcript, after its mark and time: 120 with those.
const LONGEST_LINE: usize = 108;
