//! `ErrorCode`: the codes that an ERROR frame can carry, in one table.

use std::fmt;

/// The code of an ERROR frame. The set is closed.
///
/// Documented: "WebSocket Errors" of the messaging API reference. Observed: the enum in the
/// official iOS SDK has exactly these eight. Assumed: the texts, except those of a message that is
/// too long, of a rate, and of a review with a reason.
///
/// ```
/// use mock_ivs_chat::ErrorCode;
///
/// assert_eq!(ErrorCode::NotAcceptable.code(), 406);
/// assert_eq!(ErrorCode::try_from(429), Ok(ErrorCode::TooManyRequests));
/// let error = ErrorCode::try_from(418).unwrap_err();
/// assert_eq!(error.to_string(), "418 is not an error code of the service");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ErrorCode {
    /// 400: the request is malformed or invalid.
    BadRequest,
    /// 401: the connection has expired or the chat token is missing.
    Unauthorized,
    /// 403: the connection's capabilities do not permit this action, or the account is pending
    /// verification.
    Forbidden,
    /// 404: the room does not exist.
    NotFound,
    /// 406: the request was rejected during message review.
    NotAcceptable,
    /// 413: the request contains fields that are too large.
    PayloadTooLarge,
    /// 429: the application has exceeded rate limits.
    TooManyRequests,
    /// 500: a general error.
    InternalServerError,
}

impl ErrorCode {
    /// All codes, ascending.
    pub const ALL: [Self; 8] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::NotAcceptable,
        Self::PayloadTooLarge,
        Self::TooManyRequests,
        Self::InternalServerError,
    ];

    /// Returns the number on the wire.
    ///
    /// ```
    /// # use mock_ivs_chat::ErrorCode;
    /// assert_eq!(ErrorCode::Forbidden.code(), 403);
    /// ```
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::NotAcceptable => 406,
            Self::PayloadTooLarge => 413,
            Self::TooManyRequests => 429,
            Self::InternalServerError => 500,
        }
    }

    /// Returns the name in the API reference.
    ///
    /// ```
    /// # use mock_ivs_chat::ErrorCode;
    /// assert_eq!(ErrorCode::NotAcceptable.name(), "Not Acceptable");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::NotAcceptable => "Not Acceptable",
            Self::PayloadTooLarge => "Payload Too Large",
            Self::TooManyRequests => "Too Many Requests",
            Self::InternalServerError => "Internal Server Error",
        }
    }
}

impl TryFrom<u16> for ErrorCode {
    type Error = UnknownErrorCode;

    fn try_from(code: u16) -> Result<Self, UnknownErrorCode> {
        // Through `code`, so the numbers are written down only once.
        Self::ALL.into_iter().find(|known| known.code() == code).ok_or(UnknownErrorCode(code))
    }
}

impl From<ErrorCode> for u16 {
    fn from(code: ErrorCode) -> Self {
        code.code()
    }
}

/// The error for a number that is not the code of an ERROR frame.
///
/// ```
/// use mock_ivs_chat::ErrorCode;
///
/// fn parse(code: u16) -> Result<ErrorCode, Box<dyn std::error::Error>> {
///     Ok(ErrorCode::try_from(code)?)
/// }
///
/// assert_eq!(parse(406).unwrap(), ErrorCode::NotAcceptable);
/// assert_eq!(parse(418).unwrap_err().to_string(), "418 is not an error code of the service");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownErrorCode(u16);

impl UnknownErrorCode {
    /// Returns the number.
    ///
    /// ```
    /// # use mock_ivs_chat::ErrorCode;
    /// assert_eq!(ErrorCode::try_from(418).unwrap_err().code(), 418);
    /// ```
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }
}

impl fmt::Display for UnknownErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an error code of the service", self.0)
    }
}

impl std::error::Error for UnknownErrorCode {}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_those_of_the_reference() {
        let texts: Vec<_> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "400 Bad Request",
                "401 Unauthorized",
                "403 Forbidden",
                "404 Not Found",
                "406 Not Acceptable",
                "413 Payload Too Large",
                "429 Too Many Requests",
                "500 Internal Server Error",
            ]
        );
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::try_from(u16::from(code)), Ok(code));
        }
        assert_eq!(ErrorCode::try_from(418).unwrap_err().code(), 418);
    }
}
