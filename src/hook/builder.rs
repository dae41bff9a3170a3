//! Builder: a hook that is not installed yet, and the conditions that all hook points share.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::hook::chain::{Behavior, Expectation, Rule};
use crate::hook::describe::{conditions, start};
use crate::hook::filter::Filter;
use crate::hook::frequency::{Frequency, Probability};
use crate::hook::hits::{self, Hits};
use crate::hook::point::HookPoint;
use crate::hook::registry::AnyRule;
use crate::proto::timestamp::Timestamp;

/// The destination of a new hook: a mock, or a value that is installed later.
pub trait Destination: sealed::Destination<<Self as Destination>::Installed> {
    /// The value that the last builder method returns.
    type Installed;
}

/// Turns the hook into a value.
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
/// The functions of the module [`hook`](crate::hook) create these values, for example for a table
/// of test cases, and [`Handle::install`](crate::Handle::install) installs them. Clones of a hook
/// with a closure share the closure.
///
/// A hook without a closure can be written as JSON and read from it, with the names that the
/// [guide](crate::guide::faults) lists.
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
    /// The closure, if one decides. It is opaque in this module, because running it takes a lock.
    pub(crate) closure: Option<Arc<dyn Any + Send + Sync>>,
    /// Whether the hook holds events at a gate, which is created when the hook is installed.
    pub(crate) holds: bool,
    /// Whether the hook was read from data, so that no line of the test has written it.
    pub(crate) is_data: bool,
}

pub(crate) mod sealed {
    /// The crate-private part of a destination.
    #[expect(unnameable_types, reason = "the trait is sealed: only this crate implements it")]
    pub trait Destination<Installed>: Sized {
        fn put(self, value: super::HookSpec) -> Installed;
    }
}

/// A hook that is not installed yet.
///
/// The first methods set its conditions: for which user, for which events, how often. The last
/// method sets the effect and installs the hook. A hook without conditions fires at every event of
/// its hook point.
///
/// Conditions add up: an event must satisfy all of them, also if a method is called twice. So
/// `.containing("a").containing("b")` needs both texts, and `.times(2).times(3)` is `times(2)`.
///
/// # Panics
///
/// Each method that adds a condition panics if no event can satisfy it together with the earlier
/// ones, such as `.from("alice").from("bob")`.
///
/// # Examples
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
#[must_use = "the hook is not installed until a method sets its effect"]
pub struct HookBuilder<P, D> {
    destination: D,
    name: Option<String>,
    filter: Filter,
    frequency: Frequency,
    expected: Option<Expectation>,
    written_at: &'static Location<'static>,
    priority: i32,
    place: PhantomData<P>,
}

