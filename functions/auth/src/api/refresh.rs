use axum::{extract::State, response::Response};
use http::HeaderMap;
use kernel::{
    http::JsonBody,
    origin::Origin,
    problem::{Problem, Violation},
    secret::Secret,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    App,
    cookie::{self, Transport},
    login::{self, TokenAnswer},
};
use crate::error::Error;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    /// Not with the transport `cookie`.
    #[schema(max_length = 512)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

/// Exchange a refresh token for new tokens
///
/// Each refresh token is good once. If the answer got lost, the same token within the grace (10 s) gets
/// the same successor again. A spent token later on ends the whole session: somebody has a copy.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "New tokens", body = TokenAnswer),
        (status = 401, description = "`auth.invalid_refresh_token`"),
    ),
)]
pub async fn refresh(
    State(service): App,
    origin: Origin,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RefreshBody>,
) -> Result<Response, Problem> {
    let RefreshBody { refresh_token, transport } = body;
    let token = match (transport, refresh_token) {
        (Transport::Body, Some(token)) => token,
        (Transport::Cookie, None) => {
            cookie::read(&headers).ok_or(Error::InvalidRefreshToken("there is no cookie"))?
        }
        (Transport::Body, None) => return Err(misplaced("field.missing", "is needed")),
        (Transport::Cookie, Some(_)) => {
            return Err(misplaced("field.unexpected", "travels in the cookie, not in the body"));
        }
    };
    Ok(login::answer(service.refresh(&origin, &token).await?, transport))
}

fn misplaced(code: &str, detail: &str) -> Problem {
    Problem::invalid(vec![Violation {
        pointer: "/refresh_token".to_owned(),
        code: code.to_owned(),
        detail: detail.to_owned(),
    }])
}
