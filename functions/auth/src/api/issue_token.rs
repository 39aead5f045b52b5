use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    oauth::{OAuthError, OAuthErrorBody, OAuthForm, client_credentials},
};
use crate::service::ClientToken;

#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenForm {
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Some of the client's scopes, separated by spaces; all of them when absent.
    #[schema(max_length = 8000, example = "user.list user.read")]
    scope: Option<String>,
    /// Unless the client authenticates by HTTP Basic.
    client_id: Option<String>,
    /// Unless the client authenticates by HTTP Basic.
    client_secret: Option<Secret>,
}

/// An access token (RFC 6749, section 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientTokenAnswer {
    access_token: Secret,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until it expires.
    #[schema(example = 900)]
    expires_in: i64,
    /// What it is good for.
    #[schema(example = "user.list user.read")]
    scope: String,
}

/// Get an access token for a service client
///
/// The client credentials grant (RFC 6749, section 4.4), with the client's id and secret by HTTP Basic or in
/// the form. The token is a JWT as RFC 9068 describes it; there is no refresh token, just ask again.
#[utoipa::path(
    post,
    path = "/api/v1/auth/token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = ClientTokenAnswer),
        (status = 400, description = "`invalid_request`, `unsupported_grant_type`, `invalid_scope`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
    ),
)]
pub async fn issue_token(
    State(service): App,
    headers: HeaderMap,
    OAuthForm(form): OAuthForm<TokenForm>,
) -> Result<Response, OAuthError> {
    let TokenForm { grant_type, scope, client_id, client_secret } = form;
    let credentials = client_credentials(&headers, client_id, client_secret)?;
    if grant_type != "client_credentials" {
        return Err(OAuthError::UnsupportedGrantType);
    }
    // Without a value is as good as absent (RFC 6749, section 3.2).
    let scope = scope.filter(|scope| !scope.is_empty());
    let token = service.issue_client_token(&credentials, scope.as_deref()).await?;
    let ClientToken { access_token, expires_in, scope } = token;
    let token_type = "Bearer";
    let answer = ClientTokenAnswer { access_token, token_type, expires_in, scope };
    // Beside the `no-store` of every answer; RFC 6749, section 5.1 wants both.
    let pragma = [(header::PRAGMA, HeaderValue::from_static("no-cache"))];
    Ok((pragma, Json(answer)).into_response())
}
