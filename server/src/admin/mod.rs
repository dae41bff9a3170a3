//! The control API, under `/__admin`.

mod clock;
mod connections;
mod guard;
mod hooks;
mod log;
mod openapi;
mod page;
mod participants;
mod reviews;
mod rooms;
mod service;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::Method;
use axum::routing::{get, post, put};
use mock_ivs_chat::{Handle, Outage, Participant, Room};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use crate::boundaries::ADMIN;
use crate::cli::Options;
use crate::extract::MOST_BODY_BYTES;
use crate::problem::Problem;
use crate::state::State;
use crate::tls;

/// The URLs of the server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Urls {
    pub(crate) http: String,
    pub(crate) ws: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) https: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wss: Option<String>,
}

/// The state that all handlers share.
pub(crate) struct App {
    ivs: Handle,
    urls: Urls,
    /// The file of the authority's certificate, if TLS is served.
    ca_file: Option<PathBuf>,
    /// The names by which clients may address the control API.
    hosts: Vec<String>,
    state: Option<State>,
    participants: Mutex<Participants>,
    hooks: Mutex<BTreeMap<u64, hooks::Installed>>,
    outage: Mutex<Option<Running>>,
}

/// The participants that requests have connected, by the numbers of their connections.
type Participants = BTreeMap<u64, Arc<Participant>>;

/// An outage that a request has begun.
struct Running {
    outage: Outage,
    mode: service::Mode,
}

pub(crate) type Shared = axum::extract::State<Arc<App>>;

impl App {
    pub(crate) fn new(
        ivs: Handle,
        urls: Urls,
        state: Option<State>,
        options: &Options,
    ) -> Arc<Self> {
        Arc::new(Self {
            ivs,
            urls,
            ca_file: options.tls.then(|| tls::absolute(options.ca_file())),
            hosts: guard::hosts(options),
            state,
            participants: Mutex::default(),
            hooks: Mutex::default(),
            outage: Mutex::default(),
        })
    }

    fn participants(&self) -> MutexGuard<'_, Participants> {
        self.participants.lock()
    }

    fn hooks(&self) -> MutexGuard<'_, BTreeMap<u64, hooks::Installed>> {
        self.hooks.lock()
    }

    fn outage(&self) -> MutexGuard<'_, Option<Running>> {
        self.outage.lock()
    }

    /// Returns the room of a name, an ID or an ARN.
    fn room(&self, room: &str) -> Result<Room, Problem> {
        self.ivs.find_room(room).ok_or_else(|| {
            let rooms: Vec<_> = self.ivs.rooms().iter().take(10).map(shown_name).collect();
            let rooms = if rooms.is_empty() { "none".into() } else { rooms.join(", ") };
            Problem::not_found(format!("there is no room {room:?}; rooms: {rooms}"))
        })
    }
}

/// Runs a closure that may take its time on a thread that serves nothing else.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let result = tokio::task::spawn_blocking(run).await;
    result.map_err(|error| Problem::conflict(error.to_string()))
}

/// The name of a room, or its ID if it has none.
fn shown_name(room: &Room) -> String {
    let name = room.name();
    if name.is_empty() { room.id().to_owned() } else { name.to_owned() }
}

