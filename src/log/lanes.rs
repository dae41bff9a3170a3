//! PerConnection: the log as one block for each connection, the same text however clients interleave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::Event;
use crate::log::timeline::title;
use crate::log::transcript;

/// The log as one block for each connection, to be printed or snapshotted.
///
/// Within a block stands first what the connection did and what came of it, in order; then, under
/// the name of each other party, what that party made arrive there. How the doings of different
/// parties interleaved is left out, and ids and labels are numbered by the party that caused
/// them. So the text is the same although clients act at once, as long as each party by itself
/// does the same in each run.
///
/// What stays dependent on the order: connections of the same user that are opened at once
/// (`alice` and `alice#2`), rooms that are created at once, and calls over HTTP that are made at
/// once, which all stand in the one block `http`.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// std::thread::scope(|threads| {
///     threads.spawn(|| alice.delete("Message00001", "spam"));
///     threads.spawn(|| bob.send_message("hello"));
/// });
/// let lanes = ivs.log().per_connection().to_string();
/// assert!(lanes.contains(r#"{"Type":"MESSAGE","Id":"[message-bob-1]","#));
/// ```
#[derive(Debug)]
pub struct PerConnection {
    text: String,
}

impl fmt::Display for PerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PerConnection {
    /// The lanes of some entries; causes may be among others of the log.
    pub(crate) fn new(entries: &[Entry], log: &[Entry], hides_times: bool) -> Self {
        let mut text = String::new();
        write(&mut text, entries, log, hides_times).expect("a string takes any text");
        Self { text }
    }
}

/// The lines of a block: those of its own, and those of each party that made them arrive.
#[derive(Default)]
struct Block {
    own: Vec<String>,
    of_others: BTreeMap<String, Vec<String>>,
}

fn write(f: &mut String, entries: &[Entry], log: &[Entry], hides_times: bool) -> fmt::Result {
    let titles: BTreeMap<u64, String> = log
        .iter()
        .map(|entry| (entry.index(), title(entry).unwrap_or_else(|| OTHERS.into())))
        .collect();
    let origin_of = |entry: &Entry| titles.get(&entry.record.cause).cloned();
    // Labels are given before anything is written, in the order in which each party acted.
    let mut labels = Labels::by_party(hides_times);
    for entry in entries {
        let origin = origin_of(entry).unwrap_or_else(|| titles[&entry.index()].clone());
        labels.name_party(origin.split(" (").next().unwrap_or_default());
        if let Some(text) = entry.text() {
            labels.apply(text);
        }
    }
    let mut blocks = BTreeMap::<&str, Block>::new();
    for entry in entries.iter().filter(|entry| !transcript::is_as_expected(entry)) {
        let lane = &titles[&entry.index()];
        let line = line(entry, &mut labels)?;
        let block = blocks.entry(lane).or_default();
        match origin_of(entry).filter(|origin| origin != lane && *origin != OTHERS) {
            None => block.own.push(line),
            Some(origin) => block.of_others.entry(origin).or_default().push(line),
        }
    }
    let connections: BTreeSet<&str> =
        blocks.keys().copied().filter(|lane| !is_ours(lane)).collect();
    for (index, lane) in
        OURS.into_iter().chain(connections).filter(|l| blocks.contains_key(l)).enumerate()
    {
        if index > 0 {
            f.push('\n');
        }
        writeln!(f, "{lane}")?;
        let Block { own, of_others } = &blocks[lane];
        own.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        for (origin, lines) in of_others {
            writeln!(f, "  by {origin}")?;
            lines.iter().try_for_each(|line| writeln!(f, "    {}", line.trim_start()))?;
        }
    }
    Ok(())
}

/// An entry as in the transcript, but without the name of its connection.
fn line(entry: &Entry, labels: &mut Labels) -> Result<String, fmt::Error> {
    let mut line = String::new();
    transcript::write_entry(&mut line, entry, labels)?;
    let name = match &entry.record.peer {
        Some(peer) => format!("{} ", transcript::Who(Some(peer))),
        None => match &entry.record.event {
            Event::Request(_) | Event::Response(_) => title(entry).unwrap_or_default() + " ",
            _ => String::new(),
        },
    };
    let rest = line.strip_prefix(&name).unwrap_or(&line);
    let indent = if entry.is_effect() { "  " } else { "" };
    Ok(format!("{indent}{rest}"))
}

fn is_ours(lane: &str) -> bool {
    OURS.contains(&lane)
}

/// The lane of what concerns no connection and no call: the clock, refused handshakes.
const OTHERS: &str = "service";

/// The lanes that are none of a connection, in the order in which they stand.
const OURS: [&str; 3] = [OTHERS, "test", "http"];
