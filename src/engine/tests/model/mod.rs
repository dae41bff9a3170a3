//! Model: random interleavings of what clients, closures and the test do, against a small
//! reference: each accepted message reaches every member once and in one order, an error goes to
//! its sender alone, hooks affect only the events that they are about, parked events keep their
//! order per connection and direction, and nothing follows the end of a connection.

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::reference::{Act, Client, In, Model};
use super::scene::{Scene, always, asks, transcript_of, user};
use crate::engine::QuestionId;
use crate::engine::io::{Answer, Arrangement, Ending, Input, Output, Reply};
use crate::hook::action::ActionVerdict;
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::AnyRule;
use crate::log::record::{Event, OutageEvent};
use crate::proto::close::{Close, CloseCode};
use crate::proto::error_code::ErrorCode;
use crate::proto::frame::Frame;
use crate::proto::operation::Operation;
use crate::proto::payload::Payload;
use crate::service::ConnectionId;

/// One thing that happens. Numbers pick a user, a client or a question among those that exist.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A user connects for some minutes, by a stream or as a participant.
    Join {
        user: usize,
        minutes: u32,
        has_stream: bool,
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
    /// The client sends a close frame.
    Leave {
        client: usize,
    },
    /// The stream of the client ends.
    Vanish {
        client: usize,
    },
    DisconnectAll,
    Install(Hook),
    RemoveHooks,
    /// A closure answers one of the open questions.
    Answer {
        question: usize,
        reply: Decision,
    },
    ReleaseOne,
    OpenGate,
    Advance {
        seconds: u64,
    },
}

/// A hook on the actions of a user, or on the deliveries to one.
#[derive(Clone, Copy, Debug)]
enum Hook {
    Reject(usize),
    Deafen(usize),
    /// Delays actions by half a minute.
    Delay(usize),
    Duplicate(usize),
    /// Holds deliveries at the gate.
    Hold(usize),
    AskAction(usize),
    AskDelivery(usize),
}

#[derive(Clone, Copy, Debug)]
enum Decision {
    Pass,
    /// An action is ignored, a delivery is dropped.
    Discard,
    Panic,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..8_usize;
    let hook = (0..7_usize, 0..4_usize).prop_map(|(kind, user)| match kind {
        0 => Hook::Reject(user),
        1 => Hook::Deafen(user),
        2 => Hook::Delay(user),
        3 => Hook::Duplicate(user),
        4 => Hook::Hold(user),
        5 => Hook::AskAction(user),
        _ => Hook::AskDelivery(user),
    });
    let reply = prop::sample::select(vec![Decision::Pass, Decision::Discard, Decision::Panic]);
    let step = prop_oneof![
        4 => (0..4_usize, 1..4_u32, any::<bool>())
            .prop_map(|(user, minutes, has_stream)| Step::Join { user, minutes, has_stream }),
        8 => (client.clone(), prop::sample::select(vec!["a", "b", ""]))
            .prop_map(|(client, content)| Step::Send { client, content }),
        1 => client.clone().prop_map(|client| Step::Delete { client }),
        1 => (client.clone(), 0..4_usize).prop_map(|(client, user)| Step::Kick { client, user }),
        1 => client.clone().prop_map(|client| Step::Garbage { client }),
        1 => Just(Step::Event),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        1 => client.prop_map(|client| Step::Vanish { client }),
        1 => Just(Step::DisconnectAll),
        4 => hook.prop_map(Step::Install),
        1 => Just(Step::RemoveHooks),
        6 => (0..4_usize, reply).prop_map(|(question, reply)| Step::Answer { question, reply }),
        1 => Just(Step::ReleaseOne),
        1 => Just(Step::OpenGate),
        2 => (1..90_u64).prop_map(|seconds| Step::Advance { seconds }),
    ];
    prop::collection::vec(step, 0..30)
}

