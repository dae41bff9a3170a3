//! Log store: all records in order, with the indexes that keep waits fast.

use std::collections::{BTreeMap, VecDeque};

use crate::log::record::Record;
use crate::log::retention::LogRetention;
use crate::proto::payload::Key;
use crate::service::ConnectionId;

/// The log of a mock, in chunks that never move.
#[derive(Debug, Default)]
pub(crate) struct LogStore {
    chunks: VecDeque<Chunk>,
    dropped_chunks: usize,
    length: usize,
    limit: Option<usize>,
    /// The number of entries when the test last cleared the log.
    cleared: usize,
    /// The numbers of the entries of each connection whose participant waits for frames.
    followed: BTreeMap<ConnectionId, VecDeque<u64>>,
}

/// Consecutive records, with the position of the first one for each key. The index is dropped
/// together with the records, so a bounded log has a bounded index.
#[derive(Debug, Default)]
struct Chunk {
    records: Vec<Record>,
    firsts: BTreeMap<Key, u16>,
    last_key: Option<Key>,
}

/// The entries that a search must examine: all, or those of one connection or with one key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) key: Option<Key>,
}

/// Some of the entries that a search must examine.
#[derive(Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) records: Vec<(u64, &'a Record)>,
    /// The start of the next step; the length of the log if nothing is left.
    pub(crate) next: u64,
}

impl Selection {
    fn admits(self, record: &Record) -> bool {
        let connection = record.peer.as_ref().map(|peer| peer.connection);
        (self.connection.is_none() || self.connection == connection)
            && (self.key.is_none() || self.key == record.key())
    }
}

impl LogStore {
    pub(crate) fn new(recording: LogRetention) -> Self {
        let limit = match recording {
            LogRetention::All => None,
            LogRetention::Last(count) => Some(count),
            LogRetention::Off => Some(0),
        };
        Self { limit, ..Self::default() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        let number = self.len();
        self.length += 1;
        // Counted all the same, because marks and numbers go on without entries.
        if self.limit == Some(0) {
            return;
        }
        if self.chunks.back().is_none_or(|chunk| chunk.records.len() == CHUNK) {
            // The first chunk grows with its entries, so a mock with a short log takes little
            // memory.
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK };
            let records = Vec::with_capacity(capacity);
            self.chunks.push_back(Chunk { records, ..Chunk::default() });
            // Once per chunk is enough, because readers skip what is beyond the limit. The new
            // chunk is never dropped, because its record is newer than all that are.
            self.drop_chunks();
        }
        // Most mocks have no participant that waits, so most entries need no index.
        if !self.followed.is_empty() {
            self.index_followed(number, &record);
        }
        self.chunks.back_mut().expect("there is a chunk with room").push(record);
    }

    /// Drops the chunks of which no record is shown any more.
    fn drop_chunks(&mut self) {
        while (self.dropped_chunks + 1) * CHUNK <= self.dropped() as usize
            && self.chunks.pop_front().is_some()
        {
            self.dropped_chunks += 1;
        }
    }

    /// Drops all entries. The numbers of later entries continue, so marks stay valid.
    pub(crate) fn clear(&mut self) {
        // The last chunk stays unless it is full, because later entries continue in it. Readers
        // skip its dropped records.
        self.cleared = self.length;
        self.drop_chunks();
    }

    fn index_followed(&mut self, number: u64, record: &Record) {
        let dropped = self.dropped();
        let connection = record.peer.as_ref().map(|peer| peer.connection);
        let numbers = connection.and_then(|connection| self.followed.get_mut(&connection));
        if let Some(numbers) = numbers {
            // Pruned when an entry is added, so that a push does not touch the indexes of all
            // participants.
            while numbers.front().is_some_and(|first| *first < dropped) {
                numbers.pop_front();
            }
            numbers.push_back(number);
        }
    }

    /// Starts an index of a connection's entries. `since` is a log position before which the
    /// connection has no entries.
    pub(crate) fn follow(&mut self, connection: ConnectionId, since: u64) {
        // A participant calls this for each wait, so it must be cheap from the second time on.
        if self.followed.contains_key(&connection) {
            return;
        }
        let wanted = Selection { connection: Some(connection), key: None };
        // One look at the past, after which `push` keeps the index.
        let own = self.since(since).filter(|(_, record)| wanted.admits(record));
        let numbers = own.map(|(number, _)| number).collect();
        self.followed.insert(connection, numbers);
    }

    /// Drops the index of a connection. Searches then read the whole log.
    pub(crate) fn unfollow(&mut self, connection: ConnectionId) {
        self.followed.remove(&connection);
    }

    /// Returns the number of entries recorded so far.
    pub(crate) const fn len(&self) -> u64 {
        self.length as u64
    }

    /// Returns the number of entries at the start of the log that are no longer kept.
    pub(crate) fn dropped(&self) -> u64 {
        self.beyond_limit().max(self.cleared) as u64
    }

