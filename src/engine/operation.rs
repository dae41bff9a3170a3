//! Operations: calls of the control plane, the hooks on them, and their responses.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::engine::io::{Answer, CallId, HttpReply, Output, Reply};
use crate::engine::questions::{Evaluation, PANICKED, Parked};
use crate::engine::timers::{Deferred, Delay};
use crate::hook::event::HookEvent;
use crate::hook::filter::{EventContext, ROOM_MEMBERS};
use crate::hook::ids::HookId;
use crate::hook::operation::{OperationCall, OperationVerdict};
use crate::hook::origin::HookOrigin;
use crate::log::record::{Caller, Event, Request, Response};
use crate::proto::close::truncate;
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::json::to_text;
use crate::proto::operation::Operation;
use crate::service::control::ControlResult;

/// A call over HTTP.
#[derive(Debug)]
pub(super) struct Call {
    id: CallId,
    origin: Caller,
    operation: Operation,
}

/// A call about which a closure decides.
#[derive(Debug)]
pub(super) struct AskedCall {
    call: Call,
    request: Map<String, Value>,
    body: String,
}

/// A call that was executed, and has no response yet.
#[derive(Debug)]
pub(super) struct PendingReply {
    call: Call,
    response: ControlResult,
}

impl Engine {
    /// Executes an operation for a client.
    pub(super) fn call(
        &mut self,
        id: CallId,
        origin: Caller,
        operation: Operation,
        request: Map<String, Value>,
        body: String,
    ) {
        let cause = self.record_call(origin.clone(), Some(operation), body.clone());
        let call = Call { id, origin, operation };
        let asked = AskedCall { call, request, body };
        if self.hooks.operations.is_empty() {
            return self.carry_out(cause, asked);
        }
        self.evaluate_operation(cause, asked, HookId::default());
    }

    /// Executes an operation for the test itself. No hook sees it, because it is not a call
    /// over HTTP.
    pub(super) fn test_call(
        &mut self,
        operation: Operation,
        request: &Map<String, Value>,
        body: String,
    ) {
        let cause = self.record_call(Caller::Test, Some(operation), body);
        let response = self.operate(cause, operation, request);
        self.record_response(cause, None, Caller::Test, Some(operation), &response);
        self.outputs.push_back(Output::Return(Reply::Called(response)));
    }

    /// Records a call that was refused before it reached an operation.
    pub(super) fn refuse_call(
        &mut self,
        origin: Caller,
        operation: Option<Operation>,
        body: String,
        exception: Exception,
    ) {
        let cause = self.record_call(origin.clone(), operation, body);
        self.record_response(cause, None, origin, operation, &Err(exception));
    }

    /// Evaluates the hooks that come after `last`.
    fn evaluate_operation(&mut self, cause: u64, asked_call: AskedCall, last: HookId) {
        let AskedCall { call, request, body } = &asked_call;
        let operation = call.operation;
        let (access_key_id, headers) = match &call.origin {
            Caller::Http { access_key_id, headers, .. } => (access_key_id.clone(), headers.clone()),
            Caller::Test => (None, Headers::default()),
        };
        // The identifier may be that of a logging configuration, which `room_names` does not know.
        let arn = ROOM_MEMBERS.iter().find_map(|name| request.get(*name));
        let room = arn.and_then(Value::as_str).and_then(|arn| self.service.room_names(arn));
        let context = EventContext {
            user_id: request.get("userId").and_then(Value::as_str),
            room: room.as_ref(),
            operation: Some(operation),
            text: body,
            ..EventContext::default()
        };
        let event = || {
            let request = request.clone();
            HookEvent::Operation(OperationCall { operation, request, access_key_id, headers })
        };
        match self.consult(&context, last, event) {
            Evaluation::Pass => self.carry_out(cause, asked_call),
            Evaluation::Verdict(hook, verdict) => {
                self.apply_operation_verdict(cause, &hook, verdict, asked_call);
            }
            Evaluation::Asked(asked) => {
                self.park(asked, Parked::Operation { cause, call: Box::new(asked_call) });
            }
        }
    }

