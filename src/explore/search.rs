//! Search: the order in which an exploration runs its cases.

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::explore::case::Case;
use crate::explore::exploration::{Exploration, Verdict};
use crate::explore::failure::Failure;
use crate::explore::fault::Fault;
use crate::explore::options::{Explorer, VARIABLE};
use crate::explore::plan::{self, Base};
use crate::explore::progress::Progress;
use crate::explore::run::{Bench, Run};
use crate::explore::words::{self, matches};
use crate::explore::workers::{Orders, run_all};

/// Runs a whole exploration. Fails if the environment asks for a case that cannot be read.
pub(crate) fn explore(explorer: &Explorer) -> Result<Exploration, String> {
    let only = match env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => {
            Some(text.parse::<Case>().map_err(|error| format!("{VARIABLE}: {error}"))?)
        }
        _ => None,
    };
    Ok(Search::new(explorer).run(only))
}

struct Search<'a> {
    explorer: &'a Explorer,
    bench: Arc<Bench>,
    started: Instant,
    deadline: Option<Instant>,
    progress: Progress,
    planned: usize,
    exploration: Exploration,
    baseline: Option<Arc<Run>>,
}

/// A case whose run has ended, or was skipped.
struct Ended {
    case: Case,
    run: Option<Run>,
}

impl<'a> Search<'a> {
    fn new(explorer: &'a Explorer) -> Self {
        let test = explorer.test_name();
        let started = Instant::now();
        Self {
            explorer,
            bench: Arc::new(explorer.bench()),
            started,
            deadline: explorer.time_budget.map(|budget| started + budget),
            progress: Progress::new(&test),
            planned: 0,
            exploration: Exploration {
                test,
                sightings: Vec::new(),
                singles: Vec::new(),
                several: Vec::new(),
                failures: Vec::new(),
                problems: Vec::new(),
                notes: Vec::new(),
                runs: 0,
                duration: Duration::ZERO,
            },
            baseline: None,
        }
    }

    fn run(mut self, only: Option<Case>) -> Exploration {
        if let Some(baseline) = self.run_without_faults() {
            match only {
                Some(case) => self.run_only(case),
                None => self.run_everything(&baseline),
            }
        }
        self.exploration.duration = self.started.elapsed();
        self.exploration
    }

    /// Runs the scenario twice without faults. Returns the run if it can be built upon.
    fn run_without_faults(&mut self) -> Option<Arc<Run>> {
        // Two runs, because a scenario that is not deterministic could not reproduce any failure.
        let runs = self.run_cases(vec![Case::default(), Case::default()]);
        let mut runs = runs.into_iter().filter_map(|ended| ended.run);
        let (Some(first), Some(second)) = (runs.next(), runs.next()) else {
            let problem = "there was no time for a run without faults";
            self.exploration.problems.push(problem.into());
            return None;
        };
        self.exploration.sightings.clone_from(&first.sightings);
        // Before the comparison, because the failure explains more than a difference between two
        // runs.
        if !first.causes.is_empty() {
            let failure = Failure::new(Case::default(), first.causes, first.lines, &[]);
            let text = failure.reasons().join("\n");
            let problem = format!("the scenario fails without any fault: {text}");
            self.exploration.problems.push(problem);
            return None;
        }
        if first.sightings.is_empty() {
            let problem = "the scenario does nothing at which a fault could happen: no client \
                           connects to the mock, or calls it over HTTP";
            self.exploration.problems.push(problem.into());
            return None;
        }
        let is_same = first.lines == second.lines;
        if !is_same {
            let index = first.lines.iter().zip(&second.lines).position(|(a, b)| a != b);
            // One transcript may be the beginning of the other.
            let index = index.unwrap_or_else(|| first.lines.len().min(second.lines.len()));
            let line =
                |run: &Run| run.lines.get(index).map_or("the end", |line| &line.text).to_owned();
            self.exploration.problems.push(format!(
                "two runs without faults differ, so nothing can be reproduced. Line {} is\n  {}\nand\n  {}",
                index + 1,
                line(&first),
                line(&second)
            ));
            return None;
        }
        let baseline = Arc::new(first);
        self.baseline = Some(Arc::clone(&baseline));
        Some(baseline)
    }

