//! What other services ask: the paths of [`contracts::authz::Authorization`].

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, put},
};
use contracts::authz::{AssignRoles, Assignment, Grants, ManageUser, SetStanding};
use http::StatusCode;
use kernel::{
    caller::Tenant,
    http::{JsonBody, PathParams},
    id::{TenantId, UserId},
    origin::Origin,
    problem::Problem,
};

use crate::service::Service;

type UserPath = PathParams<(TenantId, UserId)>;

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/internal/authz/tenants/{tenant}/users/{user}/grants", get(get_grants))
        .route("/internal/authz/tenants/{tenant}/users/{user}/roles", put(assign_roles))
        .route("/internal/authz/tenants/{tenant}/users/{user}/management", put(check_management))
        .route("/internal/authz/tenants/{tenant}/users/{user}/standing", put(set_standing))
        .with_state(service)
}

async fn get_grants(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): UserPath,
) -> Result<Json<Grants>, Problem> {
    Ok(Json(service.get_grants(Tenant::of_internal_call(tenant), user).await?))
}

async fn assign_roles(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams((tenant, user)): UserPath,
    JsonBody(wish): JsonBody<AssignRoles>,
) -> Result<Json<Assignment>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(service.assign_roles(&origin, tenant, user, &wish).await?))
}

async fn set_standing(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): UserPath,
    JsonBody(standing): JsonBody<SetStanding>,
) -> Result<Json<bool>, Problem> {
    Ok(Json(service.set_standing(Tenant::of_internal_call(tenant), user, &standing).await?))
}

async fn check_management(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): UserPath,
    JsonBody(question): JsonBody<ManageUser>,
) -> Result<StatusCode, Problem> {
    service.check_management(Tenant::of_internal_call(tenant), user, &question).await?;
    Ok(StatusCode::NO_CONTENT)
}
