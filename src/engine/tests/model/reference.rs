//! Reference: what each client must see, from a list of members and a queue per direction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Decision, Hook, Lane, Seen};
use crate::service::ConnectionId;

/// An action of a client.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Send(&'static str),
    Delete,
    Kick(usize),
    Garbage,
}

#[derive(Clone, Debug)]
pub(super) enum In {
    Act { request_id: String, act: Act },
    Close,
    Vanish,
}

#[derive(Clone, Debug)]
enum Out {
    /// A frame that hooks can see.
    Frame(Seen),
    /// A frame that no hook sees.
    Raw(Seen),
    Close,
}

/// The events of one direction: the one about which a closure decides, with the hook's number,
/// and those that wait for it.
#[derive(Debug)]
struct Queue<T> {
    parked: Option<(usize, T)>,
    waiting: VecDeque<T>,
}

impl Client {
    pub(super) fn new(user: usize, has_stream: bool) -> Self {
        let (inbound, outbound) = (Queue::new(), Queue::new());
        Self { user, has_stream, is_finished: false, inbound, outbound }
    }
}

impl<T> Queue<T> {
    const fn new() -> Self {
        Self { parked: None, waiting: VecDeque::new() }
    }
}

#[derive(Debug)]
pub(super) struct Client {
    user: usize,
    has_stream: bool,
    is_finished: bool,
    inbound: Queue<In>,
    outbound: Queue<Out>,
}

/// The reference.
#[derive(Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) open: BTreeMap<ConnectionId, Client>,
    /// The members of the room, and when their sessions end.
    pub(super) members: BTreeMap<ConnectionId, u64>,
    pub(super) hooks: Vec<(usize, Hook)>,
    pub(super) installed: usize,
    /// The lanes about whose events closures have been asked.
    pub(super) questions: BTreeSet<Lane>,
    delayed: VecDeque<(u64, ConnectionId, String, Act)>,
    pub(super) held: VecDeque<(ConnectionId, Seen)>,
    pub(super) is_gate_open: bool,
    pub(super) seen: BTreeMap<ConnectionId, Vec<Seen>>,
}

impl Model {
    fn see(&mut self, connection: ConnectionId, seen: Seen) {
        self.seen.entry(connection).or_default().push(seen);
    }

