//! Plan: which cases are run, as a function of the points and a seed.

use std::collections::BTreeSet;
use std::fmt;

use crate::explore::case::Case;
use crate::explore::fault::Fault;
use crate::explore::point::{Place, Sighting};
use crate::explore::words::matches;

/// Which cases are wanted. Patterns stand for any of them; none means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) points: Vec<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) users: Vec<String>,
}

impl Selection {
    fn admits(&self, sighting: &Sighting, fault: Fault) -> bool {
        let user = &sighting.point.user;
        let is_any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        };
        is_any(&self.points, &sighting.point.to_string())
            && is_any(&self.faults, &fault.to_string())
            && (self.users.is_empty() || self.users.contains(user))
    }

    /// Returns `true` if all cases are wanted.
    pub(crate) fn is_all(&self) -> bool {
        self.points.is_empty() && self.faults.is_empty() && self.users.is_empty()
    }
}

/// Writes the selection as the user did.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = [("point", &self.points), ("fault", &self.faults), ("user", &self.users)];
        let calls = methods.iter().flat_map(|(method, patterns)| {
            patterns.iter().map(move |pattern| format!(".{method}({pattern:?})"))
        });
        f.write_str(&calls.collect::<String>())
    }
}

/// Returns a case for each point and each fault that can happen there.
pub(crate) fn singles(
    sightings: &[Sighting],
    has_several_connections: bool,
    selection: &Selection,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for sighting in sightings {
        for fault in faults_at(sighting, has_several_connections) {
            if selection.admits(sighting, fault) {
                cases.push(Case::single(sighting.point.clone(), fault));
            }
        }
    }
    cases
}

fn faults_at(sighting: &Sighting, has_several_connections: bool) -> impl Iterator<Item = Fault> {
    // Before the first event no client is connected, so only an outage is possible.
    let is_start = sighting.point.place == Place::Clock && sighting.point.number == 0;
    Fault::at(sighting.point.place)
        .filter(move |fault| !is_start || *fault == Fault::Outage)
        .filter(move |fault| has_several_connections || *fault != Fault::Lagging)
}

/// A case that the scenario has survived, and the points that it passed after the last fault.
pub(crate) struct Base<'a> {
    pub(crate) case: &'a Case,
    pub(crate) later: Vec<&'a Sighting>,
}

/// Returns at most `budget` cases with one fault more than the bases have. Half of them strike at
/// points that the run without faults does not have, such as a reconnect, if there are any.
pub(crate) fn extended(
    bases: &[Base<'_>],
    baseline: &[Sighting],
    budget: usize,
    seed: u64,
    selection: &Selection,
) -> Vec<Case> {
    let known: BTreeSet<_> = baseline.iter().map(|sighting| &sighting.point).collect();
    let mut random = Random(seed);
    let (mut cases, mut seen) = (Vec::new(), BTreeSet::new());
    // Attempts are limited, because there may be fewer different cases than the budget allows.
    for _ in 0..budget.saturating_mul(ATTEMPTS) {
        if cases.len() == budget {
            break;
        }
        let Some(base) = random.pick(bases) else { break };
        let is_new = |sighting: &&&Sighting| !known.contains(&sighting.point);
        let new: Vec<&Sighting> = base.later.iter().filter(is_new).copied().collect();
        let wants_new = random.below(2) == 0 && !new.is_empty();
        let points = if wants_new { &new } else { &base.later };
        let Some(sighting) = random.pick(points) else { continue };
        let faults: Vec<Fault> =
            // `false` leaves out lagging, which `schedules` combines.
            faults_at(sighting, false).filter(|fault| selection.admits(sighting, *fault)).collect();
        let Some(fault) = random.pick(&faults) else { continue };
        let is_taken = base.case.0.iter().any(|other| other.point == sighting.point);
        let case = base.case.and(sighting.point.clone(), *fault);
        if !is_taken && seen.insert(case.clone()) {
            cases.push(case);
        }
    }
    cases
}

/// Returns at most `budget` schedules: cases in which several connections lag behind others, so
/// that their frames arrive in another order.
pub(crate) fn schedules(
    baseline: &[Sighting],
    budget: usize,
    seed: u64,
    selection: &Selection,
) -> Vec<Case> {
    let frames: Vec<&Sighting> = baseline
        .iter()
        .filter(|sighting| matches!(sighting.point.place, Place::Sends | Place::Gets))
        .filter(|sighting| selection.admits(sighting, Fault::Lagging))
        .collect();
    let mut random = Random(seed ^ SCHEDULES);
    let mut cases = BTreeSet::new();
    let mut ordered = Vec::new();
    for _ in 0..budget.saturating_mul(ATTEMPTS) {
        if ordered.len() == budget {
            break;
        }
        let mut case = Case::default();
        for _ in 0..2 + random.below(2) {
            let Some(sighting) = random.pick(&frames) else { return ordered };
            let point = &sighting.point;
            // A connection lags from a point on, so a second point of the same user and direction
            // adds nothing.
            let is_taken = case
                .0
                .iter()
                .any(|other| (other.point.place, &other.point.user) == (point.place, &point.user));
            if !is_taken {
                case = case.and(point.clone(), Fault::Lagging);
            }
        }
        // Sorted, so that the same points in another order are not run again.
        case.0.sort();
        if case.0.len() > 1 && cases.insert(case.clone()) {
            ordered.push(case);
        }
    }
    ordered
}

/// A generator of numbers that follow from a seed: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        // The remainder is not quite uniform, which does not matter for limits that are this small.
        (self.next() % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { Some(&from[self.below(from.len())]) }
    }
}

