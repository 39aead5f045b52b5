//! The public endpoints: parse, call one use case, answer.

use std::sync::Arc;

use axum::extract::State;
use contracts::tenant::TenantView;
use kernel::{
    caller::Caller,
    etag::{IfNoneMatch, Versioned},
    http::PathParams,
    id::TenantId,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

pub fn router(service: Arc<Service>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(get_tenant)).with_state(service)
}

/// Get the tenant
///
/// Only the caller's own; any other id is unknown to them.
#[utoipa::path(
    get,
    path = "/api/v1/tenants/{id}",
    operation_id = "get_tenant",
    params(
        ("id" = TenantId, Path, description = "Id of the tenant"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The tenant", body = TenantView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has this version"),
        (status = 404, description = "`tenant.not_found`"),
    ),
)]
async fn get_tenant(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<TenantId>,
    known: IfNoneMatch,
) -> Result<Versioned<TenantView>, Problem> {
    let tenant = service.get_tenant(&caller, id).await?;
    Ok(Versioned::ok(tenant.version, tenant).unless(&known))
}
