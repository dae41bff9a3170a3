//! Parts: the members of effects that have a form of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hook::delivery::Corruption;
use crate::hook::json::effect::check_status;
use crate::proto::exception::Exception;

/// The name of a corruption, with its argument.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::hook::json) enum CorruptionName {
    InvalidJson,
    UnknownType,
    MissingMember(String),
    Binary,
    InvalidUtf8,
    Oversize(usize),
    Fragmented(usize),
    ReservedBit,
    Truncated,
}

impl From<CorruptionName> for Corruption {
    fn from(name: CorruptionName) -> Self {
        match name {
            CorruptionName::InvalidJson => Self::InvalidJson,
            CorruptionName::UnknownType => Self::UnknownType,
            CorruptionName::MissingMember(member) => Self::MissingMember(member),
            CorruptionName::Binary => Self::Binary,
            CorruptionName::InvalidUtf8 => Self::InvalidUtf8,
            CorruptionName::Oversize(bytes) => Self::Oversize(bytes),
            CorruptionName::Fragmented(bytes) => Self::Fragmented(bytes),
            CorruptionName::ReservedBit => Self::ReservedBit,
            CorruptionName::Truncated => Self::Truncated,
        }
    }
}

impl From<Corruption> for CorruptionName {
    fn from(corruption: Corruption) -> Self {
        match corruption {
            Corruption::InvalidJson => Self::InvalidJson,
            Corruption::UnknownType => Self::UnknownType,
            Corruption::MissingMember(member) => Self::MissingMember(member),
            Corruption::Binary => Self::Binary,
            Corruption::InvalidUtf8 => Self::InvalidUtf8,
            Corruption::Oversize(bytes) => Self::Oversize(bytes),
            Corruption::Fragmented(bytes) => Self::Fragmented(bytes),
            Corruption::ReservedBit => Self::ReservedBit,
            Corruption::Truncated => Self::Truncated,
        }
    }
}

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
            (Some(status), _) => {
                Exception::new(check_status(status, 400)?, &self.exception, &self.message)
            }
        };
        let members = self.members.iter();
        Ok(members.fold(exception, |exception, (name, value)| exception.with(name, value.clone())))
    }

    pub(in crate::hook::json) fn of(exception: &Exception) -> Self {
        let mut members = exception.body().clone();
        members.remove("message");
        Self {
            exception: exception.name().into(),
            message: exception.message().into(),
            status: Some(exception.status()),
            members,
        }
    }
}
