//! Rules: the hooks and reviews of scripts as those of the engine.

use std::panic::Location;

use serde_json::Value;

use crate::engine::script::hook::{
    self as data, ActionVerdict as OnAction, DeliveryVerdict as OnDelivery,
    HandshakeVerdict as OnHandshake, Hook, OperationVerdict as OnOperation,
    ReviewVerdict as OnReview, Verdict, Wait,
};
use crate::engine::script::values::{corruption, review};
use crate::hook::action::ActionVerdict;
use crate::hook::chain::{Behavior, Rule};
use crate::hook::delivery::DeliveryVerdict;
use crate::hook::filter::{Filter, FrameKind};
use crate::hook::frequency::{Frequency, Probability};
use crate::hook::handshake::HandshakeVerdict;
use crate::hook::ids::GateId;
use crate::hook::operation::OperationVerdict;
use crate::hook::registry::AnyRule;
use crate::hook::review::ReviewVerdict;
use crate::proto::action::{Action, ActionKind, SendMessage};
use crate::proto::close::CloseCode;
use crate::proto::error_code::ErrorCode;
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;

/// Returns a hook as the engine takes it. `gate` is the one at which it holds events.
pub(super) fn rule(hook: &Hook, gate: Option<GateId>) -> Result<AnyRule, String> {
    let gate = || gate.ok_or_else(|| "the hook has no gate".to_owned());
    Ok(match &hook.verdict {
        Verdict::Handshake(verdict) => {
            AnyRule::Handshake(with(hook, on_handshake(verdict, gate)?)?)
        }
        Verdict::Action(verdict) => AnyRule::Action(with(hook, on_action(verdict, gate)?)?),
        Verdict::Delivery(verdict) => AnyRule::Delivery(with(hook, on_delivery(verdict, gate)?)?),
        Verdict::Operation(verdict) => {
            AnyRule::Operation(with(hook, on_operation(verdict, gate)?)?)
        }
        Verdict::Review(verdict) => AnyRule::Review(with(hook, on_review(verdict, gate)?)?),
    })
}

fn with<V>(hook: &Hook, verdict: V) -> Result<Rule<V>, String> {
    Ok(Rule {
        name: hook.name.clone(),
        filter: filter(hook)?,
        frequency: frequency(&hook.frequency)?,
        expected: None,
        priority: 0,
        behavior: Behavior::Verdict(verdict),
        written_at: Location::caller(),
    })
}

fn filter(hook: &Hook) -> Result<Filter, String> {
    let data = &hook.filter;
    let is_delivery = matches!(hook.verdict, Verdict::Delivery(_));
    let (user_id, sender) =
        if is_delivery { (data.to.clone(), data.from.clone()) } else { (data.from.clone(), None) };
    let mut filter = Filter {
        user_id,
        sender,
        rooms: data.room.iter().cloned().collect(),
        event_name: data.event_name.clone(),
        containing: data.containing.iter().cloned().collect(),
        request_id: data.request_id.clone(),
        ..Filter::default()
    };
    match data.kind.as_deref() {
        None => {}
        Some("MESSAGE") => filter.kind = Some(FrameKind::Message),
        Some("EVENT") => filter.kind = Some(FrameKind::Event),
        Some("ERROR") => filter.kind = Some(FrameKind::Error),
        Some(name) => {
            let action = ActionKind::ALL.into_iter().find(|action| action.name() == name);
            let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name);
            if action.is_none() && operation.is_none() {
                return Err(format!("`{name}` is neither an action nor an operation"));
            }
            (filter.action, filter.operation) = (action, operation);
        }
    }
    Ok(filter)
}

fn frequency(data: &data::Frequency) -> Result<Frequency, String> {
    let time = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a time"));
    let between = match &data.between {
        Some((from, until)) => Some((time(from)?, time(until)?)),
        None => None,
    };
    let probability = data.probability.map(|(probability, seed)| Probability { probability, seed });
    let data::Frequency { times: limit, nth, every, after, .. } = *data;
    Ok(Frequency { limit, nth, every, after, between, probability })
}

fn on_handshake(
    verdict: &OnHandshake,
    gate: impl Fn() -> Result<GateId, String>,
) -> Result<HandshakeVerdict, String> {
    Ok(match verdict.clone() {
        OnHandshake::Wait(Wait::Delay(duration)) => HandshakeVerdict::Delay(duration),
        OnHandshake::Wait(Wait::Hold(_)) => HandshakeVerdict::Hold(gate()?),
        OnHandshake::Refuse { status, message } => HandshakeVerdict::refuse(status, message),
        OnHandshake::Disconnect(data::Close { code, reason }) => {
            HandshakeVerdict::Disconnect { code: CloseCode(code), reason }
        }
        OnHandshake::Reset => HandshakeVerdict::Reset,
        OnHandshake::NeverRespond => HandshakeVerdict::NeverRespond,
        OnHandshake::Slow(bytes_per_second) => HandshakeVerdict::LimitBandwidth(bytes_per_second),
    })
}

