//! Review: what a message review handler is asked and what it answers.

use serde_json::{Value, json};

use crate::proto::attributes::Attributes;
use crate::proto::frame::Sender;
use crate::service::review::{ReviewCall, ReviewOutcome};

/// A message that a review handler is to judge.
///
/// Documented: the request of the message review handler.
///
/// ```
/// use mock_ivs_chat::{MockIvsChat, Review};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// room.review_with(|request| {
///     assert_eq!(request.message_id, "Message00001");
///     Review::allow().content(request.content.to_uppercase())
/// });
/// let alice = room.participant("alice");
/// alice.say("hello");
/// alice.expect_message_blocking("HELLO");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReviewRequest {
    /// `Content` of the message.
    pub content: String,
    /// `MessageId`: the id that the message has if it is allowed.
    pub message_id: String,
    /// `RoomArn`.
    pub room_arn: String,
    /// `Attributes` of the message; `None` if it came without any.
    pub attributes: Option<Attributes>,
    /// `Sender`, but for the address.
    pub sender: Sender,
    /// `Sender.Ip`: the address of the client; `127.0.0.1` for one inside the mock.
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

    /// The event that a Lambda function is invoked with.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Review};
    /// # let ivs = MockIvsChat::start();
    /// # let room = ivs.create_room("lobby");
    /// room.review_with(|request| {
    ///     assert_eq!(request.to_json()["Sender"]["UserId"], "alice");
    ///     Review::allow()
    /// });
    /// # room.participant("alice").say("hello");
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

/// What a review handler answers, or how it fails to.
///
/// What the service does not accept counts as a failure, as with a real handler: an allowed
/// content of no characters or more than the room's maximum, or attributes of more than 1,024
/// bytes. After a failure the room's `fallbackResult` decides.
///
/// Documented: the response of the message review handler.
///
/// ```
/// use mock_ivs_chat::{ErrorCode, MockIvsChat, Review};
///
/// let ivs = MockIvsChat::start();
/// let room = ivs.create_room("lobby");
/// room.review_with(|message| {
///     if message.content.contains("http") { Review::deny("no links") } else { Review::allow() }
/// });
/// let alice = room.participant("alice");
/// alice.say("http://example.com");
/// let error = alice.expect_error_blocking(ErrorCode::NotAcceptable);
/// assert_eq!(error.error_message, "no links");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Review(Answer);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Answer {
    Allow { content: Option<String>, attributes: Option<Attributes> },
    Deny { attributes: Option<Attributes> },
    Failure,
    Timeout,
}

impl Review {
    /// Allows the message as it is.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::allow();
    /// ```
    #[must_use]
    pub const fn allow() -> Self {
        Self(Answer::Allow { content: None, attributes: None })
    }

    /// Denies the message: its sender gets ERROR 406 with this reason.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::deny("no links");
    /// ```
    #[must_use]
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::deny_without_reason().attributes([("Reason", reason.into())])
    }

    /// Denies the message without a reason.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::deny_without_reason();
    /// ```
    #[must_use]
    pub const fn deny_without_reason() -> Self {
        Self(Answer::Deny { attributes: None })
    }

    /// The handler fails: the room's `fallbackResult` decides.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::fail();
    /// ```
    #[must_use]
    pub const fn fail() -> Self {
        Self(Answer::Failure)
    }

    /// The handler does not answer in time: after 200 ms of the mock's clock the room's
    /// `fallbackResult` decides.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::time_out();
    /// ```
    #[must_use]
    pub const fn time_out() -> Self {
        Self(Answer::Timeout)
    }

    /// The answer of a real handler, as its Lambda function returns it. What is no legal answer
    /// counts as a failure.
    ///
    /// Documented: `ReviewResult` is required, and `Content` too. Observed: a denial needs no
    /// content.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// # use serde_json::json;
    /// let review = Review::from_json(&json!({ "ReviewResult": "ALLOW", "Content": "hello" }));
    /// assert_eq!(review, Review::allow().content("hello"));
    /// assert_eq!(Review::from_json(&json!("ALLOW")), Review::fail());
    /// ```
    #[must_use]
    pub fn from_json(response: &Value) -> Self {
        read(response).unwrap_or(Self::fail())
    }

    /// Changes the content of a message that is allowed.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::allow().content("****");
    /// ```
    #[must_use]
    pub fn content(mut self, new: impl Into<String>) -> Self {
        if let Answer::Allow { content, .. } = &mut self.0 {
            *content = Some(new.into());
        }
        self
    }

    /// Puts attributes in the place of those of the message, or gives those of a denial.
    ///
    /// ```
    /// # use mock_ivs_chat::Review;
    /// let review = Review::allow().attributes([("checked", "true")]);
    /// ```
    #[must_use]
    pub fn attributes(mut self, new: impl Into<Attributes>) -> Self {
        if let Answer::Allow { attributes, .. } | Answer::Deny { attributes } = &mut self.0 {
            *attributes = Some(new.into());
        }
        self
    }

    /// What the service makes of it; `None` if it is never answered.
    pub(crate) fn into_outcome(self) -> Option<ReviewOutcome> {
        match self.0 {
            Answer::Allow { content, attributes } => {
                Some(ReviewOutcome::Allow { content, attributes })
            }
            Answer::Deny { attributes } => Some(ReviewOutcome::Deny { attributes }),
            Answer::Failure => Some(ReviewOutcome::Failed),
            Answer::Timeout => None,
        }
    }
}

/// Reads the answer of a Lambda function, if it is legal.
fn read(response: &Value) -> Option<Review> {
    let given = |member: &str| response.get(member).filter(|value| !value.is_null());
    let attributes = given("Attributes").map(|map| serde_json::from_value(map.clone()));
    let attributes: Option<Attributes> = attributes.transpose().ok()?;
    match response.get("ReviewResult")?.as_str()? {
        "ALLOW" => {
            let content = Some(given("Content")?.as_str()?.to_owned());
            Some(Review(Answer::Allow { content, attributes }))
        }
        "DENY" => Some(Review(Answer::Deny { attributes })),
        _ => None,
    }
}
