//! Participants: users inside the mock, on whose behalf requests send and receive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mock_ivs_chat::log::Matcher;
use mock_ivs_chat::{Capability, ChatTokenBuilder, ConnectionId, Participant, Room};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::rooms::{Deletion, Disconnection};
use crate::admin::{App, Participants, Shared};
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: String,
    room: String,
    room_arn: String,
    user_id: String,
    connection_id: String,
    is_connected: bool,
}

impl Shown {
    fn of(participant: &Participant) -> Self {
        let connection = participant.connection();
        let id = number(connection.id());
        Self {
            id: id.clone(),
            room: connection.room().into(),
            room_arn: connection.room_arn().into(),
            user_id: participant.user_id().into(),
            connection_id: id,
            is_connected: participant.is_connected(),
        }
    }
}

impl App {
    fn participant(&self, id: &str) -> Result<Arc<Participant>, Problem> {
        let participants = self.participants();
        let found = participants.iter().find(|(number, _)| number.to_string() == id);
        found.map(|(_, participant)| Arc::clone(participant)).ok_or_else(|| {
            let known: Vec<_> = participants.keys().take(10).map(ToString::to_string).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Problem::not_found(format!("there is no participant {id:?}; participants: {known}"))
        })
    }

    /// Returns the participant of a user in a room, which is connected unless there is one.
    fn participant_of(&self, room: &Room, user_id: &str) -> Result<Arc<Participant>, Problem> {
        // Concurrent requests find the same one, because the lock is held until it has joined.
        let mut participants = self.participants();
        let is_it = |one: &&Arc<Participant>| {
            one.is_connected()
                && one.user_id() == user_id
                && one.connection().room_arn() == room.arn()
        };
        let known = participants.values().find(is_it).cloned();
        known.map_or_else(
            || join(&mut participants, room.chat_token(user_id).capabilities(Capability::ALL)),
            Ok,
        )
    }
}

fn join(
    participants: &mut Participants,
    token: ChatTokenBuilder,
) -> Result<Arc<Participant>, Problem> {
    let participant = Arc::new(token.try_join()?);
    participants.insert(key(&participant), Arc::clone(&participant));
    drop_oldest(participants);
    Ok(participant)
}

/// The largest number of participants that are kept after their connections have ended. A test may
/// still read their frames, but they must not add up.
const MOST_DISCONNECTED: usize = 1000;

/// Drops the participants that have joined first among those that are no longer connected.
fn drop_oldest(participants: &mut Participants) {
    if participants.len() <= MOST_DISCONNECTED {
        return;
    }
    let gone = participants.iter().filter(|(_, one)| !one.is_connected());
    let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
    for id in &gone[..gone.len().saturating_sub(MOST_DISCONNECTED)] {
        participants.remove(id);
    }
}

/// Returns the number of a participant's connection. Participants are kept in this order.
fn key(participant: &Participant) -> u64 {
    number(participant.connection().id()).parse().unwrap_or(u64::MAX)
}

pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let participants: Vec<_> = app.participants().values().map(|one| Shown::of(one)).collect();
    Json(json!({ "participants": participants }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewParticipant {
    room: String,
    user_id: String,
    #[serde(default)]
    capabilities: Option<Vec<Capability>>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn create(
    State(app): Shared,
    Body(new): Body<NewParticipant>,
) -> Result<(StatusCode, Json<Shown>), Problem> {
    let room = app.room(&new.room).map_err(|problem| problem.at("/room"))?;
    let capabilities = new.capabilities.unwrap_or_else(|| Capability::ALL.to_vec());
    let mut token = room.chat_token(&new.user_id).capabilities(capabilities);
    if !new.attributes.is_empty() {
        token = token.attributes(new.attributes);
    }
    let participant = join(&mut app.participants(), token)?;
    Ok((StatusCode::CREATED, Json(Shown::of(&participant))))
}

pub(super) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(Shown::of(&*app.participant(&id)?)))
}

pub(super) async fn delete(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let participant = app.participant(&id)?;
    app.participants().remove(&key(&participant));
    // A request that still waits for a frame keeps the value, but not the connection.
    participant.connection().close(mock_ivs_chat::CloseCode(1000), "");
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NewMessage {
    content: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn send_message(
    State(app): Shared,
    Path(id): Path<String>,
    Body(message): Body<NewMessage>,
) -> Result<Json<Value>, Problem> {
    send(app.participant(&id)?, message.content, message.attributes).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct MessageAsUser {
    user_id: String,
    content: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Sends a message as a user. A participant is connected unless the user has one already.
pub(super) async fn send_as_user(
    State(app): Shared,
    Path(room): Path<String>,
    Body(message): Body<MessageAsUser>,
) -> Result<Json<Value>, Problem> {
    let room = app.room(&room)?;
    let participant = app.participant_of(&room, &message.user_id)?;
    send(participant, message.content, message.attributes).await
}

async fn send(
    participant: Arc<Participant>,
    content: String,
    attributes: BTreeMap<String, String>,
) -> Result<Json<Value>, Problem> {
    act(participant, move |participant| match attributes.is_empty() {
        true => participant.send_message(&content),
        false => participant.send_message_with(&content, attributes),
    })
    .await
}

pub(super) async fn delete_message(
    State(app): Shared,
    Path(id): Path<String>,
    Body(request): Body<Deletion>,
) -> Result<Json<Value>, Problem> {
    act(app.participant(&id)?, move |participant| {
        participant
            .delete_message(&request.message_id, request.reason.as_deref().unwrap_or_default())
    })
    .await
}

pub(super) async fn disconnect_user(
    State(app): Shared,
    Path(id): Path<String>,
    Body(request): Body<Disconnection>,
) -> Result<Json<Value>, Problem> {
    act(app.participant(&id)?, move |participant| {
        participant.disconnect_user(&request.user_id, request.reason.as_deref().unwrap_or_default())
    })
    .await
}

/// Lets a participant act, and returns the ID of its request.
///
/// A review by a URL may take its time. It then runs on a thread that serves nothing else.
async fn act(
    participant: Arc<Participant>,
    act: impl FnOnce(&Participant) -> String + Send + 'static,
) -> Result<Json<Value>, Problem> {
    if !participant.is_connected() {
        let id = participant.connection().id();
        return Err(Problem::conflict(format!("participant {id} is no longer connected")));
    }
    let request_id = tokio::task::spawn_blocking(move || act(&participant)).await;
    let request_id = request_id.map_err(|error| Problem::conflict(error.to_string()))?;
    Ok(Json(json!({ "requestId": request_id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Frames {
    #[serde(default)]
    wait_ms: u64,
    /// `MESSAGE`, `EVENT` or `ERROR`.
    r#type: Option<String>,
    containing: Option<String>,
}

/// The longest wait for a frame.
const MOST_WAIT: Duration = Duration::from_secs(300);

/// Returns the next frame that matches and takes it out, so that a repeated request returns the
/// one after it.
pub(super) async fn next_frame(
    State(app): Shared,
    Path(id): Path<String>,
    Query(query): Query<Frames>,
) -> Result<Json<Value>, Problem> {
    let participant = app.participant(&id)?;
    let wanted_type = query.r#type.clone();
    if let Some(name) = wanted_type.as_deref().filter(|name| !TYPES.contains(name)) {
        let detail = format!("there is no type {name:?}; types: {}", TYPES.join(", "));
        return Err(Problem::bad_request(detail).at("type"));
    }
    let wait = Duration::from_millis(query.wait_ms);
    if wait > MOST_WAIT {
        let most = MOST_WAIT.as_millis();
        return Err(Problem::bad_request(format!("waitMs is at most {most}")).at("waitMs"));
    }
    let mut matcher = Matcher::any().satisfying("is a frame", move |entry| {
        let frame = entry.frame().map(|frame| type_of(&frame));
        frame.is_some_and(|frame| wanted_type.as_ref().is_none_or(|wanted| *wanted == frame))
    });
    if let Some(text) = query.containing {
        matcher = matcher.containing(text);
    }
    let found = tokio::time::timeout(wait, participant.expect(matcher).into_result()).await;
    let found = found.map_err(|_| {
        Problem::timeout(format!("no frame that matches arrived within {} ms", query.wait_ms))
    })?;
    let entry = found.map_err(|error| match participant.is_connected() {
        true => Problem::conflict(error.to_string()),
        false => Problem::conflict(format!(
            "no frame that matches arrived before participant {id} disconnected"
        )),
    })?;
    let text = entry.text().unwrap_or_default();
    let frame: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    Ok(Json(json!({ "index": entry.index(), "at": entry.at(), "frame": frame })))
}

const TYPES: [&str; 3] = ["MESSAGE", "EVENT", "ERROR"];

const fn type_of(frame: &mock_ivs_chat::Frame) -> &'static str {
    match frame {
        mock_ivs_chat::Frame::Message(_) => "MESSAGE",
        mock_ivs_chat::Frame::Event(_) => "EVENT",
        _ => "ERROR",
    }
}

/// The number of a connection, which is its ID in the control API.
pub(super) fn number(id: ConnectionId) -> String {
    let name = id.to_string();
    name.trim_start_matches("connection ").to_owned()
}
