use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use kernel::{caller::Caller, problem::Problem};

use super::{App, cookie};

/// Sign out
///
/// Ends this session: its refresh token at once, its access tokens within the authorizer's cache time.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    responses((status = 204, description = "Signed out")),
)]
pub async fn logout(
    State(service): App,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service.logout(&caller).await?;
    Ok(goodbye(&headers))
}

/// Sign out everywhere
///
/// Ends all sessions of the caller, this one among them.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout-all",
    responses((status = 204, description = "Signed out everywhere")),
)]
pub async fn logout_all(
    State(service): App,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service.logout_all(&caller).await?;
    Ok(goodbye(&headers))
}

/// Takes the browser's cookie away, if there is one.
fn goodbye(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if cookie::read(headers).is_some() {
        response.headers_mut().insert(header::SET_COOKIE, cookie::clear());
    }
    response
}
