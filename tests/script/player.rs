//! Player: carries out a story on a stage, and returns the transcript.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::parser::{function_arn, resolve};
use super::settings::Setting;
use super::stage::{Handshake, HttpRequest, Payload, RawRequest};
use super::story::{ClientFrame, Command, Offer, Token};
use super::{Problem, Script, Stage};

/// Plays a script; returns the transcript of the mock.
pub(crate) fn play<S: Stage>(
    script: &Script,
    start: impl FnOnce(&[Setting]) -> S,
) -> Result<String, Problem> {
    let settings = script.steps.iter().filter_map(|step| match &step.command {
        Command::Setting(setting) => Some(setting.clone()),
        _ => None,
    });
    let settings: Vec<Setting> = settings.collect();
    let mut player = Player {
        stage: start(&settings),
        responses: BTreeMap::new(),
        tokens: BTreeMap::new(),
        gates: BTreeSet::new(),
        requests: BTreeMap::new(),
    };
    for step in &script.steps {
        player.carry_out(&step.command).map_err(|message| Problem::new(step.line, message))?;
    }
    let last = script.steps.last().map_or(1, |step| step.line);
    player.stage.transcript().map_err(|message| Problem::new(last, message))
}

struct Player<S> {
    stage: S,
    /// The responses that have a name: those that created rooms, and those of calls.
    responses: BTreeMap<String, Value>,
    /// The chat tokens, by client.
    tokens: BTreeMap<String, String>,
    gates: BTreeSet<String>,
    /// How many requests with a `RequestId` of the script each client has sent.
    requests: BTreeMap<String, usize>,
}

impl<S: Stage> Player<S> {
    fn carry_out(&mut self, command: &Command) -> Result<(), String> {
        match command {
            // The stage was started with it.
            Command::Setting(_) => Ok(()),
            Command::Room { name, members } => self.create_room(name, members),
            Command::Token(token) => self.create_token(token),
            Command::Participant(token) => {
                let room = self.room(&token.room)?;
                self.stage.join(&token.client, token_request(token, &room))
            }
            Command::Call { operation, request, name } => {
                self.call(operation, request, name.as_deref())
            }
            Command::Request { is_signed, method, target, headers, body } => {
                self.stage.request(&RawRequest {
                    is_signed: *is_signed,
                    method: method.clone(),
                    target: target.clone(),
                    headers: headers.clone(),
                    body: body.clone(),
                })
            }
            Command::Connect { client, offer, path, headers } => {
                let tokens = match offer {
                    Offer::Own => vec![self.token(client)?],
                    Offer::Of(clients) => {
                        clients.iter().map(|other| self.token(other)).collect::<Result<_, _>>()?
                    }
                    Offer::Text(text) => vec![self.text(text)?],
                    Offer::Nothing => Vec::new(),
                };
                let (path, headers) = (path.clone(), headers.clone());
                self.stage.connect(client, &Handshake { tokens, path, headers })
            }
            Command::Send { client, frame } => {
                let payload = self.payload(client, frame);
                self.stage.send(client, &payload)
            }
            Command::Close { client, code, reason } => self.stage.close(client, *code, reason),
            Command::Vanish { client } => self.stage.vanish(client),
            Command::Hook(hook) => {
                if let Some(gate) = hook.gate() {
                    if !self.gates.insert(gate.to_owned()) {
                        return Err(format!("another hook holds events at `{gate}` already"));
                    }
                }
                self.stage.install(hook)
            }
            Command::RemoveHook(name) => self.stage.remove_hook(name),
            Command::Release { gate, releases_all } => {
                if !self.gates.contains(gate) {
                    return Err(format!("there is no hook that holds anything at `{gate}`"));
                }
                self.stage.release(gate, *releases_all)
            }
            Command::Review { function, rule } => {
                self.stage.add_review_rule(&function_arn(function), rule.clone());
                Ok(())
            }
            Command::Clock(duration) => {
                self.stage.advance(*duration);
                Ok(())
            }
            Command::Repeat { count, command } => {
                (0..*count).try_for_each(|_| self.carry_out(command))
            }
        }
    }

    fn create_room(&mut self, name: &str, members: &Map<String, Value>) -> Result<(), String> {
        let mut request = members.clone();
        request.entry("name").or_insert_with(|| json!(name));
        let mut request = Value::Object(request);
        resolve(&mut request, &self.responses)?;
        let Value::Object(request) = request else { return Ok(()) };
        let room = self.prepare("CreateRoom", request)?;
        match self.responses.insert(name.to_owned(), room) {
            None => Ok(()),
            Some(_) => Err(format!(
                "there is already a room or response `{name}`; add `name=\"{name}\"` to one of \
                 another name"
            )),
        }
    }