    /// Runs only the case that the environment asks for.
    fn run_only(&mut self, case: Case) {
        self.exploration.notes.push(format!("{VARIABLE} is set: only {case} was run"));
        let ended = self.run_cases(vec![case]);
        for Ended { case, run } in ended {
            let verdict = self.judge(&case, run.as_ref());
            if verdict == Verdict::NotReached {
                let problem = format!("the run did not come to all points of {case}");
                self.exploration.problems.push(problem);
            }
            let results = match case.0.len() {
                1 => &mut self.exploration.singles,
                _ => &mut self.exploration.several,
            };
            results.push((case, verdict));
        }
    }

    fn run_everything(&mut self, baseline: &Arc<Run>) {
        let explorer = self.explorer;
        let has_several = baseline.connection_count > 1;
        let cases = plan::singles(&baseline.sightings, has_several, &explorer.selection);
        // Only survivors with an effect are extended: after a fault without one, a second fault
        // meets the run that it has met alone.
        let mut survivors = self.run_singles(cases);
        self.check_effects(&survivors);
        let is_over = |search: &Self| explorer.stops_at_first_failure && search.has_failed();
        let rounds = explorer.most_faults - 1;
        for round in 0..rounds {
            if is_over(self) || survivors.is_empty() {
                break;
            }
            // The first rounds get one more each if there is a remainder.
            let is_longer = round < explorer.combinations % rounds;
            let budget = explorer.combinations / rounds + usize::from(is_longer);
            let bases: Vec<Base<'_>> = survivors
                .iter()
                .filter_map(|(case, run)| {
                    let later = later(case, run);
                    (!later.is_empty()).then_some(Base { case, later })
                })
                .collect();
            let seed = explorer.seed.wrapping_add(round as u64);
            let cases =
                plan::extended(&bases, &baseline.sightings, budget, seed, &explorer.selection);
            survivors = self.run_several(cases);
        }
        if has_several && !is_over(self) {
            let (budget, seed) = (explorer.schedules, explorer.seed);
            let cases = plan::schedules(&baseline.sightings, budget, seed, &explorer.selection);
            self.run_several(cases);
        }
        self.check_expectations();
    }

    /// Runs cases with one fault, and returns those that were survived with an effect.
    fn run_singles(&mut self, cases: Vec<Case>) -> Vec<(Case, Run)> {
        let mut survivors = Vec::new();
        for Ended { case, run } in self.run_cases(cases) {
            let verdict = self.judge(&case, run.as_ref());
            if let (Verdict::Survived { has_effect: true }, Some(run)) = (verdict, run) {
                survivors.push((case.clone(), run));
            }
            self.exploration.singles.push((case, verdict));
        }
        survivors
    }

    /// Runs cases with several faults, and shrinks those that fail. Returns those that were
    /// survived.
    fn run_several(&mut self, cases: Vec<Case>) -> Vec<(Case, Run)> {
        let mut survivors = Vec::new();
        for Ended { case, run } in self.run_cases(cases) {
            let Some(run) = run else {
                self.exploration.several.push((case, Verdict::Skipped));
                continue;
            };
            // The second fault was to strike at a point to which the run did not come.
            if !run.is_reached {
                continue;
            }
            if run.causes.is_empty() {
                let verdict = self.judge(&case, Some(&run));
                self.exploration.several.push((case.clone(), verdict));
                survivors.push((case, run));
            } else {
                let (case, run) = self.shrink(case, run);
                // Many combinations shrink to the same case.
                let is_known = self.exploration.failures.iter().any(|known| known.case == case);
                if !is_known {
                    let verdict = self.judge(&case, Some(&run));
                    self.exploration.several.push((case, verdict));
                }
            }
        }
        survivors
    }