    pub(super) fn inbound(&mut self, connection: ConnectionId, event: In) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        if client.inbound.parked.is_some() {
            client.inbound.waiting.push_back(event);
        } else {
            self.process_inbound(connection, event);
        }
    }

    fn process_inbound(&mut self, connection: ConnectionId, event: In) {
        match event {
            In::Act { .. } => self.evaluate_action(connection, event, 0),
            In::Close => {
                self.members.remove(&connection);
                let Some(client) = self.open.get_mut(&connection) else { return };
                if !client.has_stream {
                    self.open.remove(&connection);
                } else if !std::mem::replace(&mut client.is_finished, true) {
                    self.see(connection, Seen::Closed);
                }
            }
            In::Vanish => {
                let was_member = self.members.remove(&connection).is_some();
                let client = self.open.remove(&connection);
                if was_member && client.is_some_and(|client| !client.has_stream) {
                    self.see(connection, Seen::Ended);
                }
            }
        }
    }

    fn evaluate_action(&mut self, connection: ConnectionId, event: In, last: usize) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        let In::Act { request_id, act } = event.clone() else { return };
        let user = client.user;
        let fires = |hook: &Hook| {
            matches!(hook, Hook::Reject(of) | Hook::Delay(of) | Hook::Duplicate(of)
                | Hook::AskAction(of) if *of == user)
        };
        let hook = self.hooks.iter().find(|(number, hook)| *number > last && fires(hook));
        match hook.copied() {
            Some((number, Hook::AskAction(_))) => {
                client.inbound.parked = Some((number, event));
                self.questions.insert((true, connection));
            }
            Some((_, Hook::Reject(_))) => self.error(connection, request_id, 406),
            Some((_, Hook::Delay(_))) => {
                self.delayed.push_back((self.now + 30, connection, request_id, act));
            }
            Some((_, Hook::Duplicate(_))) => {
                self.publish(connection, request_id.clone(), &act);
                self.publish(connection, request_id, &act);
            }
            _ => self.publish(connection, request_id, &act),
        }
    }

    fn publish(&mut self, sender: ConnectionId, request_id: String, act: &Act) {
        if !self.members.contains_key(&sender) {
            return;
        }
        if matches!(act, Act::Garbage) {
            return self.error(sender, request_id, 400);
        }
        if self.open[&sender].user == 3 {
            return self.error(sender, request_id, 403);
        }
        match act {
            Act::Send("") => self.error(sender, request_id, 400),
            Act::Send(content) => {
                self.broadcast(&Seen::Message { request_id, content: (*content).into() });
            }
            Act::Delete => {
                self.broadcast(&Seen::Event { request_id, name: "aws:DELETE_MESSAGE".into() });
            }
            Act::Kick(kicked) => {
                self.broadcast(&Seen::Event { request_id, name: "aws:DISCONNECT_USER".into() });
                let members: Vec<_> = self.members.keys().copied().collect();
                for member in members {
                    // A delivery cannot end a membership here, so everybody is still in the room.
                    if self.open[&member].user == *kicked {
                        self.members.remove(&member);
                        self.outbound(member, Out::Close);
                    }
                }
            }
            Act::Garbage => {}
        }
    }

    fn error(&mut self, connection: ConnectionId, request_id: String, code: u16) {
        self.outbound(connection, Out::Frame(Seen::Error { request_id, code }));
    }

    pub(super) fn broadcast(&mut self, seen: &Seen) {
        let members: Vec<_> = self.members.keys().copied().collect();
        for member in members {
            self.outbound(member, Out::Frame(seen.clone()));
        }
    }

    fn outbound(&mut self, connection: ConnectionId, event: Out) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        if client.outbound.parked.is_some() {
            client.outbound.waiting.push_back(event);
        } else {
            self.process_outbound(connection, event);
        }
    }

    fn process_outbound(&mut self, connection: ConnectionId, event: Out) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        match event {
            Out::Frame(seen) => self.evaluate_delivery(connection, seen, 0),
            Out::Raw(seen) => self.push(connection, seen),
            Out::Close => {
                if std::mem::replace(&mut client.is_finished, true) {
                    return;
                }
                if !client.has_stream {
                    self.open.remove(&connection);
                }
                self.see(connection, Seen::Closed);
            }
        }
    }

    fn evaluate_delivery(&mut self, connection: ConnectionId, seen: Seen, last: usize) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        let user = client.user;
        let fires = |hook: &Hook| matches!(hook, Hook::Deafen(of) | Hook::Hold(of) | Hook::AskDelivery(of) if *of == user);
        let hook = self.hooks.iter().find(|(number, hook)| *number > last && fires(hook));
        match hook.copied() {
            Some((number, Hook::AskDelivery(_))) => {
                client.outbound.parked = Some((number, Out::Frame(seen)));
                self.questions.insert((false, connection));
            }
            Some((_, Hook::Deafen(_))) => {}
            Some((_, Hook::Hold(_))) if self.is_gate_open => {
                self.outbound(connection, Out::Raw(seen));
            }
            Some((_, Hook::Hold(_))) => self.held.push_back((connection, seen)),
            _ => self.push(connection, seen),
        }
    }

    fn push(&mut self, connection: ConnectionId, seen: Seen) {
        if self.open.get(&connection).is_some_and(|client| !client.is_finished) {
            self.see(connection, seen);
        }
    }

    pub(super) fn answer(&mut self, (is_inbound, connection): Lane, decision: Decision) {
        self.questions.remove(&(is_inbound, connection));
        if is_inbound {
            self.answer_inbound(connection, decision);
        } else {
            self.answer_outbound(connection, decision);
        }
    }

    fn answer_inbound(&mut self, connection: ConnectionId, decision: Decision) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        let Some((hook, event)) = client.inbound.parked.take() else { return };
        let In::Act { request_id, .. } = &event else { return };
        match decision {
            Decision::Pass => self.evaluate_action(connection, event, hook),
            Decision::Discard => {}
            Decision::Panic => self.error(connection, request_id.clone(), 500),
        }
        while let Some(event) = self.open.get_mut(&connection).and_then(|client| {
            let queue = &mut client.inbound;
            if queue.parked.is_some() { None } else { queue.waiting.pop_front() }
        }) {
            self.process_inbound(connection, event);
        }
    }

    fn answer_outbound(&mut self, connection: ConnectionId, decision: Decision) {
        let Some(client) = self.open.get_mut(&connection) else { return };
        let Some((hook, event)) = client.outbound.parked.take() else { return };
        let Out::Frame(seen) = event else { return };
        match (decision, seen) {
            (Decision::Pass, seen) => self.evaluate_delivery(connection, seen, hook),
            (Decision::Discard, _) => {}
            (Decision::Panic, seen) => {
                let request_id = match seen {
                    Seen::Message { request_id, .. }
                    | Seen::Event { request_id, .. }
                    | Seen::Error { request_id, .. } => request_id,
                    Seen::Closed | Seen::Ended => return,
                };
                self.push(connection, Seen::Error { request_id, code: 500 });
            }
        }
        while let Some(event) = self.open.get_mut(&connection).and_then(|client| {
            let queue = &mut client.outbound;
            if queue.parked.is_some() { None } else { queue.waiting.pop_front() }
        }) {
            self.process_outbound(connection, event);
        }
    }

    pub(super) fn disconnect_all(&mut self) {
        for connection in std::mem::take(&mut self.members).into_keys() {
            let client = self.open.get_mut(&connection).expect("a member has a connection");
            let was_finished = std::mem::replace(&mut client.is_finished, true);
            if !client.has_stream {
                self.open.remove(&connection);
            }
            if !was_finished {
                self.see(connection, Seen::Ended);
            }
        }
    }

    pub(super) fn release(&mut self, connection: ConnectionId, seen: Seen) {
        self.outbound(connection, Out::Raw(seen));
    }

    pub(super) fn advance(&mut self, seconds: u64) {
        let target = self.now + seconds;
        loop {
            let delayed = self.delayed.front().map(|(at, ..)| *at);
            let session = self.members.iter().map(|(member, at)| (*at, *member)).min();
            let is_delay_first = match (delayed, session) {
                (Some(delayed), Some((session, _))) => delayed <= session,
                (delayed, _) => delayed.is_some(),
            };
            if is_delay_first && delayed.is_some_and(|at| at <= target) {
                let (at, connection, request_id, act) = self.delayed.pop_front().unwrap();
                self.now = self.now.max(at);
                self.publish(connection, request_id, &act);
            } else if let Some((at, member)) =
                session.filter(|(at, _)| !is_delay_first && *at <= target)
            {
                self.now = self.now.max(at);
                self.members.remove(&member);
                self.error(member, String::new(), 401);
                self.outbound(member, Out::Close);
            } else {
                break;
            }
        }
        self.now = target;
    }
}