    fn create_token(&mut self, token: &Token) -> Result<(), String> {
        let room = self.room(&token.room)?;
        let response = self.prepare("CreateChatToken", token_request(token, &room))?;
        let text = response["token"].as_str().unwrap_or_default().to_owned();
        match self.tokens.insert(token.client.clone(), text) {
            None => Ok(()),
            Some(_) => {
                let client = &token.client;
                Err(format!("`{client}` already has a token; the next is that of `{client}#2`"))
            }
        }
    }

    fn prepare(&mut self, operation: &str, request: Map<String, Value>) -> Result<Value, String> {
        self.stage.prepare(operation, request).map_err(|refusal| {
            format!("{operation} was refused: {refusal}; where that is expected, use `call`")
        })
    }

    fn call(
        &mut self,
        operation: &str,
        request: &Map<String, Value>,
        name: Option<&str>,
    ) -> Result<(), String> {
        let mut request = Value::Object(request.clone());
        resolve(&mut request, &self.responses)?;
        let Value::Object(members) = request else { return Ok(()) };
        let response = self.stage.call(&HttpRequest::new(operation, members))?;
        let Some(name) = name else { return Ok(()) };
        let missing = || format!("the call has no response that could be `{name}`");
        match self.responses.insert(name.to_owned(), response.ok_or_else(missing)?) {
            None => Ok(()),
            Some(_) => Err(format!("there is already a room or response `{name}`")),
        }
    }

    /// Returns the ARN of a room.
    fn room(&self, name: &str) -> Result<String, String> {
        let room = self.responses.get(name);
        let room = room.ok_or_else(|| format!("there is no room `{name}`"))?;
        let arn = room["arn"].as_str().map(str::to_owned);
        arn.ok_or_else(|| format!("the response `{name}` is not a room: {room}"))
    }

    /// Returns a text, or the member of a response that it refers to.
    fn text(&self, text: &str) -> Result<String, String> {
        let mut value = json!(text);
        resolve(&mut value, &self.responses)?;
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| format!("{value} is not a text"))
    }

    fn token(&self, client: &str) -> Result<String, String> {
        let token = self.tokens.get(client).cloned();
        token.ok_or_else(|| format!("`{client}` has no token; write `user {client} in …` before"))
    }

    fn payload(&mut self, client: &str, frame: &ClientFrame) -> Payload {
        let (action, mut members) = match frame {
            ClientFrame::Text(text) => return Payload::Text(text.clone()),
            ClientFrame::Binary(bytes) => return Payload::Binary(bytes.clone()),
            ClientFrame::Ping(bytes) => return Payload::Ping(bytes.clone()),
            ClientFrame::Message { content, attributes } => {
                let attributes = attributes.as_ref().map(|map| ("Attributes", json!(map)));
                let content = ("Content", json!(content));
                ("SEND_MESSAGE", attributes.into_iter().chain([content]).collect::<Vec<_>>())
            }
            ClientFrame::Delete { id, reason } => {
                ("DELETE_MESSAGE", moderation("Id", id, reason.as_deref()))
            }
            ClientFrame::Disconnect { user_id, reason } => {
                ("DISCONNECT_USER", moderation("UserId", user_id, reason.as_deref()))
            }
        };
        let number = self.requests.entry(client.to_owned()).or_default();
        *number += 1;
        let request_id = format!("{client}-{number}");
        members.insert(0, ("RequestId", json!(request_id)));
        members.insert(0, ("Action", json!(action)));
        // The order is the one in which a client would write them, so it is not left to a map.
        let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        Payload::Text(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
    }
}

fn moderation(
    member: &'static str,
    value: &str,
    reason: Option<&str>,
) -> Vec<(&'static str, Value)> {
    let reason = reason.map(|reason| ("Reason", json!(reason)));
    [(member, json!(value))].into_iter().chain(reason).collect()
}

/// The request of CreateChatToken for a token.
fn token_request(token: &Token, room_arn: &str) -> Map<String, Value> {
    let mut request = Map::new();
    request.insert("roomIdentifier".into(), json!(room_arn));
    request.insert("userId".into(), json!(token.user_id()));
    if !token.capabilities.is_empty() {
        request.insert("capabilities".into(), json!(token.capabilities));
    }
    if let Some(minutes) = token.minutes {
        request.insert("sessionDurationInMinutes".into(), json!(minutes));
    }
    if let Some(attributes) = &token.attributes {
        request.insert("attributes".into(), json!(attributes));
    }
    request
}