/// How often a new case is tried for each one that is wanted, because many are found twice.
const ATTEMPTS: usize = 16;

/// Keeps the numbers of schedules apart from those of other cases.
const SCHEDULES: u64 = 0x5ced_01e5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sighting(point: &str) -> Sighting {
        Sighting {
            point: point.parse().unwrap(),
            what: String::new(),
            entry: 0,
            at: Duration::ZERO,
            connection: None,
        }
    }

    fn names(cases: &[Case]) -> Vec<String> {
        cases.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn at_the_start_the_service_can_only_be_out_of_reach() {
        let cases = singles(&[sighting("clock.0")], true, &Selection::default());
        assert_eq!(names(&cases), ["clock.0:outage"]);
    }

    #[test]
    fn the_order_of_one_connection_alone_is_not_changed() {
        let points = [sighting("alice.sends.1")];
        let selection = Selection { faults: vec!["lagging".into()], ..Selection::default() };
        assert!(singles(&points, false, &selection).is_empty());
        assert_eq!(names(&singles(&points, true, &selection)), ["alice.sends.1:lagging"]);
    }

    #[test]
    fn a_selection_picks_points_faults_and_users() {
        let points = ["alice.sends.1", "alice.gets.1", "bob.sends.1"].map(sighting);
        let selection = Selection {
            points: vec!["*.sends.*".into()],
            faults: vec!["reset".into(), "closed-1001*".into()],
            users: vec!["alice".into()],
        };
        let expected = ["alice.sends.1:closed-1001-reason", "alice.sends.1:reset"];
        assert_eq!(names(&singles(&points, false, &selection)), expected);
    }

    #[test]
    fn the_same_seed_gives_the_same_pairs_and_schedules() {
        let points = ["alice.sends.1", "alice.gets.1", "bob.sends.1", "bob.gets.1"].map(sighting);
        let first = Case::single("alice.connects.1".parse().unwrap(), Fault::Reset);
        let bases = [Base { case: &first, later: points.iter().collect() }];
        let pairs = |seed| extended(&bases, &points, 10, seed, &Selection::default());
        assert_eq!(pairs(1), pairs(1));
        assert_ne!(pairs(1), pairs(2));
        assert_eq!(pairs(1).len(), 10);
        let orders = |seed| schedules(&points, 4, seed, &Selection::default());
        assert_eq!(orders(1), orders(1));
        assert!(orders(1).iter().all(|case| case.0.len() > 1 && case.is_schedule()));
    }

    #[test]
    fn without_points_there_are_no_cases() {
        assert!(extended(&[], &[], 10, 1, &Selection::default()).is_empty());
        assert!(schedules(&[], 10, 1, &Selection::default()).is_empty());
    }
}