/// A frame that a client received, shortened to what the model knows, or its end.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Seen {
    Message { request_id: String, content: String },
    Event { request_id: String, name: String },
    Error { request_id: String, code: u16 },
    Closed,
    Ended,
}

impl Seen {
    fn of(payload: &Payload) -> Self {
        match payload.frame() {
            Some(Frame::Message(message)) => Self::Message {
                request_id: message.request_id.clone(),
                content: message.content.clone(),
            },
            Some(Frame::Event(event)) => {
                Self::Event { request_id: event.request_id.clone(), name: event.event_name.clone() }
            }
            Some(Frame::Error(error)) => {
                Self::Error { request_id: error.request_id.clone(), code: error.error_code.code() }
            }
            None => panic!("the service sends frames only: {payload:?}"),
        }
    }
}

fn name(user: usize) -> String {
    format!("user-{user}")
}

/// Whether an event is on its way from a client or to one, and which.
type Lane = (bool, ConnectionId);

/// The engine, with what its clients have seen.
struct World {
    scene: Scene,
    gate: GateId,
    requests: u32,
    clients: Vec<ConnectionId>,
    streams: BTreeSet<ConnectionId>,
    seen: BTreeMap<ConnectionId, Vec<Seen>>,
    questions: BTreeMap<Lane, QuestionId>,
}

impl World {
    fn new() -> Self {
        let mut scene = Scene::new();
        let gate = scene.gate();
        Self {
            scene,
            gate,
            requests: 0,
            clients: Vec::new(),
            streams: BTreeSet::new(),
            seen: BTreeMap::new(),
            questions: BTreeMap::new(),
        }
    }

    fn feed(&mut self, input: Input) -> bool {
        let outputs = self.scene.handle(input);
        self.take(outputs)
    }

    /// Hands outputs to the clients; returns `true` if an event was released at the gate.
    fn take(&mut self, outputs: Vec<Output>) -> bool {
        let mut has_released = false;
        for output in outputs {
            match output {
                Output::Send { to, frame } => {
                    // A participant reads its frames in the log.
                    for connection in to {
                        if self.streams.contains(&connection) {
                            self.see(connection, Seen::of(&frame.payload));
                        }
                    }
                }
                Output::Finish { connection, close } => {
                    self.see(connection, if close.is_some() { Seen::Closed } else { Seen::Ended });
                }
                Output::Ask { question, event, .. } => {
                    let lane = match event {
                        HookEvent::Action(frame) => (true, frame.connection),
                        HookEvent::Delivery(frame) => (false, frame.connection),
                        other => panic!("no hook asks about {other:?}"),
                    };
                    let earlier = self.questions.insert(lane, question);
                    assert_eq!(earlier, None, "two events of one lane are parked");
                }
                Output::Return(Reply::Released(released)) => has_released = released,
                _ => {}
            }
        }
        has_released
    }

    fn see(&mut self, connection: ConnectionId, seen: Seen) {
        assert!(self.streams.contains(&connection), "a participant has no stream");
        self.seen.entry(connection).or_default().push(seen);
    }

    fn join(&mut self, user: usize, minutes: u32, has_stream: bool) -> ConnectionId {
        let capabilities: &[&str] =
            if user == 3 { &[] } else { &["SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"] };
        let request = json!({
            "roomIdentifier": self.scene.room, "userId": name(user),
            "sessionDurationInMinutes": minutes, "capabilities": capabilities,
        });
        let token = self.scene.call(Operation::CreateChatToken, request)["token"].clone();
        let token = token.as_str().unwrap().to_owned();
        let connection = ConnectionId(self.clients.len() as u32 + 1);
        self.clients.push(connection);
        if has_stream {
            self.streams.insert(connection);
            let lines = self.scene.handshake(Some(token));
            assert_eq!(lines, [format!("accept {}", connection.0)]);
        } else {
            self.feed(Input::Join { token });
        }
        connection
    }

