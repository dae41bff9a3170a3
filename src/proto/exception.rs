//! Exception: a refusal of the HTTP control plane.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::proto::headers::Headers;

/// A refusal by the HTTP control plane: a status, a name and a JSON body.
///
/// The constructors create the exceptions of the API's model; [`Exception::new`] creates any other.
///
/// Documented: the errors of the Amazon IVS Chat API reference, and its common errors.
///
/// ```
/// use mock_ivs_chat::Exception;
///
/// let exception = Exception::throttling("slow down");
/// assert_eq!((exception.status(), exception.name()), (429, "ThrottlingException"));
/// assert_eq!(exception.to_string(), "ThrottlingException (429): slow down");
/// ```
#[derive(Clone, PartialEq)]
pub struct Exception {
    status: u16,
    name: String,
    body: Map<String, Value>,
    headers: Headers,
}

impl Exception {
    /// Creates any exception from its HTTP status, its name for `x-amzn-ErrorType`, and a message.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// let exception = Exception::new(403, "ExpiredTokenException", "The security token is expired");
    /// assert_eq!(exception.message(), "The security token is expired");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 400 and 599.
    #[must_use]
    #[track_caller]
    pub fn new(status: u16, name: impl Into<String>, message: impl Into<String>) -> Self {
        assert!(
            (400..=599).contains(&status),
            "an exception needs a status between 400 and 599, got {status}"
        );
        let body = Map::from_iter([("message".to_owned(), Value::String(message.into()))]);
        Self { status, name: name.into(), body, headers: Headers::default() }
    }

    /// Creates an `AccessDeniedException`, 403.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::access_denied("no").name(), "AccessDeniedException");
    /// ```
    #[must_use]
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDeniedException", message)
    }

    /// Creates a `ConflictException`, 409.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::conflict("in use").status(), 409);
    /// ```
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message).resource("")
    }

    /// Creates an `InternalServerException`, 500.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::internal_server("oops").status(), 500);
    /// ```
    #[must_use]
    pub fn internal_server(message: impl Into<String>) -> Self {
        Self::new(500, "InternalServerException", message)
    }

    /// Creates a `PendingVerification`, 403: the account is not verified yet. The name does not end
    /// in "Exception".
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::pending_verification("soon").name(), "PendingVerification");
    /// ```
    #[must_use]
    pub fn pending_verification(message: impl Into<String>) -> Self {
        Self::new(403, "PendingVerification", message)
    }

    /// Creates a `ResourceNotFoundException`, 404.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::resource_not_found("no such room").status(), 404);
    /// ```
    #[must_use]
    pub fn resource_not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFoundException", message).resource("")
    }

    /// Creates a `ServiceQuotaExceededException`, 402.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// let exception = Exception::service_quota_exceeded("too many rooms").limit(50_000);
    /// assert_eq!(exception.body()["limit"], 50_000);
    /// ```
    #[must_use]
    pub fn service_quota_exceeded(message: impl Into<String>) -> Self {
        Self::new(402, "ServiceQuotaExceededException", message).resource("").limit(0)
    }

    /// Creates a `ThrottlingException`, 429.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::throttling("slow down").status(), 429);
    /// ```
    #[must_use]
    pub fn throttling(message: impl Into<String>) -> Self {
        Self::new(429, "ThrottlingException", message).resource("").limit(0)
    }

    /// Creates a `ValidationException`, 400, with the reason `OTHER`.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::validation("bad").body()["reason"], "OTHER");
    /// ```
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message).with("reason", json!("OTHER"))
    }

    /// Sets the member `limit`.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::throttling("slow down").limit(5).body()["limit"], 5);
    /// ```
    #[must_use]
    pub fn limit(self, limit: u32) -> Self {
        self.with("limit", json!(limit))
    }

    /// Sets the members `resourceId`, and `resourceType` to its only value, `ROOM`.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// let exception = Exception::resource_not_found("gone").resource("Room00000001");
    /// assert_eq!(exception.body()["resourceId"], "Room00000001");
    /// ```
    #[must_use]
    pub fn resource(self, resource_id: impl Into<String>) -> Self {
        self.with("resourceId", json!(resource_id.into())).with("resourceType", json!("ROOM"))
    }

    /// Sets any member of the body.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// let exception = Exception::new(400, "ValidationError", "bad").with("__type", "ValidationError");
    /// assert_eq!(exception.body()["__type"], "ValidationError");
    /// ```
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        self.body.insert(member.into(), value.into());
        self
    }

    /// Adds a header to the HTTP response, such as `Retry-After`.
    ///
    /// ```
    /// # use mock_ivs_chat::{Exception, MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let throttled = Exception::throttling("slow down").header("Retry-After", "2");
    /// ivs.on_operation(Operation::CreateChatToken).once().fail(throttled);
    /// ```
    ///
    /// # Panics
    ///
    /// If the name or the value cannot be part of a head, such as a value with a line break.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        // Rebuilt, because `Headers` are shared and never change.
        let headers = self.headers.iter().chain([(name.as_str(), value.as_str())]);
        self.headers = Headers::of_response(headers);
        self
    }

    /// The headers that the test has added.
    pub(crate) const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Creates a `ValidationException` with the reason `FIELD_VALIDATION_FAILED`, which names each
    /// field.
    ///
    /// Observed: the form of the message. Assumed: the form for several fields.
    pub(crate) fn fields(failures: &[FieldFailure]) -> Self {
        let message = |failure: &FieldFailure| {
            let FieldFailure { name, why } = failure;
            format!("Request member: {name} failed to satisfy the constraints: {why}")
        };
        let messages: Vec<_> = failures.iter().map(message).collect();
        let fields: Vec<_> = failures
            .iter()
            .map(|failure| json!({ "name": failure.name, "message": message(failure) }))
            .collect();
        Self::validation(messages.join("; "))
            .with("reason", "FIELD_VALIDATION_FAILED")
            .with("fieldList", fields)
    }

    /// Returns the HTTP status.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::validation("bad").status(), 400);
    /// ```
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the name, which is also in the header `x-amzn-ErrorType`.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::validation("bad").name(), "ValidationException");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the member `message` of the body.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::validation("bad").message(), "bad");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// Returns the whole body.
    ///
    /// ```
    /// # use mock_ivs_chat::Exception;
    /// assert_eq!(Exception::access_denied("no").body()["message"], "no");
    /// ```
    #[must_use]
    pub const fn body(&self) -> &Map<String, Value> {
        &self.body
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.status, self.message())
    }
}

