//! What other services ask: `contracts::sessions::Sessions`.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use contracts::sessions::{Jwks, SessionStatus};
use kernel::{
    caller::Tenant,
    http::PathParams,
    id::{SessionId, TenantId, UserId},
    origin::Origin,
    problem::Problem,
};

use crate::service::Service;

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(
            "/internal/auth/tenants/{tenant}/users/{user}/sessions/{session}/status",
            get(session_status),
        )
        .route("/internal/auth/keys", get(public_keys))
        .with_state(service)
}

async fn session_status(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams((tenant, user, session)): PathParams<(TenantId, UserId, SessionId)>,
) -> Result<Json<SessionStatus>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(service.session_status(&origin, tenant, user, session).await?))
}

async fn public_keys(State(service): State<Arc<Service>>) -> Result<Json<Jwks>, Problem> {
    Ok(Json(service.public_keys().await?))
}