    fn publish(&mut self, connection: ConnectionId, frame: &Value) {
        let payload = Payload::from_client_text(frame.to_string());
        self.feed(Input::Frame { connection, payload });
    }

    fn event(&mut self) {
        let request = json!({ "roomIdentifier": self.scene.room, "eventName": "app:e" });
        let Value::Object(request) = request else { return };
        let body = String::new();
        self.feed(Input::TestCall { operation: Operation::SendEvent, request, body });
    }

    fn rule(&self, hook: Hook) -> AnyRule {
        match hook {
            Hook::Reject(of) => {
                let verdict = ActionVerdict::reject(ErrorCode::NotAcceptable, "no");
                AnyRule::Action(always(user(&name(of)), verdict))
            }
            Hook::Deafen(of) => AnyRule::Delivery(always(user(&name(of)), DeliveryVerdict::Drop)),
            Hook::Delay(of) => {
                let verdict = ActionVerdict::Delay(Duration::from_secs(30));
                AnyRule::Action(always(user(&name(of)), verdict))
            }
            Hook::Duplicate(of) => {
                AnyRule::Action(always(user(&name(of)), ActionVerdict::Duplicate))
            }
            Hook::Hold(of) => {
                AnyRule::Delivery(always(user(&name(of)), DeliveryVerdict::Hold(self.gate)))
            }
            Hook::AskAction(of) => AnyRule::Action(asks(user(&name(of)))),
            Hook::AskDelivery(of) => AnyRule::Delivery(asks(user(&name(of)))),
        }
    }

    fn advance(&mut self, seconds: u64) {
        let outputs = self.scene.advance_outputs(Duration::from_secs(seconds));
        self.take(outputs);
    }

    /// Returns everything that each client received: over its stream, or in the log.
    fn received(&mut self) -> BTreeMap<ConnectionId, Vec<Seen>> {
        for (_, record) in self.scene.engine.log().since(0) {
            let Some(connection) = record.peer.as_ref().map(|peer| peer.connection) else {
                continue;
            };
            if self.streams.contains(&connection) {
                continue;
            }
            let seen = match &record.event {
                Event::FrameSent(payload) => Seen::of(payload),
                Event::ClosedByService(_) => Seen::Closed,
                Event::Disconnected => Seen::Ended,
                _ => continue,
            };
            self.seen.entry(connection).or_default().push(seen);
        }
        std::mem::take(&mut self.seen)
    }
}

/// Performs a step in the engine and in the model.
fn take(world: &mut World, model: &mut Model, step: Step) {
    let pick = |client: usize| match world.clients.len() {
        0 => None,
        clients => Some(world.clients[client % clients]),
    };
    let (client, act, frame) = match step {
        Step::Send { client, content } => {
            (client, Act::Send(content), json!({ "Action": "SEND_MESSAGE", "Content": content }))
        }
        Step::Delete { client } => {
            (client, Act::Delete, json!({ "Action": "DELETE_MESSAGE", "Id": "m" }))
        }
        Step::Kick { client, user } => {
            (client, Act::Kick(user), json!({ "Action": "DISCONNECT_USER", "UserId": name(user) }))
        }
        Step::Garbage { client } => (client, Act::Garbage, json!({ "Action": "?" })),
        Step::Leave { client } => {
            let Some(connection) = pick(client) else { return };
            let ending = Ending::Close(Close::new(CloseCode::NORMAL, ""));
            world.feed(Input::Ending { connection, ending });
            return model.inbound(connection, In::Close);
        }
        Step::Vanish { client } => {
            let Some(connection) = pick(client) else { return };
            world.feed(Input::Ending { connection, ending: Ending::Stream });
            return model.inbound(connection, In::Vanish);
        }
        other => return take_other(world, model, other),
    };
    let Some(connection) = pick(client) else { return };
    world.requests += 1;
    let request_id = world.requests.to_string();
    let mut frame = frame;
    frame["RequestId"] = json!(request_id);
    world.publish(connection, &frame);
    if model.members.contains_key(&connection) {
        model.inbound(connection, In::Act { request_id, act });
    }
}

