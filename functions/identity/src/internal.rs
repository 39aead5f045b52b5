//! What other services ask: the paths of [`contracts::identity::Identities`].

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post, put},
};
use contracts::identity::{
    Address, Credentials, EnsureUser, PasswordChange, PasswordCheck, PasswordStatus, ProvenUser,
    Registration, User,
};
use http::StatusCode;
use kernel::{
    caller::Tenant,
    http::{JsonBody, PathParams},
    id::{TenantId, UserId},
    origin::Origin,
    problem::Problem,
};

use crate::{
    error::Error,
    service::{NewRegistration, Service},
};

type UserPath = PathParams<(TenantId, UserId)>;

pub fn router(service: Arc<Service>) -> Router {
    let user = "/internal/identity/tenants/{tenant}/users/{user}";
    Router::new()
        .route("/internal/identity/registrations", post(register))
        .route("/internal/identity/password-checks", post(check_password))
        .route(user, get(find_user).put(ensure_user))
        .route(&format!("{user}/proven"), put(ensure_proven_user))
        .route(&format!("{user}/password"), get(password_status).post(change_password))
        .route("/internal/identity/tenants/{tenant}/user-by-email", put(find_user_by_email))
        .with_state(service)
}

async fn register(
    State(service): State<Arc<Service>>,
    origin: Origin,
    JsonBody(body): JsonBody<Registration>,
) -> Result<StatusCode, Problem> {
    let registration = NewRegistration::parse(&body, service.policy())?;
    service.register(&origin, registration).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn check_password(
    State(service): State<Arc<Service>>,
    JsonBody(credentials): JsonBody<Credentials>,
) -> Result<Json<PasswordCheck>, Problem> {
    Ok(Json(service.check_password(&credentials).await?))
}

async fn find_user(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): UserPath,
) -> Result<Json<Option<User>>, Problem> {
    match service.find_user(Tenant::of_internal_call(tenant), user).await {
        Ok(account) => Ok(Json(Some(account.view()))),
        Err(Error::NotFound) => Ok(Json(None)),
        Err(error) => Err(error.into()),
    }
}

async fn ensure_user(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams((tenant, user)): UserPath,
    JsonBody(wanted): JsonBody<EnsureUser>,
) -> Result<Json<User>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    let account = service.ensure_user(&origin, tenant, user, &wanted).await?;
    Ok(Json(account.view()))
}

async fn change_password(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams((tenant, user)): UserPath,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    service.change_password(&origin, tenant, user, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find_user_by_email(
    State(service): State<Arc<Service>>,
    PathParams(tenant): PathParams<TenantId>,
    JsonBody(address): JsonBody<Address>,
) -> Result<Json<Option<User>>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    let account = service.find_user_by_email(tenant, &address.email).await?;
    Ok(Json(account.map(|account| account.view())))
}

async fn ensure_proven_user(
    State(service): State<Arc<Service>>,
    origin: Origin,
    PathParams((tenant, user)): UserPath,
    JsonBody(wanted): JsonBody<ProvenUser>,
) -> Result<Json<User>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    let account = service.ensure_proven_user(&origin, tenant, user, &wanted).await?;
    Ok(Json(account.view()))
}

async fn password_status(
    State(service): State<Arc<Service>>,
    PathParams((tenant, user)): UserPath,
) -> Result<Json<PasswordStatus>, Problem> {
    let tenant = Tenant::of_internal_call(tenant);
    Ok(Json(PasswordStatus { is_set: service.has_password(tenant, user).await? }))
}
