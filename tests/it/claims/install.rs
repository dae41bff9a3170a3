//! Install: hooks of scripts as hooks of the mock.

use mock_ivs_chat::{
    Action, CloseCode, ErrorCode, Exception, Frame, Gate, Handle, Hook, SendMessage,
    hook::{Actions, Deliveries, Handshakes, HookBuilder, HookPoint, Operations, Reviews},
};
use serde_json::Value;

use crate::script::hook::{
    ActionVerdict as OnAction, DeliveryVerdict as OnDelivery, HandshakeVerdict as OnHandshake,
    Hook as Data, OperationVerdict as OnOperation, ReviewVerdict as OnReview, Verdict, Wait,
};
use crate::script::values::{corruption, operation, review};

/// An installed hook, or the gate at which it holds events.
pub(crate) enum Installed {
    Hook(Hook),
    Gate(Gate),
}

pub(crate) fn install(ivs: &Handle, data: &Data) -> Result<Installed, String> {
    match &data.verdict {
        Verdict::Handshake(verdict) => {
            let mut hook = common(ivs.on_handshake(), data)?;
            if let Some(user) = &data.filter.from {
                hook = hook.from(user);
            }
            Ok(on_handshake(hook, verdict))
        }
        Verdict::Action(verdict) => on_action(actions(ivs, data)?, verdict),
        Verdict::Delivery(verdict) => on_delivery(deliveries(ivs, data)?, verdict),
        Verdict::Operation(verdict) => {
            let hook = match &data.filter.kind {
                Some(name) => ivs.on_operation(operation(name)),
                None => ivs.on_any_operation(),
            };
            Ok(on_operation(common(hook, data)?, verdict))
        }
        Verdict::Review(verdict) => {
            let mut hook = common(ivs.on_review(), data)?;
            if let Some(user) = &data.filter.from {
                hook = hook.from(user);
            }
            Ok(on_review(hook, verdict))
        }
    }
}

/// Sets the conditions that all hook points have.
fn common<P: HookPoint>(
    mut hook: HookBuilder<P, Handle>,
    data: &Data,
) -> Result<HookBuilder<P, Handle>, String> {
    if let Some(name) = &data.name {
        hook = hook.named(name);
    }
    if let Some(room) = &data.filter.room {
        hook = hook.room(room);
    }
    if let Some(text) = &data.filter.containing {
        hook = hook.containing(text);
    }
    let frequency = &data.frequency;
    if let Some(times) = frequency.times {
        hook = hook.times(times);
    }
    if let Some(nth) = frequency.nth {
        hook = hook.nth(nth);
    }
    if let Some(every) = frequency.every {
        hook = hook.every(every);
    }
    if let Some(after) = frequency.after {
        hook = hook.after(after);
    }
    if let Some((from, until)) = &frequency.between {
        let time = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a time"));
        hook = hook.between(time(from)?, time(until)?);
    }
    if let Some((probability, seed)) = frequency.probability {
        hook = hook.with_probability(probability, seed);
    }
    Ok(hook)
}

fn actions(ivs: &Handle, data: &Data) -> Result<HookBuilder<Actions, Handle>, String> {
    let mut hook = common(ivs.on_action(), data)?;
    if let Some(user) = &data.filter.from {
        hook = hook.from(user);
    }
    if let Some(request_id) = &data.filter.request_id {
        hook = hook.request_id(request_id);
    }
    Ok(match data.filter.kind.as_deref() {
        Some("SEND_MESSAGE") => hook.send_message(),
        Some("DELETE_MESSAGE") => hook.delete_message(),
        Some("DISCONNECT_USER") => hook.disconnect_user(),
        _ => hook,
    })
}

fn deliveries(ivs: &Handle, data: &Data) -> Result<HookBuilder<Deliveries, Handle>, String> {
    let mut hook = common(ivs.on_delivery(), data)?;
    if let Some(user) = &data.filter.to {
        hook = hook.to(user);
    }
    if let Some(user) = &data.filter.from {
        hook = hook.from(user);
    }
    if let Some(request_id) = &data.filter.request_id {
        hook = hook.request_id(request_id);
    }
    Ok(match data.filter.kind.as_deref() {
        Some("MESSAGE") => hook.message(),
        Some("EVENT") => hook.event(data.filter.event_name.clone().unwrap_or_default()),
        Some("ERROR") => hook.error(),
        _ => hook,
    })
}

