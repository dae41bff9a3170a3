//! Random interleavings of what clients and applications do, against a small reference model: each
//! accepted message reaches every member once and in one order, an error goes to its sender alone,
//! hooks do what they say to those alone whom they are about, and nothing comes after the end of a
//! connection.

#![expect(clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use mock_ivs_chat::{
    Capability, ChatToken, Clock, ErrorCode, Hook, MockIvsChat, Quotas, Room, Timestamp,
    log::{Entry, EntryKind},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::wire::{InMemory, in_memory};

/// One step. Numbers select one of the existing users or clients.
#[derive(Clone, Debug)]
enum Step {
    /// A user connects for this many minutes; some users can only receive.
    Join {
        user: usize,
        minutes: u32,
    },
    Send {
        client: usize,
        content: &'static str,
    },
    Delete {
        client: usize,
    },
    Kick {
        client: usize,
        user: usize,
    },
    Garbage {
        client: usize,
    },
    /// The application sends an event.
    Event,
    /// The client leaves by a close frame.
    Leave {
        client: usize,
    },
    /// The client is gone without one.
    Drop {
        client: usize,
    },
    /// The mock disconnects everybody.
    DisconnectAll,
    /// The test installs a hook, or removes all that it has.
    Hook(Hooking),
    Advance {
        minutes: u64,
    },
    /// Everybody else has a turn.
    Yield,
}

#[derive(Clone, Copy, Debug)]
enum Hooking {
    /// Whatever this user asks for is rejected.
    Reject {
        user: usize,
    },
    /// No frame reaches this user.
    Deafen {
        user: usize,
    },
    RemoveAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..16_usize;
    let step = prop_oneof![
        4 => (0..5_usize, 1..6_u32).prop_map(|(user, minutes)| Step::Join { user, minutes }),
        8 => (client.clone(), prop::sample::select(vec!["a", "b", ""]))
            .prop_map(|(client, content)| Step::Send { client, content }),
        2 => client.clone().prop_map(|client| Step::Delete { client }),
        1 => (client.clone(), 0..5_usize).prop_map(|(client, user)| Step::Kick { client, user }),
        1 => client.clone().prop_map(|client| Step::Garbage { client }),
        1 => Just(Step::Event),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        1 => client.prop_map(|client| Step::Drop { client }),
        1 => Just(Step::DisconnectAll),
        1 => (0..5_usize).prop_map(|user| Step::Hook(Hooking::Reject { user })),
        1 => (0..5_usize).prop_map(|user| Step::Hook(Hooking::Deafen { user })),
        1 => Just(Step::Hook(Hooking::RemoveAll)),
        1 => (1..3_u64).prop_map(|minutes| Step::Advance { minutes }),
        6 => Just(Step::Yield),
    ];
    prop::collection::vec(step, 0..60)
}

/// The frames that a client received, reduced to the details that the model predicts.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Seen {
    Message { request_id: String, content: String },
    Event { name: String },
    Error { request_id: String, code: u64 },
    Closed,
    Ended,
}

impl Seen {
    fn of(message: &Message) -> Self {
        let Message::Text(text) = message else { return Self::Closed };
        let frame: Value = serde_json::from_str(text).unwrap();
        let member = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
        match frame["Type"].as_str() {
            Some("MESSAGE") => {
                Self::Message { request_id: member("RequestId"), content: member("Content") }
            }
            Some("EVENT") => Self::Event { name: member("EventName") },
            _ => Self::Error {
                request_id: member("RequestId"),
                code: frame["ErrorCode"].as_u64().unwrap(),
            },
        }
    }
}

/// A client, and what it has seen; `None` once it is gone itself.
struct Client {
    stream: Option<InMemory>,
    seen: Vec<Seen>,
}

struct World {
    ivs: MockIvsChat,
    room: Room,
    clients: Vec<Client>,
    requests: u32,
    hooks: Vec<Hook>,
    /// The state of the hooks, and the number of log entries at that time.
    hookings: Vec<(usize, Hooking)>,
}

/// The result of a run: the log, and the frames of the clients that stayed to the end.
struct Run {
    entries: Vec<Entry>,
    transcript: String,
    hookings: Vec<(usize, Hooking)>,
    /// By number of connection.
    seen: BTreeMap<usize, Vec<Seen>>,
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The last user may only listen.
fn capabilities(user_id: &str) -> &'static [Capability] {
    if user_id == "user-4" { &[] } else { &Capability::ALL }
}

