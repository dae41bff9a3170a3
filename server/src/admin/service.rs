//! The service as a whole: status, outages, restarts, lint, verification and reset.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::connections::Nothing;
use crate::admin::{App, Running, Shared, Urls, blocking, clock};
use crate::extract::Body;
use crate::output;
use crate::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    version: &'static str,
    ready: bool,
    urls: Urls,
    /// The file of the authority's certificate, if TLS is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    clock: clock::Shown,
    counts: Counts,
    outage: Option<Mode>,
    /// The expectations of hooks that are not met so far.
    unmet: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    rooms: usize,
    connections: usize,
    participants: usize,
    /// One more than the index of the last entry of the log.
    entries: u64,
}

pub(super) async fn status(State(app): Shared) -> Result<Json<Status>, Problem> {
    blocking(move || Json(Status::of(&app))).await
}

impl Status {
    fn of(app: &App) -> Self {
        let last = app.ivs.log().last();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            ready: true,
            urls: app.urls.clone(),
            ca_file: app.ca_file.clone(),
            clock: clock::Shown::of(app),
            counts: Counts {
                rooms: app.ivs.rooms().len(),
                connections: app.ivs.connections().len(),
                participants: app.participants().len(),
                entries: last.map_or(0, |entry| entry.index() + 1),
            },
            outage: app.outage().as_ref().map(|running| running.mode),
            unmet: app.ivs.report().unmet().to_vec(),
        }
    }
}

/// How an outage treats clients that connect.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// Connections are reset immediately. The port stays open, because the control API shares it.
    #[default]
    Refuse,
    /// Connections are accepted, recorded in the log, and then closed.
    Accept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOutage {
    #[serde(default)]
    mode: Mode,
}

pub(super) async fn begin_outage(
    State(app): Shared,
    Body(new): Body<NewOutage>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut outage = app.outage();
    if outage.is_some() {
        return Err(Problem::conflict("an outage has begun already; DELETE ends it"));
    }
    let begun = match new.mode {
        Mode::Refuse => app.ivs.outage(),
        Mode::Accept => app.ivs.accepting_outage(),
    };
    *outage = Some(Running { outage: begun, mode: new.mode });
    Ok((StatusCode::CREATED, Json(json!({ "mode": new.mode }))))
}

pub(super) async fn end_outage(State(app): Shared) -> Result<StatusCode, Problem> {
    let Some(running) = app.outage().take() else {
        return Err(Problem::conflict("no outage has begun"));
    };
    running.outage.end();
    Ok(StatusCode::NO_CONTENT)
}

/// Closes all connections, as a deployment of the service does.
pub(super) async fn restart(State(app): Shared, Body(Nothing {}): Body<Nothing>) -> StatusCode {
    app.ivs.restart();
    StatusCode::NO_CONTENT
}

pub(super) async fn lint(State(app): Shared) -> Result<Json<Value>, Problem> {
    blocking(move || findings(&app)).await
}

fn findings(app: &App) -> Json<Value> {
    let findings: Vec<_> = app
        .ivs
        .lint()
        .iter()
        .map(|finding| {
            json!({
                "lint": finding.lint.to_string(),
                "entry": finding.entry,
                "connection": finding.connection,
                "message": finding.message,
            })
        })
        .collect();
    Json(json!({ "findings": findings }))
}

/// Checks the expectations of all hooks: 200, or 409 if one is not met.
pub(super) async fn verify(State(app): Shared) -> Result<Response, Problem> {
    blocking(move || verification(&app)).await
}

fn verification(app: &App) -> Response {
    let report = app.ivs.report();
    let status = if report.is_failure() { StatusCode::CONFLICT } else { StatusCode::OK };
    let body = json!({
        "isFailure": report.is_failure(),
        "unmet": report.unmet(),
        "neverFired": report.never_fired(),
        "panics": report.panics(),
        "waitingAtGates": report.waiting_at_gates(),
        "report": report.to_string(),
    });
    (status, Json(body)).into_response()
}

/// The part of the mock that a reset concerns.
#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Part {
    #[default]
    All,
    Hooks,
    Rooms,
    Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    #[serde(default)]
    what: Part,
}

pub(super) async fn reset(
    State(app): Shared,
    Body(request): Body<Reset>,
) -> Result<StatusCode, Problem> {
    let reset = blocking(move || app.reset(request.what)).await?;
    // The reset itself is done. A state that cannot be written is written with the next change.
    if let Err(message) = reset {
        output::complain(&message);
    }
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    fn reset(&self, part: Part) -> Result<(), String> {
        if matches!(part, Part::All | Part::Hooks) {
            self.hooks().clear();
        }
        if matches!(part, Part::All | Part::Rooms) {
            self.participants().clear();
        }
        match part {
            Part::All => {
                if let Some(running) = self.outage().take() {
                    running.outage.end();
                }
                self.ivs.reset_hooks();
                self.ivs.reset_rooms();
                self.clear_log()
            }
            Part::Hooks => {
                self.ivs.reset_hooks();
                Ok(())
            }
            Part::Rooms => {
                self.ivs.reset_rooms();
                self.state.as_ref().map_or(Ok(()), |state| state.flush(&self.ivs))
            }
            Part::Log => self.clear_log(),
        }
    }

    fn clear_log(&self) -> Result<(), String> {
        match &self.state {
            Some(state) => state.clear_log(&self.ivs),
            None => {
                self.ivs.clear_log();
                Ok(())
            }
        }
    }
}
