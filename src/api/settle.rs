//! Settling: waiting until nothing that has reached the mock is still under way.

use std::fmt::Display;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::api::handle::Handle;
use crate::api::wait::{cannot_block, with_sections};
use crate::api::wait_timeout::WaitTimeout;
use crate::driver::Driver;
use crate::log::failure::Failure;

impl Handle {
    /// Completes when nothing that has reached the mock is still under way: what clients have
    /// written is read and acted on, and what follows from it is written. Then "nothing more
    /// happens" can be asserted without waiting for a time.
    ///
    /// What a hook delays or holds, and a review that its handler has not answered, are not under
    /// way: they wait. Nor is what a client does not read, or a slow link has yet to carry.
    ///
    /// With a mock on a runtime of several threads
    /// ([`Builder::on_current_runtime`](crate::Builder::on_current_runtime)) bytes that another
    /// thread is about to read can be missed; with all others they cannot.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let (alice, bob) = (room.participant("alice"), room.participant("bob"));
    /// ivs.on_delivery().to("bob").drop_frame();
    /// alice.say("hello");
    /// ivs.settled().await;
    /// bob.refute_message("hello");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When polled after the limit of the mock on waits; see [`Wait`](crate::Wait).
    #[track_caller]
    pub fn settled(&self) -> impl Future<Output = ()> + Send + use<> {
        let caller = Location::caller();
        let driver = Arc::clone(self.driver());
        async move {
            let limit = driver.wait_limit();
            let timeout = WaitTimeout::start(Instant::now() + limit);
            let mut settling = pin!(settle_here_and_there(&driver));
            std::future::poll_fn(|cx| {
                let polled = settling.as_mut().poll(cx);
                if polled.is_pending() {
                    assert!(
                        !timeout.is_elapsed(cx.waker()),
                        "{}",
                        unsettled(&driver, limit, caller)
                    );
                }
                polled
            })
            .await;
        }
    }

    /// Waits as [`Handle::settled`] does, and blocks the thread meanwhile.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::start();
    /// let alice = ivs.create_room("lobby").participant("alice");
    /// alice.say("hello");
    /// ivs.settled_blocking();
    /// assert_eq!(alice.received().len(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// After the limit of the mock on waits, see [`Wait`](crate::Wait); and at once in a closure
    /// that the mock calls, and on the test's thread if the mock runs there.
    #[track_caller]
    pub fn settled_blocking(&self) {
        let driver = self.driver();
        if let Some(why) = cannot_block(driver) {
            panic!("cannot wait for the mock to settle: {why}");
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        let settled = settle(driver);
        driver.runtime().spawn(async move {
            // Either end says that it is over.
            let _ = settled.await;
            let _ = sender.send(());
        });
        let limit = driver.wait_limit();
        let waited = receiver.recv_timeout(limit);
        let is_late = waited == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        assert!(!is_late, "{}", unsettled(driver, limit, Location::caller()));
    }
}

fn unsettled(
    driver: &Arc<Driver>,
    limit: Duration,
    caller: &'static Location<'static>,
) -> impl Display + use<> {
    let headline =
        format!("waited {limit:?} for the mock to settle, but something is under way all the time");
    let (entries, _) = driver.entries_since(0);
    with_sections(Failure::new(headline, caller).timeline(&entries, &[]), driver, &entries)
}

/// Lets the tasks of the caller's runtime run, which may serve connections of this mock, and those
/// of the mock's own, until neither has anything to do.
async fn settle_here_and_there(driver: &Arc<Driver>) {
    loop {
        let seen = driver.log_length();
        for _ in 0..QUIET_ROUNDS {
            step_back().await;
        }
        // Where the mock's runtime is gone, nothing is under way there.
        let _ = settle(driver).await;
        if driver.log_length() == seen && driver.is_idle() {
            return;
        }
    }
}

/// Lets all other tasks go first, on any runtime.
async fn step_back() {
    let mut has_stepped = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_stepped, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Looks, from where the mock's tasks run, until nothing has been under way for a while.
fn settle(driver: &Arc<Driver>) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let looking = Arc::clone(driver);
    driver.runtime().spawn(async move {
        let (mut seen, mut quiet) = (looking.log_length(), 0);
        while quiet < QUIET_ROUNDS && !sender.is_closed() {
            // A task that yields is put behind all others that can run, and behind those that
            // the system has news for: bytes to read, or room to write.
            tokio::task::yield_now().await;
            let length = looking.log_length();
            let is_quiet = length == seen && looking.is_idle();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            seen = length;
        }
        // Nobody may wait any more.
        let _ = sender.send(());
    });
    receiver
}

/// From bytes at a port to the last frame that follows from them it takes a handful of tasks, one
/// after the other, of which some leave no trace in the log.
const QUIET_ROUNDS: u32 = 32;
