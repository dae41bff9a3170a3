//! Unserved: why a stream ended before the mock served a request on it.

use std::borrow::Cow;

use crate::log::lint_rule::Lint;

/// The reason why a stream is not served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unserved {
    /// A client connected during an outage that cuts connections off.
    Outage,
    /// The client speaks HTTP/2, and does not ask whether the mock does.
    Http2,
    /// The client begins a TLS handshake on a port without TLS.
    Tls,
    /// The mock ended the stream of the client before the response to its handshake.
    CutOff,
    /// The client ended its stream within the head of a request.
    HeadEnded,
    /// The client did not finish the head of a request in time.
    HeadTimedOut,
    /// The TLS handshake failed.
    #[cfg(feature = "tls")]
    TlsFailed(TlsFailure),
}

impl Unserved {
    /// Returns the entry as a line.
    pub(crate) fn describe(&self) -> Cow<'static, str> {
        match self {
            Self::Outage => "a client connects during the outage and is cut off".into(),
            Self::Http2 => "a client speaks HTTP/2, but the mock serves HTTP/1.1 only".into(),
            Self::Tls => "a client begins a TLS handshake on a port without TLS".into(),
            Self::CutOff => "a client is cut off before the response to its handshake".into(),
            Self::HeadEnded => "a client ends the connection within the head of a request".into(),
            Self::HeadTimedOut => {
                "a client does not finish the head of a request within 60 s".into()
            }
            #[cfg(feature = "tls")]
            Self::TlsFailed(failure) => failure.describe(),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Http2 => "http2",
            Self::Tls => "tls",
            Self::CutOff => "cut_off",
            Self::HeadEnded => "head_ended",
            Self::HeadTimedOut => "head_timed_out",
            #[cfg(feature = "tls")]
            Self::TlsFailed(failure) => failure.name(),
        }
    }

    /// Returns the rule that the client has broken, if it is the client's fault.
    pub(crate) const fn lint(&self) -> Option<Lint> {
        match self {
            // During an outage, the test cuts the client off. A client that leaves within a head
            // may have been ended by the test as well.
            Self::Outage | Self::CutOff | Self::HeadEnded | Self::HeadTimedOut => None,
            Self::Http2 | Self::Tls => Some(Lint::ProtocolForeign),
            #[cfg(feature = "tls")]
            Self::TlsFailed(TlsFailure::Http | TlsFailure::NotTls | TlsFailure::NoHttp1) => {
                Some(Lint::ProtocolForeign)
            }
            #[cfg(feature = "tls")]
            Self::TlsFailed(_) => Some(Lint::TlsFailed),
        }
    }
}

/// The reason why a TLS handshake failed.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TlsFailure {
    /// The client sent an alert of this number.
    Alert(u8),
    /// The client speaks HTTP without TLS.
    Http,
    /// The client speaks neither TLS nor HTTP.
    NotTls,
    /// The client offers other protocols than HTTP/1.1.
    NoHttp1,
    /// The client ended its stream.
    Ended,
    /// The client did not finish the handshake in time.
    TimedOut,
    /// The client broke the protocol, or shares no version or algorithm with the mock.
    Invalid(Box<str>),
}

#[cfg(feature = "tls")]
impl TlsFailure {
    fn describe(&self) -> Cow<'static, str> {
        let text = match self {
            Self::Alert(number) => return describe_alert(*number).into(),
            Self::Invalid(error) => {
                return format!("the TLS handshake of a client is not valid: {error}").into();
            }
            Self::Http => {
                "a client speaks HTTP without TLS on the TLS port: `https_url()` and `wss_url()` \
                 are the URLs of that port"
            }
            Self::NotTls => "a client speaks neither TLS nor HTTP on the TLS port",
            Self::NoHttp1 => {
                "a client does not offer HTTP/1.1 in its TLS handshake, and the mock serves \
                 HTTP/1.1 only"
            }
            Self::Ended => {
                "a client ends the connection within the TLS handshake: it may not trust the \
                 authority of `ca_pem()`"
            }
            Self::TimedOut => "a client does not finish its TLS handshake within 60 s",
        };
        text.into()
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Alert(_) => "tls_alert",
            Self::Http | Self::NotTls => "not_tls",
            Self::NoHttp1 => "tls_without_http1",
            Self::Ended => "tls_ended",
            Self::TimedOut => "tls_timed_out",
            Self::Invalid(_) => "tls_invalid",
        }
    }
}

#[cfg(feature = "tls")]
fn describe_alert(number: u8) -> String {
    let name = ALERTS.iter().find(|(known, _)| *known == number);
    let name = name.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned());
    let advice = match number {
        UNKNOWN_CA | DECRYPT_ERROR => "it must trust the authority of `ca_pem()` of this mock",
        _ if CERTIFICATE_ALERTS.contains(&number) => {
            "it must trust the authority of `ca_pem()`, and connect by a name in the certificate, \
             such as `localhost`"
        }
        _ => return format!("a client ends the TLS handshake with the alert {name}"),
    };
    format!("a client rejects the certificate of the TLS port with the alert {name}: {advice}")
}

#[cfg(feature = "tls")]
const UNKNOWN_CA: u8 = 48;

/// The alert of a client that trusts the authority of another mock, which has the same name.
#[cfg(feature = "tls")]
const DECRYPT_ERROR: u8 = 51;

/// The alerts of clients that reject a certificate, by RFC 8446, section 6.2.
#[cfg(feature = "tls")]
const CERTIFICATE_ALERTS: [u8; 6] = [42, 43, 44, 45, 46, UNKNOWN_CA];

/// The alerts of clients by RFC 8446, section 6.
#[cfg(feature = "tls")]
const ALERTS: [(u8, &str); 22] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (UNKNOWN_CA, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (DECRYPT_ERROR, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (90, "user_canceled"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (120, "no_application_protocol"),
];