    pub(super) fn operation_decided(
        &mut self,
        cause: u64,
        call: AskedCall,
        hook: HookId,
        origin: &Arc<HookOrigin>,
        answer: Answer,
    ) {
        let failure = |_: &mut Self| OperationVerdict::Fail(Exception::internal_server(PANICKED));
        match self.verdict_of(hook, answer, failure) {
            OperationVerdict::Pass => self.evaluate_operation(cause, call, hook),
            verdict => {
                self.apply_operation_verdict(cause, origin, verdict, call);
            }
        }
    }

    fn carry_out(&mut self, cause: u64, AskedCall { call, request, .. }: AskedCall) {
        let response = self.operate(cause, call.operation, &request);
        self.reply(cause, PendingReply { call, response });
    }

    fn apply_operation_verdict(
        &mut self,
        cause: u64,
        hook: &Arc<HookOrigin>,
        verdict: OperationVerdict,
        asked: AskedCall,
    ) {
        match verdict {
            OperationVerdict::Pass => self.carry_out(cause, asked),
            // `Fail`, `Respond` and `Reset` stand in for the service, so the operation does not
            // take effect.
            OperationVerdict::Fail(exception) => {
                self.record_effect(cause, None, hook, "failed");
                self.reply(cause, PendingReply { call: asked.call, response: Err(exception) });
            }
            OperationVerdict::Respond { status, body, headers } => {
                self.record_effect(cause, None, hook, "answered");
                let Call { id, origin, operation } = asked.call;
                let text = body.clone();
                let response = Response {
                    origin,
                    operation: Some(operation),
                    status,
                    exception: None,
                    body: text,
                };
                self.record_reply(cause, Some(id), response);
                self.respond(id, HttpReply::Raw { status, body, headers });
            }
            OperationVerdict::Reset => {
                self.record_effect(cause, None, hook, "reset");
                self.respond(asked.call.id, HttpReply::Reset);
            }
            verdict => {
                let AskedCall { call, request, .. } = asked;
                // All other verdicts are about the response. The operation takes effect first, even
                // if the client never gets a response, as with a response that a network loses.
                let response = self.operate(cause, call.operation, &request);
                let reply = PendingReply { call, response };
                self.apply_response_verdict(cause, hook, &verdict, reply);
            }
        }
    }

    /// Applies the verdict of a hook to the response of a call that was carried out.
    fn apply_response_verdict(
        &mut self,
        cause: u64,
        hook: &Arc<HookOrigin>,
        verdict: &OperationVerdict,
        reply: PendingReply,
    ) {
        let PendingReply { call, response } = reply;
        let is_deferred = matches!(
            verdict,
            OperationVerdict::Delay(_)
                | OperationVerdict::DelayRealTime(_)
                | OperationVerdict::Hold(_)
        );
        if self.abandoned_calls.contains(&call.id) && !is_deferred {
            return self.reply(cause, PendingReply { call, response });
        }
        let success = call.operation.success_status();
        let status = response.as_ref().map_or_else(Exception::status, |_| success);
        let (effect, http_reply) = match *verdict {
            OperationVerdict::Delay(duration) => {
                return self.defer_reply(cause, hook, Delay::Clock(duration), call, response);
            }
            OperationVerdict::DelayRealTime(duration) => {
                return self.defer_reply(cause, hook, Delay::RealTime(duration), call, response);
            }
            OperationVerdict::Hold(gate) => {
                return self.defer_reply(cause, hook, Delay::Gate(gate), call, response);
            }
            OperationVerdict::EmptyBody => {
                let (body, headers) = Default::default();
                ("answered with an empty body", HttpReply::Raw { status, body, headers })
            }
            OperationVerdict::TruncatedBody => {
                let text = response.as_ref().map_or_else(|e| to_text(e.body()), to_text);
                let body = truncate(&text, text.len() / 2).to_owned();
                let headers = Headers::default();
                ("body truncated", HttpReply::Raw { status, body, headers })
            }
            OperationVerdict::CloseInHead => ("closed in the head", HttpReply::CutHead(response)),
            OperationVerdict::CloseInBody => ("closed in the body", HttpReply::CutBody(response)),
            OperationVerdict::NeverRespond => ("left without a response", HttpReply::Never),
            OperationVerdict::Pass
            | OperationVerdict::Fail(_)
            | OperationVerdict::Respond { .. }
            | OperationVerdict::Reset => {
                return self.reply(cause, PendingReply { call, response });
            }
        };
        self.record_effect(cause, None, hook, effect);
        self.respond(call.id, http_reply);
    }

