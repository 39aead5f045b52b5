use axum::extract::State;
use http::{HeaderMap, StatusCode};
use kernel::origin::Origin;

use super::{
    App,
    introspect_token::TokenQuestionForm,
    oauth::{OAuthError, OAuthErrorBody, OAuthForm, client_credentials},
};

/// End what a token stands for
///
/// For service clients (RFC 7009): ends the session of an access or refresh token, an API key, or a token of
/// the client's own, such as one that was found where it does not belong. A token that is none, or of
/// another tenant, is answered alike.
#[utoipa::path(
    post,
    path = "/api/v1/auth/revoke",
    request_body(content = TokenQuestionForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It does not count, now if not before"),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
    ),
)]
pub async fn revoke_token(
    State(service): App,
    origin: Origin,
    headers: HeaderMap,
    OAuthForm(form): OAuthForm<TokenQuestionForm>,
) -> Result<StatusCode, OAuthError> {
    let TokenQuestionForm { token, client_id, client_secret } = form;
    let credentials = client_credentials(&headers, client_id, client_secret)?;
    let asker = service.authenticate_client(&credentials).await?;
    service.revoke_token(&origin, &asker, &token).await?;
    Ok(StatusCode::OK)
}
