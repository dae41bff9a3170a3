//! `NewHook`: a hook that is still to be installed, and the words to say when and what.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::api::gate::Gate;
use crate::api::handle::Handle;
use crate::api::hook::Hook;
use crate::hook::chain::{Act, Expectation, Rule};
use crate::hook::event::{HandshakeRequest, InboundFrame, OperationCall, OutboundFrame};
use crate::hook::filter::Filter;
use crate::hook::frequency::{Chance, Pace};
use crate::hook::registry::{AnyRule, HookValue};
use crate::hook::verdict::{
    ActionVerdict, DeliveryVerdict, HandshakeVerdict, OperationVerdict, ReviewVerdict,
};
use crate::proto::timestamp::Timestamp;
use crate::service::review_handler::ReviewRequest;

/// A place where hooks are asked. It is one of [`Handshakes`], [`Actions`], [`Reviews`],
/// [`Deliveries`] and [`Operations`].
pub trait Place: sealed::Place {}

/// Where hooks on handshakes are asked: before the service sees the token.
#[derive(Clone, Copy, Debug)]
pub enum Handshakes {}

/// Where hooks on actions are asked: before the service sees a client's frame.
#[derive(Clone, Copy, Debug)]
pub enum Actions {}

/// Where hooks on reviews are asked: before the review handler sees a message.
#[derive(Clone, Copy, Debug)]
pub enum Reviews {}

/// Where hooks on deliveries are asked: before a frame leaves, once for each recipient.
#[derive(Clone, Copy, Debug)]
pub enum Deliveries {}

/// Where hooks on operations are asked: before the service sees a call over HTTP. Calls by the
/// test's own Rust code pass no hook.
#[derive(Clone, Copy, Debug)]
pub enum Operations {}

/// Where a new hook goes: into a mock, or into a value for later.
pub trait Destination: sealed::Destination {
    /// What the test gets for the hook.
    type Installed;
}

/// A hook goes into the mock of this handle.
impl Destination for Handle {
    type Installed = Hook;
}

/// A hook becomes a value.
impl Destination for () {
    type Installed = HookValue;
}

mod sealed {
    use std::time::Duration;

    use super::{Gate, Handle, Hook, HookValue, NewHook};

    /// What the crate asks of a place.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait Place: Sized {
        type Subject: 'static;
        type Verdict: 'static;

        fn always(new: NewHook<Self, ()>, verdict: Self::Verdict) -> HookValue;
        fn asking(new: NewHook<Self, ()>, closure: Closure<Self>) -> HookValue;
        fn delay(duration: Duration) -> Self::Verdict;
        fn delay_real_time(duration: Duration) -> Self::Verdict;
        fn hold(gate: Gate) -> Self::Verdict;
    }

    /// A closure that decides at a place.
    pub(super) type Closure<P> =
        Box<dyn FnMut(&<P as Place>::Subject) -> <P as Place>::Verdict + Send>;

    /// What the crate asks of a destination.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait Destination: Sized {
        fn put(self, value: HookValue) -> <Self as super::Destination>::Installed
        where
            Self: super::Destination;
    }

    impl Destination for Handle {
        fn put(self, value: HookValue) -> Hook {
            self.install(value)
        }
    }

    impl Destination for () {
        fn put(self, value: HookValue) -> HookValue {
            value
        }
    }
}

macro_rules! place {
    ($place:ident, $subject:ident, $verdict:ident, $rule:ident) => {
        impl Place for $place {}

        impl sealed::Place for $place {
            type Subject = $subject;
            type Verdict = $verdict;

            fn always(new: NewHook<Self, ()>, verdict: $verdict) -> HookValue {
                HookValue(AnyRule::$rule(new.into_rule(Act::Always(verdict))))
            }

            fn asking(new: NewHook<Self, ()>, closure: sealed::Closure<Self>) -> HookValue {
                let act = Act::Ask(Arc::new(Mutex::new(closure)));
                HookValue(AnyRule::$rule(new.into_rule(act)))
            }

            fn delay(duration: Duration) -> $verdict {
                $verdict::Delay(duration)
            }

            fn delay_real_time(duration: Duration) -> $verdict {
                $verdict::DelayRealTime(duration)
            }

            fn hold(gate: Gate) -> $verdict {
                $verdict::Hold(gate)
            }
        }
    };
}

