//! Server: the listeners of a mock, every stream that it serves, and the tasks behind them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::RefUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::driver::{Driver, Unserved};
use crate::net::http;
use crate::net::listener::{Listener, Security};
use crate::transport::stream::SharedStream;

/// The listeners of a mock and its open streams.
#[derive(Debug)]
pub(crate) struct Server {
    endpoints: Endpoints,
    state: Mutex<ServerState>,
}

/// The addresses of a mock, which stay known after its end.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) plain: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::net::tls::Endpoint>,
    /// The name under which clients reach the mock, if the test has set one.
    pub(crate) host_name: Option<String>,
}

impl Endpoints {
    /// Returns the host for the URLs of a listener.
    pub(crate) fn host(&self, addr: SocketAddr) -> String {
        match (&self.host_name, addr.ip()) {
            (Some(host_name), _) if host_name.parse::<Ipv6Addr>().is_ok() => {
                format!("[{host_name}]")
            }
            (Some(host_name), _) => host_name.clone(),
            // A listener on all addresses can be reached by the loopback address, and no client
            // can connect to the unspecified one everywhere.
            (None, IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            (None, IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
            (None, IpAddr::V4(ip)) => ip.to_string(),
            (None, IpAddr::V6(ip)) => format!("[{ip}]"),
        }
    }

    /// Returns the host and port for the URLs of a listener.
    pub(crate) fn authority(&self, addr: SocketAddr) -> String {
        format!("{}:{}", self.host(addr), addr.port())
    }
}

#[derive(Debug)]
struct ServerState {
    phase: Phase,
    listeners: Vec<Listener>,
    streams: BTreeMap<u64, Weak<SharedStream>>,
    streams_made: u64,
    accepting: Vec<AbortHandle>,
    timer: Option<AbortHandle>,
    /// Where the mock's tasks run; `None` after its end.
    runtime: Option<runtime::Handle>,
    outages: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Clients are refused, and their streams dropped.
    Paused,
    Serving,
    /// Clients can connect, and their streams are reset immediately.
    Cutting,
    Stopped(StopReason),
}

/// The reason why a mock no longer serves clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StopReason {
    /// The test has stopped or finished the mock.
    Stopped,
    /// The value that owns the mock has been dropped, while handles to it are left.
    Dropped,
    /// The runtime that the mock ran on has shut down. Nothing accepts, reads or keeps the time
    /// any more, so a port that still listened would leave clients without a response.
    RuntimeEnded,
}

impl StopReason {
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Stopped => "the mock has stopped",
            Self::Dropped => {
                "the `MockIvsChat` has been dropped, and a handle does not keep it alive"
            }
            Self::RuntimeEnded => {
                "the runtime that the mock ran on has ended: start the mock on a thread of its \
                 own, or one for each test"
            }
        }
    }
}

/// Streams that the server does not serve any more, and that must be closed.
#[derive(Debug)]
#[must_use = "the streams are open until they are closed"]
pub(crate) struct OpenConnections(BTreeMap<u64, Weak<SharedStream>>);

impl OpenConnections {
    /// Closes all streams, whatever their tasks are doing. Must not be called while a lock is held.
    pub(crate) fn close(self) {
        for stream in self.0.into_values().filter_map(|stream| stream.upgrade()) {
            stream.close();
        }
    }
}

/// No code of the test runs while the state is locked, so no panic of it leaves half a change.
impl RefUnwindSafe for Server {}

impl Server {
    pub(crate) const fn new(
        endpoints: Endpoints,
        listeners: Vec<Listener>,
        runtime: runtime::Handle,
    ) -> Self {
        let state = ServerState {
            phase: Phase::Paused,
            listeners,
            streams: BTreeMap::new(),
            streams_made: 0,
            accepting: Vec::new(),
            timer: None,
            runtime: Some(runtime),
            outages: 0,
        };
        Self { endpoints, state: Mutex::new(state) }
    }

    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Starts the mock's tasks.
    pub(crate) fn start(self: &Arc<Self>, driver: &Arc<Driver>) -> io::Result<()> {
        let runtime = self.state.lock().runtime.clone();
        if let Some(runtime) = runtime {
            let timer = run_timer(Arc::clone(driver), RuntimeGuard(Arc::downgrade(self)));
            // Without the lock: a runtime that has ended drops the task here, and with it the
            // guard, which takes the lock.
            let timer = runtime.spawn(timer).abort_handle();
            self.state.lock().timer = Some(timer);
        }
        self.resume(driver)
    }

