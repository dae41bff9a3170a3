//! Support: deviations from closures over frames, actions and calls.

use std::sync::Arc;

use mock_ivs_chat::hook::{
    ActionVerdict, DeliveryVerdict, HandshakeRequest, HandshakeVerdict, InboundFrame,
    OperationCall, OperationVerdict, OutboundFrame,
};
use mock_ivs_chat::{Exception, Frame, Handle, Operation};
use mock_ivs_chat_conformance::Deviation;
use serde_json::{Map, Value};

/// Changes the text of frames that the service sends; `None` leaves one as it is.
pub(super) fn of_frames(
    change: impl Fn(&Frame, &str) -> Option<String> + Send + Sync + 'static,
) -> Deviation {
    of_deliveries(move |delivery| {
        let text = serde_json::to_string(&delivery.frame).unwrap();
        match change(&delivery.frame, &text) {
            Some(changed) if changed != text => DeliveryVerdict::Replace(changed),
            _ => DeliveryVerdict::Pass,
        }
    })
}

/// Decides about frames that the service sends.
pub(super) fn of_deliveries(
    decide: impl Fn(&OutboundFrame) -> DeliveryVerdict + Send + Sync + 'static,
) -> Deviation {
    let decide = Arc::new(decide);
    Deviation::of_hooks(move |ivs| {
        let decide = Arc::clone(&decide);
        ivs.on_delivery().decide(move |delivery| decide(delivery));
    })
}

/// Decides about frames that clients send.
pub(super) fn of_actions(
    decide: impl Fn(&Handle, &InboundFrame) -> ActionVerdict + Send + Sync + 'static,
) -> Deviation {
    let decide = Arc::new(decide);
    Deviation::of_hooks(move |ivs| {
        let (decide, mock) = (Arc::clone(&decide), ivs.clone());
        ivs.on_action().decide(move |frame| decide(&mock, frame));
    })
}

/// Decides about handshakes.
pub(super) fn of_handshakes(
    decide: impl Fn(&HandshakeRequest) -> HandshakeVerdict + Send + Sync + 'static,
) -> Deviation {
    let decide = Arc::new(decide);
    Deviation::of_hooks(move |ivs| {
        let decide = Arc::clone(&decide);
        ivs.on_handshake().decide(move |handshake| decide(handshake));
    })
}

/// Decides about calls of an operation.
pub(super) fn of_calls(
    operation: Operation,
    decide: impl Fn(&Handle, &OperationCall) -> OperationVerdict + Send + Sync + 'static,
) -> Deviation {
    let decide = Arc::new(decide);
    Deviation::of_hooks(move |ivs| {
        let (decide, mock) = (Arc::clone(&decide), ivs.clone());
        ivs.on_operation(operation).decide(move |call| decide(&mock, call));
    })
}

/// Refuses calls of an operation for which the closure returns an exception.
pub(super) fn of_refusals(
    operation: Operation,
    refuse: impl Fn(&Handle, &Map<String, Value>) -> Option<Exception> + Send + Sync + 'static,
) -> Deviation {
    of_calls(operation, move |mock, call| match refuse(mock, &call.request) {
        Some(exception) => OperationVerdict::Fail(exception),
        None => OperationVerdict::Pass,
    })
}

/// Changes requests of an operation before the service sees them.
pub(super) fn of_requests(
    operation: Operation,
    change: impl Fn(&Handle, &mut Map<String, Value>) + Send + Sync + 'static,
) -> Deviation {
    of_calls(operation, move |mock, call| {
        let mut request = call.request.clone();
        change(mock, &mut request);
        if request == call.request {
            return OperationVerdict::Pass;
        }
        respond(operation, mock.call(operation, Value::Object(request)))
    })
}

/// Changes successful responses of an operation.
pub(super) fn of_responses(
    operation: Operation,
    change: impl Fn(&Handle, &Map<String, Value>, &mut Value) + Send + Sync + 'static,
) -> Deviation {
    of_calls(operation, move |mock, call| {
        let mut response = mock.call(operation, Value::Object(call.request.clone()));
        if let Ok(body) = &mut response {
            change(mock, &call.request, body);
        }
        respond(operation, response)
    })
}

/// Changes refusals of an operation.
pub(super) fn of_exceptions(
    operation: Operation,
    change: impl Fn(Exception) -> Option<Exception> + Send + Sync + 'static,
) -> Deviation {
    of_calls(operation, move |mock, call| {
        let response = mock.call(operation, Value::Object(call.request.clone()));
        let changed = |exception: Exception| change(exception.clone()).unwrap_or(exception);
        respond(operation, response.map_err(changed))
    })
}

fn respond(operation: Operation, response: Result<Value, Exception>) -> OperationVerdict {
    match (operation.success_status(), response) {
        (204, Ok(_)) => OperationVerdict::respond(204, ""),
        (status, Ok(body)) => OperationVerdict::respond(status, body.to_string()),
        (_, Err(exception)) => OperationVerdict::Fail(exception),
    }
}

/// A text of a request or response; empty if there is none.
pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> &'a str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}
