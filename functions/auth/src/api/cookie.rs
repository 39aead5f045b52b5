//! Refresh tokens for browsers: in a cookie that scripts cannot read.
//!
//! `__Host-` binds the cookie to this very host over TLS (RFC 6265bis, section 4.1.3.2), which demands
//! the path `/`. Against forged requests (CSRF) there are two locks: `SameSite=Strict`, and that the
//! cookie counts only with a JSON body that asks for it, which no other site can send without
//! our CORS answer allowing it.

use http::{HeaderMap, HeaderValue, header};
use kernel::secret::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

const NAME: &str = "__Host-plinth_refresh";

/// Where the refresh token travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In the JSON body.
    #[default]
    Body,
    /// In a cookie and nowhere else.
    Cookie,
}

/// The header that sets the cookie.
pub fn set(token: &Secret, max_age_seconds: i64) -> HeaderValue {
    attributes(token.expose(), max_age_seconds)
}

/// The header that removes it.
pub fn clear() -> HeaderValue {
    attributes("", 0)
}

/// The token in the request's cookie.
pub fn read(headers: &HeaderMap) -> Option<Secret> {
    find(headers, NAME)
}

/// The value of the cookie with this name.
pub fn find(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| Secret::new(value))
}

fn attributes(value: &str, max_age: i64) -> HeaderValue {
    let text =
        format!("{NAME}={value}; Max-Age={max_age}; Path=/; Secure; HttpOnly; SameSite=Strict");
    let mut value = HeaderValue::from_str(&text).expect("a token is URL-safe text");
    value.set_sensitive(true);
    value
}
