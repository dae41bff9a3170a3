//! Rooms, chat tokens, and what the application does in a room.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mock_ivs_chat::{Capability, Operation, Room};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::admin::{App, Shared};
use crate::extract::{Body, Path};
use crate::problem::Problem;

/// A room as lists show it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    arn: String,
    id: String,
    name: String,
    /// The users of all connections, each once.
    users: Vec<String>,
}

impl Shown {
    fn of(room: &Room) -> Self {
        let (arn, id, name) = (room.arn().into(), room.id().into(), room.name().into());
        Self { arn, id, name, users: room.connected_users() }
    }
}

pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let rooms: Vec<_> = app.ivs.rooms().iter().map(Shown::of).collect();
    Json(json!({ "rooms": rooms }))
}

/// Creates a room from the members of CreateRoom.
pub(super) async fn create(
    State(app): Shared,
    Body(request): Body<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let created = app.ivs.call(Operation::CreateRoom, Value::Object(request))?;
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) async fn read(
    State(app): Shared,
    Path(room): Path<String>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(Shown::of(&app.room(&room)?)))
}

pub(super) async fn delete(
    State(app): Shared,
    Path(room): Path<String>,
) -> Result<StatusCode, Problem> {
    let room = app.room(&room)?;
    app.ivs.call(Operation::DeleteRoom, json!({ "identifier": room.arn() }))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewToken {
    user_id: String,
    #[serde(default)]
    capabilities: Option<Vec<Capability>>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    session_duration_in_minutes: Option<u32>,
}

pub(super) async fn create_token(
    State(app): Shared,
    Path(room): Path<String>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let room = app.room(&room)?;
    let mut request = json!({
        "roomIdentifier": room.arn(),
        "userId": new.user_id,
        "capabilities": new.capabilities.unwrap_or_else(|| Capability::ALL.to_vec()),
    });
    if !new.attributes.is_empty() {
        request["attributes"] = json!(new.attributes);
    }
    if let Some(minutes) = new.session_duration_in_minutes {
        request["sessionDurationInMinutes"] = json!(minutes);
    }
    let token = app.ivs.call(Operation::CreateChatToken, request)?;
    Ok((StatusCode::CREATED, Json(token)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewEvent {
    event_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn send_event(
    State(app): Shared,
    Path(room): Path<String>,
    Body(event): Body<NewEvent>,
) -> Result<Json<Value>, Problem> {
    let mut request = json!({ "eventName": event.event_name });
    if !event.attributes.is_empty() {
        request["attributes"] = json!(event.attributes);
    }
    call(&app, &room, Operation::SendEvent, request)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Disconnection {
    pub(super) user_id: String,
    pub(super) reason: Option<String>,
}

pub(super) async fn disconnect_user(
    State(app): Shared,
    Path(room): Path<String>,
    Body(request): Body<Disconnection>,
) -> Result<Json<Value>, Problem> {
    let mut members = json!({ "userId": request.user_id });
    if let Some(reason) = request.reason {
        members["reason"] = json!(reason);
    }
    call(&app, &room, Operation::DisconnectUser, members)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Deletion {
    pub(super) message_id: String,
    pub(super) reason: Option<String>,
}

pub(super) async fn delete_message(
    State(app): Shared,
    Path(room): Path<String>,
    Body(request): Body<Deletion>,
) -> Result<Json<Value>, Problem> {
    let mut members = json!({ "id": request.message_id });
    if let Some(reason) = request.reason {
        members["reason"] = json!(reason);
    }
    call(&app, &room, Operation::DeleteMessage, members)
}

/// Calls an operation about a room, and returns the response of the service.
fn call(
    app: &App,
    room: &str,
    operation: Operation,
    mut request: Value,
) -> Result<Json<Value>, Problem> {
    request["roomIdentifier"] = json!(app.room(room)?.arn());
    Ok(Json(app.ivs.call(operation, request)?))
}

impl From<mock_ivs_chat::ConnectError> for Problem {
    fn from(error: mock_ivs_chat::ConnectError) -> Self {
        Self::conflict(error.to_string())
    }
}
