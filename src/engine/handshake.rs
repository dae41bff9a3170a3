//! Handshakes: hooks, the service, and the response.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::connections::{Connection, Lane};
use crate::engine::io::{Answer, HandshakeId, HandshakeReply, Output, Reply};
use crate::engine::questions::{Evaluation, PANICKED, Parked};
use crate::engine::timers::{Deferred, Delay};
use crate::hook::event::HookEvent;
use crate::hook::filter::EventContext;
use crate::hook::handshake::{HandshakeRequest, HandshakeVerdict};
use crate::hook::ids::HookId;
use crate::hook::origin::HookOrigin;
use crate::log::record::{Connected, Event, HandshakeRefused, Peer};
use crate::proto::close::{Close, CloseCode};
use crate::proto::headers::Headers;
use crate::service::session::Refusal;

/// A handshake that has no response yet.
#[derive(Debug)]
pub(super) struct PendingHandshake {
    id: HandshakeId,
    token: Option<String>,
    client: Client,
}

/// The client of a handshake.
#[derive(Debug)]
struct Client {
    headers: Headers,
    peer_ip: Option<Arc<str>>,
}

impl Engine {
    pub(super) fn handshake(
        &mut self,
        id: HandshakeId,
        token: Option<String>,
        path: String,
        headers: Headers,
        peer_ip: Option<String>,
    ) {
        let client = Client { headers, peer_ip: peer_ip.map(Arc::from) };
        let handshake = PendingHandshake { id, token, client };
        let cause = self.log.len();
        if self.hooks.handshakes.is_empty() {
            // Only hooks need to know beforehand what a token says.
            return self.admit(cause, handshake);
        }
        self.evaluate_handshake(cause, path, handshake, HookId::default());
    }

    /// Evaluates the hooks that come after `last`.
    fn evaluate_handshake(
        &mut self,
        cause: u64,
        path: String,
        handshake: PendingHandshake,
        last: HookId,
    ) {
        let known = handshake.token.as_deref().and_then(|token| self.service.token_info(token));
        let (user_id, room) = known.map_or((None, None), |(user_id, room)| (Some(user_id), room));
        let context = EventContext {
            user_id: user_id.as_deref(),
            room: room.as_ref(),
            text: &path,
            ..EventContext::default()
        };
        let event = || {
            HookEvent::Handshake(HandshakeRequest {
                user_id: user_id.as_deref().map(str::to_owned),
                room: room.as_ref().map(|room| room.label.as_ref().into()),
                path: path.clone(),
                headers: handshake.client.headers.clone(),
            })
        };
        match self.consult(&context, last, event) {
            Evaluation::Pass => self.admit(cause, handshake),
            Evaluation::Verdict(hook, verdict) => {
                self.apply_handshake_verdict(cause, &hook, verdict, handshake);
            }
            Evaluation::Asked(asked) => {
                self.park(asked, Parked::Handshake { cause, path, handshake });
            }
        }
    }

    pub(super) fn handshake_decided(
        &mut self,
        cause: u64,
        path: String,
        handshake: PendingHandshake,
        hook: HookId,
        origin: &Arc<HookOrigin>,
        answer: Answer,
    ) {
        match self.verdict_of(hook, answer, |_| HandshakeVerdict::refuse(500, PANICKED)) {
            HandshakeVerdict::Pass => self.evaluate_handshake(cause, path, handshake, hook),
            verdict => {
                self.apply_handshake_verdict(cause, origin, verdict, handshake);
            }
        }
    }

    fn apply_handshake_verdict(
        &mut self,
        cause: u64,
        hook: &Arc<HookOrigin>,
        verdict: HandshakeVerdict,
        handshake: PendingHandshake,
    ) {
        let id = handshake.id;
        let delay = match verdict {
            HandshakeVerdict::Delay(duration) => Delay::Clock(duration),
            HandshakeVerdict::DelayRealTime(duration) => Delay::RealTime(duration),
            HandshakeVerdict::Hold(gate) => Delay::Gate(gate),
            HandshakeVerdict::Pass => return self.admit(cause, handshake),
            HandshakeVerdict::Refuse { status, message, headers } => {
                self.record_effect(cause, None, hook, format!("handshake refused with {status}"));
                // The token is not redeemed, so the client can connect with it later.
                let (token, shown) = (handshake.token.as_deref(), handshake.client.headers);
                self.record_refusal(cause, status, &message, token, None, Some(shown));
                let refusal = HandshakeReply::Refuse { status, message, headers };
                return self.respond_to_handshake(id, refusal);
            }
            HandshakeVerdict::Disconnect { code, reason } => {
                let effect = format!("handshake accepted, then closed with {code}");
                self.record_effect(cause, None, hook, effect);
                return self.accept_and_close(id, Close::new(code, &reason));
            }
            HandshakeVerdict::Reset => {
                self.record_effect(cause, None, hook, "handshake reset");
                return self.respond_to_handshake(id, HandshakeReply::Reset);
            }
            HandshakeVerdict::NeverRespond => {
                self.record_effect(cause, None, hook, "handshake left without a response");
                return self.respond_to_handshake(id, HandshakeReply::Never);
            }
            HandshakeVerdict::LimitBandwidth(bytes_per_second) => {
                let effect = format!("link slowed to {bytes_per_second} bytes a second");
                self.record_effect(cause, None, hook, effect);
                // Queued before the response, after which the driver no longer finds the stream by
                // the handshake.
                let limit = Output::LimitBandwidth { handshake: id, bytes_per_second };
                self.outputs.push_back(limit);
                return self.admit(cause, handshake);
            }
        };
        self.defer(cause, None, hook, delay, Deferred::Handshake(Box::new(handshake)));
    }

