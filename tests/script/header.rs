//! Header: what a script demonstrates, and how that is known.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::Problem;
use super::story::{Command, OPERATIONS, Step};

/// The header of a script.
#[derive(Debug)]
pub(crate) struct Header {
    /// The area and the name, as in the path of the file.
    pub(crate) claim: String,
    pub(crate) kind: String,
    /// The operations, actions and frames that the claim is about.
    pub(crate) covers: Vec<String>,
    pub(crate) requires: BTreeSet<Requirement>,
    pub(crate) facts: Vec<Fact>,
    /// The line of `requires`, for complaints.
    line: usize,
}

/// One fact, how it is known, and from where.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) fact: String,
    pub(crate) provenance: String,
    pub(crate) source: String,
    /// When it was seen, if that matters.
    pub(crate) date: Option<String>,
}

/// A requirement on a service, beyond the API, for running a script.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Requirement {
    Clock,
    Hooks,
    /// More time than anyone waits for by accident, where the clock cannot be moved.
    Hour,
    Lambda,
    Settings,
    Wire,
}

impl Requirement {
    pub(crate) const ALL: [Self; 6] =
        [Self::Clock, Self::Hooks, Self::Hour, Self::Lambda, Self::Settings, Self::Wire];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Hooks => "hooks",
            Self::Hour => "hour",
            Self::Lambda => "lambda",
            Self::Settings => "settings",
            Self::Wire => "wire",
        }
    }
}

/// From this time on a story requires `hour`.
const HOUR: Duration = Duration::from_secs(10 * 60);

/// The kinds of claims. `mock` is for the mock's own tools, about which the service says nothing.
pub(crate) const KINDS: [&str; 17] = [
    "close",
    "error response",
    "frame",
    "handshake",
    "id form",
    "member omitted",
    "mock",
    "order",
    "pagination",
    "parameter ignored",
    "quota",
    "review",
    "stub",
    "time form",
    "timing",
    "validation",
    "wrong behavior",
];

/// How a fact is known. `designed` is for the mock's own tools.
pub(crate) const PROVENANCES: [&str; 5] =
    ["recorded", "observed", "documented", "assumed", "designed"];

/// The subject of a claim, apart from the operations.
const FRAMES: [&str; 9] = [
    "DELETE_MESSAGE",
    "DISCONNECT_USER",
    "ERROR",
    "EVENT",
    "MESSAGE",
    "SEND_MESSAGE",
    "close",
    "handshake",
    "ping",
];

impl Header {
    pub(crate) fn parse(lines: &[(usize, &str)]) -> Result<Self, Problem> {
        let mut fields = Fields(read_fields(lines)?);
        let (_, claim) = fields.next("claim")?;
        let (line, kind) = fields.next("kind")?;
        one_of(line, "kind", &kind, &KINDS)?;
        let (line, covers) = fields.next("covers")?;
        let covers: Vec<String> = covers.split(',').map(|word| word.trim().to_owned()).collect();
        for word in &covers {
            let known = [&OPERATIONS[..], &FRAMES[..]].concat();
            one_of(line, "covers", word, &known)?;
        }
        let (line, requires) = fields.next("requires")?;
        let requires = read_requirements(line, &requires)?;
        let mut facts = Vec::new();
        while !fields.0.is_empty() {
            facts.push(Fact::read(&mut fields, kind == "mock")?);
        }
        if facts.is_empty() {
            return Err(Problem::new(line, "expected `fact: …` after this line"));
        }
        Ok(Self { claim, kind, covers, requires, facts, line })
    }

    /// Checks that the header names what the story needs, no more and no less.
    pub(crate) fn check_requirements(&self, steps: &[Step]) -> Result<(), Problem> {
        let mut needed: BTreeSet<_> =
            steps.iter().filter_map(|step| step.command.requirement()).collect();
        // Any command can be about bytes, such as those of a large frame.
        needed.extend(self.requires.get(&Requirement::Wire));
        let time = steps.iter().map(|step| match step.command {
            Command::Clock(duration) => duration,
            _ => Duration::ZERO,
        });
        if time.sum::<Duration>() >= HOUR {
            needed.insert(Requirement::Hour);
        }
        if needed == self.requires {
            return Ok(());
        }
        let needed = list(&needed);
        Err(Problem::new(self.line, format!("the story needs `requires: {needed}`")))
    }

    /// Whether the story is about bytes, so that it cannot be played on the engine alone.
    pub(crate) fn requires_wire(&self) -> bool {
        self.requires.contains(&Requirement::Wire)
    }

