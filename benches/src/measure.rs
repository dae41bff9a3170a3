//! Samples, their medians and spreads, and the table of figures.

use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effort {
    Quick,
    Full,
}

impl Effort {
    /// A number of repetitions, or next to none.
    pub fn times(self, full: usize) -> usize {
        match self {
            Self::Quick => full.min(2),
            Self::Full => full,
        }
    }
}

/// The measurements of one contestant, one value a round. Less is better.
#[derive(Clone, Debug)]
pub struct Samples {
    pub name: String,
    pub values: Vec<f64>,
}

/// The unit of a figure's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    Bytes,
    /// Seconds, as a `f64` counts them.
    Time,
}

/// The target of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// It is there to be known.
    None,
    /// At most this many bytes or seconds.
    AtMost(f64),
    /// At most this many times what the other needs.
    RatioAtMost(f64),
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Figure {
    pub what: String,
    pub unit: Unit,
    pub ours: Samples,
    /// The contestant that it is compared with, if any.
    pub other: Option<Samples>,
    pub target: Target,
}

impl Figure {
    /// Rows for the first contestant against each of the others, with a target for each.
    pub fn against(what: &str, unit: Unit, contest: &[Samples], targets: &[Target]) -> Vec<Self> {
        let (ours, others) = contest.split_first().expect("a contest has a first contestant");
        let figure = |(other, target): (&Samples, &Target)| Self {
            what: what.into(),
            unit,
            ours: ours.clone(),
            other: Some(other.clone()),
            target: *target,
        };
        others.iter().zip(targets).map(figure).collect()
    }

    /// A row without anybody to compare with.
    pub fn alone(what: &str, unit: Unit, ours: Samples, target: Target) -> Self {
        Self { what: what.into(), unit, ours, other: None, target }
    }

    /// Ours over the other's, round by round: what disturbs a round disturbs both.
    fn ratios(&self) -> Option<Vec<f64>> {
        let other = self.other.as_ref()?;
        Some(self.ours.values.iter().zip(&other.values).map(|(a, b)| a / b).collect())
    }

    fn verdict(&self) -> String {
        let (limit, value, shown) = match self.target {
            Target::None => return String::new(),
            Target::AtMost(limit) => {
                (limit, median(&self.ours.values), format!("≤ {}", show(self.unit, limit)))
            }
            Target::RatioAtMost(limit) => {
                let ratios = self.ratios().unwrap_or_default();
                (limit, median(&ratios), format!("≤ {limit:.2}"))
            }
        };
        format!("{shown} {}", if value <= limit { "met" } else { "MISSED" })
    }
}

/// Measures contestants in turn, round after round, each by a function that gives one value.
pub fn rounds(rounds: usize, contestants: &mut [(&str, &mut dyn FnMut() -> f64)]) -> Vec<Samples> {
    let mut samples: Vec<_> = contestants
        .iter()
        .map(|(name, _)| Samples { name: (*name).into(), values: Vec::new() })
        .collect();
    for round in 0..rounds {
        // Nobody is always the one who runs behind the same other.
        for turn in 0..contestants.len() {
            let index = (turn + round) % contestants.len();
            samples[index].values.push((contestants[index].1)());
        }
    }
    samples
}

/// Seconds that a function takes.
pub fn seconds(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * q).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Prints the table: medians, with the quartiles in brackets.
pub fn print(figures: &[Figure]) {
    println!("| Benchmark | Ours | Against | Ratio | Target |");
    println!("|---|---|---|---|---|");
    for figure in figures {
        let spread = |values: &[f64], show: &dyn Fn(f64) -> String| {
            let [low, middle, high] = [0.25, 0.5, 0.75].map(|q| show(quantile(values, q)));
            format!("{middle} ({low} to {high})")
        };
        let shown = |samples: &Samples| spread(&samples.values, &|v| show(figure.unit, v));
        let other = figure
            .other
            .as_ref()
            .map(|other| format!("{} {}", other.name, shown(other)))
            .unwrap_or_default();
        let ratio = figure
            .ratios()
            .map(|ratios| spread(&ratios, &|ratio| format!("{ratio:.2}")))
            .unwrap_or_default();
        let (what, ours, verdict) = (&figure.what, shown(&figure.ours), figure.verdict());
        println!("| {what} | {ours} | {other} | {ratio} | {verdict} |");
    }
}

fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes if value.abs() < 1024.0 => format!("{value:.0} B"),
        Unit::Bytes => format!("{:.1} KiB", value / 1024.0),
        Unit::Time => {
            let duration = Duration::from_secs_f64(value.max(0.0));
            match duration.as_nanos() {
                0..1_000 => format!("{:.0} ns", value * 1e9),
                1_000..1_000_000 => format!("{:.1} µs", value * 1e6),
                1_000_000..1_000_000_000 => format!("{:.1} ms", value * 1e3),
                _ => format!("{value:.2} s"),
            }
        }
    }
}
