//! Transcript: the log of a run in lines with times, and where two runs begin to differ.

use std::time::Duration;

use crate::explore::case::Case;
use crate::explore::point::Place;
use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::Event;
use crate::log::transcript;
use crate::proto::timestamp::Timestamp;

/// A line of a transcript.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// The time since the start of the run.
    pub(crate) at: Duration,
    pub(crate) text: String,
    /// Whether a fault of the case has caused the line.
    pub(crate) is_fault: bool,
}

/// Returns the lines of a log. The names of the case's hooks mark its faults, and so do actions on
/// connections and on the whole service, if the case has such faults.
pub(crate) fn lines(entries: &[Entry], start: Timestamp, case: &Case) -> Vec<Line> {
    let faults: Vec<String> = case.0.iter().map(ToString::to_string).collect();
    let strikes = case
        .0
        .iter()
        .any(|injection| injection.fault.is_of_service() || injection.point.place == Place::Clock);
    let mut labels = Labels::new(false);
    let mut lines = Vec::new();
    let mut rest = entries;
    while let [entry, following @ ..] = rest {
        if transcript::is_as_expected(entry) {
            rest = following;
            continue;
        }
        let together = rest.iter().take_while(|other| transcript::is_same_delivery(entry, other));
        let (group, following) = rest.split_at(together.count().max(1));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = transcript::write(&mut text, group, &mut labels);
        let is_fault = match &entry.record.event {
            Event::HookFired(hooked) => faults.iter().any(|fault| **fault == *hooked.hook.name),
            // These entries do not name a fault. They are its effects if the case has one that is
            // more than a hook.
            Event::TestAction(_) | Event::Outage(_) => strikes,
            _ => false,
        };
        let at = entry.at().since(start);
        lines.push(Line { at, text: text.trim_end().to_owned(), is_fault });
        rest = following;
    }
    lines
}

/// Returns the number of the first line that differs from the other transcript, apart from the
/// lines of the faults themselves.
pub(crate) fn first_difference(run: &[Line], baseline: &[Line]) -> Option<usize> {
    let mut expected = baseline.iter();
    for (number, line) in run.iter().enumerate() {
        // The lines of the fault itself have no counterpart, so they are not compared.
        if !line.is_fault && expected.next().is_none_or(|other| other.text != line.text) {
            return Some(number);
        }
    }
    expected.next().map(|_| run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(texts: &[&str]) -> Vec<Line> {
        let line = |text: &&str| Line {
            at: Duration::ZERO,
            text: (*text).to_owned(),
            is_fault: text.starts_with('~'),
        };
        texts.iter().map(line).collect()
    }

    #[test]
    fn the_first_difference_is_not_the_fault_itself() {
        let baseline = transcript(&["a", "b", "c"]);
        let differs = |texts: &[&str]| first_difference(&transcript(texts), &baseline);
        assert_eq!(differs(&["a", "b", "c"]), None);
        assert_eq!(differs(&["a", "~ lost", "b", "c"]), None);
        assert_eq!(differs(&["a", "~ lost", "c"]), Some(2));
        assert_eq!(differs(&["a", "~ lost", "b"]), Some(3));
        assert_eq!(differs(&["a", "b", "c", "d"]), Some(3));
    }
}