    fn defer_reply(
        &mut self,
        cause: u64,
        hook: &Arc<HookOrigin>,
        delay: Delay,
        call: Call,
        response: ControlResult,
    ) {
        let reply = Deferred::Reply(Box::new(PendingReply { call, response }));
        self.defer(cause, None, hook, delay, reply);
    }

    /// Responds to a call that was carried out.
    pub(super) fn reply(&mut self, cause: u64, reply: PendingReply) {
        let PendingReply { call, response } = reply;
        let (id, operation) = (Some(call.id), Some(call.operation));
        self.record_response(cause, id, call.origin, operation, &response);
        self.respond(call.id, HttpReply::Response(response));
    }

    fn respond(&mut self, id: CallId, reply: HttpReply) {
        self.abandoned_calls.remove(&id);
        self.outputs.push_back(Output::Respond { id, reply });
    }

    fn operate(
        &mut self,
        cause: u64,
        operation: Operation,
        request: &Map<String, Value>,
    ) -> ControlResult {
        let mut outputs = Vec::new();
        // Consequences precede the response, so a caller that has the response finds their entries
        // in the log.
        let response = self.service.operate(self.now, operation, request, &mut outputs);
        self.apply(cause, outputs);
        response
    }

    /// Records a call; returns the number of its entry, from which the response follows.
    fn record_call(&mut self, origin: Caller, operation: Option<Operation>, body: String) -> u64 {
        let cause = self.log.len();
        let called = Request { origin, operation, body };
        self.record(cause, None, Event::Request(Box::new(called)));
        cause
    }

    fn record_response(
        &mut self,
        cause: u64,
        id: Option<CallId>,
        origin: Caller,
        operation: Option<Operation>,
        response: &ControlResult,
    ) {
        let success = operation.map_or(200, Operation::success_status);
        let (status, exception, body) = match response {
            Ok(body) => (success, None, body),
            Err(exception) => (exception.status(), Some(exception.name().into()), exception.body()),
        };
        let mut text = if status == 204 { String::new() } else { to_text(body) };
        // Tokens are secrets even in a test, because a log may be printed anywhere.
        if let Some(token) = body.get("token").and_then(Value::as_str) {
            if let Some(label) = self.service.token_label(token) {
                text = text.replace(token, &label);
            }
        }
        let response = Response { origin, operation, status, exception, body: text };
        self.record_reply(cause, id, response);
    }

    /// Records the response to a call, or that the client is no longer there to get it.
    fn record_reply(&mut self, cause: u64, id: Option<CallId>, response: Response) {
        let is_abandoned = id.is_some_and(|id| self.abandoned_calls.contains(&id));
        let event = if is_abandoned { Event::Undelivered } else { Event::Response };
        self.record(cause, None, event(Box::new(response)));
    }

    /// Records that the client of a call has gone away. The operation still takes effect, but its
    /// response is not delivered.
    pub(crate) fn abandon_call(&mut self, id: CallId) {
        self.abandoned_calls.insert(id);
    }
}
