//! Target: the services that scripts can be played against.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::ledger::{Cleanup, Left};
use crate::live::{Live, Site, Timing};
use crate::mock::{self, Deviation};
use crate::network::{Endpoint, HTTP_SCHEMES, Network, Trust, WS_SCHEMES};
use crate::session::{Access, Session};
use crate::shared::script::settings::Setting;
use crate::stop::Stop;

/// A service.
#[derive(Clone, Debug)]
pub enum Target {
    /// The mock, in this process: a new one for each script.
    Mock(Deviation),
    /// The same over TLS, at the host names of the service, and with signatures that it checks.
    MockOverTls,
    /// A pair of endpoints.
    Url(Endpoints),
    /// Amazon IVS Chat in a region, with the default credential chain.
    Aws(Endpoints),
}

/// Endpoints, and how to reach them.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The URL of the control plane, as in `http://127.0.0.1:8080`.
    pub control: String,
    /// The URL of the messaging API, as in `ws://127.0.0.1:8080`.
    pub messaging: String,
    /// The region that requests are signed for.
    pub region: String,
    /// A file with the certificates to trust instead of those of the system.
    pub ca: Option<PathBuf>,
    /// Addresses in the place of those that DNS has, as in `host:443:127.0.0.1:8443`.
    pub connect_to: Vec<String>,
    /// Whether to stay below the documented rates.
    pub keeps_rates: bool,
    /// Whether to use the default credential chain, instead of keys that no service accepts.
    pub has_credentials: bool,
    /// How long to wait for something that should come.
    pub patience: Duration,
    /// How long to wait for something that should not come.
    pub quiet: Duration,
}

/// A target that is ready, and the threads that talk to it.
pub struct Running {
    target: Target,
    // It is dropped before the runtime that its calls need.
    session: Option<Arc<Session>>,
    timing: Timing,
    run: String,
    /// The beginning of the ARNs of a mock with other settings.
    home: OnceLock<String>,
    stop: Stop,
    runtime: Runtime,
}

impl Running {
    /// Prepares a target: reads its URLs, and finds credentials. Nothing is sent to it yet.
    ///
    /// # Errors
    ///
    /// If a URL, a file or an option has a mistake, or credentials are missing.
    pub fn start(target: Target, run: &str) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start threads: {error}"))?;
        let stop = Stop::default();
        let (session, timing) = match &target {
            Target::Mock(_) | Target::MockOverTls => (None, MOCK_TIMING),
            Target::Url(endpoints) | Target::Aws(endpoints) => {
                let access = access(endpoints, &runtime)?;
                let mut session = Session::new(access, run, stop.clone());
                session.marks = true;
                session.pace = endpoints.keeps_rates.then(Default::default);
                let Endpoints { patience, quiet, .. } = *endpoints;
                let timing = Timing { patience, quiet, tolerance: TOLERANCE };
                (Some(Arc::new(session)), timing)
            }
        };
        let home = OnceLock::new();
        Ok(Self { target, session, timing, run: run.into(), home, stop, runtime })
    }

    /// The service.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the switch that ends the run.
    #[must_use]
    pub fn stop_switch(&self) -> Stop {
        self.stop.clone()
    }

    /// Returns `true` once the run should end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Returns the hosts to which a connection was refused, because they are not the target's.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.session.as_ref().map_or_else(Vec::new, |session| session.network.refused())
    }

    /// Starts the service of one script.
    pub(crate) fn begin(&self, settings: &[Setting]) -> Live {
        let handle = self.runtime.handle().clone();
        let (session, site) = match (&self.session, &self.target) {
            (Some(session), _) => (Arc::clone(session), Site::Remote),
            (None, Target::MockOverTls) => {
                mock::begin_over_tls(settings, &self.run, self.stop.clone())
            }
            (None, Target::Mock(deviation)) => {
                let home = || self.home.get_or_init(|| deviation.home()).clone();
                mock::begin(settings, deviation, home, &self.run, self.stop.clone())
            }
            (None, _) => unreachable!("only mocks are started for each script"),
        };
        Live::new(session, site, handle, self.timing)
    }

    /// Creates a room at the target and deletes it, so that a target that cannot be used is not
    /// taken for one that differs.
    ///
    /// # Errors
    ///
    /// If no response is received, or if it is an error. [`Running::clean`] deletes what is left.
    pub fn check(&self) -> Result<(), String> {
        let Some(session) = &self.session else { return Ok(()) };
        self.runtime.block_on(session.find_home())
    }

    /// Deletes what could not be deleted before, and what may have been created without a response.
    #[must_use]
    pub fn clean(&self) -> Cleanup {
        match &self.session {
            Some(session) => self.runtime.block_on(session.finish()),
            None => Cleanup::default(),
        }
    }

    /// Deletes the resources of all runs of this program; returns how many, and those that are
    /// left.
    ///
    /// # Errors
    ///
    /// If no resource can be listed.
    pub fn clean_all(&self) -> Result<(usize, Cleanup), String> {
        let Some(session) = &self.session else { return Ok((0, Cleanup::default())) };
        let found = self.runtime.block_on(session.find_all());
        let count = session.ledger.arns(true).len();
        let mut cleanup = self.clean();
        let deleted = count - cleanup.left.len();
        match found {
            Err(why) if count == 0 => return Err(why),
            Err(why) => {
                let resource = "resources that could not be listed".into();
                cleanup.left.push(Left { resource, why });
            }
            Ok(()) => {}
        }
        Ok((deleted, cleanup))
    }
}

