//! Gate: a point at which events wait until the test releases them.

use std::fmt;
use std::sync::Weak;

use crate::api::log::Log;
use crate::api::log_wait::LogWait;
use crate::api::wait::Wait;
use crate::driver::Driver;
use crate::hook::ids::GateId;
use crate::log::filter::Filter;
use crate::log::record::Event;

/// A point at which events wait until the test releases them.
///
/// A gate is initially closed, and events that reach it wait in order. Once it is released, waiting
/// events continue in that order, and later events pass without waiting.
///
/// ```
/// use mock_ivs_chat::MockIvsChat;
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
/// let gate = ivs.on_action().from("alice").hold();
/// alice.send_message("hello");
/// gate.reached().wait();
/// assert!(bob.received().is_empty());
/// gate.release();
/// bob.expect_message("hello").wait();
/// ```
#[derive(Clone)]
pub struct Gate {
    pub(crate) id: GateId,
    pub(crate) driver: Weak<Driver>,
}

impl Gate {
    /// Waits until an event has reached the gate, whether before or after this call.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().hold();
    /// alice.send_message("hello");
    /// gate.reached().await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If no event reaches the gate within the wait timeout, see [`Wait`]; immediately if the mock
    /// was dropped.
    #[track_caller]
    pub fn reached(&self) -> Wait<()> {
        self.reached_by(1, "an event to reach the gate".into())
    }

    /// Waits until this many events have reached the gate in all, whether before or after this call,
    /// and whether they still wait or were released.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().hold();
    /// alice.send_message("one");
    /// alice.send_message("two");
    /// gate.reached_n(2).await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `count` is 0, or if fewer events reach the gate within the wait timeout, see [`Wait`];
    /// immediately if the mock was dropped.
    #[track_caller]
    pub fn reached_n(&self, count: usize) -> Wait<()> {
        assert!(count > 0, "`reached_n` needs a count of at least 1");
        self.reached_by(count, format!("{count} events to reach the gate"))
    }

    #[track_caller]
    fn reached_by(&self, count: usize, what: String) -> Wait<()> {
        let Some(driver) = self.driver.upgrade() else {
            panic!("the mock of this gate was dropped");
        };
        // The whole log counts, so an event that reached the gate before this call is found.
        let log = Log { driver, filter: Filter::default() };
        let (id, mut missing) = (self.id, count);
        let search = move |entry: &crate::log::entry::Entry| match &entry.record.event {
            Event::HookFired(hooked) if hooked.gate() == Some(id) => {
                missing -= 1;
                (missing == 0).then_some(())
            }
            _ => None,
        };
        LogWait::new(&log, what, search).into()
    }

    /// Returns the number of events that wait at the gate.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().hold();
    /// alice.send_message("hello");
    /// assert_eq!(gate.waiting(), 1);
    /// ```
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.driver.upgrade().map_or(0, |driver| driver.waiting_at(self.id))
    }

    /// Releases the first waiting event; the gate stays closed. Returns `true` if an event was
    /// waiting.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().hold();
    /// alice.send_message("one");
    /// alice.send_message("two");
    /// assert!(gate.release_one());
    /// assert_eq!(gate.waiting(), 1);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "tests often need only the effect")]
    pub fn release_one(&self) -> bool {
        self.driver.upgrade().is_some_and(|driver| driver.release_one(self.id))
    }

    /// Opens the gate: waiting events continue in the order of their arrival, and later events
    /// pass.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().hold();
    /// alice.send_message("hello");
    /// gate.release();
    /// alice.expect_message("hello").wait();
    /// ```
    pub fn release(&self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.open_gate(self.id);
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.id.number)
    }
}

impl AsRef<GateId> for Gate {
    fn as_ref(&self) -> &GateId {
        &self.id
    }
}
