use axum::{Json, extract::State};
use http::StatusCode;
use jiff::Timestamp;
use kernel::{
    caller::Caller,
    http::{PathParams, QueryParams},
    id::SessionId,
    page::{Limit, Page},
    problem::Problem,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::session::Session;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A sign-in on one device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    id: SessionId,
    /// Whether it is the one that asks.
    is_current: bool,
    /// What the client called itself.
    #[schema(required, example = "Mozilla/5.0 (X11; Linux x86_64)")]
    device: Option<String>,
    #[schema(required, example = "203.0.113.7")]
    ip_address: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// Unless it is used before, and at the latest after the absolute lifetime.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl SessionView {
    fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id,
            is_current: session.id == current,
            device: session.user_agent,
            ip_address: session.ip_address,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// List your sessions
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/v1/auth/sessions",
    params(SessionsQuery),
    responses((status = 200, description = "A page of sessions", body = Page<SessionView>)),
)]
pub async fn list_sessions(
    State(service): App,
    caller: Caller,
    QueryParams(query): QueryParams<SessionsQuery>,
) -> Result<Json<Page<SessionView>>, Problem> {
    let page = service.list_sessions(&caller, query.limit, query.cursor.as_deref()).await?;
    Ok(Json(page.map(|session| SessionView::new(session, caller.session))))
}

/// End one of your sessions
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions/{id}",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 204, description = "Ended")),
)]
pub async fn revoke_session(
    State(service): App,
    caller: Caller,
    PathParams(id): PathParams<SessionId>,
) -> Result<StatusCode, Problem> {
    service.revoke_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