    /// Hands a handshake to the service.
    pub(super) fn admit(&mut self, cause: u64, handshake: PendingHandshake) {
        let PendingHandshake { id, token, client } = handshake;
        match self.connect(cause, token.as_deref(), Some(client)) {
            Ok(peer) => self.respond_to_handshake(id, HandshakeReply::Accept(peer.connection)),
            Err(HandshakeRefused { status, message, .. })
                if matches!(status, 401 | 404) && self.service.closes_refused_handshakes() =>
            {
                // The messages of refusals are constants that need no escaping in JSON.
                let reason = format!(r#"{{"ErrorCode":{status},"ErrorMessage":"{message}"}}"#);
                self.accept_and_close(id, Close::new(CloseCode::NORMAL, &reason));
            }
            Err(HandshakeRefused { status, message, .. }) => {
                let headers = Headers::default();
                self.respond_to_handshake(id, HandshakeReply::Refuse { status, message, headers });
            }
        }
    }

    /// Forgets a handshake whose client has gone away, wherever it waits.
    pub(super) fn abandon_handshake(&mut self, id: HandshakeId) {
        // The token stays usable, because only `admit` redeems it, and a handshake that waits has
        // not been admitted yet.
        let is_abandoned = |handshake: &PendingHandshake| handshake.id == id;
        let moot = self.questions.withdraw(|parked| match parked {
            Parked::Handshake { handshake, .. } => is_abandoned(handshake),
            _ => false,
        });
        self.outputs.extend(moot.into_iter().map(Output::Withdraw));
        let is_deferred = |deferred: &Deferred| match deferred {
            Deferred::Handshake(handshake) => is_abandoned(handshake),
            _ => false,
        };
        self.timers.discard(is_deferred);
        self.gates.discard(is_deferred);
    }

    /// Accepts a handshake and immediately closes the connection.
    fn accept_and_close(&mut self, id: HandshakeId, close: Close) {
        // The id stands for the stream only. There is no session behind it, so whatever the client
        // sends under it finds no connection and is ignored.
        let connection = self.connections.next_id();
        self.respond_to_handshake(id, HandshakeReply::AcceptAndClose(connection, close));
    }

    fn respond_to_handshake(&mut self, id: HandshakeId, reply: HandshakeReply) {
        self.outputs.push_back(Output::Handshake { id, reply });
    }

    /// Connects a participant. No hook sees it, because it makes no handshake.
    pub(super) fn join(&mut self, token: &str) {
        let cause = self.log.len();
        let joined = self.connect(cause, Some(token), None).map_err(Box::new);
        self.outputs.push_back(Output::Return(Reply::Joined(joined)));
    }

    fn connect(
        &mut self,
        cause: u64,
        token: Option<&str>,
        client: Option<Client>,
    ) -> Result<Arc<Peer>, HandshakeRefused> {
        let has_stream = client.is_some();
        let (headers, peer_ip) =
            client.map_or((None, None), |client| (Some(client.headers), client.peer_ip));
        // Used up even if the handshake is refused: the service needs it to admit a connection, and
        // IDs need not be contiguous.
        let connection = self.connections.next_id();
        let admission = match self.service.connect(self.now, connection, token) {
            Ok(admission) => admission,
            Err(refusal) => {
                if let Some((quota, limit)) = self.service.exceeded_by(&refusal) {
                    self.record(cause, None, Event::QuotaExceeded { quota, limit });
                }
                let (status, message) = (refusal.status(), refusal.message());
                let refusal = Some(refusal);
                return Err(self.record_refusal(cause, status, message, token, refusal, headers));
            }
        };
        let (user_id, label) = self.connections.name(&admission.user_id);
        let room = admission.room;
        let peer = Arc::new(Peer { connection, label, user_id, room, is_participant: !has_stream });
        let open = Connection {
            peer: Arc::clone(&peer),
            has_stream,
            peer_ip,
            last_received: self.now,
            connected_at: self.now,
            stall: None,
            is_finished: false,
            inbound: Lane::default(),
            outbound: Lane::default(),
            reordered_actions: Vec::new(),
            reordered_frames: Vec::new(),
            timers: Vec::new(),
        };
        // Inserted before the entry is recorded, because the entry takes its peer from there.
        self.connections.open.insert(connection, open);
        let connected = Connected { capabilities: admission.capabilities.into(), headers };
        self.record(cause, Some(connection), Event::Connected(Box::new(connected)));
        // A participant has no stream on which it could answer pings, and would end as idle.
        if has_stream {
            self.watch(connection);
        }
        Ok(peer)
    }

    pub(super) fn record_refusal(
        &mut self,
        cause: u64,
        status: u16,
        message: &str,
        token: Option<&str>,
        refusal: Option<Refusal>,
        headers: Option<Headers>,
    ) -> HandshakeRefused {
        let label = |token| self.service.token_label(token).unwrap_or_else(|| redact(token));
        let (message, token) = (message.into(), token.map(label));
        let refused = HandshakeRefused { status, message, token, refusal, headers };
        self.record(cause, None, Event::HandshakeRefused(Box::new(refused.clone())));
        refused
    }
}

/// Returns what the log shows of a text that is not a token of this mock. It may be a secret, and
/// its characters may differ between runs, so only words that clients send by mistake are shown.
fn redact(token: &str) -> String {
    match token {
        "" | "null" | "undefined" => format!("{token:?}"),
        _ => "[unknown-token]".into(),
    }
}
