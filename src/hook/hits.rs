//! Hits: how often a hook is expected to fire, as a test writes it.

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

/// A number of hits, such as `1`, or a range of them, such as `1..=3`, `2..` or `..5`.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// ivs.on_action().expect(1).ignore();
/// alice.send_message("hello");
/// ivs.verify();
/// ```
pub trait Hits: sealed::Hits {}

impl<T: sealed::Hits> Hits for T {}

pub(super) mod sealed {
    use std::ops::Bound;

    /// The bounds of a number of hits.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait Hits {
        /// Returns the bounds of the range.
        fn bounds(self) -> (Bound<usize>, Bound<usize>);
    }
}

impl sealed::Hits for usize {
    fn bounds(self) -> (Bound<usize>, Bound<usize>) {
        (Bound::Included(self), Bound::Included(self))
    }
}

macro_rules! ranges {
    ($($range:ty),*) => {$(
        impl sealed::Hits for $range {
            fn bounds(self) -> (Bound<usize>, Bound<usize>) {
                (self.start_bound().cloned(), self.end_bound().cloned())
            }
        }
    )*};
}

ranges!(
    Range<usize>,
    RangeFrom<usize>,
    RangeFull,
    RangeInclusive<usize>,
    RangeTo<usize>,
    RangeToInclusive<usize>
);