impl World {
    fn token(&self, user_id: &str, minutes: u32) -> ChatToken {
        let token = self.room.chat_token(user_id).session_duration_in_minutes(minutes);
        token.capabilities(capabilities(user_id).iter().copied()).create()
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Join { user: number, minutes } => {
                let token = self.token(&user(number), minutes);
                let stream = Some(in_memory(&self.ivs, &token).await);
                self.clients.push(Client { stream, seen: Vec::new() });
            }
            Step::Send { client, content } => {
                self.publish(client, json!({ "Action": "SEND_MESSAGE", "Content": content })).await;
            }
            Step::Delete { client } => {
                self.publish(client, json!({ "Action": "DELETE_MESSAGE", "Id": "x" })).await;
            }
            Step::Kick { client, user: number } => {
                let frame = json!({ "Action": "DISCONNECT_USER", "UserId": user(number) });
                self.publish(client, frame).await;
            }
            Step::Garbage { client } => self.publish(client, json!({ "Action": "?" })).await,
            Step::Event => {
                self.room.send_event("app:event", [("a", "b")]);
            }
            Step::Leave { client } => {
                if let Some(Client { stream: Some(stream), .. }) = self.clients.get_mut(client) {
                    let _ = stream.close(None).now_or_never();
                }
            }
            Step::Drop { client } => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.stream = None;
                }
            }
            Step::DisconnectAll => self.ivs.disconnect_all(),
            Step::Hook(hooking) => self.hook(hooking),
            Step::Advance { minutes } => self.ivs.advance(Duration::from_secs(60 * minutes)),
            Step::Yield => tokio::task::yield_now().await,
        }
    }

    fn hook(&mut self, hooking: Hooking) {
        self.hookings.push((self.ivs.log().entries().len(), hooking));
        match hooking {
            Hooking::Reject { user: number } => {
                let hook = self.ivs.on_action().from(user(number));
                self.hooks.push(hook.reject(ErrorCode::NotAcceptable, "rejected"));
            }
            Hooking::Deafen { user: number } => {
                self.hooks.push(self.ivs.on_delivery().to(user(number)).drop_frame());
            }
            Hooking::RemoveAll => self.hooks.drain(..).for_each(|hook| hook.remove()),
        }
    }

    async fn publish(&mut self, client: usize, mut frame: Value) {
        self.requests += 1;
        frame["RequestId"] = json!(self.requests.to_string());
        if let Some(Client { stream: Some(stream), .. }) = self.clients.get_mut(client) {
            // A client whose connection has ended cannot send, and does not know yet.
            let _ = stream.send(Message::text(frame.to_string())).await;
        }
    }

    /// Lets all clients read until nothing more comes.
    async fn settle(&mut self) {
        for client in &mut self.clients {
            let Some(stream) = &mut client.stream else { continue };
            // The clock is paused, so this timeout elapses as soon as all tasks are idle.
            while let Ok(next) = tokio::time::timeout(TICK, stream.next()).await {
                match next {
                    Some(Ok(message)) => client.seen.push(Seen::of(&message)),
                    Some(Err(_)) | None => {
                        client.seen.push(Seen::Ended);
                        break;
                    }
                }
            }
        }
    }
}

const TICK: Duration = Duration::from_millis(1);

fn run(steps: &[Step]) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Clock::frozen_at("2026-01-01T00:00:00Z");
        let ivs =
            MockIvsChat::builder().clock(clock).quotas(Quotas::unlimited()).in_memory().start();
        let room = ivs.create_room("lobby");
        let mut world = World {
            ivs,
            room,
            clients: Vec::new(),
            requests: 0,
            hooks: Vec::new(),
            hookings: Vec::new(),
        };
        for step in steps {
            world.take(step.clone()).await;
        }
        world.settle().await;
        let entries = world.ivs.log().entries();
        let transcript = world.ivs.log().to_string();
        let hookings = world.hookings;
        let stayed = world.clients.into_iter().enumerate().filter(|(_, c)| c.stream.is_some());
        let seen = stayed.map(|(index, client)| (index + 1, client.seen)).collect();
        Run { entries, transcript, hookings, seen }
    })
}

/// The reference: a list of members, and what each must see.
#[derive(Default)]
struct Model {
    members: BTreeMap<usize, (String, Timestamp)>,
    expected: BTreeMap<usize, Vec<Seen>>,
    connections: usize,
    /// When the sessions of tokens end, in the order in which they were created.
    sessions: Vec<Timestamp>,
    /// Of whom actions are rejected, and to whom nothing is delivered.
    rejected: BTreeSet<String>,
    deaf: BTreeSet<String>,
    users: BTreeMap<usize, String>,
}

impl Model {
    /// Follows what came in, in the order of the log.
    fn follow(&mut self, entry: &Entry) {
        self.expire(entry.at());
        let member = entry.connection().map(|connection| {
            let text = connection.to_string();
            text.trim_start_matches("connection ").parse::<usize>().unwrap()
        });
        match (entry.kind(), member) {
            (EntryKind::Request, _) => self.call(entry.text().unwrap_or_default(), entry.at()),
            (EntryKind::Connected, Some(member)) => {
                let user_id = entry.user_id().unwrap().to_owned();
                self.users.insert(member, user_id.clone());
                let expires = self.sessions[self.connections];
                self.connections += 1;
                self.members.insert(member, (user_id, expires));
                self.expected.entry(member).or_default();
            }
            (EntryKind::FrameReceived, Some(member)) => self.receive(member, entry.text().unwrap()),
            (EntryKind::Closed | EntryKind::Disconnected, Some(member))
                if entry.cause().is_none() =>
            {
                self.members.remove(&member);
            }
            (EntryKind::Outage, _) => {
                for member in std::mem::take(&mut self.members).into_keys() {
                    self.see(member, Seen::Ended);
                }
            }
            _ => {}
        }
    }