/// Returns the routes of the control API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/", get(page::index))
        .route("/page.css", get(page::style))
        .route("/page.js", get(page::script))
        .route("/openapi.json", get(openapi::document))
        .route("/status", get(service::status))
        .route("/rooms", get(rooms::list).post(rooms::create))
        .route("/rooms/{room}", get(rooms::read).delete(rooms::delete))
        .route("/rooms/{room}/tokens", post(rooms::create_token))
        .route("/rooms/{room}/events", post(rooms::send_event))
        .route("/rooms/{room}/disconnections", post(rooms::disconnect_user))
        .route("/rooms/{room}/deletions", post(rooms::delete_message))
        .route("/rooms/{room}/messages", post(participants::send_as_user))
        .route("/rooms/{room}/review", put(reviews::set).delete(reviews::remove))
        .route("/participants", get(participants::list).post(participants::create))
        .route("/participants/{id}", get(participants::read).delete(participants::delete))
        .route("/participants/{id}/messages", post(participants::send_message))
        .route("/participants/{id}/deletions", post(participants::delete_message))
        .route("/participants/{id}/disconnections", post(participants::disconnect_user))
        .route("/participants/{id}/frames", get(participants::next_frame))
        .route("/clock", get(clock::read))
        .route("/clock/advance", post(clock::advance))
        .route("/clock/freeze", post(clock::freeze))
        .route("/hooks", get(hooks::list).post(hooks::install).delete(hooks::remove_all))
        .route("/hooks/{id}", get(hooks::read).delete(hooks::remove))
        .route("/hooks/{id}/release", post(hooks::release))
        .route("/connections", get(connections::list))
        .route("/connections/{id}", get(connections::read))
        .route("/connections/{id}/close", post(connections::close))
        .route("/connections/{id}/reset", post(connections::reset))
        .route("/connections/{id}/stall", post(connections::stall))
        .route("/connections/{id}/resume", post(connections::resume))
        .route("/connections/{id}/limit-bandwidth", post(connections::limit_bandwidth))
        .route("/connections/{id}/frames", post(connections::push_frame))
        .route("/outage", post(service::begin_outage).delete(service::end_outage))
        .route("/restart", post(service::restart))
        .route("/log", get(log::read))
        .route("/log/events", get(log::follow))
        .route("/lint", get(service::lint))
        .route("/verify", get(service::verify))
        .route("/reset", post(service::reset))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), guard::check))
        .with_state(app);
    Router::new()
        .route(ADMIN, get(page::redirect))
        .nest(&format!("{ADMIN}/"), routes)
        .fallback(unknown_path)
        .layer(axum::middleware::from_fn(guard::protect))
}

async fn unknown_path(OriginalUri(uri): OriginalUri) -> Problem {
    let path = uri.path();
    Problem::not_found(format!("there is no {path}; {ADMIN}/openapi.json describes what there is"))
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let path = uri.path();
    Problem::method_not_allowed(format!(
        "{path} has no method {method}; {ADMIN}/openapi.json describes what there is"
    ))
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use clap::Parser;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use mock_ivs_chat::MockIvsChat;

    use super::*;

    /// A long log takes its time. The only other thread is occupied here, so a request that needs
    /// none ends with its first poll, and all others do not end before the thread is free.
    #[test]
    fn documents_are_not_made_on_the_threads_that_serve_requests() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(1).enable_all().build().expect("it starts");
        let ivs = MockIvsChat::builder().in_memory().quiet().start();
        let options = Options::parse_from(["mock-ivs-chat"]);
        let urls = Urls { http: String::new(), ws: String::new(), https: None, wss: None };
        let router = router(App::new(ivs.handle(), urls, None, &options));
        let service = TowerToHyperService::new(router);
        let call = |path: &str| {
            let request = Request::get(format!("{ADMIN}{path}")).header("host", "localhost");
            service.call(request.body(Body::empty()).expect("it is a request"))
        };
        for (path, needs_a_thread) in [
            ("/clock", false),
            ("/log", true),
            ("/log?format=html", true),
            ("/log/events", true),
            ("/lint", true),
            ("/verify", true),
            ("/status", true),
        ] {
            runtime.block_on(async {
                let (free, occupied) = mpsc::channel::<()>();
                let occupied = tokio::task::spawn_blocking(move || occupied.recv());
                let mut response = pin!(call(path));
                let first = poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx))).await;
                assert_eq!(first.is_pending(), needs_a_thread, "{path}");
                drop(free);
                let _ = occupied.await;
                let response = match first {
                    Poll::Ready(response) => response,
                    Poll::Pending => response.await,
                };
                assert_eq!(response.expect("it cannot fail").status(), StatusCode::OK, "{path}");
            });
        }
    }
}
