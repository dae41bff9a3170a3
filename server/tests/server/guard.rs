//! The guard: a page of another site cannot use the control API.

use crate::support::{Server, send};

fn status(server: &Server, headers: &[(&str, &str)]) -> (u16, String) {
    let url = format!("{}/__admin/reset", server.url());
    let response = send("POST", &url, headers, Some("{}".into()));
    (response.status, response.body["detail"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn the_origin_of_another_site_is_rejected() {
    let server = Server::with_lobby();
    for origin in ["https://example.com", "http://localhost:1", "null"] {
        let (status, detail) = status(&server, &[("origin", origin)]);
        assert_eq!(status, 403, "{origin}");
        assert!(detail.contains("must not use the control API"), "{detail}");
    }
    let (status, _) = status(&server, &[("origin", server.url())]);
    assert_eq!(status, 204);
}

#[test]
fn an_unknown_host_name_is_rejected() {
    let server = Server::with_lobby();
    let (code, detail) = status(&server, &[("host", "attacker.example:80")]);
    assert_eq!(code, 403);
    assert!(detail.contains("--host-name adds one"), "{detail}");
    let (code, _) = status(&server, &[("host", "LOCALHOST:8080")]);
    assert_eq!(code, 204);
}

#[test]
fn a_host_name_can_be_added() {
    let server = Server::start(&["--host-name", "chat.test"]);
    assert!(server.url().starts_with("http://chat.test:"));
    let url = format!("http://127.0.0.1:{}/__admin/status", server.port());
    assert_eq!(send("GET", &url, &[("host", "chat.test")], None).status, 200);
}

#[test]
fn a_form_of_another_site_cannot_send_json() {
    let server = Server::with_lobby();
    let url = format!("{}/__admin/reset", server.url());
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let request = ureq::http::Request::post(url).header("content-type", "text/plain");
    let response = agent.new_agent().run(request.body("{}".to_owned()).unwrap()).unwrap();
    assert_eq!(response.status(), 415);
}

#[test]
fn a_request_has_one_host() {
    use std::io::Write;
    let server = Server::with_lobby();
    for (host, status) in [("localhost", 200), ("localhost\r\nhost: example.com", 400)] {
        let mut stream = crate::routes::connect(&server);
        // The target may be a whole URL.
        let target = format!("{}/__admin/status", server.url());
        let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let response = crate::routes::response(&mut stream);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}

/// A browser leaves the origin out of some requests, but says where they come from.
#[test]
fn a_request_of_another_site_without_an_origin_is_rejected() {
    let server = Server::with_lobby();
    for site in ["cross-site", "same-site"] {
        for path in ["/status", "/", "/participants/1/frames", "/log"] {
            let url = format!("{}/__admin{path}", server.url());
            for (mode, dest) in [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")] {
                let headers =
                    [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
                let response = send("GET", &url, &headers, None);
                assert_eq!(response.status, 403, "{path} {headers:?}");
                let detail = response.body["detail"].as_str().unwrap();
                assert!(detail.contains("a page of another origin"), "{detail}");
            }
        }
        let (status, _) = status(&server, &[("sec-fetch-site", site)]);
        assert_eq!(status, 403);
    }
    for site in ["same-origin", "none"] {
        let (status, _) = status(&server, &[("sec-fetch-site", site)]);
        assert_eq!(status, 204, "{site}");
    }
}

#[test]
fn a_link_of_another_site_leads_to_the_page_and_the_log_and_to_nothing_else() {
    let server = Server::with_lobby();
    let status = |method: &str, path: &str| {
        let headers = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        send(method, &format!("{}/__admin{path}", server.url()), &headers, None).status
    };
    assert_eq!(status("GET", ""), 308);
    for path in ["/", "/log?format=html", "/openapi.json"] {
        assert_eq!(status("GET", path), 200, "{path}");
    }
    assert_eq!(status("GET", "/participants/1/frames"), 403);
    assert_eq!(status("POST", "/restart"), 403);
}

#[test]
fn no_page_can_frame_or_sniff_a_response() {
    let server = Server::with_lobby();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let agent = agent.new_agent();
    for path in ["/", "/page.js", "/status", "/log?format=html", "/nowhere", "/rooms/none"] {
        let response = agent.get(format!("{}/__admin{path}", server.url())).call().unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}
