//! Traces: actions of the test that leave no entry in the log, for the texts of failures.

use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::thread;

use crate::driver::Driver;
use crate::log::explain::counted;
use crate::log::record::{Event, OutageEvent};

/// Actions of the test that leave no entry in the log.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The latest waits that were dropped before they completed, as the test wrote them.
    abandoned: VecDeque<String>,
    /// The latest lines that sent frames on connections that had ended, and the numbers of frames.
    unsent: VecDeque<(Unsent, usize)>,
    outages: BTreeMap<OutageId, OpenOutage>,
    latest_outage: u64,
}

/// A line that sends frames on a connection that has ended.
#[derive(Debug, Eq, PartialEq)]
struct Unsent {
    label: String,
    caller: &'static Location<'static>,
}

/// The number of an outage.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct OutageId(u64);

/// An outage that is in effect, or that a panic of the test has ended.
#[derive(Clone, Debug)]
struct OpenOutage {
    /// The line of the test, unless the explorer has begun the outage.
    begun_at: Option<&'static Location<'static>>,
    /// How many entries the log had before that of the outage.
    log_length: u64,
    is_ended_by_panic: bool,
}

impl Driver {
    /// Records that a wait was dropped before it completed, for example by a timeout of the test.
    pub(crate) fn record_abandoned(&self, wait: String) {
        let abandoned = &mut self.traces.lock().abandoned;
        // A test that polls in a loop drops the same wait many times.
        abandoned.retain(|earlier| *earlier != wait);
        abandoned.push_back(wait);
        if abandoned.len() > MOST_TRACES {
            abandoned.pop_front();
        }
    }

    /// Returns the latest waits that were dropped before they completed.
    pub(crate) fn abandoned(&self) -> Vec<String> {
        self.traces.lock().abandoned.iter().cloned().collect()
    }

    /// Records that a participant has sent a frame after the end of its connection.
    pub(crate) fn record_unsent(&self, label: &str, caller: &'static Location<'static>) {
        let unsent = &mut self.traces.lock().unsent;
        let line = Unsent { label: label.into(), caller };
        // A test that sends in a loop has one line and a count.
        let earlier = unsent.iter().position(|(earlier, _)| *earlier == line);
        let count = earlier.and_then(|place| unsent.remove(place)).map_or(0, |(_, count)| count);
        unsent.push_back((line, count + 1));
        if unsent.len() > MOST_TRACES {
            unsent.pop_front();
        }
    }

    /// Returns a line for each of the latest lines of the test that have sent frames after the end
    /// of a connection.
    pub(crate) fn unsent(&self) -> Vec<String> {
        let traces = self.traces.lock();
        let line = |(Unsent { label, caller }, count): &(Unsent, usize)| {
            let frames = counted(*count, "frame");
            format!("{frames} of {label}, at {caller}: the connection had ended")
        };
        traces.unsent.iter().map(line).collect()
    }

    /// Records that the test begins an outage, before the outage has its entry in the log.
    pub(crate) fn record_outage(&self, begun_at: Option<&'static Location<'static>>) -> OutageId {
        let log_length = self.log_length();
        let mut traces = self.traces.lock();
        traces.latest_outage += 1;
        let id = OutageId(traces.latest_outage);
        let outage = OpenOutage { begun_at, log_length, is_ended_by_panic: false };
        traces.outages.insert(id, outage);
        id
    }

    /// Records that the test ends an outage. If the test is panicking, the outage was in effect at
    /// the time of the failure, and stays among those that texts name.
    pub(crate) fn record_end_of_outage(&self, id: OutageId) {
        let mut traces = self.traces.lock();
        if !thread::panicking() {
            traces.outages.remove(&id);
        } else if let Some(outage) = traces.outages.get_mut(&id) {
            outage.is_ended_by_panic = true;
            // A mock may outlive many panics that its test catches.
            let ended = traces.outages.iter().filter(|(_, outage)| outage.is_ended_by_panic);
            let ended: Vec<_> = ended.map(|(id, _)| *id).collect();
            for earlier in &ended[..ended.len().saturating_sub(MOST_TRACES)] {
                traces.outages.remove(earlier);
            }
        }
    }

    /// Returns the line of the test that began the latest outage that is in effect, if there is one.
    pub(crate) fn outage_begun_at(&self) -> Option<&'static Location<'static>> {
        let traces = self.traces.lock();
        let mut outages = traces.outages.values().rev();
        outages.find(|outage| !outage.is_ended_by_panic).and_then(|outage| outage.begun_at)
    }

    /// Returns a line for each of the latest outages that are in effect, or that a panic of the
    /// test has ended.
    pub(crate) fn outages(&self) -> Vec<String> {
        let traces = self.traces.lock();
        // Those that have ended are few, and must not hide the others.
        let mut in_effect = 0;
        let latest = traces.outages.values().rev().filter(|outage| {
            in_effect += usize::from(!outage.is_ended_by_panic);
            outage.is_ended_by_panic || in_effect <= MOST_TRACES
        });
        let latest: Vec<OpenOutage> = latest.cloned().collect();
        // Before the log is read, so that there is no order between this lock and that of the
        // state.
        drop(traces);
        let line = |outage: OpenOutage| {
            let since = self.begin_of_outage(outage.log_length);
            let since = since.map_or_else(String::new, |entry| format!(" since #{entry}"));
            let until = if outage.is_ended_by_panic { " until a panic of the test" } else { "" };
            let place =
                outage.begun_at.map_or_else(String::new, |place| format!(", begun at {place}"));
            format!("in effect{since}{until}{place}")
        };
        latest.into_iter().rev().map(line).collect()
    }

    /// Returns the number of the first entry about the begin of an outage from a number on, unless
    /// the log has dropped it.
    fn begin_of_outage(&self, first: u64) -> Option<u64> {
        let (entries, _) = self.entries_since(first);
        let is_begin = |event: &Event| match event {
            Event::Outage(outage) => matches!(**outage, OutageEvent::Begin),
            _ => false,
        };
        entries.iter().find(|entry| is_begin(&entry.record.event)).map(|entry| entry.index())
    }
}

/// How many traces of each kind are remembered and shown.
const MOST_TRACES: usize = 3;
