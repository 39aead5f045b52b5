//! What other services ask: `contracts::sessions::Sessions`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, put},
};
use contracts::sessions::{ApiKeyStanding, ClientStanding, Jwks, PresentedKey, SessionStatus};
use kernel::{
    caller::Tenant,
    http::{JsonBody, PathParams},
    id::{ClientId, ClientSecretId, SessionId, TenantId, TokenId, UserId},
    problem::Problem,
};

use crate::service::Service;

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(
            "/internal/auth/tenants/{tenant}/users/{user}/sessions/{session}/status",
            get(session_status),
        )
        .route(
            "/internal/auth/tenants/{tenant}/clients/{client}/secrets/{secret}/tokens/{token}",
            get(client_standing),
        )
        .route("/internal/auth/api-keys/standing", put(api_key_standing))
        .route("/internal/auth/keys", get(public_keys))
        .with_state(service)
}

async fn session_status(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user, session)): PathParams<(TenantId, UserId, SessionId)>,
) -> Result<Json<SessionStatus>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(service.session_status(tenant, user, session).await?))
}

async fn public_keys(State(service): State<Arc<Service>>) -> Result<Json<Jwks>, Problem> {
    Ok(Json(service.public_keys().await?))
}

async fn client_standing(
    State(service): State<Arc<Service>>,
    PathParams((tenant, client, secret, token)): PathParams<(
        TenantId,
        ClientId,
        ClientSecretId,
        TokenId,
    )>,
) -> Result<Json<Option<ClientStanding>>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(service.client_standing(tenant, client, secret, token).await?))
}

async fn api_key_standing(
    State(service): State<Arc<Service>>,
    JsonBody(PresentedKey { key }): JsonBody<PresentedKey>,
) -> Result<Json<Option<ApiKeyStanding>>, Problem> {
    Ok(Json(service.api_key_standing(&key).await?))
}
