//! Credentials: the default chain of the AWS SDK, which may ask the services that hand them out.

use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ivschat::config::Region;
use tokio::runtime::Runtime;

use crate::calls::explain;
use crate::connector::Connector;
use crate::network::{Endpoint, Network, Trust};
use crate::redaction::can_be_hidden;

/// Finds credentials, and returns them with the parts that no file may have. An error says where
/// the chain has looked.
pub(crate) fn from_default_chain(
    region: &str,
    runtime: &Runtime,
) -> Result<(SharedCredentialsProvider, Vec<String>), String> {
    // The chain talks to these hosts only, and these hosts only talk about credentials.
    let hosts = [
        (false, "169.254.169.254".to_owned(), 80),
        (false, "169.254.170.2".to_owned(), 80),
        (false, "169.254.170.23".to_owned(), 80),
        (true, format!("sts.{region}.amazonaws.com"), 443),
        (true, "sts.amazonaws.com".to_owned(), 443),
    ];
    let hosts = hosts.map(|(is_tls, host, port)| Endpoint { is_tls, host, port });
    let network = Network::new(&hosts.each_ref(), Trust::System)?;
    let loading = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(Connector(Arc::new(network)))
        .load();
    let config = runtime.block_on(loading);
    let provider = config
        .credentials_provider()
        .ok_or("the default credential chain has no provider; see `aws configure`")?;
    let found = runtime.block_on(provider.provide_credentials());
    let found = found.map_err(|error| explain(&error));
    let found = found.map_err(|error| format!("there are no AWS credentials: {error}"))?;
    let parts =
        [Some(found.access_key_id()), Some(found.secret_access_key()), found.session_token()];
    let secrets = parts.into_iter().flatten().filter(|part| can_be_hidden(part));
    Ok((provider, secrets.map(str::to_owned).collect()))
}
