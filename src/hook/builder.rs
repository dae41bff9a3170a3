//! Builder: a hook that is not installed yet, and the conditions that all hook points share.

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Bound;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::hook::action::{ActionVerdict, InboundFrame};
use crate::hook::chain::{Behavior, Expectation, Rule};
use crate::hook::delivery::{DeliveryVerdict, OutboundFrame};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::filter::Filter;
use crate::hook::frequency::{Frequency, Probability};
use crate::hook::handshake::{HandshakeRequest, HandshakeVerdict};
use crate::hook::hits::Hits;
use crate::hook::ids::GateId;
use crate::hook::operation::{OperationCall, OperationVerdict};
use crate::hook::registry::AnyRule;
use crate::hook::review::ReviewVerdict;
use crate::proto::timestamp::Timestamp;
use crate::service::review_handler::ReviewRequest;

/// A hook point: one of [`Handshakes`], [`Actions`], [`Reviews`], [`Deliveries`] and
/// [`Operations`].
pub trait HookPoint: sealed::HookPoint {
    /// What a closure is shown.
    type Event: Send + 'static;
    /// What a closure decides.
    type Verdict: Send + 'static;
}

/// Hooks on handshakes, evaluated before the service sees the token.
#[derive(Clone, Copy, Debug)]
pub enum Handshakes {}

/// Hooks on actions, evaluated before the service sees a client's frame.
#[derive(Clone, Copy, Debug)]
pub enum Actions {}

/// Hooks on reviews, evaluated before the review handler sees a message.
#[derive(Clone, Copy, Debug)]
pub enum Reviews {}

/// Hooks on deliveries, evaluated before a frame leaves, once for each recipient.
#[derive(Clone, Copy, Debug)]
pub enum Deliveries {}

/// Hooks on operations, evaluated before the service sees a call over HTTP. Calls by the test's
/// own Rust code pass no hook.
#[derive(Clone, Copy, Debug)]
pub enum Operations {}

/// Where a new hook goes: into a mock, or into a value for later.
pub trait Destination: sealed::Destination<<Self as Destination>::Installed> {
    /// What the test gets for the hook.
    type Installed;
}

/// A hook becomes a value.
impl Destination for () {
    type Installed = HookSpec;
}

impl sealed::Destination<HookSpec> for () {
    fn put(self, value: HookSpec) -> HookSpec {
        value
    }
}

/// A hook of any hook point, as a value that can be kept, cloned and installed.
///
/// The functions of the module [`hook`](crate::hook) make them, and
/// [`Handle::install`](crate::Handle::install) installs them, so that they can be in tables of
/// cases. Clones of a hook with a closure share the closure.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat, hook::{self, HookSpec}};
///
/// let faults: [HookSpec; 2] = [
///     hook::on_action().once().reject(ErrorCode::TooManyRequests, "rate limit exceeded"),
///     hook::on_delivery().nth(2).drop_frame(),
/// ];
/// let ivs = MockIvsChat::start();
/// for fault in faults {
///     ivs.install(fault);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HookSpec {
    pub(crate) rule: AnyRule,
    /// The closure, if one decides. This module only carries it: to run it takes a lock.
    pub(crate) closure: Option<Arc<dyn Any + Send + Sync>>,
}

pub(crate) mod sealed {
    use std::time::Duration;

    use super::{AnyRule, GateId, HookEvent, HookVerdict, Rule};

    /// What the crate asks of a hook point.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait HookPoint: Sized + 'static {
        fn rule(rule: Rule<Self::Verdict>) -> AnyRule
        where
            Self: super::HookPoint;
        fn event(event: HookEvent) -> Option<Self::Event>
        where
            Self: super::HookPoint;
        fn verdict(verdict: Self::Verdict) -> HookVerdict
        where
            Self: super::HookPoint;
        fn pass() -> Self::Verdict
        where
            Self: super::HookPoint;
        fn delay(duration: Duration) -> Self::Verdict
        where
            Self: super::HookPoint;
        fn delay_real_time(duration: Duration) -> Self::Verdict
        where
            Self: super::HookPoint;
        fn hold(gate: GateId) -> Self::Verdict
        where
            Self: super::HookPoint;
    }

    /// What the crate asks of a destination.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait Destination<Installed>: Sized {
        fn put(self, value: super::HookSpec) -> Installed;
    }
}