fn on_handshake(hook: HookBuilder<Handshakes, Handle>, verdict: &OnHandshake) -> Installed {
    Installed::Hook(match verdict.clone() {
        OnHandshake::Wait(Wait::Delay(duration)) => hook.delay(duration),
        OnHandshake::Wait(Wait::Hold(_)) => return Installed::Gate(hook.hold()),
        OnHandshake::Refuse { status, message } => hook.refuse(status, message),
        OnHandshake::Disconnect(close) => {
            hook.disconnect_with_reason(CloseCode(close.code), close.reason)
        }
        OnHandshake::Reset => hook.reset(),
        OnHandshake::NeverRespond => hook.never_respond(),
        OnHandshake::Slow(bytes_per_second) => hook.limit_bandwidth(bytes_per_second),
    })
}

fn on_action(hook: HookBuilder<Actions, Handle>, verdict: &OnAction) -> Result<Installed, String> {
    Ok(Installed::Hook(match verdict.clone() {
        OnAction::Wait(Wait::Delay(duration)) => hook.delay(duration),
        OnAction::Wait(Wait::Hold(_)) => return Ok(Installed::Gate(hook.hold())),
        OnAction::Reject { code, message } => {
            let code =
                ErrorCode::try_from(code).map_err(|_| format!("{code} is not an ErrorCode"))?;
            hook.reject(code, message)
        }
        OnAction::Ignore => hook.ignore(),
        OnAction::Respond(text) => hook.respond(text),
        OnAction::Change(content) => hook.change(Action::SendMessage(SendMessage::new(content))),
        OnAction::Duplicate => hook.duplicate(),
        OnAction::Reorder => hook.reorder(),
        OnAction::Disconnect(close) => {
            hook.disconnect_with_reason(CloseCode(close.code), close.reason)
        }
        OnAction::Reset => hook.reset(),
        OnAction::Stall => hook.stall(),
    }))
}

fn on_delivery(
    hook: HookBuilder<Deliveries, Handle>,
    verdict: &OnDelivery,
) -> Result<Installed, String> {
    Ok(Installed::Hook(match verdict.clone() {
        OnDelivery::Wait(Wait::Delay(duration)) => hook.delay(duration),
        OnDelivery::Wait(Wait::Hold(_)) => return Ok(Installed::Gate(hook.hold())),
        OnDelivery::Drop => hook.drop_frame(),
        OnDelivery::Change(members) => {
            let frame: Result<Frame, _> = serde_json::from_value(Value::Object(members));
            hook.change(frame.map_err(|error| format!("this is not a frame: {error}"))?)
        }
        OnDelivery::Replace(text) => hook.replace(text),
        OnDelivery::Corrupt(corruption) => hook.corrupt(self::corruption(corruption)),
        OnDelivery::Duplicate => hook.duplicate(),
        OnDelivery::Reorder => hook.reorder(),
        OnDelivery::Disconnect(close) => {
            hook.disconnect_with_reason(CloseCode(close.code), close.reason)
        }
        OnDelivery::Reset => hook.reset(),
        OnDelivery::Stall => hook.stall(),
    }))
}

fn on_operation(hook: HookBuilder<Operations, Handle>, verdict: &OnOperation) -> Installed {
    Installed::Hook(match verdict.clone() {
        OnOperation::Wait(Wait::Delay(duration)) => hook.delay(duration),
        OnOperation::Wait(Wait::Hold(_)) => return Installed::Gate(hook.hold()),
        OnOperation::Fail { status, exception, message } => {
            hook.fail(Exception::new(status, exception, message))
        }
        OnOperation::Respond { status, body } => hook.respond(status, body),
        OnOperation::EmptyBody => hook.empty_body(),
        OnOperation::TruncatedBody => hook.truncated_body(),
        OnOperation::CloseInHead => hook.close_in_head(),
        OnOperation::CloseInBody => hook.close_in_body(),
        OnOperation::Reset => hook.reset(),
        OnOperation::NeverRespond => hook.never_respond(),
    })
}

fn on_review(hook: HookBuilder<Reviews, Handle>, verdict: &OnReview) -> Installed {
    Installed::Hook(match verdict.clone() {
        OnReview::Wait(Wait::Delay(duration)) => hook.delay(duration),
        OnReview::Wait(Wait::Hold(_)) => return Installed::Gate(hook.hold()),
        OnReview::Respond(response) => hook.respond(review(&response)),
    })
}