/// The same text as that of `Display`, because a test that unwraps a refusal prints this.
impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Exception {}

/// A member of a request that breaks a constraint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FieldFailure {
    pub(crate) name: String,
    pub(crate) why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_as_readable_as_display() {
        let exception = Exception::new(403, "ExpiredTokenException", "The security token expired");
        let text = exception.to_string();
        assert!(text.contains("ExpiredTokenException") && text.contains("token expired"), "{text}");
        assert_eq!(format!("{exception:?}"), text);
    }

    #[test]
    fn constructors_make_the_exceptions_of_the_model() {
        let resource = json!({ "message": "m", "resourceId": "", "resourceType": "ROOM" });
        let mut limited = resource.clone();
        limited["limit"] = json!(0);
        let plain = json!({ "message": "m" });
        let cases = [
            (Exception::access_denied("m"), "AccessDeniedException (403): m", &plain),
            (Exception::conflict("m"), "ConflictException (409): m", &resource),
            (Exception::internal_server("m"), "InternalServerException (500): m", &plain),
            (Exception::pending_verification("m"), "PendingVerification (403): m", &plain),
            (Exception::resource_not_found("m"), "ResourceNotFoundException (404): m", &resource),
            (
                Exception::service_quota_exceeded("m"),
                "ServiceQuotaExceededException (402): m",
                &limited,
            ),
            (Exception::throttling("m"), "ThrottlingException (429): m", &limited),
            (
                Exception::validation("m"),
                "ValidationException (400): m",
                &json!({ "message": "m", "reason": "OTHER" }),
            ),
        ];
        for (exception, text, body) in cases {
            assert_eq!((exception.to_string(), &json!(exception.body())), (text.to_owned(), body));
            assert_eq!(exception.message(), "m");
            assert!(text.starts_with(&format!("{} ({})", exception.name(), exception.status())));
        }
    }

    #[test]
    fn members_can_be_set() {
        let exception = Exception::new(418, "Teapot", "m").limit(5).resource("room").with("a", "b");
        let expected = json!({
            "message": "m", "limit": 5, "resourceId": "room", "resourceType": "ROOM", "a": "b",
        });
        assert_eq!(json!(exception.body()), expected);
        assert_eq!(Exception::new(418, "Teapot", "m").with("message", 1).message(), "");
    }

    #[test]
    fn each_field_is_named_with_its_fault() {
        let failure = |name: &str| FieldFailure { name: name.into(), why: "must exist".into() };
        let exception = Exception::fields(&[failure("a"), failure("b")]);
        let message = |name: &str| {
            format!("Request member: {name} failed to satisfy the constraints: must exist")
        };
        let expected = json!({
            "message": format!("{}; {}", message("a"), message("b")),
            "reason": "FIELD_VALIDATION_FAILED",
            "fieldList": [
                { "name": "a", "message": message("a") },
                { "name": "b", "message": message("b") },
            ],
        });
        assert_eq!(json!(exception.body()), expected);
    }
}
