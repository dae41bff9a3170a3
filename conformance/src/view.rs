//! View: the part of a transcript that a client of the service can see, step by step.

use std::fmt::Write as _;

use crate::text::{sorted, values};

/// One step of a story: the lines that say what is done, and the events that follow from it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Step {
    pub(crate) causes: Vec<String>,
    pub(crate) events: Vec<Event>,
}

/// Something that a client observes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Event {
    /// The client, [`HTTP`] or [`HANDSHAKES`]. Order matters within a lane only.
    pub(crate) lane: String,
    /// The line of the transcript, without the name of the client.
    pub(crate) text: String,
}

impl Event {
    pub(crate) fn new(lane: &str, text: impl Into<String>) -> Self {
        Self { lane: lane.into(), text: text.into() }
    }

    fn line(&self) -> String {
        let Self { lane, text } = self;
        match lane.as_str() {
            HANDSHAKES => text.clone(),
            _ => format!("{lane} {text}"),
        }
    }
}

/// The lane of HTTP responses.
pub(crate) const HTTP: &str = "http";
/// The lane of handshakes that fail: the transcript does not say whose they are.
pub(crate) const HANDSHAKES: &str = "handshakes";

/// The text of an HTTP call without a response.
pub(crate) const NO_RESPONSE: &str = "< no response";
pub(crate) const HANDSHAKE_FAILED: &str = "handshake failed";
pub(crate) const UNREADABLE: &str = "< a frame that is not legal";
/// An event whose text ends with this may go on in any way.
pub(crate) const ANYTHING: char = '…';

/// Reads lines of the mock's transcript. The client is the one that acts, if any.
pub(crate) fn read(lines: &str, client: Option<&str>) -> Step {
    let mut step = Step::default();
    let (mut corrupted, mut fragments) = (None, Vec::new());
    for line in lines.lines() {
        let is_effect = line.starts_with("  ");
        let line = line.trim_start();
        if let Some(text) = line.strip_prefix("http < ") {
            step.events.push(Event::new(HTTP, response(text)));
        } else if let Some(refusal) = line.strip_prefix("handshake refused ") {
            let text = refusal.rsplit_once(" ([").map_or(refusal, |(text, _)| text);
            step.events.push(Event::new(HANDSHAKES, format!("handshake refused {text}")));
        } else if let Some(effect) = line.strip_prefix("~ ") {
            step.events.extend(effect_on_request(effect, client));
        } else if ["http > ", "test > ", "clock + "].iter().any(|start| line.starts_with(start)) {
            step.causes.push(line.to_owned());
        } else if let Some((lanes, text)) = split_names(line) {
            if let Some(effect) = text.strip_prefix("~ ") {
                if effect.starts_with("reset by") {
                    step.events.push(Event::new(&lanes[0], "is gone"));
                }
                corrupted = effect.strip_prefix("corrupted: ").or(corrupted);
                continue;
            }
            let is_cause = text.starts_with("> ")
                || text.starts_with("closes ")
                || (text == "is gone" && !is_effect);
            if is_cause {
                step.causes.push(line.to_owned());
                continue;
            }
            if !["< ", "closed ", "connects ", "is gone"]
                .iter()
                .any(|start| text.starts_with(start))
            {
                continue;
            }
            match corrupted {
                Some(kind) if kind.starts_with("Fragmented") => {
                    fragments.push((lanes[0].clone(), text.trim_start_matches("< ").to_owned()));
                }
                Some(kind) if is_illegal(kind) && text.starts_with("< ") => {
                    step.events.push(Event::new(&lanes[0], UNREADABLE));
                }
                Some(kind) if kind.starts_with("Truncated") && text.starts_with("< ") => {}
                Some(_) | None => {
                    step.events.extend(lanes.iter().map(|lane| Event::new(lane, text)));
                }
            }
        }
    }
    if let Some((lane, _)) = fragments.first() {
        let whole: String = fragments.iter().map(|(_, text)| text.as_str()).collect();
        step.events.push(Event::new(lane, format!("< {whole}")));
    }
    step
}

/// Returns `true` if a client cannot read a frame with this defect.
fn is_illegal(corruption: &str) -> bool {
    ["InvalidUtf8", "ReservedBit"].iter().any(|kind| corruption.starts_with(kind))
}

