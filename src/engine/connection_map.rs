//! Connection map: values by connection, in chunks that are dropped once all of their connections
//! have ended.

use std::collections::VecDeque;

use crate::service::ConnectionId;

/// A map from connections to values.
///
/// Connection ids count up and are never reused, so a plain vector would grow with every
/// connection that a long-lived mock has ever had, and a search tree would cost a fan-out a
/// descent for each recipient. A lookup here takes two indexes. Memory follows the open
/// connections, but for a few words for every 64 ids since the oldest open connection.
#[derive(Debug)]
pub(crate) struct ConnectionMap<T> {
    /// The chunks from the first to the last one that has a value.
    chunks: VecDeque<Option<Chunk<T>>>,
    /// The number of the first chunk.
    first: u32,
    length: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    slots: Vec<Option<T>>,
    occupied: usize,
}

const CHUNK: u32 = 64;

impl<T> Default for ConnectionMap<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), first: 0, length: 0 }
    }
}

impl<T> ConnectionMap<T> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Returns the place of a chunk, which may be beyond the end.
    fn place(&self, connection: ConnectionId) -> Option<usize> {
        // A chunk before the first one is gone, because all of its connections have ended.
        (connection.0 / CHUNK).checked_sub(self.first).map(|place| place as usize)
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&T> {
        let chunk = self.chunks.get(self.place(connection)?)?.as_ref()?;
        chunk.slots.get((connection.0 % CHUNK) as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut T> {
        let place = self.place(connection)?;
        let chunk = self.chunks.get_mut(place)?.as_mut()?;
        chunk.slots.get_mut((connection.0 % CHUNK) as usize)?.as_mut()
    }

    pub(crate) fn insert(&mut self, connection: ConnectionId, value: T) {
        let chunk = self.chunk_for(connection.0 / CHUNK);
        let index = (connection.0 % CHUNK) as usize;
        if chunk.slots.len() <= index {
            chunk.slots.resize_with(index + 1, || None);
        }
        if chunk.slots[index].replace(value).is_none() {
            chunk.occupied += 1;
            self.length += 1;
        }
    }

    /// Returns the chunk of a number, which it adds if there is none.
    fn chunk_for(&mut self, number: u32) -> &mut Chunk<T> {
        if self.chunks.is_empty() {
            self.first = number;
        }
        // Responses to handshakes may come in another order than that of their IDs.
        while number < self.first {
            self.chunks.push_front(None);
            self.first -= 1;
        }
        let place = (number - self.first) as usize;
        if self.chunks.len() <= place {
            self.chunks.resize_with(place + 1, || None);
        }
        self.chunks[place].get_or_insert_with(|| Chunk { slots: Vec::new(), occupied: 0 })
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<T> {
        let place = self.place(connection)?;
        let slot = self.chunks.get_mut(place)?;
        let chunk = slot.as_mut()?;
        let removed = chunk.slots.get_mut((connection.0 % CHUNK) as usize)?.take()?;
        chunk.occupied -= 1;
        if chunk.occupied == 0 {
            // An empty chunk between others stays as a `None`, because places count from the first
            // chunk.
            *slot = None;
            self.drop_empty_ends();
        }
        self.length -= 1;
        Some(removed)
    }

    fn drop_empty_ends(&mut self) {
        // Each iteration undoes one addition of a chunk, so a removal takes constant time on
        // average.
        while let Some(None) = self.chunks.front() {
            self.chunks.pop_front();
            self.first += 1;
        }
        while let Some(None) = self.chunks.back() {
            self.chunks.pop_back();
        }
    }

    /// Iterates over the values in the order of their connections.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().flat_map(|chunk| chunk.slots.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_until_they_are_removed() {
        let mut map = ConnectionMap::default();
        for number in [1, 63, 64, 65, 1_000] {
            map.insert(ConnectionId(number), number);
        }
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [1, 63, 64, 65, 1_000]);
        assert_eq!((map.get(ConnectionId(64)), map.get(ConnectionId(66))), (Some(&64), None));
        *map.get_mut(ConnectionId(64)).unwrap() = 7;
        assert_eq!(map.remove(ConnectionId(64)), Some(7));
        assert_eq!(map.remove(ConnectionId(64)), None);
        assert_eq!((map.len(), map.get(ConnectionId(64))), (4, None));
        map.insert(ConnectionId(65), 8);
        assert_eq!((map.len(), map.get(ConnectionId(65))), (4, Some(&8)));
    }

    #[test]
    fn chunks_without_values_are_dropped() {
        let mut map = ConnectionMap::default();
        for number in 1..10_000 {
            map.insert(ConnectionId(number), ());
            map.remove(ConnectionId(number));
        }
        assert!(map.chunks.is_empty());
        map.insert(ConnectionId(10_000), ());
        for number in 10_001..20_000 {
            map.insert(ConnectionId(number), ());
            map.remove(ConnectionId(number));
        }
        assert_eq!((map.len(), map.chunks.len()), (1, 1));
    }

    #[test]
    fn a_chunk_can_be_added_before_the_first_one() {
        let mut map = ConnectionMap::default();
        map.insert(ConnectionId(1_000), 2);
        map.insert(ConnectionId(5), 1);
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [1, 2]);
        map.remove(ConnectionId(5));
        assert_eq!((map.chunks.len(), map.get(ConnectionId(5))), (1, None));
        assert_eq!(map.get(ConnectionId(1_000)), Some(&2));
    }
}
