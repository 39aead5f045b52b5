//! Pages for people: rendered by the server, without scripts.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};

/// The frame of every page, as a template with the blocks `title`, `nav` and `body`.
pub const LAYOUT: &str = include_str!("pages/layout.html");

/// A page of ours: no scripts, only its own styles.
pub fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
