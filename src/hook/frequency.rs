//! Frequency: selects how often a hook fires among its matching events.

use crate::hook::filter::either;
use crate::proto::timestamp::Timestamp;

/// The conditions on an event's number. The hook fires if every condition that is set holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frequency {
    /// Fires at most this many times.
    pub(crate) limit: Option<usize>,
    /// Fires only at the event with this number, counted from 1.
    pub(crate) nth: Option<usize>,
    /// Fires only at events whose number is divisible by this.
    pub(crate) every: Option<usize>,
    /// Fires only after this many events.
    pub(crate) after: Option<usize>,
    /// Fires only from the first moment, inclusive, to the second, exclusive.
    pub(crate) between: Option<(Timestamp, Timestamp)>,
    pub(crate) probability: Option<Probability>,
}

/// A probability of firing that hits the same events in every run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probability {
    pub(crate) probability: f64,
    pub(crate) seed: u64,
}

impl Frequency {
    /// Returns `true` if a hook that has fired `hits` times may not fire again.
    pub(crate) fn is_exhausted(&self, hits: usize) -> bool {
        self.limit.is_some_and(|limit| hits >= limit)
    }

    /// Returns `true` if a hook that has fired `hits` times may fire at its `seen`th matching
    /// event.
    pub(crate) fn allows(&self, seen: usize, hits: usize, now: Timestamp) -> bool {
        !self.is_exhausted(hits)
            && self.nth.is_none_or(|nth| seen == nth)
            // Builders and JSON refuse 0 already. A remainder by 0 would panic.
            && self.every.is_none_or(|every| every > 0 && seen % every == 0)
            && self.after.is_none_or(|after| seen > after)
            && self.between.is_none_or(|(from, until)| from <= now && now < until)
            && self.probability.is_none_or(|probability| probability.hits(seen))
    }
}

/// Conditions that exclude each other, and reasons.
impl Frequency {
    /// Adds the conditions of another frequency.
    ///
    /// # Errors
    ///
    /// With the reason if no event satisfies all of them.
    pub(crate) fn and(self, other: &Self) -> Result<Self, String> {
        // Each pair of numbers is one number with the same meaning.
        let join = |one: Option<usize>, other: Option<usize>, join: fn(usize, usize) -> usize| {
            one.zip(other).map(|(one, other)| join(one, other)).or(one).or(other)
        };
        let between = match (self.between, other.between) {
            (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.min(other.1))),
            (one, other) => one.or(other),
        };
        if between.is_some_and(|(from, until)| from >= until) {
            return Err("the hook would never fire".into());
        }
        let probability = either(self.probability, other.probability);
        let joined = Self {
            limit: join(self.limit, other.limit, usize::min),
            nth: either(self.nth, other.nth)?,
            every: join(self.every, other.every, common_multiple),
            after: join(self.after, other.after, usize::max),
            between,
            probability: probability.map_err(|_| "a hook has one probability".to_owned())?,
        };
        joined.conflict().map_or(Ok(joined), |why| Err(why.into()))
    }

    /// Returns the reason why no event satisfies all conditions, if there is one.
    pub(crate) fn conflict(&self) -> Option<&'static str> {
        let nth = self.nth?;
        if self.every.and_then(|every| nth.checked_rem(every)).is_some_and(|rest| rest > 0) {
            return Some("`nth` must be a multiple of `every`");
        }
        let is_over = self.after.is_some_and(|after| nth <= after);
        is_over.then_some("`nth` must be greater than `after`")
    }

    /// Returns how often the hook can fire at most, as the predicate of a sentence, if that is less
    /// often than `hits`.
    pub(crate) fn too_few_for(&self, hits: usize) -> Option<String> {
        let is_silent = self.probability.is_some_and(|probability| {
            probability.probability <= 0.0 || self.nth.is_some_and(|nth| !probability.hits(nth))
        });
        let once = self.nth.map(|_| 1);
        let most = if is_silent { Some(0) } else { once.into_iter().chain(self.limit).min() };
        most.filter(|most| *most < hits).map(|most| match most {
            0 => "never fires".into(),
            1 => "fires at most once".into(),
            most => format!("fires at most {most} times"),
        })
    }

    /// Returns the reason why a hook has not fired although events matched.
    pub(crate) fn why_not(&self) -> String {
        // Several conditions may be set. One of them is named, because nothing records which one
        // refused each event.
        match self {
            Self { between: Some((from, until)), .. } => {
                format!("not between {from} and {until}")
            }
            Self { nth: Some(nth), .. } => format!("it fires only at match {nth}"),
            Self { every: Some(every), .. } => format!("it fires only at each multiple of {every}"),
            Self { after: Some(after), .. } => format!("it fires only after match {after}"),
            Self { probability: Some(_), .. } => "its probability did not select them".into(),
            _ => "it did not fire".into(),
        }
    }
}

/// Returns the least number of which both are divisors.
fn common_multiple(one: usize, other: usize) -> usize {
    let (mut divisor, mut rest) = (one, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    // Too large a number is never reached, whether it is exact or not.
    (one / divisor).saturating_mul(other)
}

impl Probability {
    /// The outcome depends only on the seed and the event's number, so evaluation order is
    /// irrelevant.
    fn hits(self, seen: usize) -> bool {
        // This is splitmix64, computed from the number of the event instead of a running state. The
        // same event is selected in each run, whatever happens at other hooks.
        let mut mixed = self.seed.wrapping_add((seen as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // A float has 53 bits of precision. With more, rounding could return 1, and a probability
        // of 1 would not always fire.
        let unit = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        unit < self.probability
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn fired(frequency: &Frequency) -> Vec<usize> {
        let now = Timestamp::default();
        let mut hits = 0;
        (1..=10)
            .filter(|seen| {
                let fires = frequency.allows(*seen, hits, now);
                hits += usize::from(fires);
                fires
            })
            .collect()
    }

    #[rstest]
    #[case(Frequency::default(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]
    #[case(Frequency { limit: Some(2), ..Frequency::default() }, &[1, 2])]
    #[case(Frequency { nth: Some(3), ..Frequency::default() }, &[3])]
    #[case(Frequency { every: Some(4), ..Frequency::default() }, &[4, 8])]
    #[case(Frequency { every: Some(0), ..Frequency::default() }, &[])]
    #[case(Frequency { after: Some(8), ..Frequency::default() }, &[9, 10])]
    #[case(Frequency { after: Some(3), limit: Some(1), ..Frequency::default() }, &[4])]
    fn a_frequency_picks_events(#[case] frequency: Frequency, #[case] expected: &[usize]) {
        assert_eq!(fired(&frequency), expected);
    }

    #[test]
    fn a_probability_is_the_same_in_each_run_and_about_as_high_as_asked() {
        let probability = |seed| Probability { probability: 0.3, seed };
        let hits =
            |seed| (1..=1_000).filter(|seen| probability(seed).hits(*seen)).collect::<Vec<_>>();
        // Independent of this code, and the same in each version.
        assert_eq!(hits(7)[..11], [2, 6, 9, 11, 22, 27, 32, 34, 37, 39, 40]);
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        assert!((250..350).contains(&hits(7).len()), "{}", hits(7).len());
    }
}
