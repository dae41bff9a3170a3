//! Values: operations, quotas, reviews and corruptions of scripts as the types of the crate.

use mock_ivs_chat::{Operation, Quota, ReviewResponse, hook::Corruption};
use serde_json::Value;

use super::hook::Corruption as OnFrame;
use super::review::ReviewResponse as OnReviewer;
use super::settings::CALLS;

pub(crate) fn operation(name: &str) -> Operation {
    let found = Operation::ALL.into_iter().find(|operation| operation.name() == name);
    found.expect("the parser knows the operations")
}

pub(crate) fn quota(name: &str) -> Quota {
    const QUOTAS: [Quota; 9] = [
        Quota::MessagingRequestsPerConnection,
        Quota::SendMessagePerRoom,
        Quota::SendMessage,
        Quota::DeleteMessage,
        Quota::DisconnectUser,
        Quota::ConcurrentConnections,
        Quota::Rooms,
        Quota::LoggingConfigurations,
        Quota::MessageAttributeBytes,
    ];
    match name.strip_prefix(CALLS) {
        Some(name) => Quota::Operation(operation(name)),
        None => {
            let found = QUOTAS.into_iter().find(|quota| quota.to_string() == name);
            found.expect("the parser knows the quotas")
        }
    }
}

/// Returns what a review function answers.
pub(crate) fn review(response: &OnReviewer) -> ReviewResponse {
    match response.clone() {
        OnReviewer::Allow { content, attributes } => {
            let mut review = ReviewResponse::allow();
            if let Some(content) = content {
                review = review.content(content);
            }
            match attributes {
                Some(attributes) => review.attributes(attributes),
                None => review,
            }
        }
        OnReviewer::Deny { reason: Some(reason) } => ReviewResponse::deny(reason),
        OnReviewer::Deny { reason: None } => ReviewResponse::deny_without_reason(),
        OnReviewer::Fail => ReviewResponse::fail(),
        OnReviewer::TimeOut => ReviewResponse::time_out(),
        OnReviewer::Json(members) => ReviewResponse::from_json(&Value::Object(members)),
    }
}

pub(crate) fn corruption(corruption: OnFrame) -> Corruption {
    match corruption {
        OnFrame::InvalidJson => Corruption::InvalidJson,
        OnFrame::UnknownType => Corruption::UnknownType,
        OnFrame::MissingMember(member) => Corruption::MissingMember(member),
        OnFrame::Binary => Corruption::Binary,
        OnFrame::InvalidUtf8 => Corruption::InvalidUtf8,
        OnFrame::Oversize(bytes) => Corruption::Oversize(bytes),
        OnFrame::Fragmented(bytes) => Corruption::Fragmented(bytes),
        OnFrame::ReservedBit => Corruption::ReservedBit,
        OnFrame::Truncated => Corruption::Truncated,
    }
}
