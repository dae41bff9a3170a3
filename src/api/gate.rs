//! Gate: a point at which things wait until the test lets them go.

use std::fmt;
use std::sync::Weak;

use crate::api::log::Log;
use crate::api::log_wait::LogWait;
use crate::api::wait::Wait;
use crate::driver::Driver;
use crate::hook::ids::GateId;
use crate::log::filter::Filter;
use crate::log::record::Event;

/// A point at which things wait until the test lets them go.
///
/// A gate is closed at first. What reaches it waits, in order; once it is released, all that
/// waits goes on in that order, and what comes later passes.
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
    /// Completes when something has reached the gate, be it before or after this call.
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
    /// When polled after the limit of the mock, see [`Wait`]; and at once if the mock is gone.
    #[track_caller]
    pub fn reached(&self) -> Wait<()> {
        let Some(driver) = self.driver.upgrade() else {
            panic!("the mock of this gate was dropped");
        };
        let log = Log { driver, filter: Filter::default() };
        let id = self.id;
        let matcher = move |entry: &crate::log::entry::Entry| match &entry.record.event {
            Event::HookFired(hooked) if hooked.gate == Some(id) => Some(()),
            _ => None,
        };
        LogWait::new(&log, "something to reach the gate", matcher).into()
    }

    /// How many things wait at the gate.
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

    /// Lets the first of all that waits go on; the gate stays closed. Says whether anything
    /// waited.
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
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn release_one(&self) -> bool {
        self.driver.upgrade().is_some_and(|driver| driver.release_one(self.id))
    }

    /// Opens the gate: what waits goes on, in the order in which it came, and what comes later
    /// passes.
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