    /// Removes faults while the scenario still fails.
    fn shrink(&mut self, mut case: Case, mut run: Run) -> (Case, Run) {
        // Each round removes a fault, so there are at most as many rounds as faults.
        while case.0.len() > 1 {
            let smaller: Vec<Case> = case.without_one().collect();
            let ended = self.run_cases(smaller);
            let failing = ended.into_iter().find_map(|ended| {
                // A fault that did not happen says nothing about the case.
                let run = ended.run.filter(|run| run.is_reached)?;
                (!run.causes.is_empty()).then_some((ended.case, run))
            });
            match failing {
                Some(smaller) => (case, run) = smaller,
                None => break,
            }
        }
        (case, run)
    }

    /// Runs cases in parallel. If the explorer stops at the first failure, later ones are dropped.
    fn run_cases(&mut self, cases: Vec<Case>) -> Vec<Ended> {
        self.planned += cases.len();
        let log_limit = self.baseline.as_ref().map_or(LOG_LIMIT, |run| {
            LOG_GROWTH.saturating_mul(run.log_length).saturating_add(LOG_LIMIT / 10)
        });
        let orders = Orders {
            bench: &self.bench,
            threads: self.explorer.thread_count(),
            log_limit,
            deadline: self.deadline,
            real_time_limit: self.explorer.real_time_limit,
            baseline: self.baseline.as_ref(),
        };
        let (planned, stops) = (self.planned, self.explorer.stops_at_first_failure);
        let (has_baseline, progress) = (self.baseline.is_some(), &mut self.progress);
        let mut first_failure = usize::MAX;
        let results = run_all(&orders, cases.clone(), |index, run| {
            // Both runs without faults are needed for the comparison, even if the first one fails.
            let has_failed = has_baseline && !run.causes.is_empty();
            if has_failed && stops {
                first_failure = first_failure.min(index);
            }
            progress.count(has_failed, planned);
            first_failure == usize::MAX
        });
        let ended = cases.into_iter().zip(results).enumerate();
        let ended: Vec<Ended> = ended
            // Other threads may have finished later cases before the first failure. Their results
            // are dropped, so the report does not depend on the number of threads.
            .map(|(index, (case, run))| Ended { case, run: run.filter(|_| index <= first_failure) })
            .collect();
        self.exploration.runs += ended.iter().filter(|ended| ended.run.is_some()).count();
        ended
    }

    /// Judges a run, and keeps its failure.
    fn judge(&mut self, case: &Case, run: Option<&Run>) -> Verdict {
        let (Some(run), Some(baseline)) = (run, self.baseline.clone()) else {
            return Verdict::Skipped;
        };
        if run.causes.is_empty() {
            return match run.is_reached {
                true => Verdict::Survived { has_effect: run.has_effect(&baseline) },
                false => Verdict::NotReached,
            };
        }
        let (causes, lines) = (run.causes.clone(), run.lines.clone());
        let mut failure = Failure::new(case.clone(), causes, lines, &baseline.lines);
        let text = case.to_string();
        failure.is_expected = self.explorer.expected.iter().any(|pattern| matches(pattern, &text));
        self.exploration.failures.push(failure);
        // The index stays valid, because failures are only added.
        Verdict::Failed(self.exploration.failures.len() - 1)
    }

    fn has_failed(&self) -> bool {
        self.exploration.failures.iter().any(|failure| !failure.is_expected)
    }

