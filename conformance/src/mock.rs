//! Mock: the mock of one script, in this process.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use mock_ivs_chat::{Handle, MockIvsChat, MockIvsChatBuilder, Quotas};

use crate::labels::{HOME, arn_prefix};
use crate::live::Site;
use crate::network::{Endpoint, Network, Trust};
use crate::session::{Access, Session};
use crate::shared::claims::controls::{self, Controls};
use crate::shared::script::settings::Setting;
use crate::stop::Stop;

/// A change of the mock, so that it differs from the scripts.
#[derive(Clone, Default)]
pub struct Deviation {
    settings: Option<Arc<dyn Fn(MockIvsChatBuilder) -> MockIvsChatBuilder + Send + Sync>>,
    quotas: Option<Arc<dyn Fn(Quotas) -> Quotas + Send + Sync>>,
    hooks: Option<Arc<dyn Fn(&Handle) + Send + Sync>>,
}

impl Deviation {
    /// Changes the settings of the mock.
    #[must_use]
    pub fn of_settings(
        change: impl Fn(MockIvsChatBuilder) -> MockIvsChatBuilder + Send + Sync + 'static,
    ) -> Self {
        Self { settings: Some(Arc::new(change)), ..Self::default() }
    }

    /// Changes the quotas of the mock: those of a new account, or those that the script sets.
    #[must_use]
    pub fn of_quotas(change: impl Fn(Quotas) -> Quotas + Send + Sync + 'static) -> Self {
        Self { quotas: Some(Arc::new(change)), ..Self::default() }
    }

    /// Installs hooks on the mock.
    #[must_use]
    pub fn of_hooks(install: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        Self { hooks: Some(Arc::new(install)), ..Self::default() }
    }

    /// Returns the beginning of the ARNs of a mock with these settings.
    pub(crate) fn home(&self) -> String {
        let mut builder = controls::builder(&[]);
        if let Some(change) = &self.settings {
            builder = change(builder);
        }
        let room = builder.start().create_room("");
        arn_prefix(room.arn()).unwrap_or(HOME).to_owned()
    }
}

impl fmt::Debug for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deviation")
    }
}

/// Starts the mock of a script. The beginning of its ARNs is asked for where it has other settings.
pub(crate) fn begin(
    settings: &[Setting],
    deviation: &Deviation,
    home: impl FnOnce() -> String,
    run: &str,
    stop: Stop,
) -> (Arc<Session>, Site) {
    let mut builder = controls::builder(settings);
    if let Some(change) = &deviation.settings {
        builder = change(builder);
    }
    if let Some(change) = &deviation.quotas {
        builder = builder.quotas(change(controls::quotas(settings)));
    }
    let ivs = builder.start();
    if let Some(install) = &deviation.hooks {
        install(&ivs);
    }
    let address = ivs.addr();
    let endpoint = Endpoint { is_tls: false, host: address.ip().to_string(), port: address.port() };
    let network = Network::new(&[&endpoint], Trust::NoAuthority);
    let network = network.expect("a network without TLS needs nothing that could be missing");
    let session = session(&ivs, [endpoint.clone(), endpoint], network, run, stop);
    if deviation.settings.is_some() {
        let _ = session.home.set(home());
    }
    (session, Site::Mock { ivs: Box::new(ivs), controls: Controls::default() })
}

/// Starts the mock of a script as a stand-in for the service: it has the service's names and a
/// certificate for them, and refuses requests whose signatures are not valid.
pub(crate) fn begin_over_tls(settings: &[Setting], run: &str, stop: Stop) -> (Arc<Session>, Site) {
    let keys = mock_ivs_chat::Credentials::new(ACCESS_KEY, SECRET_KEY);
    let ivs = controls::builder(settings).tls().require_signature(keys).start();
    let [control, messaging] = ["ivschat", "edge.ivschat"].map(|name| Endpoint {
        is_tls: true,
        host: format!("{name}.{REGION}.amazonaws.com"),
        port: 443,
    });
    let network = Network::new(&[&control, &messaging], Trust::Pem(ivs.ca_pem().as_bytes()));
    let mut network = network.expect("the mock's own certificate can be read");
    for Endpoint { host, port, .. } in [&control, &messaging] {
        network.connect_to(host, *port, ivs.tls_addr());
    }
    let session = session(&ivs, [control, messaging], network, run, stop);
    (session, Site::Mock { ivs: Box::new(ivs), controls: Controls::default() })
}

fn session(
    ivs: &MockIvsChat,
    [control, messaging]: [Endpoint; 2],
    network: Network,
    run: &str,
    stop: Stop,
) -> Arc<Session> {
    let access = Access {
        control,
        messaging,
        region: REGION.into(),
        credentials: credentials(),
        secrets: Vec::new(),
        network: Arc::new(network),
        clock: Some(SharedTimeSource::new(MockClock(ivs.handle()))),
    };
    Arc::new(Session::new(access, run, stop))
}

/// The clock of a mock, by which requests are signed.
#[derive(Debug)]
struct MockClock(Handle);

impl TimeSource for MockClock {
    fn now(&self) -> SystemTime {
        let since: Duration = self.0.now().to_unix();
        SystemTime::UNIX_EPOCH + since
    }
}

/// Keys that mean nothing, for services that do not check signatures.
pub(crate) fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::from_keys(ACCESS_KEY, SECRET_KEY, None))
}

const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "secret";
/// The region of the mock.
const REGION: &str = "us-west-2";