    /// Listens, unless the server does already or has stopped.
    pub(crate) fn resume(self: &Arc<Self>, driver: &Arc<Driver>) -> io::Result<()> {
        let mut state = self.state.lock();
        let ServerState { listeners, accepting, runtime: Some(runtime), phase, .. } = &mut *state
        else {
            return Ok(());
        };
        match *phase {
            Phase::Paused => {}
            Phase::Cutting => {
                *phase = Phase::Serving;
                return Ok(());
            }
            Phase::Serving | Phase::Stopped(_) => return Ok(()),
        }
        let _entered = runtime.enter();
        listeners.iter_mut().try_for_each(Listener::resume)?;
        // The tasks of listeners that accept during a pause are still there.
        for (index, listener) in listeners.iter().enumerate().skip(accepting.len()) {
            let task =
                accept_streams(Arc::clone(self), index, listener.security(), Arc::clone(driver));
            accepting.push(runtime.spawn(task).abort_handle());
        }
        *phase = Phase::Serving;
        Ok(())
    }

    /// Records the start of an outage; several can overlap.
    pub(crate) fn begin_outage(&self) {
        self.state.lock().outages += 1;
    }

    /// Records the end of an outage. Returns `true` if it was the last.
    pub(crate) fn end_outage(&self) -> bool {
        let mut state = self.state.lock();
        state.outages -= 1;
        state.outages == 0
    }

    pub(crate) fn is_in_outage(&self) -> bool {
        self.state.lock().outages > 0
    }

    /// Refuses clients from now on, and returns the open connections. If the system lacks what
    /// that takes, nothing changes.
    pub(crate) fn pause(&self) -> io::Result<OpenConnections> {
        let mut state = self.state.lock();
        let reserved: io::Result<Vec<_>> =
            state.listeners.iter_mut().map(Listener::reserve).collect();
        // All ports are reserved by now. Nothing below can fail, so the listeners pause together or
        // not at all.
        for (listener, reservation) in state.listeners.iter_mut().zip(reserved?) {
            listener.pause(reservation);
        }
        if matches!(state.phase, Phase::Serving | Phase::Cutting) {
            state.phase = Phase::Paused;
        }
        if !Listener::ACCEPTS_WHILE_PAUSED {
            for task in state.accepting.drain(..) {
                task.abort();
            }
        }
        Ok(OpenConnections(std::mem::take(&mut state.streams)))
    }

    /// Resets the streams of clients that connect from now on, and returns the open connections. A
    /// paused server stays paused.
    pub(crate) fn cut(&self) -> OpenConnections {
        let mut state = self.state.lock();
        if state.phase == Phase::Serving {
            state.phase = Phase::Cutting;
        }
        OpenConnections(std::mem::take(&mut state.streams))
    }

    pub(crate) fn is_cutting(&self) -> bool {
        self.state.lock().phase == Phase::Cutting
    }

    /// Closes the ports for good, and returns the open connections; `None` if the mock was stopped
    /// before. This drops only sockets and handles: it waits for nothing.
    pub(crate) fn stop(&self, reason: StopReason) -> Option<OpenConnections> {
        let mut state = self.state.lock();
        // A mock whose runtime has ended is still stopped by the test, which closes its streams.
        if let Phase::Stopped(StopReason::Stopped | StopReason::Dropped) = state.phase {
            return None;
        }
        state.phase = Phase::Stopped(reason);
        let listeners = std::mem::take(&mut state.listeners);
        let tasks: Vec<_> = state.accepting.drain(..).collect();
        let timer = state.timer.take();
        let runtime = state.runtime.take();
        let streams = std::mem::take(&mut state.streams);
        drop(state);
        tasks.into_iter().chain(timer).for_each(|task| task.abort());
        drop((listeners, runtime));
        Some(OpenConnections(streams))
    }

