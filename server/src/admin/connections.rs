//! Connections: finding them, and acting on one.

use axum::Json;
use axum::extract::State;
use mock_ivs_chat::log::Direction;
use mock_ivs_chat::{CloseCode, Connection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::participants::number;
use crate::admin::{App, Shared};
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: String,
    room: String,
    room_arn: String,
    user_id: String,
    age_ms: u64,
    queued_frames: usize,
    queued_bytes: usize,
    is_stalled: bool,
    is_participant: bool,
}

impl Shown {
    fn of(connection: &Connection) -> Self {
        Self {
            id: number(connection.id()),
            room: connection.room().into(),
            room_arn: connection.room_arn().into(),
            user_id: connection.user_id().into(),
            age_ms: u64::try_from(connection.age().as_millis()).unwrap_or(u64::MAX),
            queued_frames: connection.queued_frames(),
            queued_bytes: connection.queued_bytes(),
            is_stalled: connection.is_stalled(),
            is_participant: connection.is_participant(),
        }
    }
}

impl App {
    fn connection(&self, id: &str) -> Result<Connection, Problem> {
        let mut connections = self.ivs.connections().into_iter();
        let found = connections.find(|one| number(one.id()) == id);
        found.ok_or_else(|| {
            let known: Vec<_> =
                self.ivs.connections().iter().take(10).map(|one| number(one.id())).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Problem::not_found(format!("there is no open connection {id:?}; connections: {known}"))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Wanted {
    room: Option<String>,
    user_id: Option<String>,
}

pub(super) async fn list(
    State(app): Shared,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let connections = match &wanted.room {
        Some(room) => app.room(room).map_err(|problem| problem.at("room"))?.connections(),
        None => app.ivs.connections(),
    };
    let is_wanted =
        |one: &&Connection| wanted.user_id.as_ref().is_none_or(|user| one.user_id() == user);
    let connections: Vec<_> = connections.iter().filter(is_wanted).map(Shown::of).collect();
    Ok(Json(json!({ "connections": connections })))
}

pub(super) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(Shown::of(&app.connection(&id)?)))
}

/// Does something to a connection, which may have ended in the meantime.
fn act(app: &App, id: &str, act: impl FnOnce(&Connection) -> bool) -> Result<Json<Value>, Problem> {
    let connection = app.connection(id)?;
    match act(&connection) {
        true => Ok(Json(json!({ "id": id }))),
        false => Err(Problem::conflict(format!("connection {id} has ended"))),
    }
}

/// A body that has no members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    #[serde(default = "normal_closure")]
    code: u16,
    #[serde(default)]
    reason: String,
}

const fn normal_closure() -> u16 {
    1000
}

/// The longest reason that a close frame can have.
const MOST_REASON_BYTES: usize = 123;

pub(super) async fn close(
    State(app): Shared,
    Path(id): Path<String>,
    Body(close): Body<Close>,
) -> Result<Json<Value>, Problem> {
    if !(1000..5000).contains(&close.code) {
        return Err(Problem::bad_request("code is 1000 to 4999").at("/code"));
    }
    if close.reason.len() > MOST_REASON_BYTES {
        let detail = format!("reason has at most {MOST_REASON_BYTES} bytes");
        return Err(Problem::bad_request(detail).at("/reason"));
    }
    act(&app, &id, |connection| connection.close(CloseCode(close.code), &close.reason))
}

pub(super) async fn reset(
    State(app): Shared,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    act(&app, &id, Connection::reset)
}

pub(super) async fn stall(
    State(app): Shared,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    act(&app, &id, Connection::stall)
}

pub(super) async fn resume(
    State(app): Shared,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    act(&app, &id, Connection::resume)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Bandwidth {
    /// `null` removes the limit.
    bytes_per_second: Option<u32>,
    direction: Way,
}

/// As the client sees it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// From the client to the service.
    Inbound,
    /// From the service to the client.
    Outbound,
}

pub(super) async fn limit_bandwidth(
    State(app): Shared,
    Path(id): Path<String>,
    Body(limit): Body<Bandwidth>,
) -> Result<Json<Value>, Problem> {
    let direction = match limit.direction {
        Way::Inbound => Direction::Inbound,
        Way::Outbound => Direction::Outbound,
    };
    if app.connection(&id)?.is_participant() {
        let detail = format!("connection {id} is that of a participant, who has no bandwidth");
        return Err(Problem::conflict(detail));
    }
    match limit.bytes_per_second {
        Some(0) => {
            let detail = "bytesPerSecond is at least 1; stall stops a connection completely";
            Err(Problem::bad_request(detail).at("/bytesPerSecond"))
        }
        Some(bytes) => act(&app, &id, |connection| connection.limit_bandwidth(direction, bytes)),
        None => act(&app, &id, |connection| connection.unlimit_bandwidth(direction)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFrame {
    text: String,
}

pub(super) async fn push_frame(
    State(app): Shared,
    Path(id): Path<String>,
    Body(frame): Body<NewFrame>,
) -> Result<Json<Value>, Problem> {
    act(&app, &id, |connection| connection.push_text(frame.text))
}