    /// Notices a scenario that survives because it does nothing, and one that does something else
    /// each time.
    fn check_effects(&mut self, survivors: &[(Case, Run)]) {
        let singles = &self.exploration.singles;
        let is_any =
            |wanted: fn(&Verdict) -> bool| singles.iter().any(|(_, verdict)| wanted(verdict));
        let has_failed = is_any(|verdict| matches!(verdict, Verdict::Failed(_)));
        // During an outage no attempt to connect is seen, so a client that does nothing looks
        // changed.
        let mut reacting = survivors.iter().flat_map(|(case, _)| &case.0);
        let has_effect = reacting.any(|injection| injection.fault != Fault::Outage);
        if self.explorer.selection.is_all() && !has_effect && !has_failed {
            let problem = "no fault had any effect on what the clients do: the scenario survives \
                           because it does not use the connection";
            self.exploration.problems.push(problem.into());
        }
        let missed: Vec<String> = self
            .exploration
            .sightings
            .iter()
            .filter(|sighting| {
                let mut verdicts =
                    self.exploration.at(&sighting.point).map(|(_, verdict)| verdict).peekable();
                verdicts.peek().is_some() && verdicts.all(|verdict| verdict == Verdict::NotReached)
            })
            .map(|sighting| sighting.point.to_string())
            .collect();
        if !missed.is_empty() {
            let problem = format!(
                "no run with a fault came to {}: the scenario does something else each time",
                missed.join(", ")
            );
            self.exploration.problems.push(problem);
        }
    }

    /// Notices expected failures that did not occur, and cases that were skipped.
    fn check_expectations(&mut self) {
        let exploration = &mut self.exploration;
        let all = exploration.singles.iter().chain(&exploration.several);
        let skipped = all.filter(|(_, verdict)| *verdict == Verdict::Skipped).count();
        // An expected failure may be among the skipped cases, so the checks below would be wrong.
        if skipped > 0 {
            let reason = match self.explorer.stops_at_first_failure {
                true => "they come after the first failure",
                false => "the time budget was used up",
            };
            exploration.notes.push(format!("{skipped} cases were skipped: {reason}"));
            return;
        }
        for pattern in &self.explorer.expected {
            let mut failures = exploration.failures.iter();
            if !failures.any(|failure| matches(pattern, &failure.case.to_string())) {
                exploration.problems.push(format!(
                    "no case that matches {pattern:?} failed: remove `expect_failure_at`"
                ));
            }
        }
        self.check_selection();
    }

    /// Notices a selection that no case matches, such as one with a typing error.
    fn check_selection(&mut self) {
        let exploration = &mut self.exploration;
        let selection = &self.explorer.selection;
        let all = exploration.singles.iter().chain(&exploration.several);
        let explored = all.flat_map(|(case, _)| &case.0);
        let points: BTreeSet<_> = explored.clone().map(|one| one.point.to_string()).collect();
        let faults: BTreeSet<_> = explored.clone().map(|one| one.fault.to_string()).collect();
        let users: BTreeSet<_> = explored.map(|one| one.point.user.clone()).collect();
        let known = exploration.sightings.iter().map(|sighting| &sighting.point);
        if points.is_empty() {
            let known: Vec<_> = known.map(ToString::to_string).collect();
            exploration.problems.push(format!(
                "no case matches the selection ({selection}). The points are {}",
                words::listed(&known)
            ));
            return;
        }
        let unused = [
            ("point", selection.points.iter().find(|one| !any_matches(one, &points))),
            ("fault", selection.faults.iter().find(|one| !any_matches(one, &faults))),
            ("user", selection.users.iter().find(|one| !users.contains(*one))),
        ];
        for (method, pattern) in unused {
            if let Some(pattern) = pattern {
                let problem = format!("no case matches `.{method}({pattern:?})`");
                exploration.problems.push(problem);
            }
        }
    }
}

fn any_matches(pattern: &str, names: &BTreeSet<String>) -> bool {
    names.iter().any(|name| matches(pattern, name))
}

/// Returns the points that a run has passed after the last of its faults.
fn later<'a>(case: &Case, run: &'a Run) -> Vec<&'a crate::explore::point::Sighting> {
    let last = case.0.last().map(|injection| &injection.point);
    let struck = run.sightings.iter().position(|sighting| Some(&sighting.point) == last);
    run.sightings[struck.map_or(0, |index| index + 1)..].iter().collect()
}

/// How many events a run without faults may have.
const LOG_LIMIT: u64 = 100_000;

/// How many times as many events a run with faults may have, and some more.
const LOG_GROWTH: u64 = 20;
