use axum::{Json, extract::State};
use http::StatusCode;
use jiff::Timestamp;
use kernel::{
    caller::Caller,
    http::{JsonBody, PathParams, QueryParams},
    id::ApiKeyId,
    page::{Limit, Page},
    problem::Problem,
    secret::Secret,
    validate::Violations,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::{
    api_key::{ApiKey, KeyName, Lifetime, NewApiKey},
    scopes,
};

/// An API key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKeyBody {
    /// For yourself, to know it by.
    #[schema(min_length = 1, max_length = 100, example = "Backup script")]
    name: String,
    /// Codes of permissions that you hold; none: whatever you may, now and later.
    #[serde(default)]
    #[schema(max_items = 1000, example = json!(["role.read"]))]
    scopes: Vec<String>,
    /// How long it works.
    #[schema(minimum = 1, maximum = 365, default = 90, example = 90)]
    expires_in_days: Option<u32>,
}

impl CreateApiKeyBody {
    fn parse(self) -> Result<NewApiKey, Problem> {
        let Self { name, scopes, expires_in_days } = self;
        let mut violations = Violations::default();
        let name = violations.field("/name", KeyName::parse(&name));
        let scopes = scopes::parse(&scopes, &mut violations);
        let lifetime = violations.field("/expires_in_days", Lifetime::parse(expires_in_days));
        violations.finish()?;
        let (name, lifetime) = name.zip(lifetime).expect("what is missing is a violation");
        Ok(NewApiKey { name, scopes, lifetime })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListApiKeys {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// What is told about a key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    id: ApiKeyId,
    #[schema(example = "Backup script")]
    name: String,
    /// Codes, sorted; none: whatever its owner may.
    #[schema(example = json!(["role.read"]))]
    scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// To the hour; `null` until its first use.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_used_at: Option<Timestamp>,
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey {
            id,
            tenant_id: _,
            user_id: _,
            name,
            fingerprint: _,
            session_began_at: _,
            scopes,
            created_at,
            expires_at,
            last_used_at,
            revoked_at: _,
        } = key;
        let scopes = scopes.into_iter().collect();
        Self { id, name, scopes, created_at, expires_at, last_used_at }
    }
}

/// A key that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKeyWithSecret)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    view: ApiKeyView,
    /// Keep it: nobody can show it again. Send it as `Authorization: Bearer plk_...`.
    key: Secret,
}

/// Create an API key
///
/// With it a program of yours acts in your name, with some of your permissions. It works until it
/// expires or is revoked, and ends with all your others when your password is reset by mail or your account
/// suspended. Signing out does not end it.
#[utoipa::path(
    post,
    path = "/api/v1/auth/api-keys",
    request_body = CreateApiKeyBody,
    responses(
        (status = 201, description = "The key", body = CreatedApiKey),
        (status = 403, description = "`role.escalation`: a permission that you do not hold; `auth.session_required`"),
    ),
)]
pub async fn create_api_key(
    State(service): App,
    caller: Caller,
    JsonBody(body): JsonBody<CreateApiKeyBody>,
) -> Result<(StatusCode, Json<CreatedApiKey>), Problem> {
    let (key, text) = service.create_api_key(&caller, body.parse()?).await?;
    Ok((StatusCode::CREATED, Json(CreatedApiKey { view: key.into(), key: text })))
}

/// List your API keys
///
/// Those that work, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/auth/api-keys",
    params(ListApiKeys),
    responses((status = 200, description = "A page of keys", body = Page<ApiKeyView>)),
)]
pub async fn list_api_keys(
    State(service): App,
    caller: Caller,
    QueryParams(query): QueryParams<ListApiKeys>,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    let ListApiKeys { limit, cursor } = query;
    let page = service.list_api_keys(&caller, limit, cursor.as_deref()).await?;
    Ok(Json(page.map(ApiKeyView::from)))
}

/// Revoke one of your API keys
///
/// It stops working within a minute.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/api-keys/{id}",
    params(("id" = ApiKeyId, Path, description = "The key")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "`auth.api_key_not_found`"),
    ),
)]
pub async fn revoke_api_key(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    service.revoke_api_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
