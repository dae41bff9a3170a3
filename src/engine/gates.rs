//! Gates: points at which events wait until the test lets them go.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::timers::{Deferred, Waiting};
use crate::hook::ids::GateId;

/// The closed gates and what waits at each.
///
/// A gate that was released is not kept: it holds nothing, like a gate of another mock.
#[derive(Debug)]
pub(super) struct Gates {
    mock: u64,
    closed: BTreeMap<GateId, VecDeque<Waiting>>,
    latest: u64,
}

impl Gates {
    pub(super) const fn new(mock: u64) -> Self {
        Self { mock, closed: BTreeMap::new(), latest: 0 }
    }

    /// Adds a gate, which is closed.
    pub(super) fn add(&mut self) -> GateId {
        self.latest += 1;
        let id = GateId { mock: self.mock, number: self.latest };
        self.closed.insert(id, VecDeque::new());
        id
    }

    /// Makes an event wait at a gate, or gives it back if the gate holds nothing.
    pub(super) fn hold(&mut self, gate: GateId, event: Waiting) -> Result<(), Waiting> {
        // A gate of another mock is never found: its id contains the number of that mock.
        match self.closed.get_mut(&gate) {
            Some(waiting) => {
                waiting.push_back(event);
                Ok(())
            }
            None => Err(event),
        }
    }

    /// Removes and returns the first event that waits at a gate.
    pub(super) fn release_one(&mut self, gate: GateId) -> Option<Waiting> {
        self.closed.get_mut(&gate)?.pop_front()
    }

    /// Opens a gate for good and returns what waited at it, in order.
    pub(super) fn open(&mut self, gate: GateId) -> VecDeque<Waiting> {
        // Removed before its events continue, so that no event can come to wait here again.
        self.closed.remove(&gate).unwrap_or_default()
    }

    /// Drops the events that no longer matter.
    pub(super) fn discard(&mut self, is_moot: impl Fn(&Deferred) -> bool) {
        for waiting in self.closed.values_mut() {
            waiting.retain(|event| !is_moot(&event.deferred));
        }
    }

    pub(super) fn waiting_at(&self, gate: GateId) -> usize {
        self.closed.get(&gate).map_or(0, VecDeque::len)
    }

    pub(super) fn waiting(&self) -> usize {
        self.closed.values().map(VecDeque::len).sum()
    }
}