    /// Returns a covered operation, action or frame that a transcript does not show.
    pub(crate) fn uncovered(&self, transcript: &str) -> Option<&str> {
        let is_shown = |word: &str| match word {
            "close" => transcript.contains(" close"),
            "handshake" => transcript.contains(" connects") || transcript.contains("handshake"),
            "ListTagsForResource" | "TagResource" | "UntagResource" => {
                transcript.contains(" /tags/")
            }
            _ => transcript.contains(word),
        };
        self.covers.iter().map(String::as_str).find(|word| !is_shown(word))
    }
}

impl Fact {
    fn read(fields: &mut Fields, is_mock: bool) -> Result<Self, Problem> {
        let (_, fact) = fields.next("fact")?;
        let (line, provenance) = fields.next("provenance")?;
        one_of(line, "provenance", &provenance, &PROVENANCES)?;
        if is_mock != (provenance == "designed") {
            let message = "`provenance: designed` belongs to `kind: mock`, and to no other kind";
            return Err(Problem::new(line, message));
        }
        let (_, source) = fields.next("source")?;
        let date = fields.next("date").ok().map(|(_, date)| date);
        Ok(Self { fact, provenance, source, date })
    }
}

/// One line for each fact: the claim, its kind, what it covers and requires, the provenance and
/// the source, separated by ` | `.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claim, kind, covers, requires, facts, .. } = self;
        let (covers, requires) = (covers.join(", "), list(requires));
        for (index, Fact { fact, provenance, source, date }) in facts.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{claim} | {kind} | {covers} | {requires} | {fact} | ")?;
            write!(f, "{provenance} | {source}")?;
            if let Some(date) = date {
                write!(f, " | {date}")?;
            }
        }
        Ok(())
    }
}

/// The fields of a header that have not been read yet, with the numbers of their lines.
struct Fields(Vec<(usize, String, String)>);

impl Fields {
    /// Reads the next field, which must be this one.
    fn next(&mut self, key: &str) -> Result<(usize, String), Problem> {
        match self.0.first() {
            Some((_, found, _)) if found == key => {
                let (line, _, value) = self.0.remove(0);
                Ok((line, value))
            }
            Some((line, found, _)) => {
                Err(Problem::new(*line, format!("expected `{key}: …`, found `{found}: …`")))
            }
            None => Err(Problem::new(1, format!("the header ends without `{key}: …`"))),
        }
    }
}

/// Reads `key: value`; an indented line continues the value before it.
fn read_fields(lines: &[(usize, &str)]) -> Result<Vec<(usize, String, String)>, Problem> {
    let mut fields: Vec<(usize, String, String)> = Vec::new();
    for &(number, line) in lines {
        if line.starts_with(' ') {
            let Some((_, _, value)) = fields.last_mut() else {
                return Err(Problem::new(number, "an indented line continues a field before it"));
            };
            *value = format!("{value} {}", line.trim());
            continue;
        }
        match line.split_once(':') {
            Some((key, value)) if !value.trim().is_empty() => {
                fields.push((number, key.to_owned(), value.trim().to_owned()));
            }
            _ => {
                return Err(Problem::new(number, format!("expected `key: value`, found `{line}`")));
            }
        }
    }
    Ok(fields)
}

fn read_requirements(line: usize, text: &str) -> Result<BTreeSet<Requirement>, Problem> {
    if text == NOTHING {
        return Ok(BTreeSet::new());
    }
    let names = Requirement::ALL.map(Requirement::name);
    let mut requirements = BTreeSet::new();
    for word in text.split(',').map(str::trim) {
        one_of(line, "requires", word, &names)?;
        requirements.extend(Requirement::ALL.into_iter().filter(|one| one.name() == word));
    }
    Ok(requirements)
}

/// Returns the names of requirements, separated by commas, or `nothing`.
pub(crate) fn list(requirements: &BTreeSet<Requirement>) -> String {
    if requirements.is_empty() {
        return NOTHING.into();
    }
    requirements.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ")
}

const NOTHING: &str = "nothing";

fn one_of(line: usize, key: &str, word: &str, known: &[&str]) -> Result<(), Problem> {
    if known.contains(&word) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(Problem::new(line, format!("`{key}` must be one of {known}; found `{word}`")))
}

impl Command {
    /// Returns the requirement of this command.
    fn requirement(&self) -> Option<Requirement> {
        match self {
            Self::Clock(_) => Some(Requirement::Clock),
            Self::Hook(_) | Self::RemoveHook(_) | Self::Release { .. } => Some(Requirement::Hooks),
            Self::Request { .. } => Some(Requirement::Wire),
            Self::Review { .. } => Some(Requirement::Lambda),
            Self::Setting(_) => Some(Requirement::Settings),
            Self::Repeat { command, .. } => command.requirement(),
            Self::Room { .. }
            | Self::Token(_)
            | Self::Participant(_)
            | Self::Call { .. }
            | Self::Connect { .. }
            | Self::Send { .. }
            | Self::Close { .. }
            | Self::Vanish { .. } => None,
        }
    }
}
