//! Taken: the entries that a participant or a cursor has given out.

use std::collections::BTreeSet;
use std::panic::RefUnwindSafe;

use parking_lot::Mutex;

use crate::log::entry::Entry;

/// The entries that a participant or a cursor has given out, so that it does not do so again.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<TakenNumbers>);

#[derive(Debug, Default)]
struct TakenNumbers {
    /// Nothing before this number is left to be taken.
    start: u64,
    /// The numbers from there on that were taken.
    numbers: BTreeSet<u64>,
}

/// Nothing panics while the numbers are locked.
impl RefUnwindSafe for Taken {}

impl Taken {
    /// Consumes an entry. Returns `false` if it was consumed before.
    pub(crate) fn take(&self, entry: &Entry) -> bool {
        let mut taken = self.0.lock();
        entry.number >= taken.start && taken.numbers.insert(entry.number)
    }

    /// Returns `true` if an entry was taken.
    pub(crate) fn contains(&self, entry: &Entry) -> bool {
        let taken = self.0.lock();
        entry.number < taken.start || taken.numbers.contains(&entry.number)
    }

    /// The number before which nothing is left to be taken.
    pub(crate) fn start(&self) -> u64 {
        self.0.lock().start
    }

    /// Records that nothing before a number is left to be taken.
    pub(crate) fn set_start(&self, start: u64) {
        let mut taken = self.0.lock();
        if start > taken.start {
            taken.start = start;
            // The start stands for all numbers before it, so only numbers after a gap take memory.
            taken.numbers = taken.numbers.split_off(&start);
        }
    }
}
