//! Scripts: a text format for a story about Amazon IVS Chat and the transcript that follows from it.
//!
//! tests/claims/README.md explains the format. Only `values` depends on the crate, and only on its public
//! items: a [`Stage`] carries out what a story says, and there is one for each way in which the
//! mock can be run.

pub(crate) mod corpus;
mod cursor;
pub(crate) mod diff;
pub(crate) mod header;
pub(crate) mod hook;
mod parser;
mod player;
pub(crate) mod review;
pub(crate) mod settings;
pub(crate) mod stage;
pub(crate) mod story;
pub(crate) mod values;

use std::fmt;

pub(crate) use header::Header;
pub(crate) use player::play;
pub(crate) use stage::Stage;
use story::Step;

/// A script: one behavior, how to see it, and what is seen.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) header: Header,
    pub(crate) steps: Vec<Step>,
    /// The expected transcript.
    pub(crate) transcript: String,
}

/// A fault of a script, and its line.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

/// The line between the parts of a script.
const SEPARATOR: &str = "---";

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let lines: Vec<&str> = text.lines().collect();
        let separators: Vec<usize> = separators(&lines).take(2).collect();
        let [end_of_header, end_of_story] = separators[..] else {
            let found = separators.len();
            let message = format!(
                "a script has a header, a story and a transcript with a line `{SEPARATOR}` after \
                 the header and after the story; found {found} of these 2 lines"
            );
            return Err(Problem::new(lines.len().max(1), message));
        };
        let header = Header::parse(&numbered(&lines, 0, end_of_header))?;
        let steps = parser::parse(&numbered(&lines, end_of_header + 1, end_of_story))?;
        header.check_requirements(&steps)?;
        let transcript = lines[end_of_story + 1..].iter().flat_map(|line| [*line, "\n"]).collect();
        Ok(Self { header, steps, transcript })
    }
}

/// Returns the text of a script with another transcript.
pub(crate) fn with_transcript(text: &str, transcript: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let end = separators(&lines).nth(1).map_or(lines.len(), |at| at + 1);
    let head = lines[..end].iter().flat_map(|line| [*line, "\n"]);
    head.chain([transcript]).collect()
}

fn separators<'a>(lines: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let all = lines.iter().enumerate();
    all.filter(|(_, line)| line.trim_end() == SEPARATOR).map(|(index, _)| index)
}

/// The lines of a part that say something, with their numbers from 1.
fn numbered<'a>(lines: &[&'a str], start: usize, end: usize) -> Vec<(usize, &'a str)> {
    let part = lines[start..end].iter().enumerate();
    let part = part.map(|(index, line)| (start + index + 1, line.trim_end()));
    part.filter(|(_, line)| !line.is_empty() && !line.trim_start().starts_with('#')).collect()
}
