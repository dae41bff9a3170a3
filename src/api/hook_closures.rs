//! Closures of hooks: decisions that the conditions of a hook cannot express.

use std::sync::Arc;

use crate::api::gate::Gate;
use crate::api::handle::Handle;
use crate::api::hook::Hook;
use crate::driver::closures::Closure;
use crate::hook::builder::{Destination, HookBuilder, HookSpec, sealed};
use crate::hook::point::HookPoint;

/// A hook goes into the mock of this handle.
impl Destination for Handle {
    type Installed = Hook;
}

impl sealed::Destination<Hook> for Handle {
    fn put(self, value: HookSpec) -> Hook {
        self.install(value)
    }
}

impl<P: HookPoint, D: Destination> HookBuilder<P, D> {
    /// Lets a closure decide about each event.
    ///
    /// The closure runs while the mock is not locked, and on a thread that serves no client. It can
    /// block, wait for other threads, and use this mock or another one in any way. Until it
    /// returns, the event waits, and so do later events of the same connection in the same
    /// direction, and other events that this closure is asked about, one at a time; everything else
    /// continues. It is not asked about events that it causes itself by a direct call.
    ///
    /// A method of the test that has caused the event, such as
    /// [`Participant::send_message`](crate::Participant::send_message), returns once the closure
    /// has decided. It gives up after the wait timeout, or after a second if that is longer.
    ///
    /// A closure that uses its own mock takes a [`Handle`]. If it owns the
    /// [`MockIvsChat`](crate::MockIvsChat), for example by an `Arc`, neither of the two is ever
    /// dropped.
    ///
    /// If it panics, the event fails as if the service had a general error, and the panic is
    /// reported by the next wait and at the end. If it never returns, that is reported, too.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::DeliveryVerdict};
    /// # let ivs = MockIvsChat::start();
    /// let mut count = 0;
    /// ivs.on_delivery().to("bob").decide(move |_| {
    ///     count += 1;
    ///     if count % 2 == 0 { DeliveryVerdict::Drop } else { DeliveryVerdict::Pass }
    /// });
    /// ```
    pub fn decide(
        self,
        mut closure: impl FnMut(&P::Event) -> P::Verdict + Send + 'static,
    ) -> D::Installed {
        let closure = Closure::new(move |event| {
            let verdict = P::event(event).map_or_else(P::pass, |event| closure(&event));
            P::verdict(verdict)
        });
        self.with_closure(false, Arc::new(closure))
    }

    /// Lets an async closure decide about each event.
    ///
    /// Its future runs on the mock runtime. It can decide several events concurrently, one for each
    /// connection and direction. A method that causes an event does not wait for the verdict.
    /// Otherwise it behaves like [`HookBuilder::decide`].
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::ActionVerdict};
    /// # let ivs = MockIvsChat::start();
    /// ivs.on_action().decide_async(|frame| async move {
    ///     tokio::task::yield_now().await;
    ///     if frame.text.contains("spam") { ActionVerdict::Ignore } else { ActionVerdict::Pass }
    /// });
    /// ```
    pub fn decide_async<F>(
        self,
        closure: impl Fn(P::Event) -> F + Send + Sync + 'static,
    ) -> D::Installed
    where
        F: Future<Output = P::Verdict> + Send + 'static,
    {
        let closure = Closure::new_async(move |event| {
            let verdict = P::event(event).map(&closure);
            Box::pin(async move {
                P::verdict(match verdict {
                    Some(verdict) => verdict.await,
                    None => P::pass(),
                })
            })
        });
        self.with_closure(true, Arc::new(closure))
    }
}

impl<P: HookPoint> HookBuilder<P, Handle> {
    /// Makes each event wait at a gate until the test releases it.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// # let alice = ivs.create_room("lobby").participant("alice");
    /// let gate = ivs.on_action().from("alice").hold();
    /// alice.send_message("hello");
    /// gate.reached().wait();
    /// gate.release();
    /// ```
    #[must_use]
    pub fn hold(self) -> Gate {
        let gate = self.destination().gate();
        self.always(P::hold(gate.id));
        gate
    }
}
