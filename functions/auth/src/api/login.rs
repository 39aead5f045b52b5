use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contracts::identity::User;
use http::header;
use kernel::{
    http::JsonBody,
    origin::Origin,
    problem::Problem,
    secret::Secret,
    validate::{self, Violations},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    cookie::{self, Transport},
};
use crate::service::{SignIn, SignedIn};

/// Longest address and password that are looked at, in bytes.
pub const MAX_EMAIL: usize = 254;
const MAX_PASSWORD: usize = 1024;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    #[schema(max_length = 254, example = "ada@example.org")]
    email: String,
    #[schema(max_length = 1024, example = "correct horse battery staple")]
    password: Secret,
    /// `cookie` for browsers: the refresh token then travels in a `__Host-` cookie only.
    #[serde(default)]
    #[schema(inline)]
    transport: Transport,
}

/// A pair of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    access_token: Secret,
    /// Absent when it travels in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Secret>,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
    /// At sign-in only.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
}

/// Answers with the tokens, on the transport that the client asked for.
pub fn answer(signed_in: SignedIn, transport: Transport) -> Response {
    let SignedIn { access_token, refresh_token, expires_in, refresh_expires_in, user } = signed_in;
    let cookie = match transport {
        Transport::Body => None,
        Transport::Cookie => Some(cookie::set(&refresh_token, refresh_expires_in)),
    };
    let body = TokenAnswer {
        access_token,
        refresh_token: cookie.is_none().then_some(refresh_token),
        token_type: "Bearer",
        expires_in,
        user,
    };
    let mut response = Json(body).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Sign in
///
/// An unknown address and a wrong password get the same answer. After several wrong passwords the next
/// tries have to wait, a little longer each time; what others try elsewhere does not delay whoever has
/// signed in from the same network before.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    request_body = LoginBody,
    responses(
        (status = 200, description = "Signed in", body = TokenAnswer),
        (status = 401, description = "`auth.invalid_credentials`"),
        (status = 403, description = "`auth.email_not_verified`, `auth.suspended`; only after the right password"),
        (status = 429, description = "`auth.locked_out`"),
    ),
)]
pub async fn login(
    State(service): App,
    origin: Origin,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Response, Problem> {
    let LoginBody { email, password, transport } = body;
    // Before anything looks at the texts: normalising them costs more the longer they are.
    let mut violations = Violations::default();
    violations.field("/email", validate::at_most(&email, MAX_EMAIL));
    violations.field("/password", validate::at_most(password.expose(), MAX_PASSWORD));
    violations.finish()?;
    Ok(answer(service.sign_in(&origin, SignIn { email, password }).await?, transport))
}
