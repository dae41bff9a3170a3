//! The live page.

use axum::http::header;
use axum::response::{IntoResponse, Redirect};

use crate::boundaries::ADMIN;

fn file(media_type: &'static str, text: &'static str) -> impl IntoResponse {
    // The page belongs to the program, which may be another version the next time.
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], text)
}

pub(super) async fn index() -> impl IntoResponse {
    let page = file("text/html; charset=utf-8", include_str!("../page/index.html"));
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], page)
}

/// The page has nothing but its own files, and no other page can show it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../page/page.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("../page/page.js"))
}

/// The page names its files relative to a folder.
pub(super) async fn redirect() -> Redirect {
    Redirect::permanent(&format!("{ADMIN}/"))
}
