//! Review handler: the request to a message review handler, and its response.

use serde_json::{Value, json};

use crate::proto::attributes::Attributes;
use crate::proto::frame::Sender;
use crate::service::output::{ReviewCall, ReviewOutcome};

/// A message that a review handler must allow or deny.
///
/// Documented: the request of the message review handler.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, ReviewResponse};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// room.review_with(|request| {
///     assert_eq!(request.message_id, "Message00001");
///     ReviewResponse::allow().content(request.content.to_uppercase())
/// });
/// let alice = room.participant("alice");
/// alice.send_message("hello");
/// alice.expect_message("HELLO").wait();
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReviewRequest {
    /// `Content` of the message.
    pub content: String,
    /// `MessageId`: the id of the message if it is allowed.
    pub message_id: String,
    /// `RoomArn`.
    pub room_arn: String,
    /// `Attributes` of the message; `None` if it came without any.
    pub attributes: Option<Attributes>,
    /// `Sender`, without the address.
    pub sender: Sender,
    /// `Sender.Ip`: the address of the client; `127.0.0.1` for a client inside the mock.
    pub ip: String,
}

impl ReviewRequest {
    pub(crate) fn new(call: &ReviewCall, ip: String) -> Self {
        let message = call.message.clone();
        Self {
            content: message.content,
            message_id: message.id,
            room_arn: call.room_arn.clone(),
            attributes: message.attributes,
            sender: message.sender,
            ip,
        }
    }

    /// Returns the event with which a Lambda function is invoked.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, ReviewResponse};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// room.review_with(|request| {
    ///     assert_eq!(request.to_json()["Sender"]["UserId"], "alice");
    ///     ReviewResponse::allow()
    /// });
    /// # room.participant("alice").send_message("hello");
    /// # ivs.verify();
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "Content": self.content,
            "MessageId": self.message_id,
            "RoomArn": self.room_arn,
            "Attributes": self.attributes,
            "Sender": {
                "Attributes": self.sender.attributes,
                "UserId": self.sender.user_id,
                "Ip": self.ip,
            },
        })
    }
}

/// The response of a review handler, or its failure.
///
/// A response that the service does not accept counts as a failure, as with a real handler: an
/// allowed content that is empty or longer than the room's maximum, or attributes of more than
/// 1,024 bytes. After a failure the room's `fallbackResult` applies.
///
/// Documented: the response of the message review handler.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat, ReviewResponse};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// room.review_with(|message| {
///     if message.content.contains("http") { ReviewResponse::deny("no links") } else { ReviewResponse::allow() }
/// });
/// let alice = room.participant("alice");
/// alice.send_message("http://example.com");
/// let error = alice.expect_error(ErrorCode::NotAcceptable).wait();
/// assert_eq!(error.error_message, "no links");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReviewResponse(Decision);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Decision {
    Allow { content: Option<String>, attributes: Option<Attributes> },
    Deny { attributes: Option<Attributes> },
    Failure { kind: FailureKind, reason: Option<String> },
    Timeout,
}

impl ReviewResponse {
    /// Allows the message without changes.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::allow();
    /// ```
    #[must_use]
    pub const fn allow() -> Self {
        Self(Decision::Allow { content: None, attributes: None })
    }