fn on_action(
    verdict: &OnAction,
    gate: impl Fn() -> Result<GateId, String>,
) -> Result<ActionVerdict, String> {
    Ok(match verdict.clone() {
        OnAction::Wait(Wait::Delay(duration)) => ActionVerdict::Delay(duration),
        OnAction::Wait(Wait::Hold(_)) => ActionVerdict::Hold(gate()?),
        OnAction::Reject { code, message: error_message } => {
            let error_code = ErrorCode::try_from(code);
            let error_code = error_code.map_err(|_| format!("{code} is not an ErrorCode"))?;
            ActionVerdict::Reject { error_code, error_message }
        }
        OnAction::Ignore => ActionVerdict::Ignore,
        OnAction::Respond(text) => ActionVerdict::Respond(text),
        OnAction::Change(content) => {
            ActionVerdict::Change(Action::SendMessage(SendMessage::new(content)))
        }
        OnAction::Duplicate => ActionVerdict::Duplicate,
        OnAction::Reorder => ActionVerdict::Reorder,
        OnAction::Disconnect(data::Close { code, reason }) => {
            ActionVerdict::Disconnect { code: CloseCode(code), reason }
        }
        OnAction::Reset => ActionVerdict::Reset,
        OnAction::Stall => ActionVerdict::Stall,
    })
}

fn on_delivery(
    verdict: &OnDelivery,
    gate: impl Fn() -> Result<GateId, String>,
) -> Result<DeliveryVerdict, String> {
    Ok(match verdict.clone() {
        OnDelivery::Wait(Wait::Delay(duration)) => DeliveryVerdict::Delay(duration),
        OnDelivery::Wait(Wait::Hold(_)) => DeliveryVerdict::Hold(gate()?),
        OnDelivery::Drop => DeliveryVerdict::Drop,
        OnDelivery::Change(members) => {
            let frame = serde_json::from_value(Value::Object(members));
            DeliveryVerdict::Change(frame.map_err(|error| format!("this is not a frame: {error}"))?)
        }
        OnDelivery::Replace(text) => DeliveryVerdict::Replace(text),
        OnDelivery::Corrupt(corruption) => DeliveryVerdict::Corrupt(self::corruption(corruption)),
        OnDelivery::Duplicate => DeliveryVerdict::Duplicate,
        OnDelivery::Reorder => DeliveryVerdict::Reorder,
        OnDelivery::Disconnect(data::Close { code, reason }) => {
            DeliveryVerdict::Disconnect { code: CloseCode(code), reason }
        }
        OnDelivery::Reset => DeliveryVerdict::Reset,
        OnDelivery::Stall => DeliveryVerdict::Stall,
    })
}

fn on_operation(
    verdict: &OnOperation,
    gate: impl Fn() -> Result<GateId, String>,
) -> Result<OperationVerdict, String> {
    Ok(match verdict.clone() {
        OnOperation::Wait(Wait::Delay(duration)) => OperationVerdict::Delay(duration),
        OnOperation::Wait(Wait::Hold(_)) => OperationVerdict::Hold(gate()?),
        OnOperation::Fail { status, exception, message } => {
            OperationVerdict::Fail(Exception::new(status, exception, message))
        }
        OnOperation::Respond { status, body } => {
            OperationVerdict::Respond { status, body, headers: Headers::default() }
        }
        OnOperation::EmptyBody => OperationVerdict::EmptyBody,
        OnOperation::TruncatedBody => OperationVerdict::TruncatedBody,
        OnOperation::CloseInHead => OperationVerdict::CloseInHead,
        OnOperation::CloseInBody => OperationVerdict::CloseInBody,
        OnOperation::Reset => OperationVerdict::Reset,
        OnOperation::NeverRespond => OperationVerdict::NeverRespond,
    })
}

fn on_review(
    verdict: &OnReview,
    gate: impl Fn() -> Result<GateId, String>,
) -> Result<ReviewVerdict, String> {
    Ok(match verdict {
        OnReview::Wait(Wait::Delay(duration)) => ReviewVerdict::Delay(*duration),
        OnReview::Wait(Wait::Hold(_)) => ReviewVerdict::Hold(gate()?),
        OnReview::Respond(response) => ReviewVerdict::Respond(review(response)),
    })
}
