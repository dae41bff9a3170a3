//! [`PerConnection`]: the log as one block for each connection, independent of how clients interleave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::log::entry::Entry;
use crate::log::labels::Labels;
use crate::log::record::Event;
use crate::log::secrets::TokenLabels;
use crate::log::timeline::title;
use crate::log::transcript;

/// The log as one block for each connection, to print or snapshot.
///
/// A block first lists the connection's own actions and their results, in order. Entries that
/// another peer caused follow under that peer's name. The interleaving of different peers is left
/// out, and IDs and labels are numbered for each peer. Therefore the text is the same for
/// concurrent clients, as long as each peer by itself behaves the same in every run.
///
/// The order still matters in three cases: when connections of one user are opened concurrently
/// (`alice` and `alice#2`), when rooms are created concurrently, and when HTTP requests are sent
/// concurrently, because all requests share the block `http`.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat};
///
/// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// std::thread::scope(|threads| {
///     threads.spawn(|| alice.delete_message("Message00001", "spam"));
///     threads.spawn(|| bob.send_message("hello"));
/// });
/// let lanes = ivs.log().per_connection().to_string();
/// assert!(lanes.contains(r#"{"Type":"MESSAGE","Id":"[message-bob-1]","#));
/// ```
#[doc(alias = "Lanes")]
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
    /// Creates the blocks of some entries. Their causes may be elsewhere in the log.
    pub(crate) fn new(entries: &[Entry], log: &[Entry], hides_times: bool) -> Self {
        let mut text = String::new();
        write(&mut text, entries, log, hides_times).expect("a string takes any text");
        // Only now, because the blocks are in another order than the log.
        Self { text: TokenLabels::new().label(&text).into_owned() }
    }
}

/// The lines of a block: its own lines, and the lines that each other peer caused.
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
    // Labels are assigned before anything is written, in the order in which each peer acted.
    let mut labels = Labels::numbered_by_peer(hides_times);
    for entry in entries {
        // The cause may be an entry that a bounded log has dropped. The entry then counts as its
        // connection's own.
        let origin = origin_of(entry).unwrap_or_else(|| titles[&entry.index()].clone());
        labels.set_peer(origin.split(" (").next().unwrap_or_default());
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
    // By name, because the order of the first entries depends on how the peers interleave.
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

/// Writes an entry as in the transcript, but without the name of its connection.
fn line(entry: &Entry, labels: &mut Labels) -> Result<String, fmt::Error> {
    let mut line = String::new();
    transcript::write_entry(&mut line, entry, labels)?;
    let name = match &entry.record.peer {
        Some(peer) => format!("{} ", transcript::Who(Some(peer))),
        None => match &entry.record.event {
            Event::Request(_) | Event::Response(_) | Event::Undelivered(_) => {
                title(entry).unwrap_or_default() + " "
            }
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

/// The block of entries without a connection or request: the clock and refused handshakes.
const OTHERS: &str = "service";

/// The blocks that do not belong to a connection, in the order of output.
const OURS: [&str; 3] = [OTHERS, "test", "http"];
