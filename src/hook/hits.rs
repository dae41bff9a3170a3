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

/// Returns the numbers of hits that a range allows.
///
/// # Panics
///
/// If the range is empty.
#[track_caller]
pub(super) fn range(hits: impl Hits) -> RangeInclusive<usize> {
    let (start, end) = hits.bounds();
    let from = match start {
        Bound::Included(from) => from,
        // No range that implements `Hits` excludes its start, so this cannot overflow.
        Bound::Excluded(below) => below + 1,
        Bound::Unbounded => 0,
    };
    let to = match end {
        Bound::Included(to) => to,
        Bound::Excluded(above) => above.saturating_sub(1),
        Bound::Unbounded => usize::MAX,
    };
    // An exclusive end of 0 and an end before the start both leave an empty range.
    let is_empty = from > to || end == Bound::Excluded(0);
    assert!(!is_empty, "`expect` needs a range that is not empty, got {}", shown(start, end));
    from..=to
}

/// Writes a range as in Rust.
fn shown(start: Bound<usize>, end: Bound<usize>) -> String {
    let start = match start {
        Bound::Included(from) | Bound::Excluded(from) => from.to_string(),
        Bound::Unbounded => String::new(),
    };
    match end {
        Bound::Included(to) => format!("{start}..={to}"),
        Bound::Excluded(to) => format!("{start}..{to}"),
        Bound::Unbounded => format!("{start}.."),
    }
}

mod sealed {
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
