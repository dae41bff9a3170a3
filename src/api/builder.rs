//! [`MockIvsChatBuilder`]: the settings of a mock, and its start.

use std::net::TcpListener;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, RuntimeFlavor};

use crate::api::environment;
use crate::api::handle::Handle;
use crate::api::mock::MockIvsChat;
use crate::api::start::{StartError, check_io, check_timers, listen, next_mock_id};
use crate::clock::{Clock, RunningClock, is_tokio_paused};
use crate::driver::{Driver, RuntimeThread};
use crate::engine::{Engine, EngineSettings, KeepAlive};
use crate::log::lint_rule::Lint;
use crate::log::retention::{LogRetention, LogSettings};
use crate::net::listener::{Listener, Security};
use crate::net::server::{Endpoints, Server};
use crate::net::thread::{DetachedRuntime, ServerThread};
#[cfg(feature = "tls")]
use crate::net::tls::{Authority, Endpoint};
use crate::service::quota::Quotas;
use crate::service::{Service, Settings};

/// The settings of a mock before it starts.
///
/// ```
/// use mock_ivs_chat::{Clock, MockIvsChat, Quotas};
///
/// let ivs = MockIvsChat::builder()
///     .clock(Clock::frozen_at("2026-01-01T00:00:00Z"))
///     .quotas(Quotas::unlimited())
///     .start();
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it starts a mock"]
pub struct MockIvsChatBuilder {
    pub(super) port: Option<u16>,
    pub(super) listener: Option<TcpListener>,
    pub(super) host_name: Option<String>,
    pub(super) is_in_memory: bool,
    #[cfg(feature = "tls")]
    pub(super) tls_port: Option<u16>,
    clock: Option<Clock>,
    runs_on_current_runtime: bool,
    wait_timeout: Option<Duration>,
    spares_participants: bool,
    pub(super) settings: Settings,
    pub(super) log_settings: LogSettings,
    keep_alive: KeepAlive,
}

impl MockIvsChatBuilder {
    pub(crate) fn new() -> Self {
        Self {
            port: None,
            listener: None,
            host_name: None,
            is_in_memory: false,
            #[cfg(feature = "tls")]
            tls_port: None,
            clock: None,
            runs_on_current_runtime: false,
            wait_timeout: None,
            spares_participants: false,
            settings: Settings::default(),
            log_settings: LogSettings::default(),
            keep_alive: KeepAlive::default(),
        }
    }

    /// Listens on this loopback port instead of an ephemeral one.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let port = portpicker::pick_unused_port().unwrap();
    /// let ivs = MockIvsChat::builder().port(port).start();
    /// assert_eq!(ivs.addr().port(), port);
    /// ```
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Serves this listener, which may be bound to another address.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let addr = listener.local_addr().unwrap();
    /// let ivs = MockIvsChat::builder().listener(listener).start();
    /// assert_eq!(ivs.addr(), addr);
    /// ```
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Sets the host in the mock's URLs, which is the listener's address unless set. Use it if
    /// other machines or containers reach the listener by a name such as `host.docker.internal`. An
    /// address is possible, too.
    /// With the feature `tls`, the certificate is valid for this host.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    /// let port = listener.local_addr().unwrap().port();
    /// let ivs =
    ///     MockIvsChat::builder().listener(listener).host_name("host.docker.internal").start();
    /// assert_eq!(ivs.ws_url(), format!("ws://host.docker.internal:{port}"));
    /// ```
    pub fn host_name(mut self, host_name: impl Into<String>) -> Self {
        self.host_name = Some(host_name.into());
        self
    }

    /// Opens no port: clients connect only by [`Handle::connect`] and [`Handle::serve_stream`]. Such a mock
    /// has no descriptor, and on the current runtime it needs no I/O driver.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().in_memory().start();
    /// let room = ivs.create_room("lobby");
    /// ```
    pub const fn in_memory(mut self) -> Self {
        self.is_in_memory = true;
        self
    }

