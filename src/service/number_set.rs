//! Number set: a set of numbers whose memory depends only on its gaps.

use std::collections::BTreeMap;

/// A set of numbers, kept as intervals that neither overlap nor touch.
///
/// Tokens are numbered in order and most of them are used. Therefore the set of used tokens is a
/// few intervals, however many tokens there are.
#[derive(Debug, Default)]
pub(crate) struct NumberSet {
    /// The first and the last number of each interval.
    intervals: BTreeMap<u64, u64>,
}

impl NumberSet {
    pub(crate) const fn new() -> Self {
        Self { intervals: BTreeMap::new() }
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.intervals.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    /// Adds a number and joins it with the intervals that it touches.
    pub(crate) fn insert(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        let before = self.intervals.range(..number).next_back();
        // No overflow: `number` is not in the set, so an interval that starts before it also ends
        // before it.
        let touched = before.filter(|(_, last)| **last + 1 == number);
        let first = touched.map_or(number, |(first, _)| *first);
        let after = number.checked_add(1).and_then(|next| self.intervals.remove(&next));
        // The key of the interval before is overwritten, and that of the one after was removed
        // above.
        self.intervals.insert(first, after.unwrap_or(number));
    }

    /// Returns how many intervals the set takes.
    #[cfg(test)]
    pub(crate) fn interval_count(&self) -> usize {
        self.intervals.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set_of(numbers: impl IntoIterator<Item = u64>) -> NumberSet {
        let mut set = NumberSet::new();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }

    #[test]
    fn neighbors_share_an_interval_in_any_order_of_insertion() {
        assert_eq!(set_of(1..=100_000).interval_count(), 1);
        assert_eq!(set_of((1..=1_000).rev()).interval_count(), 1);
        assert_eq!(set_of([1, 3]).interval_count(), 2);
        assert_eq!(set_of([1, 3, 2]).intervals, BTreeMap::from([(1, 3)]));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let set = set_of([u64::MAX, u64::MAX - 1, u64::MAX]);
        assert_eq!(set.intervals, BTreeMap::from([(u64::MAX - 1, u64::MAX)]));
    }

    proptest! {
        #[test]
        fn it_holds_the_numbers_that_a_set_holds(numbers in prop::collection::vec(0_u64..40, 0..40)) {
            let set = set_of(numbers.iter().copied());
            let expected: BTreeSet<_> = numbers.into_iter().collect();
            for number in 0..41 {
                prop_assert_eq!(set.contains(number), expected.contains(&number));
            }
            let starts = expected.iter().filter(|n| **n == 0 || !expected.contains(&(**n - 1)));
            prop_assert_eq!(set.interval_count(), starts.count());
        }
    }
}
