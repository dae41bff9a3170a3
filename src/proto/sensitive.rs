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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proto::action::{DeleteMessage, DisconnectUser, SendMessage};
    use crate::proto::frame::Sender;

    #[test]
    fn debug_hides_users_and_their_attributes() {
        let disconnection = format!("{:?}", DisconnectUser::new("alice", "rude"));
        let hidden = format!("DisconnectUser {{ user_id: {REDACTED:?}, reason: \"rude\" }}");
        assert_eq!(disconnection, hidden);
        let sender = format!("{:?}", Sender::new("alice"));
        let hidden = format!("Sender {{ user_id: {REDACTED:?}, attributes: {REDACTED:?} }}");
        assert_eq!(sender, hidden);
        assert!(format!("{:?}", SendMessage::new("hi")).contains("hi"));
        assert!(format!("{:?}", DeleteMessage::new("Message00001", "spam")).contains("spam"));
    }

    #[test]
    fn a_request_is_shown_without_its_sensitive_members() {
        let request = json!({ "attributes": { "a": "b" }, "roomIdentifier": "r", "userId": "u" });
        let of = |operation| {
            let shown = without_sensitive(operation, request.as_object().unwrap());
            shown.into_iter().filter(|(_, value)| value == REDACTED).map(|(name, _)| name)
        };
        let hidden: Vec<_> = of(Operation::CreateChatToken).collect();
        assert_eq!(hidden, ["attributes", "userId"]);
        assert_eq!(of(Operation::DisconnectUser).collect::<Vec<_>>(), ["userId"]);
        assert_eq!(of(Operation::SendEvent).count(), 0);
    }
}
