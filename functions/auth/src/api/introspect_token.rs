use axum::{Json, extract::State};
use http::HeaderMap;
use kernel::{
    id::{ClientId, TenantId},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    oauth::{OAuthError, OAuthErrorBody, OAuthForm, client_credentials},
};
use crate::service::TokenInfo;

/// A token, and who asks about it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenQuestionForm {
    /// An access token, a refresh token or an API key.
    #[schema(max_length = 8192)]
    pub token: Secret,
    /// Unless the client authenticates by HTTP Basic.
    pub client_id: Option<String>,
    /// Unless the client authenticates by HTTP Basic.
    pub client_secret: Option<Secret>,
}

/// What a token is (RFC 7662, section 2.2). Of one that does not count only that is told.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspection {
    active: bool,
    /// Permissions, separated by spaces. Absent: whatever the user may.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "user.list user.read")]
    scope: Option<String>,
    /// The service client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<ClientId>,
    /// `Bearer`; absent for a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Bearer")]
    token_type: Option<&'static str>,
    /// The user, or the service client.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://api.example.org")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "plinth")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_767_268_800)]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_767_268_800)]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_767_269_700)]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Introspection {
    fn of(info: TokenInfo, issuer: &str) -> Self {
        let TokenInfo {
            subject,
            tenant,
            client,
            scope,
            token_type,
            issued_at,
            not_before,
            expires_at,
            audience,
            id,
        } = info;
        Self {
            active: true,
            scope,
            client_id: client,
            token_type,
            sub: Some(subject),
            tid: tenant,
            iss: Some(issuer.to_owned()),
            aud: audience,
            iat: Some(issued_at),
            nbf: not_before,
            exp: Some(expires_at),
            jti: id,
        }
    }
}

/// Ask what a token is
///
/// For service clients (RFC 7662): whether a token counts at this moment, whose it is and what it is good
/// for. Tokens of other tenants, spent, revoked, expired and invented ones are all just not active.
#[utoipa::path(
    post,
    path = "/api/v1/auth/introspect",
    request_body(content = TokenQuestionForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is", body = Introspection),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
    ),
)]
pub async fn introspect_token(
    State(service): App,
    headers: HeaderMap,
    OAuthForm(form): OAuthForm<TokenQuestionForm>,
) -> Result<Json<Introspection>, OAuthError> {
    let TokenQuestionForm { token, client_id, client_secret } = form;
    let credentials = client_credentials(&headers, client_id, client_secret)?;
    let asker = service.authenticate_client(&credentials).await?;
    let info = service.introspect_token(&asker, &token).await?;
    let issuer = service.tokens.issuer();
    Ok(Json(info.map_or_else(Introspection::default, |info| Introspection::of(info, issuer))))
}