    /// Serves `wss://` and `https://` as well, on another ephemeral loopback port. The authority of
    /// the certificate is generated at the start: see [`Handle::ca_pem`]. With
    /// [`MockIvsChatBuilder::in_memory`] this is the only port.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().tls().start();
    /// assert!(ivs.wss_url().starts_with("wss://127.0.0.1:"));
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub const fn tls(self) -> Self {
        self.tls_port(0)
    }

    /// Serves `wss://` and `https://` as [`MockIvsChatBuilder::tls`] does, on this loopback port.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let port = portpicker::pick_unused_port().unwrap();
    /// let ivs = MockIvsChat::builder().tls_port(port).start();
    /// assert_eq!(ivs.wss_url(), format!("wss://127.0.0.1:{port}"));
    /// ```
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub const fn tls_port(mut self, port: u16) -> Self {
        self.tls_port = Some(port);
        self
    }

    /// Sets the region of all ARNs: `us-west-2` unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().region("ap-south-1").start();
    /// ```
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = region.into();
        self
    }

    /// Sets the account of all ARNs: `123456789012` unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().account_id("999988887777").start();
    /// ```
    pub fn account_id(mut self, account_id: impl Into<String>) -> Self {
        self.settings.account_id = account_id.into();
        self
    }

    /// Sets the source of time: the system clock unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::{Clock, MockIvsChat};
    /// let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
    /// let ivs = MockIvsChat::builder().clock(clock).start();
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the limits that are in force: [`Quotas::aws`] unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Quotas};
    /// let ivs = MockIvsChat::builder().quotas(Quotas::unlimited()).start();
    /// ```
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.settings.quotas = quotas;
        self
    }

    /// Sends a ping over each WebSocket at this interval of the mock clock. Unless set there are no
    /// pings; none are known of the real service.
    ///
    /// The lint [`Lint::PingUnanswered`] finds clients that have not answered a ping when the next
    /// one is sent.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().ping_interval(Duration::from_secs(30)).start();
    /// ```
    ///
    /// # Panics
    ///
    /// If the interval is zero.
    #[track_caller]
    pub const fn ping_interval(mut self, interval: Duration) -> Self {
        assert!(!interval.is_zero(), "`ping_interval` must not be zero");
        self.keep_alive.ping_interval = Some(interval);
        self
    }

    /// Closes each WebSocket whose client has sent no action, ping or pong for this time of the mock
    /// clock, with code 1001. Unless set there is no such timeout; none is known of the real
    /// service.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().idle_timeout(Duration::from_secs(600)).start();
    /// ```
    ///
    /// # Panics
    ///
    /// If the timeout is zero.
    #[track_caller]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "`idle_timeout` must not be zero");
        self.keep_alive.idle_timeout = Some(timeout);
        self
    }

    /// Refuses HTTP requests that are not signed with these credentials by Signature Version 4. The
    /// mock clock decides whether a signature has expired. Each use of this method adds
    /// credentials. Without any, all requests are accepted, signed or not.
    ///
    /// The refusals are those of AWS: `MissingAuthenticationTokenException`,
    /// `IncompleteSignature`, `UnrecognizedClientException`, `ExpiredTokenException` and
    /// `InvalidSignatureException`, all with the status 403.
    ///
    /// ```
    /// # use mock_ivs_chat::{Credentials, MockIvsChat};
    /// let credentials = Credentials::new("AKIDEXAMPLE", "secret");
    /// let ivs = MockIvsChat::builder().require_signature(credentials).start();
    /// ```
    #[cfg(feature = "sigv4")]
    #[cfg_attr(docsrs, doc(cfg(feature = "sigv4")))]
    pub fn require_signature(mut self, credentials: crate::proto::signature::Credentials) -> Self {
        self.settings.credentials.push(credentials);
        self
    }

    /// Sets the time after which a wait fails, in real time: 5 s unless set here or, in
    /// milliseconds, by the environment variable `MOCK_IVS_CHAT_WAIT_TIMEOUT_MS`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().wait_timeout(Duration::from_secs(30)).start();
    /// ```
    pub fn wait_timeout(mut self, limit: Duration) -> Self {
        self.wait_timeout = Some(limit);
        self
    }

    /// Runs the mock's tasks on the tokio runtime that [`MockIvsChatBuilder::start`] is called in, instead of
    /// on its own thread. Only a tokio clock needs that. The runtime must have a time driver and,
    /// except with [`MockIvsChatBuilder::in_memory`], an I/O driver. When it ends, the mock refuses clients.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let ivs = MockIvsChat::builder().on_current_runtime().start();
    /// # });
    /// ```
    pub const fn on_current_runtime(mut self) -> Self {
        self.runs_on_current_runtime = true;
        self
    }

    /// Sets how much of what happens the log keeps: [`LogRetention::All`] unless set.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::LogRetention};
    /// let ivs = MockIvsChat::builder().log_retention(LogRetention::Last(10_000)).start();
    /// ```
    #[doc(alias = "recording")]
    pub const fn log_retention(mut self, retention: LogRetention) -> Self {
        self.log_settings.retention = retention;
        self
    }

    /// Fails the test, when the mock is dropped, if one of these lints has a finding. `Lint::ALL`
    /// contains all whose findings are faults of a client; see [`Lint::PEDANTIC`] for the others.
    ///
    /// The lint reads the entries that the log still has at the end. With [`LogRetention::Last`],
    /// or after [`Handle::clear_log`], earlier faults of a client are not found; with
    /// [`LogRetention::Off`] the mock does not start.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, log::Lint};
    /// let ivs = MockIvsChat::builder().deny([Lint::RequestIdMissing, Lint::TokenReused]).start();
    /// ```
    pub fn deny(mut self, lints: impl IntoIterator<Item = Lint>) -> Self {
        self.log_settings.denied.extend(lints);
        self
    }

    /// Starts the mock; it is ready when this returns.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let ivs = MockIvsChat::builder().start();
    /// ```
    ///
    /// # Panics
    ///
    /// If [`MockIvsChatBuilder::try_start`] fails.
    #[track_caller]
    pub fn start(self) -> MockIvsChat {
        match self.try_start() {
            Ok(mock) => mock,
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts the mock, or returns the reason why it cannot start.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let port = taken.local_addr().unwrap().port();
    /// let error = MockIvsChat::builder().port(port).try_start().unwrap_err();
    /// assert!(error.to_string().contains(&port.to_string()));
    /// ```
    ///
    /// # Errors
    ///
    /// If a port, a thread or a runtime is not available, if the tokio runtime to run on is
    /// missing, has ended or lacks a driver, if settings contradict each other, such as a port and a
    /// listener, if the host name, the account ID or the region is invalid, or if an environment
    /// variable of the mock has an invalid value or a misspelled name.
    #[track_caller]
    pub fn try_start(self) -> Result<MockIvsChat, StartError> {
        self.start_for(Location::caller())
    }

    /// Starts the mock for a line of the test.
    pub(crate) fn start_for(
        self,
        started_at: &'static Location<'static>,
    ) -> Result<MockIvsChat, StartError> {
        // Before anything is opened, so that a contradiction leaves no port or thread behind.
        self.check()?;
        environment::check()?;
        let current = runtime::Handle::try_current().ok();
        let is_paused = current.is_some() && is_tokio_paused();
        let clock = self.clock.clone();
        if is_paused || self.runs_on_current_runtime {
            let Some(runtime) = current else {
                return Err(StartError::new("there is no tokio runtime to run on", None));
            };
            let clock =
                clock.unwrap_or_else(|| if is_paused { paused_clock() } else { Clock::system() });
            // Only here, because a probe extends the panic hook of the process.
            check_timers()?;
            if !self.is_in_memory {
                check_io()?;
            }
            // On a runtime with one thread, a test that blocks it blocks the mock as well.
            let is_shared = runtime.runtime_flavor() == RuntimeFlavor::CurrentThread;
            let handle = self.assemble(&clock, &runtime, is_shared)?;
            return Ok(MockIvsChat::new(handle, None, started_at));
        }
        let clock = clock.unwrap_or_default();
        if clock.follows_tokio() {
            let message = "a clock that follows tokio's needs on_current_runtime()";
            return Err(StartError::new(message, None));
        }
        let runtime = DetachedRuntime::build()
            .map_err(|error| StartError::new("cannot build a runtime", Some(error)))?;
        let handle = self.assemble(&clock, runtime.handle(), false)?;
        let thread = ServerThread::spawn(runtime)
            .map_err(|error| StartError::new("cannot start a thread", Some(error)))?;
        Ok(MockIvsChat::new(handle, Some(thread), started_at))
    }

    fn assemble(
        mut self,
        clock: &Clock,
        runtime: &runtime::Handle,
        is_shared: bool,
    ) -> Result<Handle, StartError> {
        // Listeners and timers register with the runtime that is entered, which need not be the
        // caller's.
        let _entered = runtime.enter();
        let (endpoints, listeners) = self.listen()?;
        let mock = next_mock_id();
        let service = Service::new(self.settings, mock);
        let wait_timeout =
            self.wait_timeout.map_or_else(environment::wait_timeout, Ok)?.min(LONGEST_WAIT);
        let clock = RunningClock::start(clock, runtime);
        let retention = self.log_settings.retention;
        let settings = EngineSettings {
            mock,
            keep_alive: self.keep_alive,
            retention,
            spares_participants: self.spares_participants,
        };
        let engine = Engine::new(service, settings);
        let thread = is_shared.then(RuntimeThread::new);
        let driver =
            Driver::new(engine, clock, runtime.clone(), wait_timeout, self.log_settings, thread);
        let (driver, server) =
            (Arc::new(driver), Arc::new(Server::new(endpoints, listeners, runtime.clone())));
        // Last, because a client may connect as soon as the server has started.
        server
            .start(&driver)
            .map_err(|error| StartError::new("cannot use the listener", Some(error)))?;
        if server.stop_reason().is_some() {
            return Err(StartError::new("the tokio runtime to run on has ended", None));
        }
        Ok(Handle::new(driver, server))
    }

    fn listen(&mut self) -> Result<(Endpoints, Vec<Listener>), StartError> {
        let (mut endpoints, mut listeners) = (Endpoints::default(), Vec::new());
        endpoints.host_name = self.host_name.take();
        if !self.is_in_memory {
            let listener = listen(self.listener.take(), self.port.unwrap_or(0), Security::Plain)?;
            endpoints.plain = Some(listener.addr());
            listeners.push(listener);
        }
        #[cfg(feature = "tls")]
        if let Some(port) = self.tls_port {
            let authority = Authority::new(&self.settings.region, endpoints.host_name.as_deref())
                .map_err(|error| StartError::new(error, None))?;
            let listener = listen(None, port, Security::Tls(authority.acceptor))?;
            endpoints.tls = Some(Endpoint { addr: listener.addr(), ca_pem: authority.ca_pem });
            listeners.push(listener);
        }
        Ok((endpoints, listeners))
    }
}

#[cfg(feature = "explore")]
impl MockIvsChatBuilder {
    /// Prepares a mock for the explorer: it runs on the paused runtime, waits have no limit of real
    /// time, failures print nothing, and participants observe outages without being disconnected.
    pub(crate) const fn for_explorer(mut self) -> Self {
        self.runs_on_current_runtime = true;
        self.wait_timeout = Some(LONGEST_WAIT);
        self.spares_participants = true;
        self.log_settings.is_quiet = true;
        self
    }
}

/// Assumed: the time is arbitrary, but must be the same in each run.
fn paused_clock() -> Clock {
    Clock::tokio_from("2026-01-01T00:00:00Z")
}

/// Upper bound for timeouts, so that adding one to an `Instant` cannot overflow.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