/// Deletes what a panic has left.
impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Cleanup { left, .. } = self.clean();
            for resource in left {
                // If stderr cannot be written, no other place is left to report it.
                let _ = writeln!(std::io::stderr(), "not deleted: {resource}");
            }
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("target", &self.target).finish_non_exhaustive()
    }
}

fn access(endpoints: &Endpoints, runtime: &Runtime) -> Result<Access, String> {
    let control = Endpoint::parse(&endpoints.control, HTTP_SCHEMES)?;
    let messaging = Endpoint::parse(&endpoints.messaging, WS_SCHEMES)?;
    let ca = match &endpoints.ca {
        Some(path) => {
            let read = std::fs::read(path);
            Some(read.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    let trust = match &ca {
        Some(pem) => Trust::Pem(pem),
        None if control.is_tls || messaging.is_tls => Trust::System,
        None => Trust::NoAuthority,
    };
    let mut network = Network::new(&[&control, &messaging], trust)?;
    for text in &endpoints.connect_to {
        let (host, port, address) = connect_to(text)?;
        network.connect_to(&host, port, address);
    }
    let (credentials, secrets) = if endpoints.has_credentials {
        crate::credentials::from_default_chain(&endpoints.region, runtime)?
    } else {
        (mock::credentials(), Vec::new())
    };
    let (region, network) = (endpoints.region.clone(), Arc::new(network));
    Ok(Access { control, messaging, region, credentials, secrets, network, clock: None })
}

/// Reads `host:port:address:port`.
fn connect_to(text: &str) -> Result<(String, u16, SocketAddr), String> {
    let mistake =
        || format!("`{text}` is not like `ivschat.us-west-2.amazonaws.com:443:127.0.0.1:8443`");
    let (host, rest) = text.split_once(':').ok_or_else(mistake)?;
    let (port, address) = rest.split_once(':').ok_or_else(mistake)?;
    let port = port.parse().map_err(|_| mistake())?;
    Ok((host.to_owned(), port, address.parse().map_err(|_| mistake())?))
}

const MOCK_TIMING: Timing =
    Timing { patience: Duration::from_secs(10), quiet: Duration::ZERO, tolerance: Duration::ZERO };

/// How far the clock of a service may be from that of this machine, and how long a step may take.
const TOLERANCE: Duration = Duration::from_secs(5);
