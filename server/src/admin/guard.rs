//! Guard: rejects requests to the control API that pages of other sites have made.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::admin::App;
use crate::boundaries::ADMIN;
use crate::cli::Options;
use crate::problem::Problem;

/// Returns the names by which clients may address the server.
///
/// A page of another site can make a browser resolve its own name to this server. The browser then
/// sends that name, which is not among these.
pub(super) fn hosts(options: &Options) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".into(), "[::1]".into()];
    if !options.bind.is_unspecified() {
        hosts.push(match options.bind {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        });
    }
    hosts.extend(options.host_name.clone());
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Rejects a request unless its `Host` is one of the server's names, and its `Origin` and
/// `Sec-Fetch-Site`, if it has them, tell that no page of another origin has sent it.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let problem = problem(&app.hosts, request.headers(), request.uri());
    match problem.or_else(|| foreign(&request)) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn problem(hosts: &[String], headers: &HeaderMap, uri: &Uri) -> Option<Problem> {
    // A proxy or another part of the server may have read the other one.
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Some(Problem::bad_request("the request has more than one Host header"));
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    let host = text(header::HOST).or_else(|| uri.authority().map(ToString::to_string));
    let Some(host) = host else {
        return Some(Problem::bad_request("the request has no Host header"));
    };
    if !hosts.iter().any(|known| known.eq_ignore_ascii_case(without_port(&host))) {
        let names = hosts.join(", ");
        return Some(Problem::forbidden(format!(
            "the host {host:?} is not a name of this server ({names}); --host-name adds one"
        )));
    }
    let origin = text(header::ORIGIN)?;
    // The origin has the scheme and the host of the page. The port is part of both.
    let is_own = origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(&host));
    (!is_own).then(|| {
        Problem::forbidden(format!(
            "a page of {origin} must not use the control API; send the request from the test"
        ))
    })
}

/// Rejects a request that a browser has sent for a page of another origin. Such a request may have
/// no `Origin`: that of an image, for example.
///
/// A user may follow a link from any page to one that is only to be read.
fn foreign(request: &Request) -> Option<Problem> {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let is_foreign = match header("sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => false,
        Some(_) => true,
    };
    let is_link = request.method() == Method::GET
        && header("sec-fetch-mode") == Some(b"navigate")
        && header("sec-fetch-dest") == Some(b"document")
        && matches!(request.uri().path(), "" | "/" | "/log" | "/openapi.json" | ADMIN);
    (is_foreign && !is_link).then(|| {
        Problem::forbidden(
            "a page of another origin must not use the control API; send the request from the test",
        )
    })
}

/// Adds headers without which a page of another site could show a page of this one in a frame, or
/// read a response as something that it is not.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The policy of responses that are not pages.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Returns a host without its port. The brackets of an IPv6 address stay.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
