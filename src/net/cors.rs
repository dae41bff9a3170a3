//! CORS: the headers by which browsers may call the control plane.

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::net::request;
use crate::proto::operation::Operation;

/// Adds the headers of every response.
///
/// Documented: the trait `cors` of the service's Smithy model does not restrict the origin, and it
/// lists the headers that a page may read.
pub(crate) fn add_to_response(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static(ORIGIN));
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
}

/// Adds the headers that respond to a preflight request, which has a path with these methods.
///
/// Documented: the trait `cors` lists the headers that a page may send besides those of a
/// signature, and has a maximum age of 600 s unless a model sets another.
pub(crate) fn add_to_preflight(headers: &mut HeaderMap, methods: &[&str]) {
    let mut allowed = vec!["OPTIONS"];
    allowed.extend(methods);
    allowed.sort_unstable();
    if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, allowed);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    let name: HeaderName = header::ACCESS_CONTROL_MAX_AGE;
    headers.insert(name, HeaderValue::from_static(MAX_AGE_SECONDS));
}

/// Returns the methods of the operations that have a path; none if the path is unknown.
pub(crate) fn methods_at(path: &str) -> Vec<&'static str> {
    let methods = Operation::ALL.into_iter().map(Operation::method);
    let mut methods: Vec<_> = methods
        .filter(|method| {
            let method = Method::from_bytes(method.as_bytes());
            method.is_ok_and(|method| request::route(&method, path).is_some())
        })
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

pub(crate) const ORIGIN: &str = "*";

/// The headers of a signature, and those that the model lists.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, X-Amz-Content-Sha256, X-Amz-Date, \
                               X-Amz-Security-Token, X-Amz-User-Agent, X-Api-Key, \
                               amz-sdk-invocation-id, amz-sdk-request";

pub(crate) const EXPOSED_HEADERS: &str = "x-amzn-errortype, x-amzn-requestid, \
                                          x-amzn-errormessage, x-amzn-trace-id, x-amz-apigw-id, \
                                          date";

const MAX_AGE_SECONDS: &str = "600";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_operations() {
        assert_eq!(methods_at("/CreateRoom"), ["POST"]);
        assert_eq!(methods_at("/tags/arn"), ["DELETE", "GET", "POST"]);
        assert!(methods_at("/Nope").is_empty());
    }
}
