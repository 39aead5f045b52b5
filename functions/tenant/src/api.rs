//! The public endpoints: parse, call one use case, answer.

use std::sync::Arc;

use axum::extract::State;
use contracts::tenant::TenantView;
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::{JsonBody, PathParams},
    id::TenantId,
    problem::Problem,
    validate::Violations,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    names::TenantName,
    service::{Service, TenantPatch},
};

pub fn router(service: Arc<Service>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(get_tenant, update_tenant)).with_state(service)
}

/// What shall be different about a tenant. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTenant {
    #[schema(min_length = 1, max_length = 100, example = "Demo Inc.")]
    name: Option<String>,
    settings: Option<UpdateSettings>,
}

/// What shall be different about a tenant's settings. What is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateSettings {
    /// Whether everybody needs a second factor to sign in.
    require_second_factor: Option<bool>,
    /// Whether people get a mail when something about their account's security changes.
    security_mail: Option<bool>,
}

impl UpdateTenant {
    fn parse(self) -> Result<TenantPatch, Problem> {
        let Self { name, settings } = self;
        let UpdateSettings { require_second_factor, security_mail } = settings.unwrap_or_default();
        let mut violations = Violations::default();
        let name = name.and_then(|name| violations.field("/name", TenantName::parse(&name)));
        violations.finish()?;
        Ok(TenantPatch { name, require_second_factor, security_mail })
    }
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

/// Change the tenant
///
/// Only the caller's own; any other id is unknown to them.
#[utoipa::path(
    patch,
    path = "/api/v1/tenants/{id}",
    operation_id = "update_tenant",
    params(
        ("id" = TenantId, Path, description = "Id of the tenant"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateTenant,
    responses(
        (status = 200, description = "The tenant", body = TenantView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`tenant.not_found`"),
        (status = 409, description = "Changed at the same time, again and again"),
    ),
)]
async fn update_tenant(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<TenantId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateTenant>,
) -> Result<Versioned<TenantView>, Problem> {
    let tenant = service.update_tenant(&caller, id, &expected, &body.parse()?).await?;
    Ok(Versioned::ok(tenant.version, tenant))
}