/// Returns the events that a client sees of a hook's effect on a handshake or a call.
fn effect_on_request(effect: &str, client: Option<&str>) -> Vec<Event> {
    let starts = |start: &str| effect.starts_with(start);
    if starts("handshake reset") {
        return vec![Event::new(HANDSHAKES, HANDSHAKE_FAILED)];
    }
    if let (Some(rest), Some(client)) =
        (effect.strip_prefix("handshake accepted, then closed with "), client)
    {
        let code = rest.split(' ').next().unwrap_or_default();
        return vec![
            Event::new(client, format!("connects {ANYTHING}")),
            Event::new(client, format!("closed {code} {ANYTHING}")),
        ];
    }
    if starts("answered with") || starts("body truncated") {
        return vec![Event::new(HTTP, format!("< {ANYTHING}"))];
    }
    if starts("reset by") || starts("closed in the ") {
        return vec![Event::new(HTTP, NO_RESPONSE)];
    }
    Vec::new()
}

/// Returns the text of a response, with its members in alphabetical order.
pub(crate) fn response(text: &str) -> String {
    match text.find('{') {
        Some(start) => format!("< {}{}", &text[..start], sorted(&text[start..])),
        None => format!("< {text}"),
    }
}

/// Splits `alice, bob < …` into names and the rest.
fn split_names(line: &str) -> Option<(Vec<String>, &str)> {
    let (mut names, mut rest) = (Vec::new(), line);
    loop {
        let (name, after) = if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let name = texts.next()?.ok()?;
            (name, &rest[texts.byte_offset()..])
        } else {
            let end = rest.find([' ', ','])?;
            (rest[..end].to_owned(), &rest[end..])
        };
        names.push(name);
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return Some((names, after.strip_prefix(' ')?)),
        }
    }
}

/// Returns `true` if two events differ only in values that no two services share.
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    skeleton(one) == skeleton(other)
}

fn skeleton(text: &str) -> String {
    let mut skeleton = String::new();
    let mut copied = 0;
    for literal in values(text) {
        let is_time = literal.value.len() >= 20 && literal.value.ends_with('Z');
        let keys = ["Id", "id", "MessageID", "MessageId", "token", "nextToken", "arn"];
        if is_time || keys.contains(&literal.key) {
            skeleton.push_str(&text[copied..literal.start]);
            copied = literal.end;
        }
    }
    skeleton.push_str(&text[copied..]);
    skeleton
}

/// Writes steps as a transcript: each cause, and below it the events of each lane.
pub(crate) fn write(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        for cause in &step.causes {
            let _ = writeln!(text, "{cause}");
        }
        for event in by_lane(&step.events) {
            let _ = writeln!(text, "  {}", event.line());
        }
    }
    text
}

/// The events with those of each lane together.
pub(crate) fn by_lane(events: &[Event]) -> Vec<&Event> {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by(|one, other| one.lane.cmp(&other.lane));
    sorted
}

/// Returns a transcript without the texts that the service words as it likes: those of errors.
pub(crate) fn without_texts(transcript: &str) -> String {
    let lines = transcript.lines().map(|line| {
        if let Some(rest) = line.trim_start().strip_prefix("handshake refused ") {
            return format!("  handshake refused {}\n", rest.split(':').next().unwrap_or_default());
        }
        let is_error = line.contains("\"ErrorMessage\":") || line.contains(" < 4");
        let keys: &[&str] = if is_error { &["ErrorMessage", "message"] } else { &[] };
        let mut without = String::new();
        let mut copied = 0;
        for literal in values(line).iter().filter(|literal| keys.contains(&literal.key)) {
            without.push_str(&line[copied..literal.start]);
            copied = literal.end;
        }
        without.push_str(&line[copied..]);
        without.push('\n');
        without
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_causes_and_events_of_each_client() {
        let lines = "alice > {\"a\":1}\n  alice, \"bo b\" < {\"b\":2}\n  alice ~ ignored by \"x\"\n\
                     handshake refused 401: no (old) ([token-1])\n  http < 400 X {\"b\":1,\"a\":2}\n\
                     quota exceeded: rooms, 1\n";
        let step = read(lines, None);
        assert_eq!(step.causes, ["alice > {\"a\":1}"]);
        let events: Vec<_> = step.events.iter().map(Event::line).collect();
        assert_eq!(
            events,
            [
                "alice < {\"b\":2}",
                "bo b < {\"b\":2}",
                "handshake refused 401: no (old)",
                "http < 400 X {\"a\":2,\"b\":1}"
            ]
        );
    }

    #[test]
    fn texts_of_errors_can_be_left_out() {
        let text =
            "  alice < {\"ErrorCode\":400,\"ErrorMessage\":\"a\"}\n  handshake refused 401: b\n";
        let other =
            "  alice < {\"ErrorCode\":400,\"ErrorMessage\":\"c\"}\n  handshake refused 401: d\n";
        assert_eq!(without_texts(text), without_texts(other));
        assert_ne!(without_texts(text), without_texts(&other.replace("400", "401")));
    }
}
