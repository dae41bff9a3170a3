//! Sensitive members, which `Debug` does not show.

use serde_json::{Map, Value};

use crate::proto::operation::Operation;

/// The text that `Debug` shows in the place of a sensitive member, in the words of AWS's SDKs.
///
/// Documented: chat tokens, the attributes of a token and user IDs are sensitive in the service's
/// Smithy model. Observed: the SDKs generated from that model write this text.
pub(crate) const REDACTED: &str = "*** Sensitive Data Redacted ***";

/// Returns a request without the values of its sensitive members.
pub(crate) fn without_sensitive(
    operation: Operation,
    request: &Map<String, Value>,
) -> Map<String, Value> {
    // The attributes of an event are not in the list: the model marks only those of a token.
    let sensitive: &[&str] = match operation {
        Operation::CreateChatToken => &["attributes", "userId"],
        Operation::DisconnectUser => &["userId"],
        _ => &[],
    };
    let mut shown = request.clone();
    for name in sensitive {
        if let Some(value) = shown.get_mut(*name) {
            *value = REDACTED.into();
        }
    }
    shown
}