    fn hook(&mut self, hooking: Hooking) {
        match hooking {
            Hooking::Reject { user: number } => drop(self.rejected.insert(user(number))),
            Hooking::Deafen { user: number } => drop(self.deaf.insert(user(number))),
            Hooking::RemoveAll => {
                self.rejected.clear();
                self.deaf.clear();
            }
        }
    }

    fn call(&mut self, body: &str, now: Timestamp) {
        let body: Value = serde_json::from_str(body).unwrap();
        if let Some(minutes) = body["sessionDurationInMinutes"].as_u64() {
            self.sessions.push(now + Duration::from_secs(60 * minutes));
        } else if let Some(name) = body["eventName"].as_str() {
            self.broadcast(&Seen::Event { name: name.into() });
        }
    }

    fn receive(&mut self, sender: usize, text: &str) {
        let Some((user_id, _)) = self.members.get(&sender) else { return };
        let frame: Value = serde_json::from_str(text).unwrap();
        let request_id = frame["RequestId"].as_str().unwrap().to_owned();
        let error = |code| Seen::Error { request_id: request_id.clone(), code };
        let action = frame["Action"].as_str().unwrap();
        if self.rejected.contains(user_id) {
            return self.see(sender, error(406));
        }
        if action == "?" {
            return self.see(sender, error(400));
        }
        if capabilities(user_id).is_empty() {
            return self.see(sender, error(403));
        }
        match action {
            "SEND_MESSAGE" if frame["Content"] == "" => self.see(sender, error(400)),
            "SEND_MESSAGE" => {
                let content = frame["Content"].as_str().unwrap().into();
                self.broadcast(&Seen::Message { request_id, content });
            }
            "DELETE_MESSAGE" => self.broadcast(&Seen::Event { name: "aws:DELETE_MESSAGE".into() }),
            _ => {
                self.broadcast(&Seen::Event { name: "aws:DISCONNECT_USER".into() });
                let is_kicked = |(user_id, _): &(String, _)| frame["UserId"] == user_id.as_str();
                let kicked = self.members.iter().filter(|(_, member)| is_kicked(member));
                for member in kicked.map(|(member, _)| *member).collect::<Vec<_>>() {
                    self.close(member);
                }
            }
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let is_over = |member: &(&usize, &(String, Timestamp))| member.1.1 <= now;
        let over: Vec<_> = self.members.iter().filter(is_over).map(|(member, _)| *member).collect();
        for member in over {
            self.see(member, Seen::Error { request_id: String::new(), code: 401 });
            self.close(member);
        }
    }

    fn close(&mut self, member: usize) {
        self.members.remove(&member);
        self.see(member, Seen::Closed);
        self.see(member, Seen::Ended);
    }

    fn broadcast(&mut self, seen: &Seen) {
        for member in self.members.keys().copied().collect::<Vec<_>>() {
            self.see(member, seen.clone());
        }
    }

    fn see(&mut self, member: usize, seen: Seen) {
        // The end of a connection is not a delivery.
        let is_delivery = !matches!(seen, Seen::Closed | Seen::Ended);
        if is_delivery && self.deaf.contains(&self.users[&member]) {
            return;
        }
        self.expected.entry(member).or_default().push(seen);
    }
}

fn check(steps: &[Step]) {
    let Run { entries, transcript, hookings, seen } = run(steps);
    let mut model = Model::default();
    let mut hookings = hookings.into_iter().peekable();
    for (number, entry) in entries.iter().enumerate() {
        while let Some((_, hooking)) = hookings.next_if(|(length, _)| *length <= number) {
            model.hook(hooking);
        }
        model.follow(entry);
    }
    for (member, mut seen) in seen {
        let expected = &model.expected[&member];
        // A client that leaves sees its own close frame answered, and then the end.
        let by_client = |entry: &Entry| {
            entry.cause().is_none()
                && entry.kind() == EntryKind::Closed
                && entry.connection().unwrap().to_string() == format!("connection {member}")
        };
        if entries.iter().any(by_client) {
            seen.retain(|seen| !matches!(seen, Seen::Closed | Seen::Ended));
        }
        assert_eq!(&seen, expected, "connection {member} of\n{transcript}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_member_sees_exactly_what_the_model_says(steps in steps()) {
        check(&steps);
    }

    #[test]
    fn the_same_steps_give_the_same_log(steps in steps()) {
        prop_assert_eq!(run(&steps).transcript, run(&steps).transcript);
    }
}