place!(Handshakes, HandshakeRequest, HandshakeVerdict, Handshake);
place!(Actions, InboundFrame, ActionVerdict, Action);
place!(Reviews, ReviewRequest, ReviewVerdict, Review);
place!(Deliveries, OutboundFrame, DeliveryVerdict, Delivery);
place!(Operations, OperationCall, OperationVerdict, Operation);

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
/// alice.say("spam");
/// alice.expect_error_blocking(ErrorCode::NotAcceptable);
/// assert_eq!(denial.hits(), 1);
/// ```
#[derive(Clone, Debug)]
#[must_use = "the hook is not installed until it is said what happens"]
pub struct NewHook<P, D> {
    destination: D,
    name: Option<String>,
    pub(super) filter: Filter,
    pace: Pace,
    expected: Option<Expectation>,
    place: PhantomData<P>,
}

impl<P: Place, D: Destination> NewHook<P, D> {
    pub(crate) fn new(destination: D) -> Self {
        Self {
            destination,
            name: None,
            filter: Filter::default(),
            pace: Pace::default(),
            expected: None,
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
        self.pace.limit = Some(n);
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
        self.pace.nth = Some(n);
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
        self.pace.every = Some(n);
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
        self.pace.after = Some(n);
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
        self.pace.between = Some((from, until));
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
        self.pace.chance = Some(Chance { probability, seed });
        self
    }

    /// Expects the hook to fire so many times by the end: `1..=3`, `2..`, `..5`.
    /// [`Handle::verify`] and the end of the mock hold it to that.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// ivs.on_action().expect(1..=3).ignore();
    /// alice.say("hello");
    /// ivs.verify();
    /// ```
    ///
    /// # Panics
    ///
    /// If the range contains no number, such as `5..3`.
    #[track_caller]
    pub fn expect(mut self, hits: impl RangeBounds<usize>) -> Self {
        let from = match hits.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(below) => below + 1,
            Bound::Unbounded => 0,
        };
        let to = match hits.end_bound() {
            Bound::Included(to) => *to,
            Bound::Excluded(above) => above.saturating_sub(1),
            Bound::Unbounded => usize::MAX,
        };
        // An exclusive end at 0 leaves no number, and neither does an end before the start.
        let is_empty = from > to || hits.end_bound() == Bound::Excluded(&0);
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
    /// alice.say("hello");
    /// ivs.advance(Duration::from_secs(5));
    /// alice.expect_message_blocking("hello");
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
    /// alice.say("hello");
    /// alice.expect_message_blocking("hello");
    /// ```
    pub fn delay_real_time(self, duration: Duration) -> D::Installed {
        self.always(P::delay_real_time(duration))
    }

    /// What it is about becomes what a closure says, in which other conditions can be put.
    ///
    /// The closure runs outside the mock's lock: it can use a [`Handle`] as it
    /// likes. If it panics, what it was asked about fails as a general error of the service does,
    /// and the panic is reported at the next wait and at the end.
    ///
    /// ```
    /// # use mock_ivs_chat::{DeliveryVerdict, MockIvsChat};
    /// # let ivs = MockIvsChat::start();
    /// let mut count = 0;
    /// ivs.on_delivery().to("bob").decide(move |_| {
    ///     count += 1;
    ///     if count % 2 == 0 { DeliveryVerdict::Drop } else { DeliveryVerdict::Pass }
    /// });
    /// ```
    pub fn decide(
        self,
        closure: impl FnMut(&P::Subject) -> P::Verdict + Send + 'static,
    ) -> D::Installed {
        let (destination, new) = self.take_destination();
        destination.put(P::asking(new, Box::new(closure)))
    }

    pub(super) fn always(self, verdict: P::Verdict) -> D::Installed {
        let (destination, new) = self.take_destination();
        destination.put(P::always(new, verdict))
    }

    fn take_destination(self) -> (D, NewHook<P, ()>) {
        let Self { destination, name, filter, pace, expected, place } = self;
        (destination, NewHook { destination: (), name, filter, pace, expected, place })
    }
}

impl<P: Place> NewHook<P, ()> {
    fn into_rule<S: ?Sized, V>(self, act: Act<S, V>) -> Rule<S, V> {
        let Self { name, filter, pace, expected, .. } = self;
        Rule { name, filter, pace, expected, act }
    }
}

impl<P: Place> NewHook<P, Handle> {
    /// What it is about waits at a gate until the test releases it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().from("alice").hold();
    /// alice.say("hello");
    /// gate.reached_blocking();
    /// gate.release();
    /// ```
    #[must_use]
    pub fn hold(self) -> Gate {
        let gate = self.destination.gate();
        self.always(P::hold(gate.clone()));
        gate
    }
}
