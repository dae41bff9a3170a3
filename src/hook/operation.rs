//! Operation: the event and the verdicts of hooks on HTTP requests.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::hook::builder::{Destination, HookBuilder};
use crate::hook::describe::{Describe, delay, delay_real_time, with_headers};
use crate::hook::filter::Filter;
use crate::hook::ids::GateId;
use crate::hook::point::{Operations, PointName};
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;
use crate::proto::sensitive::without_sensitive;

/// A control plane request over HTTP, as passed to a hook on operations.
///
/// ```
/// use mock_ivs_chat::{Exception, MockIvsChat, Operation, hook::OperationVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_any_operation().named("no tokens for bob").decide(|call| match call.request.get("userId") {
///     Some(user) if user == "bob" => OperationVerdict::Fail(Exception::access_denied("no")),
///     _ => OperationVerdict::Pass,
/// });
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct OperationCall {
    /// The operation.
    pub operation: Operation,
    /// The members of the request, including those from the path and the query.
    pub request: Map<String, Value>,
    /// The access key ID of the signature, if the request is signed.
    pub access_key_id: Option<String>,
    /// The headers of the request, without secrets.
    pub headers: Headers,
}

/// Hides users and the attributes of their tokens, as AWS's SDKs do.
impl fmt::Debug for OperationCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationCall")
            .field("operation", &self.operation)
            .field("request", &without_sensitive(self.operation, &self.request))
            .field("access_key_id", &self.access_key_id)
            .field("headers", &self.headers)
            .finish()
    }
}

/// The effect of a hook on a control plane request.
///
/// The operation is performed unless the verdict is a failure, another response or a reset.
///
/// ```
/// use mock_ivs_chat::{Exception, MockIvsChat, hook::OperationVerdict};
///
/// let ivs = MockIvsChat::start();
/// ivs.on_any_operation().named("down").decide(|_| OperationVerdict::Fail(Exception::internal_server("down")));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OperationVerdict {
    /// Leaves the request to the next hook, and after the last hook to the service.
    Pass,
    /// Responds with this exception without performing the operation.
    Fail(Exception),
    /// Responds with this status and body without performing the operation.
    Respond {
        /// The HTTP status, 200 to 599.
        status: u16,
        /// The response body.
        body: String,
        /// Further headers of the response, such as `Retry-After`.
        headers: Headers,
    },
    /// Performs the operation and responds with an empty body.
    EmptyBody,
    /// Performs the operation and responds with the first half of the body, as if it were complete.
    TruncatedBody,
    /// Performs the operation and closes the connection within the response head.
    CloseInHead,
    /// Performs the operation and closes the connection within the response body.
    CloseInBody,
    /// Performs the operation and delays the response on the mock clock.
    Delay(Duration),
    /// Performs the operation and delays the response in real time.
    DelayRealTime(Duration),
    /// Performs the operation and delays the response until the gate is released.
    Hold(GateId),
    /// Resets the TCP connection without performing the operation.
    Reset,
    /// Performs the operation and never responds; the TCP connection stays open.
    NeverRespond,
}

impl OperationVerdict {
    /// Creates an [`OperationVerdict::Respond`] without further headers.
    ///
    /// ```
    /// # use mock_ivs_chat::hook::OperationVerdict;
    /// let verdict = OperationVerdict::respond(503, "Service Unavailable");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 200 and 599.
    #[must_use]
    #[track_caller]
    pub fn respond(status: u16, body: impl Into<String>) -> Self {
        // A status below 200 announces another response, for which a client would go on waiting.
        assert!(
            (200..=599).contains(&status),
            "`respond` needs a status between 200 and 599, got {status}"
        );
        Self::Respond { status, body: body.into(), headers: Headers::default() }
    }
}

impl Describe for OperationVerdict {
    const NAME: PointName = PointName::Operation;
    const POINT: &'static str = "on_any_operation";
    const EVENT: &'static str = "call of an operation";

    fn call(&self) -> String {
        match self {
            Self::Pass => "pass()".into(),
            Self::Fail(exception) => format!("fail({})", exception.name()),
            Self::Respond { status, body, headers } => {
                with_headers("respond", *status, body, headers)
            }
            Self::EmptyBody => "empty_body()".into(),
            Self::TruncatedBody => "truncated_body()".into(),
            Self::CloseInHead => "close_in_head()".into(),
            Self::CloseInBody => "close_in_body()".into(),
            Self::Delay(duration) => delay(*duration),
            Self::DelayRealTime(duration) => delay_real_time(*duration),
            Self::Hold(_) => "hold()".into(),
            Self::Reset => "reset()".into(),
            Self::NeverRespond => "never_respond()".into(),
        }
    }
}

impl<D: Destination> HookBuilder<Operations, D> {
    /// Matches only requests for this operation.
    #[track_caller]
    pub(crate) fn operation(self, operation: Operation) -> Self {
        self.only(&Filter { operation: Some(operation), ..Filter::default() })
    }

    /// Responds with an exception without performing the operation.
    ///
    /// ```
    /// # use mock_ivs_chat::{Exception, MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::CreateChatToken).once().fail(Exception::throttling("slow down"));
    /// ```
    pub fn fail(self, exception: Exception) -> D::Installed {
        self.always(OperationVerdict::Fail(exception))
    }

    /// Responds with this status, 200 to 599, and body without performing the operation.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).respond(503, "Service Unavailable");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 200 and 599.
    #[track_caller]
    pub fn respond(self, status: u16, body: impl Into<String>) -> D::Installed {
        self.always(OperationVerdict::respond(status, body))
    }

    /// Responds with this status, 200 to 599, body and further headers without performing the
    /// operation.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let headers = [("Retry-After", "2")];
    /// let hook = ivs.on_any_operation().once().respond_with_headers(503, "try later", headers);
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 200 and 599, or if a header cannot be part of a head, such as
    /// one with a line break.
    #[track_caller]
    pub fn respond_with_headers<N: Into<String>, V: Into<String>>(
        self,
        status: u16,
        body: impl Into<String>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> D::Installed {
        assert!(
            (200..=599).contains(&status),
            "`respond_with_headers` needs a status between 200 and 599, got {status}"
        );
        let headers = Headers::of_response(headers);
        self.always(OperationVerdict::Respond { status, body: body.into(), headers })
    }

    /// Performs the operation and responds with an empty body.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).empty_body();
    /// ```
    pub fn empty_body(self) -> D::Installed {
        self.always(OperationVerdict::EmptyBody)
    }

    /// Performs the operation and responds with half of the body, as if it were complete. The log
    /// has the effect of the hook in place of the response.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).truncated_body();
    /// ```
    pub fn truncated_body(self) -> D::Installed {
        self.always(OperationVerdict::TruncatedBody)
    }

    /// Performs the operation and closes the connection within the response head.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).close_in_head();
    /// ```
    pub fn close_in_head(self) -> D::Installed {
        self.always(OperationVerdict::CloseInHead)
    }

    /// Performs the operation and closes the connection within the response body.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).close_in_body();
    /// ```
    pub fn close_in_body(self) -> D::Installed {
        self.always(OperationVerdict::CloseInBody)
    }

    /// Resets the TCP connection without performing the operation.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(OperationVerdict::Reset)
    }

    /// Performs the operation and never responds.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).never_respond();
    /// ```
    pub fn never_respond(self) -> D::Installed {
        self.always(OperationVerdict::NeverRespond)
    }
}
