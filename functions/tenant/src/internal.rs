//! What other services ask: the paths of [`contracts::tenant::Tenants`].

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use contracts::tenant::{EnsureTenant, TenantView};
use kernel::{
    caller::Tenant,
    http::{JsonBody, PathParams},
    id::TenantId,
    origin::Origin,
    problem::Problem,
    validate::Violations,
};

use crate::{
    names::{Slug, TenantName},
    service::{NewTenant, Service},
};

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/internal/tenant/tenants/{id}", get(find_tenant).put(ensure_tenant))
        .route("/internal/tenant/slugs/{slug}", get(find_tenant_by_slug))
        .route("/internal/tenant/registration", get(find_default_tenant))
        .route("/internal/tenant/registration/{slug}", get(find_tenant_for_registration))
        .with_state(service)
}

async fn find_tenant(
    State(service): State<Arc<Service>>,
    PathParams(id): PathParams<TenantId>,
) -> Result<Json<Option<TenantView>>, Problem> {
    Ok(Json(service.find_tenant(Tenant::of_internal_call(id)).await?))
}

async fn ensure_tenant(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams(id): PathParams<TenantId>,
    JsonBody(body): JsonBody<EnsureTenant>,
) -> Result<Json<TenantView>, Problem> {
    let EnsureTenant { name, slug, open_registration } = body;
    let mut violations = Violations::default();
    let name = violations.field("/name", TenantName::parse(&name));
    let slug = violations.field("/slug", Slug::parse(&slug));
    violations.finish()?;
    let (name, slug) = name.zip(slug).expect("what is missing is a violation");
    let tenant = Tenant::of_internal_call(id);
    let wanted = NewTenant { name, slug, open_registration };
    Ok(Json(service.ensure_tenant(&origin, tenant, &wanted).await?))
}

async fn find_tenant_by_slug(
    State(service): State<Arc<Service>>,
    PathParams(slug): PathParams<String>,
) -> Result<Json<Option<TenantView>>, Problem> {
    let Ok(slug) = Slug::parse(&slug) else { return Ok(Json(None)) };
    Ok(Json(service.find_tenant_by_slug(&slug).await?))
}

async fn find_default_tenant(
    State(service): State<Arc<Service>>,
) -> Result<Json<Option<TenantView>>, Problem> {
    Ok(Json(service.find_tenant_for_registration(None).await?))
}

async fn find_tenant_for_registration(
    State(service): State<Arc<Service>>,
    PathParams(slug): PathParams<String>,
) -> Result<Json<Option<TenantView>>, Problem> {
    // No tenant has a slug that is none.
    let Ok(slug) = Slug::parse(&slug) else { return Ok(Json(None)) };
    Ok(Json(service.find_tenant_for_registration(Some(&slug)).await?))
}