impl HookPoint for Handshakes {
    type Event = HandshakeRequest;
    type Verdict = HandshakeVerdict;
}

impl HookPoint for Actions {
    type Event = InboundFrame;
    type Verdict = ActionVerdict;
}

impl HookPoint for Reviews {
    type Event = ReviewRequest;
    type Verdict = ReviewVerdict;
}

impl HookPoint for Deliveries {
    type Event = OutboundFrame;
    type Verdict = DeliveryVerdict;
}

impl HookPoint for Operations {
    type Event = OperationCall;
    type Verdict = OperationVerdict;
}

/// A hook that is still to be installed.
///
/// Its first methods say when it fires: for whom, for what, how often. Its last says what happens
/// then, and installs it. What is not said does not matter: a hook without conditions fires at
/// every event of its place.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat};
///
/// let ivs = MockIvsChat::start();
/// let alice = ivs.create_room("lobby").participant("alice");
/// let denial = ivs
///     .on_action()
///     .from("alice")
///     .containing("spam")
///     .once()
///     .reject(ErrorCode::NotAcceptable, "no spam, please");
/// alice.send_message("spam");
/// alice.expect_error(ErrorCode::NotAcceptable).wait();
/// assert_eq!(denial.hits(), 1);
/// ```
#[derive(Clone, Debug)]
#[must_use = "the hook is not installed until it is said what happens"]
pub struct HookBuilder<P, D> {
    destination: D,
    name: Option<String>,
    pub(super) filter: Filter,
    frequency: Frequency,
    expected: Option<Expectation>,
    written_at: &'static Location<'static>,
    priority: i32,
    place: PhantomData<P>,
}

impl<P: HookPoint, D: Destination> HookBuilder<P, D> {
    #[track_caller]
    pub(crate) fn new(destination: D) -> Self {
        Self {
            destination,
            name: None,
            filter: Filter::default(),
            frequency: Frequency::default(),
            expected: None,
            written_at: Location::caller(),
            priority: 0,
            place: PhantomData,
        }
    }

