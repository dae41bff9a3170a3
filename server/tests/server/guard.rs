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