    /// Returns how many entries, the first ones, are no longer shown although the test has not
    /// cleared them.
    pub(crate) fn lost(&self) -> u64 {
        if self.beyond_limit() > self.cleared { self.dropped() } else { 0 }
    }

    fn beyond_limit(&self) -> usize {
        self.limit.map_or(0, |limit| self.length.saturating_sub(limit))
    }

    /// Returns the records from a position on.
    pub(crate) fn since(&self, first: u64) -> impl Iterator<Item = (u64, &Record)> {
        // The oldest chunk may also contain records that are dropped but not freed yet.
        let first = first.max(self.dropped());
        self.chunks_since(first).flat_map(move |(base, chunk)| {
            let start = usize::try_from(first.saturating_sub(base)).unwrap_or(usize::MAX);
            let records = chunk.records.iter().enumerate().skip(start);
            records.map(move |(place, record)| (base + place as u64, record))
        })
    }

    /// Returns the chunks with records from a position on, each with the number of its first
    /// record.
    fn chunks_since(&self, first: u64) -> impl Iterator<Item = (u64, &Chunk)> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let chunks = (self.dropped_chunks..).zip(&self.chunks);
        chunks
            .skip((first / CHUNK).saturating_sub(self.dropped_chunks))
            .map(|(index, chunk)| ((index * CHUNK) as u64, chunk))
    }

    /// Returns at most `most` selected records from a position on. The work for one call is
    /// bounded, because the caller holds the mock's lock. Therefore a call may return fewer
    /// records, or none, with a `next` that is still before the end of the log.
    pub(crate) fn select(&self, wanted: Selection, first: u64, most: usize) -> Selected<'_> {
        let first = first.max(self.dropped());
        if let (Some(connection), None) = (wanted.connection, wanted.key) {
            if let Some(numbers) = self.followed.get(&connection) {
                return self.select_followed(numbers, first, most);
            }
        }
        let (mut records, mut examined) = (Vec::new(), 0);
        for (base, chunk) in self.chunks_since(first) {
            // A chunk without the key is skipped without a look at its records, so it does not
            // count as examined.
            let Some(start) = chunk.start(wanted.key) else { continue };
            // Only the first chunk can begin before `first`. In all others the subtraction
            // saturates to 0.
            let start = start.max(usize::try_from(first.saturating_sub(base)).unwrap_or(CHUNK));
            for (place, record) in chunk.records.iter().enumerate().skip(start) {
                examined += 1;
                let number = base + place as u64;
                if wanted.admits(record) {
                    records.push((number, record));
                }
                if records.len() == most || examined == MOST_EXAMINED {
                    return Selected { records, next: number + 1 };
                }
            }
        }
        Selected { records, next: self.len() }
    }

    fn select_followed(&self, numbers: &VecDeque<u64>, first: u64, most: usize) -> Selected<'_> {
        // The numbers ascend. Those that are dropped are before `first`, so each of the others has
        // a record.
        let start = numbers.partition_point(|number| *number < first);
        let own = numbers.range(start..).take(most);
        let records: Vec<_> =
            own.filter_map(|number| Some((*number, self.get(*number)?))).collect();
        let next = match records.last() {
            // There may be more after the last one only if the selection was cut off.
            Some((last, _)) if records.len() == most => last + 1,
            _ => self.len(),
        };
        Selected { records, next }
    }

    fn get(&self, number: u64) -> Option<&Record> {
        let number = usize::try_from(number).ok()?;
        // All chunks but the last are full, so a number says in which chunk its record is.
        let chunk = self.chunks.get((number / CHUNK).checked_sub(self.dropped_chunks)?)?;
        chunk.records.get(number % CHUNK)
    }
}

impl Chunk {
    fn push(&mut self, record: Record) {
        let key = record.key();
        // A room sends one frame to many connections in a row. Comparing with the last key avoids
        // a lookup for all but the first of them, and loses nothing: the index has first places.
        if key.is_some() && key != self.last_key {
            self.last_key = key;
            let place = u16::try_from(self.records.len()).expect("a chunk has fewer than 65,536");
            key.into_iter().for_each(|key| _ = self.firsts.entry(key).or_insert(place));
        }
        self.records.push(record);
    }

    /// Returns the position at which a search for a key starts; `None` if no record has the key.
    fn start(&self, key: Option<Key>) -> Option<usize> {
        match key {
            None => Some(0),
            Some(key) => self.firsts.get(&key).map(|place| usize::from(*place)),
        }
    }
}

/// The number of records in a chunk, small enough that a short log does not reserve much memory.
const CHUNK: usize = 1024;

