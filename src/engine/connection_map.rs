//! Connection map: values by connection, in chunks that are dropped once all of their connections
//! have ended.

use std::collections::BTreeMap;

use crate::service::ConnectionId;

/// A map from connections to values.
///
/// Connection ids count up and are never reused, so a plain vector would grow with every
/// connection that a long-lived mock has ever had, and a search tree would cost a fan-out a long
/// descent for each recipient. Chunks keep lookups short, and memory follows the open connections.
#[derive(Debug)]
pub(crate) struct ConnectionMap<T> {
    chunks: BTreeMap<u32, Chunk<T>>,
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
        Self { chunks: BTreeMap::new(), length: 0 }
    }
}

impl<T> ConnectionMap<T> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&T> {
        let chunk = self.chunks.get(&(connection.0 / CHUNK))?;
        chunk.slots.get((connection.0 % CHUNK) as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(&(connection.0 / CHUNK))?;
        chunk.slots.get_mut((connection.0 % CHUNK) as usize)?.as_mut()
    }

    pub(crate) fn insert(&mut self, connection: ConnectionId, value: T) {
        let chunk = self
            .chunks
            .entry(connection.0 / CHUNK)
            .or_insert_with(|| Chunk { slots: Vec::new(), occupied: 0 });
        let index = (connection.0 % CHUNK) as usize;
        if chunk.slots.len() <= index {
            chunk.slots.resize_with(index + 1, || None);
        }
        if chunk.slots[index].replace(value).is_none() {
            chunk.occupied += 1;
            self.length += 1;
        }
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<T> {
        let number = connection.0 / CHUNK;
        let chunk = self.chunks.get_mut(&number)?;
        let removed = chunk.slots.get_mut((connection.0 % CHUNK) as usize)?.take()?;
        chunk.occupied -= 1;
        if chunk.occupied == 0 {
            self.chunks.remove(&number);
        }
        self.length -= 1;
        Some(removed)
    }

    /// Iterates over the values in the order of their connections.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.chunks.values().flat_map(|chunk| chunk.slots.iter().flatten())
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
        map.insert(ConnectionId(1), ());
        for number in 2..10_000 {
            map.insert(ConnectionId(number), ());
            map.remove(ConnectionId(number));
        }
        assert_eq!((map.len(), map.chunks.len()), (1, 1));
    }
}
