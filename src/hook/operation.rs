//! Operation: what a hook on HTTP calls is shown, and what it can make of them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::hook::builder::{Destination, HookBuilder, Operations, sealed};
use crate::hook::chain::{Chain, Rule};
use crate::hook::event::{HookEvent, HookVerdict};
use crate::hook::ids::GateId;
use crate::hook::registry::{AnyRule, HookRegistry};
use crate::hook::verdict::Verdict;
use crate::proto::exception::Exception;
use crate::proto::headers::Headers;
use crate::proto::operation::Operation;

/// A call of the control plane over HTTP, as a hook on operations is shown it.
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
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OperationCall {
    /// The operation.
    pub operation: Operation,
    /// The members of the request, those of the path and the query among them.
    pub request: Map<String, Value>,
    /// The access key id that the call was signed with, if it was signed.
    pub access_key_id: Option<String>,
    /// The headers of the request, without secrets.
    pub headers: Headers,
}

/// What becomes of a call of the control plane.
///
/// Whatever it is but a failure, a refusal or a reset, the operation is carried out.
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
    /// The next hook is asked, and after the last the service.
    Pass,
    /// It is answered with this exception, and not carried out.
    Fail(Exception),
    /// It is answered with this status and body, and not carried out.
    Respond {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// It is carried out, and answered with an empty body.
    EmptyBody,
    /// It is carried out, and answered with the first half of the body, as if that were all.
    TruncatedBody,
    /// It is carried out, and the connection is cut within the head of the answer.
    CloseInHead,
    /// It is carried out, and the connection is cut within the body of the answer.
    CloseInBody,
    /// It is carried out, and answered later, by the mock's clock.
    Delay(Duration),
    /// It is carried out, and answered later, by real time.
    DelayRealTime(Duration),
    /// It is carried out, and answered when the gate is released.
    Hold(GateId),
    /// It is not carried out, and the TCP connection is reset.
    Reset,
    /// It is carried out, and never answered; the TCP connection stays open.
    NeverRespond,
}

impl OperationVerdict {
    /// Makes the event wait at a gate until the gate is released.
    ///
    /// A gate of another mock, or one that was released, holds nothing.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, hook::OperationVerdict};
    /// # let ivs = MockIvsChat::start();
    /// let gate = ivs.gate();
    /// let verdict = OperationVerdict::hold(&gate);
    /// ```
    #[must_use]
    pub fn hold(gate: impl AsRef<GateId>) -> Self {
        Self::Hold(*gate.as_ref())
    }
}

impl Verdict for OperationVerdict {
    fn pass() -> Self {
        Self::Pass
    }

    fn is_pass(&self) -> bool {
        matches!(self, Self::Pass)
    }

    fn chain(hooks: &mut HookRegistry) -> &mut Chain<Self> {
        &mut hooks.operations
    }

    fn of(verdict: HookVerdict) -> Option<Self> {
        match verdict {
            HookVerdict::Operation(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl sealed::HookPoint for Operations {
    fn rule(rule: Rule<OperationVerdict>) -> AnyRule {
        AnyRule::Operation(rule)
    }

    fn event(event: HookEvent) -> Option<OperationCall> {
        match event {
            HookEvent::Operation(event) => Some(event),
            _ => None,
        }
    }

    fn verdict(verdict: OperationVerdict) -> HookVerdict {
        HookVerdict::Operation(verdict)
    }

    fn pass() -> OperationVerdict {
        OperationVerdict::Pass
    }

    fn delay(duration: Duration) -> OperationVerdict {
        OperationVerdict::Delay(duration)
    }

    fn delay_real_time(duration: Duration) -> OperationVerdict {
        OperationVerdict::DelayRealTime(duration)
    }

    fn hold(gate: GateId) -> OperationVerdict {
        OperationVerdict::Hold(gate)
    }
}

impl<D: Destination> HookBuilder<Operations, D> {
    /// Only this operation.
    pub(crate) fn operation(mut self, operation: Operation) -> Self {
        self.filter.operation = Some(operation);
        self
    }

    /// Answers with an exception; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{Exception, MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::CreateChatToken).once().fail(Exception::throttling("slow down"));
    /// ```
    pub fn fail(self, exception: Exception) -> D::Installed {
        self.always(OperationVerdict::Fail(exception))
    }

    /// Answers with this status, 200 to 599, and body; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).respond(503, "Service Unavailable");
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is none of these.
    #[track_caller]
    pub fn respond(self, status: u16, body: impl Into<String>) -> D::Installed {
        assert!(
            (200..=599).contains(&status),
            "an answer has a status from 200 to 599, not {status}"
        );
        self.always(OperationVerdict::Respond { status, body: body.into() })
    }

    /// Carries the operation out, and answers with an empty body.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).empty_body();
    /// ```
    pub fn empty_body(self) -> D::Installed {
        self.always(OperationVerdict::EmptyBody)
    }

    /// Carries the operation out, and answers with half of the body as if that were all.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).truncated_body();
    /// ```
    pub fn truncated_body(self) -> D::Installed {
        self.always(OperationVerdict::TruncatedBody)
    }

    /// Carries the operation out, and cuts the connection within the head of the answer.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).close_in_head();
    /// ```
    pub fn close_in_head(self) -> D::Installed {
        self.always(OperationVerdict::CloseInHead)
    }

    /// Carries the operation out, and cuts the connection within the body of the answer.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).close_in_body();
    /// ```
    pub fn close_in_body(self) -> D::Installed {
        self.always(OperationVerdict::CloseInBody)
    }

    /// Resets the TCP connection; the operation is not carried out.
    ///
    /// ```
    /// # use mock_ivs_chat::{MockIvsChat, Operation};
    /// # let ivs = MockIvsChat::start();
    /// let hook = ivs.on_operation(Operation::GetRoom).reset();
    /// ```
    pub fn reset(self) -> D::Installed {
        self.always(OperationVerdict::Reset)
    }

    /// Carries the operation out, and never answers.
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
