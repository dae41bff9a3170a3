//! Settling: waiting until the mock is idle.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::api::explanations::with_sections;
use crate::api::handle::Handle;
use crate::api::wait::{Unpark, Wait, Waiting};
use crate::api::wait_timeout::WaitTimeout;
use crate::driver::Driver;
use crate::engine::QuestionId;
use crate::log::failure::Failure;

impl Handle {
    /// Completes when the mock is idle: it has read and processed all bytes that clients have
    /// written, and has written all frames and responses that follow from them. A test can then
    /// assert that nothing more happens, without waiting for a time.
    ///
    /// Events that a hook delays or holds, and reviews whose handler has not responded, do not count
    /// as in progress. Neither do bytes that a client does not read, or that a limited bandwidth
    /// still holds back.
    ///
    /// With a mock on a runtime of several threads
    /// ([`MockIvsChatBuilder::on_current_runtime`](crate::MockIvsChatBuilder::on_current_runtime)) bytes that another
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
    /// alice.send_message("hello");
    /// ivs.settled().await;
    /// bob.assert_no_message("hello");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has not settled within the wait timeout; see [`Wait`].
    #[track_caller]
    pub fn settled(&self) -> Wait<()> {
        Wait::new(self.driver(), Settling::start(self.driver(), Location::caller()))
    }
}

/// A wait for the mock to settle.
pub(crate) struct Settling {
    driver: Arc<Driver>,
    caller: &'static Location<'static>,
    settling: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Set by the first poll: before it, the wait takes no time.
    timeout: Option<WaitTimeout>,
}

impl Settling {
    pub(crate) fn start(driver: &Arc<Driver>, caller: &'static Location<'static>) -> Self {
        let own = Arc::clone(driver);
        // Asked here and not in the future, which may be polled on another thread.
        let except: Arc<[QuestionId]> = driver.own_questions().into();
        let settling = Box::pin(async move { settle_here_and_there(&own, &except).await });
        Self { driver: Arc::clone(driver), caller, settling, timeout: None }
    }

    /// Blocks the thread until the mock has settled, but no longer than `limit`.
    pub(crate) fn wait_for(mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        while self.settling.as_mut().poll(&mut cx).is_pending() {
            // Parking has a timeout of its own, so no `WaitTimeout` is needed on a thread that may
            // block.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// Completes once the mock has settled, or once the wait timeout has elapsed.
    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Duration>> {
        if self.settling.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let limit = self.driver.wait_timeout();
        let timeout =
            self.timeout.get_or_insert_with(|| WaitTimeout::start(Instant::now() + limit));
        if timeout.is_elapsed(cx.waker()) { Poll::Ready(Err(limit)) } else { Poll::Pending }
    }
}

impl Future for Settling {
    type Output = Result<(), Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = self.poll_settled(cx);
        settled.map_err(|limit| Box::new(unsettled(&self.driver, limit, self.caller)))
    }
}

impl Waiting<()> for Settling {
    fn cannot_block(&self, why: &str) -> String {
        format!("cannot wait for the mock to settle: {why}, at {}", self.caller)
    }
}

fn unsettled(driver: &Arc<Driver>, limit: Duration, caller: &'static Location<'static>) -> Failure {
    let headline = format!("waited {limit:?} for the mock to settle, but it is still busy");
    let (entries, _) = driver.entries_since(0);
    with_sections(Failure::new(headline, caller).timeline(&entries, &[]), driver, &entries)
}

/// Lets the tasks of the caller's runtime run, which may serve connections of this mock, and those
/// of the mock's own, until neither has anything to do.
async fn settle_here_and_there(driver: &Arc<Driver>, except: &Arc<[QuestionId]>) {
    loop {
        let seen = driver.log_length();
        // Clients of the test may be tasks of the executor that polls this, so it has to become
        // quiet, too.
        for _ in 0..QUIET_ROUNDS {
            yield_once().await;
        }
        // An error means that the mock runtime has ended, and with it all of its tasks.
        let _ = settle(driver, Arc::clone(except)).await;
        // Work that the mock did after the yields may have woken tasks of the test, so only a round
        // without any entry ends the loop.
        if driver.log_length() == seen && driver.is_idle(except) {
            return;
        }
    }
}

/// Yields to all other tasks, on any runtime.
async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits, in a task of the mock runtime, until the mock has been idle for several rounds.
fn settle(driver: &Arc<Driver>, except: Arc<[QuestionId]>) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let looking = Arc::clone(driver);
    driver.runtime().spawn(async move {
        let (mut seen, mut quiet) = (looking.log_length(), 0);
        while quiet < QUIET_ROUNDS && !sender.is_closed() {
            // The runtime polls a task that yields after all other ready tasks, and after tasks
            // whose sockets became readable or writable.
            tokio::task::yield_now().await;
            let length = looking.log_length();
            let is_quiet = length == seen && looking.is_idle(&except);
            quiet = if is_quiet { quiet + 1 } else { 0 };
            seen = length;
        }
        // The wait may have been dropped.
        let _ = sender.send(());
    });
    receiver
}

/// From bytes at a port to the last frame that follows from them it takes a handful of tasks, one
/// after the other, of which some leave no trace in the log.
const QUIET_ROUNDS: u32 = 32;
