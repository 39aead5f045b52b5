//! What other services ask: the path of [`contracts::audit::AuditTrail`].

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use contracts::audit::ActivityPage;
use kernel::{
    caller::Tenant,
    http::{PathParams, QueryParams},
    id::{TenantId, UserId},
    page::Limit,
    problem::Problem,
};
use serde::Deserialize;

use crate::service::Service;

pub fn router(service: Arc<Service>) -> Router {
    let path = "/internal/audit/tenants/{tenant}/users/{user}/activity";
    Router::new().route(path, get(list_activity)).with_state(service)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivityQuery {
    limit: Limit,
    before: Option<u64>,
}

async fn list_activity(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): PathParams<(TenantId, UserId)>,
    QueryParams(query): QueryParams<ActivityQuery>,
) -> Result<Json<ActivityPage>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(service.list_activity(tenant, user, query.limit, query.before).await?))
}