/// Performs a step that no client causes.
fn take_other(world: &mut World, model: &mut Model, step: Step) {
    match step {
        Step::Join { user, minutes, has_stream } => {
            let connection = world.join(user, minutes, has_stream);
            model.open.insert(connection, Client::new(user, has_stream));
            model.members.insert(connection, model.now + 60 * u64::from(minutes));
        }
        Step::Event => {
            world.event();
            model.broadcast(&Seen::Event { request_id: String::new(), name: "app:e".into() });
        }
        Step::DisconnectAll => {
            world.feed(Input::Outage(OutageEvent::Disconnect));
            model.disconnect_all();
        }
        Step::Install(hook) => {
            world.scene.install(world.rule(hook));
            model.installed += 1;
            model.hooks.push((model.installed, hook));
        }
        Step::RemoveHooks => {
            world.feed(Input::arrange(Arrangement::RemoveAllHooks));
            model.hooks.clear();
        }
        Step::Answer { question, reply } => answer(world, model, question, reply),
        Step::ReleaseOne => {
            let has_released = world.feed(Input::arrange(Arrangement::ReleaseOne(world.gate)));
            let held = model.held.pop_front();
            assert_eq!(has_released, held.is_some());
            if let Some((connection, seen)) = held {
                model.release(connection, seen);
            }
        }
        Step::OpenGate => {
            world.feed(Input::arrange(Arrangement::OpenGate(world.gate)));
            model.is_gate_open = true;
            for (connection, seen) in std::mem::take(&mut model.held) {
                model.release(connection, seen);
            }
        }
        Step::Advance { seconds } => {
            world.advance(seconds);
            model.advance(seconds);
        }
        _ => {}
    }
}

/// Answers one of the open questions, if there are any.
fn answer(world: &mut World, model: &mut Model, question: usize, decision: Decision) {
    let lanes: Vec<_> = world.questions.keys().copied().collect();
    if lanes.is_empty() {
        return;
    }
    let lane = lanes[question % lanes.len()];
    let question = world.questions.remove(&lane).unwrap();
    let (is_inbound, _) = lane;
    let answer = match (decision, is_inbound) {
        (Decision::Pass, true) => Answer::Verdict(HookVerdict::Action(ActionVerdict::Pass)),
        (Decision::Pass, false) => Answer::Verdict(HookVerdict::Delivery(DeliveryVerdict::Pass)),
        (Decision::Discard, true) => Answer::Verdict(HookVerdict::Action(ActionVerdict::Ignore)),
        (Decision::Discard, false) => Answer::Verdict(HookVerdict::Delivery(DeliveryVerdict::Drop)),
        (Decision::Panic, _) => Answer::Panicked,
    };
    world.feed(Input::Answered { question, answer });
    model.answer(lane, decision);
}

fn check(steps: &[Step]) {
    let (mut world, mut model) = (World::new(), Model::default());
    for step in steps {
        take(&mut world, &mut model, *step);
        assert!(world.questions.keys().eq(&model.questions), "after {step:?} of {steps:?}");
    }
    // Every closure answers in the end, and what has waited for it goes on.
    while !world.questions.is_empty() {
        answer(&mut world, &mut model, 0, Decision::Pass);
    }
    let (seen, expected) = (world.received(), model.seen);
    for connection in &world.clients {
        let (seen, expected) = (seen.get(connection), expected.get(connection));
        assert_eq!(seen, expected, "{connection} of\n{}", transcript_of(&world.scene.engine));
    }
}

proptest! {
    // A case takes less than a millisecond without optimizations.
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_client_sees_exactly_what_the_model_says(steps in steps()) {
        check(&steps);
    }
}
