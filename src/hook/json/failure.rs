//! Failure: the exception of an operation hook, as a member of its JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hook::json::effect::check_status;
use crate::proto::exception::Exception;

/// An exception. The status of a modeled one need not be given.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::hook::json) struct Failure {
    exception: String,
    #[serde(default)]
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Further members of the body.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    members: Map<String, Value>,
}

impl Failure {
    pub(in crate::hook::json) fn exception(&self) -> Result<Exception, String> {
        let message = self.message.clone();
        let modeled = match self.exception.as_str() {
            "AccessDeniedException" => Some(Exception::access_denied(message)),
            "ConflictException" => Some(Exception::conflict(message)),
            "InternalServerException" => Some(Exception::internal_server(message)),
            "PendingVerification" => Some(Exception::pending_verification(message)),
            "ResourceNotFoundException" => Some(Exception::resource_not_found(message)),
            "ServiceQuotaExceededException" => Some(Exception::service_quota_exceeded(message)),
            "ThrottlingException" => Some(Exception::throttling(message)),
            "ValidationException" => Some(Exception::validation(message)),
            _ => None,
        };
        let exception = match (self.status, modeled) {
            (None, Some(modeled)) => modeled,
            (None, None) => {
                let name = &self.exception;
                return Err(format!(
                    "`fail` needs a `status`: `{name}` is not a modeled exception"
                ));
            }
            // An explicit status makes any exception possible, even a modeled one with a status that
            // the service never sends.
            (Some(status), _) => {
                Exception::new(check_status(status, 400)?, &self.exception, &self.message)
            }
        };
        let members = self.members.iter();
        Ok(members.fold(exception, |exception, (name, value)| exception.with(name, value.clone())))
    }

    pub(in crate::hook::json) fn of(exception: &Exception) -> Self {
        let mut members = exception.body().clone();
        // The message has its own member, and JSON cannot have it twice.
        members.remove("message");
        Self {
            exception: exception.name().into(),
            message: exception.message().into(),
            // Always, because a modeled exception may have another status than its model.
            status: Some(exception.status()),
            members,
        }
    }
}