/// The maximum number of records that one call of `select` examines.
const MOST_EXAMINED: usize = 4 * CHUNK;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::record::{Event, Peer};
    use crate::proto::payload::Payload;
    use crate::proto::timestamp::Timestamp;
    use crate::service::room_names::RoomNames;

    fn push(store: &mut LogStore, count: u64) {
        for _ in 0..count {
            push_event(store, None, Event::Disconnected);
        }
    }

    fn push_event(store: &mut LogStore, peer: Option<&Arc<Peer>>, event: Event) {
        let (at, cause) = (Timestamp::default(), store.len());
        store.push(Record { at, cause, peer: peer.cloned(), event });
    }

    fn peer(number: u32) -> Arc<Peer> {
        let connection = ConnectionId(number);
        let user_id = "alice".into();
        let room = RoomNames { label: "lobby".into(), arn: "arn:room/Room00000001".into() };
        Arc::new(Peer { connection, label: "alice".into(), user_id, room, is_participant: false })
    }

    fn message(content: &str) -> Event {
        let text = format!(
            r#"{{"Type":"MESSAGE","Id":"Message00001","RequestId":"","Attributes":null,"Content":"{content}","SendTime":"2026-01-01T00:00:00Z","Sender":{{"UserId":"alice","Attributes":{{}}}}}}"#
        );
        Event::FrameSent(Payload::from_text(text))
    }

    fn kept(store: &LogStore, first: u64) -> Vec<u64> {
        let numbers = store.since(first).map(|(number, record)| {
            assert_eq!(record.cause, number);
            number
        });
        numbers.collect()
    }

    fn selected(store: &LogStore, wanted: Selection) -> Vec<u64> {
        let (mut numbers, mut next) = (Vec::new(), 0);
        while next < store.len() {
            let selected = store.select(wanted, next, 3);
            assert!(selected.next > next && selected.records.len() <= 3);
            numbers.extend(selected.records.iter().map(|(number, _)| *number));
            next = selected.next;
        }
        numbers
    }

    #[test]
    fn a_bounded_log_keeps_the_last_entries_and_the_numbers_of_all() {
        for limit in [1, 10, 1023, 1024, 1025, 3000] {
            let mut store = LogStore::new(LogRetention::Last(limit as usize));
            for _ in 0..10 {
                push(&mut store, 700);
                let length = store.len();
                let first = length.saturating_sub(limit);
                assert_eq!(store.dropped(), first);
                assert_eq!(kept(&store, 0), (first..length).collect::<Vec<_>>());
                assert_eq!(kept(&store, length - 1), [length - 1]);
                assert!(kept(&store, length).is_empty());
                assert!(store.chunks.len() as u64 <= limit / CHUNK as u64 + 2);
            }
        }
    }

    #[test]
    fn a_log_that_is_cleared_keeps_counting_and_has_lost_nothing() {
        let mut store = LogStore::new(LogRetention::Last(3000));
        for length in [700, 1024, 2048, 2500] {
            let missing = length - store.len();
            push(&mut store, missing);
            store.clear();
            assert!(kept(&store, 0).is_empty());
            assert_eq!((store.len(), store.dropped(), store.lost()), (length, length, 0));
            assert!(store.chunks.len() <= 1);
        }
        push(&mut store, 2000);
        assert_eq!(kept(&store, 0), (2500..4500).collect::<Vec<_>>());
        push(&mut store, 2000);
        assert_eq!((kept(&store, 0).len(), store.lost()), (3000, 3500));
    }

    #[test]
    fn a_log_that_is_off_only_counts() {
        let mut store = LogStore::new(LogRetention::Off);
        push(&mut store, 5000);
        assert_eq!((store.len(), store.dropped()), (5000, 5000));
        assert!(kept(&store, 0).is_empty() && store.chunks.is_empty());
    }

    #[test]
    fn a_search_sees_exactly_the_entries_with_its_key() {
        for recording in [LogRetention::All, LogRetention::Last(1500)] {
            let mut store = LogStore::new(recording);
            for round in 0..9 {
                push_event(&mut store, None, message("a"));
                push_event(&mut store, None, message("b"));
                push_event(&mut store, None, message("a"));
                push(&mut store, 400 * (round % 3));
            }
            let wanted = Selection { connection: None, key: Some(Key::new("MESSAGE", "a")) };
            let slow = store.since(0).filter(|(_, record)| wanted.admits(record));
            let slow: Vec<_> = slow.map(|(number, _)| number).collect();
            assert!(slow.len() > 2);
            assert_eq!(selected(&store, wanted), slow);
        }
    }

    #[test]
    fn a_followed_connection_has_the_entries_from_before_and_after() {
        for recording in [LogRetention::All, LogRetention::Last(1500)] {
            let mut store = LogStore::new(recording);
            let (alice, bob) = (peer(1), peer(2));
            let wanted = Selection { connection: Some(alice.connection), key: None };
            for round in 0..2000 {
                push_event(&mut store, Some(&alice), message("a"));
                push_event(&mut store, Some(&bob), message("b"));
                if round == 100 {
                    store.follow(alice.connection, 0);
                }
            }
            let followed = selected(&store, wanted);
            store.unfollow(alice.connection);
            assert!(followed.len() >= 700);
            assert_eq!(followed, selected(&store, wanted));
        }
    }
}
