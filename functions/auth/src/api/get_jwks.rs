use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contracts::sessions::Jwks;
use http::{HeaderValue, header};
use kernel::problem::Problem;

use super::App;

/// Get the keys that verify access tokens
///
/// A JWK set (RFC 7517). A new key is here before it signs; former ones stay until their tokens have died.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    responses((status = 200, description = "The keys", body = Jwks)),
)]
pub async fn get_jwks(State(service): App) -> Result<Response, Problem> {
    let mut response = Json(service.public_keys().await?).into_response();
    let cache = HeaderValue::from_static("public, max-age=60");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}