    /// Denies the message: its sender receives ERROR 406 with this reason.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::deny("no links");
    /// ```
    #[must_use]
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::deny_without_reason().attributes([("Reason", reason.into())])
    }

    /// Denies the message without a reason.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::deny_without_reason();
    /// ```
    #[must_use]
    pub const fn deny_without_reason() -> Self {
        Self(Decision::Deny { attributes: None })
    }

    /// Fails the review: the room's `fallbackResult` applies.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::fail();
    /// ```
    #[must_use]
    pub const fn fail() -> Self {
        Self(Decision::Failure { kind: FailureKind::Failed, reason: None })
    }

    /// Never responds: after 200 ms of the mock clock the room's `fallbackResult` applies.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::time_out();
    /// ```
    #[must_use]
    pub const fn time_out() -> Self {
        Self(Decision::Timeout)
    }

    /// Parses the response of a real handler, as its Lambda function returns it. An invalid response
    /// counts as a failure, and the log says what is wrong with it.
    ///
    /// Documented: `ReviewResult` and `Content` are required. Observed: a denial needs no content.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// # use serde_json::json;
    /// let review = ReviewResponse::from_json(&json!({ "ReviewResult": "ALLOW", "Content": "hello" }));
    /// assert_eq!(review, ReviewResponse::allow().content("hello"));
    /// ```
    #[must_use]
    pub fn from_json(response: &Value) -> Self {
        read(response).unwrap_or_else(|reason| {
            Self(Decision::Failure { kind: FailureKind::Invalid, reason: Some(reason) })
        })
    }

    /// Changes the content of a message that is allowed. A denial has no content.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::allow().content("****");
    /// ```
    #[must_use]
    pub fn content(mut self, new: impl Into<String>) -> Self {
        if let Decision::Allow { content, .. } = &mut self.0 {
            *content = Some(new.into());
        }
        self
    }

    /// Replaces the attributes of an allowed message, or adds attributes to a denial, which keeps
    /// its reason.
    ///
    /// ```
    /// # use mock_ivs_chat::ReviewResponse;
    /// let review = ReviewResponse::allow().attributes([("checked", "true")]);
    /// let denial = ReviewResponse::deny("no links").attributes([("rule", "7")]);
    /// ```
    #[must_use]
    pub fn attributes(mut self, new: impl Into<Attributes>) -> Self {
        match &mut self.0 {
            Decision::Allow { attributes, .. } => *attributes = Some(new.into()),
            Decision::Deny { attributes } => {
                let all = attributes.get_or_insert_default();
                new.into().iter().for_each(|(key, value)| all.insert(key, value));
            }
            Decision::Failure { .. } | Decision::Timeout => {}
        }
        self
    }

    /// Returns the JSON that [`ReviewResponse::from_json`] reads. A handler that fails or times out
    /// has no JSON: these are the texts `fail` and `timeOut`.
    pub(crate) fn to_json(&self) -> Value {
        let response = |result: &str, content: &Option<String>, attributes: &Option<Attributes>| {
            let mut members = serde_json::Map::new();
            members.insert("ReviewResult".into(), json!(result));
            if let Some(content) = content {
                members.insert("Content".into(), json!(content));
            }
            if let Some(attributes) = attributes {
                members.insert("Attributes".into(), json!(attributes));
            }
            Value::Object(members)
        };
        match &self.0 {
            Decision::Allow { content, attributes } => response("ALLOW", content, attributes),
            Decision::Deny { attributes } => response("DENY", &None, attributes),
            Decision::Failure { .. } => json!("fail"),
            Decision::Timeout => json!("timeOut"),
        }
    }

    /// Fails for a reason that the log shows.
    pub(crate) fn failure(reason: &str) -> Self {
        Self(Decision::Failure { kind: FailureKind::Failed, reason: Some(reason.into()) })
    }

    /// Fails because the handler panicked.
    pub(crate) fn panicked() -> Self {
        let reason = Some("the handler panicked".into());
        Self(Decision::Failure { kind: FailureKind::Panicked, reason })
    }

    pub(crate) fn failure_reason(&self) -> Option<String> {
        match &self.0 {
            Decision::Failure { reason, .. } => reason.clone(),
            _ => None,
        }
    }

    /// Returns the kind of the failure, if the review fails. A response that is well formed fails
    /// only if the service refuses it.
    pub(crate) const fn kind_of_failure(&self) -> FailureKind {
        match &self.0 {
            Decision::Failure { kind, .. } => *kind,
            _ => FailureKind::Invalid,
        }
    }

    /// Returns the outcome for the service; `None` if the handler never responds.
    pub(crate) fn into_outcome(self) -> Option<ReviewOutcome> {
        match self.0 {
            Decision::Allow { content, attributes } => {
                Some(ReviewOutcome::Allow { content, attributes })
            }
            Decision::Deny { attributes } => Some(ReviewOutcome::Deny { attributes }),
            Decision::Failure { .. } => Some(ReviewOutcome::Failed),
            Decision::Timeout => None,
        }
    }
}

/// The way in which a review handler fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FailureKind {
    Failed,
    Invalid,
    Panicked,
}

impl FailureKind {
    /// Describes the failure as the end of a sentence about the handler.
    pub(crate) fn describe(self, reason: Option<&str>) -> String {
        let outcome = match self {
            Self::Failed => "failed",
            Self::Invalid => "returned an invalid response",
            // The message of the panic is elsewhere in the text.
            Self::Panicked => return "panicked".into(),
        };
        reason.map_or_else(|| outcome.into(), |reason| format!("{outcome}: {reason}"))
    }
}

/// Parses the response of a Lambda function; returns the member and the rule if it is invalid.
fn read(response: &Value) -> Result<ReviewResponse, String> {
    let Some(members) = response.as_object() else {
        return Err("the response is not an object".into());
    };
    // The most likely mistake is a name in the spelling of another language.
    let missing = |member: &str| {
        let is_similar = |name: &&String| {
            let name = name.replace(['_', '-'], "");
            name.eq_ignore_ascii_case(member)
        };
        match members.keys().find(is_similar) {
            Some(name) => format!("{member} is missing (found {name:?})"),
            None => format!("{member} is missing"),
        }
    };
    // A `null` counts as absent, because serializers of some languages write absent members that
    // way.
    let present = |member: &str| members.get(member).filter(|value| !value.is_null());
    let attributes = present("Attributes").map(|map| serde_json::from_value(map.clone()));
    let attributes: Option<Attributes> =
        attributes.transpose().map_err(|_| "Attributes must be an object of strings")?;
    match present("ReviewResult").map(Value::as_str) {
        Some(Some("ALLOW")) => {
            let content = present("Content").ok_or_else(|| missing("Content"))?;
            let content = content.as_str().ok_or("Content must be a string")?;
            Ok(ReviewResponse(Decision::Allow { content: Some(content.to_owned()), attributes }))
        }
        Some(Some("DENY")) => Ok(ReviewResponse(Decision::Deny { attributes })),
        Some(_) => Err("ReviewResult must be ALLOW or DENY".into()),
        None => Err(missing("ReviewResult")),
    }
}