    /// Returns the reason why the mock no longer serves clients, if it has stopped.
    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        match self.state.lock().phase {
            Phase::Stopped(reason) => Some(reason),
            Phase::Paused | Phase::Serving | Phase::Cutting => None,
        }
    }

    /// Serves a stream of the test, on the runtime of the caller or else on the mock's. A paused or
    /// stopped server drops the stream.
    pub(crate) fn serve(self: &Arc<Self>, stream: Arc<SharedStream>, driver: &Arc<Driver>) {
        if !self.register(&stream) {
            return self.refuse(&stream, driver);
        }
        let serving = http::serve(stream, Arc::clone(driver));
        let current = runtime::Handle::try_current().ok();
        if let Some(runtime) = current.or_else(|| self.state.lock().runtime.clone()) {
            runtime.spawn(serving);
        }
    }

    /// Lists a stream among those that end with the mock. Returns `false` if none is served now.
    fn register(self: &Arc<Self>, stream: &Arc<SharedStream>) -> bool {
        let mut state = self.state.lock();
        if state.phase != Phase::Serving {
            return false;
        }
        state.streams_made += 1;
        let number = state.streams_made;
        state.streams.insert(number, Arc::downgrade(stream));
        // The guard takes this lock when it is dropped. It is not dropped here: the caller has the
        // stream.
        stream.set_guard(Registration { server: Arc::clone(self), number });
        true
    }

    /// Ends a stream that is not served, and records it if the test wants to know.
    fn refuse(&self, stream: &SharedStream, driver: &Arc<Driver>) {
        if self.is_cutting() {
            driver.record_unserved(Unserved::Outage);
            stream.reset();
        } else {
            stream.close();
        }
    }

    /// Returns the next stream that a client opens; an error once the listener is paused.
    async fn accept(&self, listener: usize) -> io::Result<Arc<SharedStream>> {
        std::future::poll_fn(|cx| {
            let state = self.state.lock();
            match state.listeners.get(listener) {
                Some(listener) => listener.poll_accept(cx),
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        })
        .await
    }
}

/// Removes a stream from the list of those that end with the mock, when the stream is dropped.
#[derive(Debug)]
struct Registration {
    server: Arc<Server>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.server.state.lock().streams.remove(&self.number);
    }
}

/// Stops the server when the runtime drops its tasks, so that the port refuses and clients are not
/// left without a response. After an ordinary stop this finds nothing to do.
#[derive(Debug)]
struct RuntimeGuard(Weak<Server>);

impl Drop for RuntimeGuard {
    fn drop(&mut self) {
        // A panic of the task is recorded, and does not mean that the runtime has ended.
        if std::thread::panicking() {
            return;
        }
        let server = self.0.upgrade();
        if let Some(open) = server.and_then(|s| s.stop(StopReason::RuntimeEnded)) {
            open.close();
        }
    }
}

async fn accept_streams(
    server: Arc<Server>,
    listener: usize,
    security: Security,
    driver: Arc<Driver>,
) {
    let accepting = async {
        loop {
            driver.record_runtime_thread();
            match server.accept(listener).await {
                Ok(stream) if server.register(&stream) => {
                    tokio::spawn(serve_accepted(stream, security.clone(), Arc::clone(&driver)));
                }
                Ok(stream) => server.refuse(&stream, &driver),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                // The client was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // No descriptor is left; one may be free once other connections have ended.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    };
    driver.supervised("the task that accepts clients", pin!(accepting)).await;
}

async fn serve_accepted(stream: Arc<SharedStream>, security: Security, driver: Arc<Driver>) {
    let accepted =
        driver.supervised("the TLS handshake", pin!(security.accept(stream, &driver))).await;
    if let Some(stream) = accepted {
        http::serve(stream, driver).await;
    }
}

/// How long no client is accepted when the system has nothing left to accept with.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Makes the driver handle each deadline when it is due.
async fn run_timer(driver: Arc<Driver>, _guard: RuntimeGuard) {
    let running = async {
        loop {
            driver.record_runtime_thread();
            // A deadline that comes nearer between the look at it and the wait is not missed: a
            // notification that finds no waiter is kept for the next one.
            let rescheduled = pin!(driver.rescheduled());
            match driver.tick() {
                None => rescheduled.await,
                Some(duration) => {
                    let due = pin!(sleep(duration));
                    first(rescheduled, due).await;
                }
            }
        }
    };
    driver.supervised("the mock's timer", pin!(running)).await;
}

/// Completes with the first of two futures.
async fn first(
    mut one: std::pin::Pin<&mut impl Future<Output = ()>>,
    mut other: std::pin::Pin<&mut impl Future<Output = ()>>,
) {
    std::future::poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { other.as_mut().poll(cx) }
    })
    .await;
}
