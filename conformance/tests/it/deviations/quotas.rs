//! Quotas: mocks that allow one more than the account may have or do.

use mock_ivs_chat::{Operation, Quota};
use mock_ivs_chat_conformance::Deviation;

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [of_messaging(), of_the_account(), of_calls()].into_iter().flatten().collect()
}

fn of_messaging() -> Vec<Case> {
    vec![
        case(
            "a connection may make one request a second more",
            "messaging requests per connection",
            &["quotas/requests-per-connection"],
            one_more(Quota::MessagingRequestsPerConnection),
        ),
        case(
            "all rooms may have one message a second more",
            "messages in all rooms",
            &["quotas/messages-in-all-rooms"],
            one_more(Quota::SendMessage),
        ),
        case(
            "all rooms may have one deletion a second more",
            "deletions of messages in all rooms",
            &["quotas/deletions-per-second"],
            one_more(Quota::DeleteMessage),
        ),
        case(
            "all rooms may have one disconnection a second more",
            "disconnections of users in all rooms",
            &["quotas/disconnections-per-second"],
            one_more(Quota::DisconnectUser),
        ),
    ]
}

fn of_the_account() -> Vec<Case> {
    vec![
        case(
            "an account may have one connection more",
            "too many concurrent connections",
            &["quotas/concurrent-connections"],
            one_more(Quota::ConcurrentConnections),
        ),
        case(
            "an account may have one room more",
            "as many rooms as it may have",
            &["quotas/rooms"],
            one_more(Quota::Rooms),
        ),
        case(
            "an account may have one logging configuration more",
            "as many logging configurations as it may have",
            &["control-plane/quota-of-logging-configurations"],
            one_more(Quota::LoggingConfigurations),
        ),
        case(
            "attributes of a message may have one byte more",
            r#""ErrorCode":413"#,
            &["messaging/attributes-have-a-limit", "messaging/texts-of-errors"],
            one_more(Quota::MessageAttributeBytes),
        ),
    ]
}

fn of_calls() -> Vec<Case> {
    vec![
        case(
            "CreateChatToken may be called once a second more",
            "CreateChatToken exceeds its rate",
            &["quotas/rate-of-create-chat-token"],
            one_more(Quota::Operation(Operation::CreateChatToken)),
        ),
        case(
            "SendEvent may be called once a second more",
            "SendEvent exceeds its rate",
            &["quotas/rate-of-send-event"],
            one_more(Quota::Operation(Operation::SendEvent)),
        ),
        case(
            "GetRoom may be called once a second more",
            "GetRoom exceeds its rate",
            &["control-plane/rates-of-every-operation", "quotas/rates-of-http-calls"],
            one_more(Quota::Operation(Operation::GetRoom)),
        ),
        case(
            "TagResource may be called once a second more",
            "TagResource exceeds its rate",
            &["control-plane/rates-of-every-operation"],
            one_more(Quota::Operation(Operation::TagResource)),
        ),
    ]
}

/// Raises the limit that the account or the script has, if there is one.
fn one_more(quota: Quota) -> Deviation {
    Deviation::of_quotas(move |quotas| match quotas.limit(quota) {
        Some(limit) => quotas.with(quota, limit + 1),
        None => quotas,
    })
}
