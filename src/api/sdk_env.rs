//! Sdk environment: the variables by which a program in any language reaches a mock.

use crate::api::handle::Handle;

impl Handle {
    /// Returns the environment in which a program's AWS SDK calls this mock, whatever its language:
    /// the variables of [`Handle::aws_endpoint_env`], a region and credentials.
    ///
    /// The credentials are made up; with `require_signature` they are the first that the mock was
    /// given. They replace the credentials for other services, too: where those matter, use
    /// [`Handle::aws_endpoint_env`].
    ///
    /// Documented: the variables of the AWS SDKs and Tools Reference Guide.
    ///
    /// ```
    /// use std::process::Command;
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let mut backend = Command::new("my-backend");
    /// backend.envs(ivs.aws_env());
    /// let url = backend.get_envs().find(|(name, _)| *name == "AWS_ENDPOINT_URL_IVSCHAT").unwrap().1;
    /// assert_eq!(url.unwrap().to_str(), Some(&*ivs.endpoint_url()));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has no port: see [`MockIvsChatBuilder::in_memory`](crate::MockIvsChatBuilder::in_memory).
    #[must_use]
    #[track_caller]
    pub fn aws_env(&self) -> Vec<(&'static str, String)> {
        let mut variables = self.aws_endpoint_env();
        let settings = self.driver().settings();
        let (access_key_id, secret_access_key, session_token) = settings.credentials_for_clients();
        variables.extend([
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_DEFAULT_REGION", settings.region.clone()),
            ("AWS_REGION", settings.region),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
        ]);
        variables.extend(session_token.map(|token| ("AWS_SESSION_TOKEN", token)));
        variables.sort_unstable();
        variables
    }

    /// Returns the part of [`Handle::aws_env`] that sets the endpoint of IVS Chat and nothing of
    /// other services, for a program that also calls AWS or an emulator of it.
    ///
    /// | Variable | Value |
    /// |---|---|
    /// | `AWS_ENDPOINT_URL_IVSCHAT` | [`Handle::endpoint_url`]; it has precedence over `AWS_ENDPOINT_URL` |
    /// | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` | `false`, in case the test's environment says otherwise |
    /// | `MOCK_IVS_CHAT_WS_URL` | [`Handle::ws_url`], because AWS has no variable for the messaging endpoint |
    /// | `NO_PROXY`, `no_proxy` | the variable of this process, with the mock's host added |
    ///
    /// Documented: the first two, in the AWS SDKs and Tools Reference Guide.
    ///
    /// ```
    /// use mock_ivs_chat::MockIvsChat;
    ///
    /// let ivs = MockIvsChat::start();
    /// let variables = ivs.aws_endpoint_env();
    /// assert!(variables.contains(&("AWS_ENDPOINT_URL_IVSCHAT", ivs.endpoint_url())));
    /// assert!(variables.iter().all(|(name, _)| *name != "AWS_ACCESS_KEY_ID"));
    /// ```
    ///
    /// # Panics
    ///
    /// If the mock has no port: see [`MockIvsChatBuilder::in_memory`](crate::MockIvsChatBuilder::in_memory).
    #[must_use]
    #[track_caller]
    pub fn aws_endpoint_env(&self) -> Vec<(&'static str, String)> {
        let host = self.server().endpoints().host(self.addr());
        vec![
            ("AWS_ENDPOINT_URL_IVSCHAT", self.endpoint_url()),
            // Set to true in the test's own environment this would lead to the real service.
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".into()),
            ("MOCK_IVS_CHAT_WS_URL", self.ws_url()),
            ("NO_PROXY", without_proxy("NO_PROXY", &host)),
            ("no_proxy", without_proxy("no_proxy", &host)),
        ]
    }
}

/// Adds a host to a list of hosts that are reached without a proxy.
fn without_proxy(variable: &str, host: &str) -> String {
    // A list in IPv6 has addresses without brackets.
    let host = host.trim_matches(['[', ']']);
    match std::env::var(variable) {
        Ok(list) if !list.is_empty() => format!("{list},{host}"),
        _ => host.into(),
    }
}