impl<P: HookPoint> HookBuilder<P, ()> {
    /// Holds the event at a gate, which [`Hook::gate`](crate::Hook::gate) returns once the hook is
    /// installed.
    ///
    /// ```
    /// use mock_ivs_chat::{MockIvsChat, hook};
    ///
    /// let ivs = MockIvsChat::start();
    /// let gate = ivs.install(hook::on_action().hold()).gate().expect("the hook holds events");
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.send_message("hello");
    /// gate.release();
    /// alice.expect_message("hello").wait();
    /// ```
    #[must_use]
    pub fn hold(self) -> HookSpec {
        // A spec belongs to no mock, so it has no gate. `install` makes one and replaces the
        // verdict.
        HookSpec { holds: true, ..self.always(P::pass()) }
    }
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
            // The line of the test, because all callers up to the public methods are
            // `#[track_caller]`.
            written_at: Location::caller(),
            priority: 0,
            place: PhantomData,
        }
    }

    /// Sets the hook's name, which the log, reports and failures show. Unnamed hooks are called
    /// `hook 1`, `hook 2` and so on.
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

    /// Matches only events in this room, given by its name, ID or ARN.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().room("lobby").ignore();
    /// ```
    #[track_caller]
    pub fn room(self, room: impl Into<String>) -> Self {
        self.only(&Filter { rooms: vec![room.into()], ..Filter::default() })
    }

    /// Matches only messages whose content contains this text. For events without a message, the
    /// text of the frame or the request body must contain it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().containing("spam").ignore();
    /// ```
    #[track_caller]
    pub fn containing(self, text: impl Into<String>) -> Self {
        self.only(&Filter { containing: vec![text.into()], ..Filter::default() })
    }

    /// Fires only the first time.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().once().ignore();
    /// ```
    #[track_caller]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Fires only the first `n` times.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_handshake().times(2).refuse(429, "slow down");
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn times(self, n: usize) -> Self {
        // With 0 the hook could never fire. This panic names the line to correct, whereas a report
        // would only say that the hook has not fired.
        assert!(n > 0, "`times(n)` needs n >= 1");
        self.only_if(&Frequency { limit: Some(n), ..Frequency::default() })
    }

    /// Fires only at the `n`th matching event, counted from 1.
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
    pub fn nth(self, n: usize) -> Self {
        assert!(n > 0, "`nth(n)` needs n >= 1");
        self.only_if(&Frequency { nth: Some(n), ..Frequency::default() })
    }

    /// Fires only at every `n`th matching event.
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
    pub fn every(self, n: usize) -> Self {
        assert!(n > 0, "`every(n)` needs n >= 1");
        self.only_if(&Frequency { every: Some(n), ..Frequency::default() })
    }

    /// Fires only after the first `n` matching events.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_action().from("alice").after(10).reset();
    /// ```
    #[track_caller]
    pub fn after(self, n: usize) -> Self {
        self.only_if(&Frequency { after: Some(n), ..Frequency::default() })
    }

    /// Fires only from one moment of the mock clock, inclusive, to another, exclusive.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let noon = ivs.now() + Duration::from_secs(60);
    /// let hook = ivs.on_delivery().between(noon, noon + Duration::from_secs(10)).drop_frame();
    /// ```
    ///
    /// # Panics
    ///
    /// If `until` is not later than `from`.
    #[track_caller]
    pub fn between(self, from: Timestamp, until: Timestamp) -> Self {
        assert!(from < until, "`between` needs two moments in order, got {from} and {until}");
        self.only_if(&Frequency { between: Some((from, until)), ..Frequency::default() })
    }

    /// Fires only with this probability, from 0 to 1. The seed determines which events are hit, so
    /// the same seed hits the same events in every run.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_delivery().with_probability(0.1, 42).drop_frame();
    /// ```
    ///
    /// # Panics
    ///
    /// If the probability is not between 0 and 1.
    #[track_caller]
    pub fn with_probability(self, probability: f64, seed: u64) -> Self {
        // No range contains NaN, so it is refused as well.
        assert!(
            (0.0..=1.0).contains(&probability),
            "`with_probability` needs a probability between 0 and 1, got {probability}"
        );
        let probability = Some(Probability { probability, seed });
        self.only_if(&Frequency { probability, ..Frequency::default() })
    }

    /// Expects the hook to fire this many times before the mock is dropped, such as `1..=3`, `2..`
    /// or `..5`. [`Handle::verify`](crate::Handle::verify) and the end of the mock check it.
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
    /// If the range is empty, such as `5..3`, or if the hook cannot fire as often, such as one with
    /// [`HookBuilder::once`] that is expected twice.
    #[track_caller]
    pub fn expect(mut self, hits: impl Hits) -> Self {
        // A line of its own: a hook is often written over several lines, and a failed expectation
        // names the line of `expect`.
        let expected = Expectation { hits: hits::range(hits), caller: Location::caller() };
        let earlier = self.expected.as_ref().map_or(0..=usize::MAX, |it| it.hits.clone());
        let start = *earlier.start().max(expected.hits.start());
        let both = start..=*earlier.end().min(expected.hits.end());
        let why = match self.frequency.too_few_for(start) {
            _ if both.is_empty() => Some("no number of hits is in both".into()),
            why => why.map(|why| format!("the hook {why}")),
        };
        if let Some(why) = why {
            self.exclude(&Filter::default(), &Frequency::default(), Some(&expected), &why);
        }
        self.expected = Some(Expectation { hits: both, ..expected });
        self
    }

    /// Adds conditions on events.
    #[track_caller]
    pub(super) fn only(mut self, conditions: &Filter) -> Self {
        match self.filter.clone().and(conditions.clone()) {
            Ok(filter) => self.filter = filter,
            Err(why) => self.exclude(conditions, &Frequency::default(), None, &why),
        }
        self
    }

    /// Adds conditions on the numbers of events.
    #[track_caller]
    fn only_if(mut self, conditions: &Frequency) -> Self {
        let joined = self.frequency.clone().and(conditions).and_then(|joined| {
            let least = self.expected.as_ref().map_or(0, |expected| *expected.hits.start());
            let why = joined.too_few_for(least);
            why.map_or(Ok(joined), |why| Err(format!("the hook {why}")))
        });
        match joined {
            Ok(frequency) => self.frequency = frequency,
            Err(why) => self.exclude(&Filter::default(), conditions, None, &why),
        }
        self
    }

    /// Refuses conditions that exclude earlier ones.
    #[track_caller]
    fn exclude(
        &self,
        filter: &Filter,
        frequency: &Frequency,
        expected: Option<&Expectation>,
        why: &str,
    ) -> ! {
        let earlier = conditions(&self.filter, &self.frequency, self.expected.as_ref(), P::USER);
        let start = start(&self.filter, P::START);
        let new = conditions(filter, frequency, expected, P::USER);
        panic!("`{start}{earlier}` cannot have `{}` as well: {why}", new.trim_start_matches('.'));
    }

    /// Delays the event on the mock clock. Later events may overtake it.
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

    /// Delays the event in real time, or on tokio's clock if the test has paused it and the mock
    /// follows it. Later events may overtake it.
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

    /// Finishes the hook with a constant verdict.
    pub(crate) fn always(self, verdict: P::Verdict) -> D::Installed {
        self.finish(Behavior::Verdict(verdict), None)
    }

    /// Finishes the hook with a closure.
    pub(crate) fn with_closure(
        self,
        is_async: bool,
        closure: Arc<dyn Any + Send + Sync>,
    ) -> D::Installed {
        self.finish(Behavior::Closure { is_async }, Some(closure))
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
        destination.put(HookSpec { rule, closure, holds: false, is_data: false })
    }
}