    /// Names the hook: in the log, in reports and in failures. It is `hook 1`, `hook 2` and so on
    /// unless named.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").named("bob is deaf").drop_frame();
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the priority, which is 0 unless set. Hooks of a higher priority are evaluated first;
    /// those of the same priority in the order of installation. The first hook that fires decides.
    ///
    /// So a later hook can go before an earlier one, such as a test's own before the default of
    /// its fixture.
    ///
    /// ```
    /// # use mock_ivs_chat::{ErrorCode, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().ignore();
    /// ivs.on_action().priority(1).reject(ErrorCode::NotAcceptable, "no");
    /// alice.send_message("hello");
    /// alice.expect_error(ErrorCode::NotAcceptable).wait();
    /// ```
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Only in this room: its name, or its id if it has no name.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().room("lobby").ignore();
    /// ```
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.filter.room = Some(room.into());
        self
    }

    /// Only where the content of the message contains this; where there is no message, the text
    /// of the frame or the body.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().containing("spam").ignore();
    /// ```
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.filter.containing = Some(text.into());
        self
    }

    /// Only the first time.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().ignore();
    /// ```
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only the first `n` times.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().times(2).refuse(429, "slow down");
    /// ```
    pub fn times(mut self, n: usize) -> Self {
        self.frequency.limit = Some(n);
        self
    }

    /// Only at the `n`th event that the hook is about, counted from 1.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").nth(3).duplicate();
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn nth(mut self, n: usize) -> Self {
        assert!(n > 0, "events are counted from 1");
        self.frequency.nth = Some(n);
        self
    }

    /// Only at every `n`th event that the hook is about.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().to("bob").every(5).drop_frame();
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn every(mut self, n: usize) -> Self {
        assert!(n > 0, "a number of which every one is meant is at least 1");
        self.frequency.every = Some(n);
        self
    }

    /// Only behind the first `n` events that the hook is about.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").after(10).reset();
    /// ```
    pub fn after(mut self, n: usize) -> Self {
        self.frequency.after = Some(n);
        self
    }

    /// Only from one moment of the mock's clock until just before another.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let noon = ivs.now() + Duration::from_secs(60);
    /// let hook = ivs.on_delivery().between(noon, noon + Duration::from_secs(10)).drop_frame();
    /// ```
    pub fn between(mut self, from: Timestamp, until: Timestamp) -> Self {
        self.frequency.between = Some((from, until));
        self
    }

    /// Only with a probability, from 0 to 1. Which events it hits follows from the seed: the same
    /// seed hits the same ones in each run.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().with_probability(0.1, 42).drop_frame();
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not from 0 to 1.
    #[track_caller]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        assert!((0.0..=1.0).contains(&probability), "a probability is from 0 to 1");
        self.frequency.probability = Some(Probability { probability, seed });
        self
    }

    /// Expects the hook to fire so many times by the end: `1`, `1..=3`, `2..`, `..5`.
    /// [`Handle::verify`] and the end of the mock hold it to that.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().expect(1..=3).ignore();
    /// alice.send_message("hello");
    /// ivs.verify();
    /// ```
    ///
    /// # Panics
    ///
    /// If the range contains no number, such as `5..3`.
    #[track_caller]
    pub fn expect(mut self, hits: impl Hits) -> Self {
        let (start, end) = hits.bounds();
        let from = match start {
            Bound::Included(from) => from,
            Bound::Excluded(below) => below + 1,
            Bound::Unbounded => 0,
        };
        let to = match end {
            Bound::Included(to) => to,
            Bound::Excluded(above) => above.saturating_sub(1),
            Bound::Unbounded => usize::MAX,
        };
        // An exclusive end at 0 leaves no number, and neither does an end before the start.
        let is_empty = from > to || end == Bound::Excluded(0);
        assert!(!is_empty, "`expect` needs a range that contains a number, and this one is empty");
        self.expected = Some(Expectation { hits: from..=to, caller: Location::caller() });
        self
    }

    /// What it is about happens later, by the mock's clock. Others may overtake it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().delay(Duration::from_secs(5));
    /// alice.send_message("hello");
    /// ivs.advance(Duration::from_secs(5));
    /// alice.expect_message("hello").wait();
    /// ```
    pub fn delay(self, duration: Duration) -> D::Installed {
        self.always(P::delay(duration))
    }

    /// What it is about happens later, by real time; or by tokio's clock, if a test has paused that
    /// and the mock follows it. Others may overtake it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().delay_real_time(Duration::from_millis(5));
    /// alice.send_message("hello");
    /// alice.expect_message("hello").wait();
    /// ```
    pub fn delay_real_time(self, duration: Duration) -> D::Installed {
        self.always(P::delay_real_time(duration))
    }

    pub(crate) const fn destination(&self) -> &D {
        &self.destination
    }

    /// Finishes the hook with a verdict that is always the same.
    pub(crate) fn always(self, verdict: P::Verdict) -> D::Installed {
        self.finish(Behavior::Verdict(verdict), None)
    }

    /// Finishes the hook with a closure.
    pub(crate) fn with_closure(self, closure: Arc<dyn Any + Send + Sync>) -> D::Installed {
        self.finish(Behavior::Closure, Some(closure))
    }

    fn finish(
        self,
        behavior: Behavior<P::Verdict>,
        closure: Option<Arc<dyn Any + Send + Sync>>,
    ) -> D::Installed {
        let Self { destination, name, filter, frequency, expected, priority, written_at, .. } =
            self;
        let rule =
            P::rule(Rule { name, filter, frequency, expected, priority, behavior, written_at });
        destination.put(HookSpec { rule, closure })
    }
}
