//! Serve: starts the mock, listens, prints the URLs, and ends with a signal.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mock_ivs_chat::log::LogRetention;
use mock_ivs_chat::{Capability, Clock, MockIvsChat, Quotas};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::admin::{App, Urls};
use crate::cli::Options;
use crate::state::State;
use crate::stream::Socket;
use crate::{admin, output, stream, tls};

/// A wait timeout that never elapses: the control API has timeouts of its own.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How many entries the log keeps: a server may run for weeks.
const MOST_ENTRIES: usize = 100_000;

/// Serves until a signal ends the program.
pub(crate) async fn run(options: &Options) -> Result<(), String> {
    // Signals count from now on, so that one during the start does not get lost.
    let signals = Signals::new()?;
    let state = options.state.as_deref().map(State::read).transpose()?;
    let ivs = start_mock(options)?;
    let acceptor = options
        .tls
        .then(|| tls::acceptor(options.ca_file(), options.bind, options.host_name.as_deref()));
    let acceptor = acceptor.transpose()?;
    let listener = TcpListener::bind((options.bind, options.port)).await.map_err(|error| {
        format!("cannot listen on {}: {error}", SocketAddr::new(options.bind, options.port))
    })?;
    let addr = listener.local_addr().map_err(|error| error.to_string())?;
    if let Some(state) = &state {
        state.restore(&ivs)?;
    }
    create_rooms(&ivs, options)?;
    let urls = urls(options, addr);
    print_start(&ivs, options, &urls)?;
    if let Some(state) = &state {
        state.keep(&ivs);
    }
    let failed = output::follow(&ivs, options.log);
    let router = admin::router(App::new(ivs.handle(), urls, state.clone(), options));
    let served = tokio::select! {
        () = accept(&listener, acceptor, &ivs, router) => Ok(()),
        () = signals.wait() => Ok(()),
        error = failed => match error {
            // The reader of the output has closed the pipe.
            Ok(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Ok(error) => Err(format!("the log cannot be printed: {error}")),
            Err(_) => Err("the log can no longer be followed".into()),
        },
    };
    let flushed = state.map_or(Ok(()), |state| state.flush(&ivs));
    // The process ends now. Requests that still wait for the log must not see the mock stop,
    // because a wait that can no longer succeed panics.
    std::mem::forget(ivs);
    served.and(flushed)
}

fn start_mock(options: &Options) -> Result<MockIvsChat, String> {
    let mut builder = MockIvsChat::builder()
        .in_memory()
        .quiet()
        .log_retention(LogRetention::Last(MOST_ENTRIES))
        .region(&options.region)
        .account_id(&options.account_id)
        .wait_timeout(NEVER);
    if options.unlimited {
        builder = builder.quotas(Quotas::unlimited());
    }
    if let Some(lifetime) = options.token_lifetime {
        builder = builder.token_lifetime(lifetime);
    }
    if let Some(time) = &options.frozen_at {
        builder = builder.clock(Clock::frozen_at(time));
    }
    builder.try_start().map_err(|error| error.to_string())
}

/// Creates the rooms of the command line, unless the state has them already.
fn create_rooms(ivs: &MockIvsChat, options: &Options) -> Result<(), String> {
    for name in &options.rooms {
        if ivs.find_room(name).is_none() {
            let request = serde_json::json!({ "name": name });
            ivs.call(mock_ivs_chat::Operation::CreateRoom, request)
                .map_err(|refusal| format!("--room {name}: {refusal}"))?;
        }
    }
    match (options.user_tokens.first(), ivs.rooms().first()) {
        (Some(user), None) => Err(format!("--user-token {user} needs a room: add --room NAME")),
        _ => Ok(()),
    }
}

fn urls(options: &Options, addr: SocketAddr) -> Urls {
    let host = options.host_name.clone().unwrap_or_else(|| match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".into(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".into(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    });
    let url = |scheme: &str| format!("{scheme}://{host}:{}", addr.port());
    Urls {
        http: url("http"),
        ws: url("ws"),
        https: options.tls.then(|| url("https")),
        wss: options.tls.then(|| url("wss")),
    }
}

/// Prints URLs, tokens and rooms, one per line, and then the ready line.
fn print_start(ivs: &MockIvsChat, options: &Options, urls: &Urls) -> Result<(), String> {
    let mut text = format!("http_url={}\nws_url={}\n", urls.http, urls.ws);
    for (name, url) in [("https_url", &urls.https), ("wss_url", &urls.wss)] {
        if let Some(url) = url {
            text.push_str(&format!("{name}={url}\n"));
        }
    }
    for room in ivs.rooms() {
        text.push_str(&format!("room_arn={}\n", room.arn()));
    }
    for user in &options.user_tokens {
        let room = ivs.rooms().remove(0);
        let token = room.chat_token(user).capabilities(Capability::ALL).try_create();
        let token = token.map_err(|refusal| format!("--user-token {user}: {refusal}"))?;
        text.push_str(&format!("user_token={}\n", token.token));
    }
    text.push_str(&format!("ready: the live page is {}/__admin/\n", urls.http));
    output::print(&text).map_err(|error| format!("the URLs cannot be printed: {error}"))
}

async fn accept(
    listener: &TcpListener,
    acceptor: Option<TlsAcceptor>,
    ivs: &MockIvsChat,
    router: axum::Router,
) {
    let acceptor = acceptor.map(Arc::new);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (acceptor, ivs, router) = (acceptor.clone(), ivs.handle(), router.clone());
                tokio::spawn(async move { serve(stream, acceptor, ivs, router).await });
            }
            // Such as too many open files. Without a pause this loop would use the processor up.
            Err(error) => {
                output::complain(&format!("a client cannot be accepted: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

async fn serve(
    stream: TcpStream,
    acceptor: Option<Arc<TlsAcceptor>>,
    ivs: mock_ivs_chat::Handle,
    router: axum::Router,
) {
    let (socket, resets) = Socket::new(stream);
    let Some(acceptor) = acceptor else {
        return stream::serve(socket, resets, ivs, router).await;
    };
    match socket.first_byte().await {
        Ok(TLS_HANDSHAKE) => match acceptor.accept(socket).await {
            Ok(stream) => stream::serve(stream, resets, ivs, router).await,
            Err(error) => output::complain(&format!(
                "the TLS handshake of a client: {error}{}",
                tls::advice(&error)
            )),
        },
        Ok(_) => stream::serve(socket, resets, ivs, router).await,
        // The client has left.
        Err(_) => {}
    }
}

/// The signals that end the program.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, String> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| format!("signals: {error}"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self, String> {
        Ok(Self {})
    }

    async fn wait(self) {
        // An error means that there is no console to send it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
