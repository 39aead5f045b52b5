use std::sync::Arc;

use axum::{Json, extract::State, response::IntoResponse};
use contracts::identity::User;
use http::{StatusCode, header};
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::{JsonBody, PathParams, QueryParams},
    id::UserId,
    idempotency::NewId,
    page::Page,
    problem::Problem,
};

use super::profile::UpdateUser;
use crate::{service::Service, user::Account};

mod create;
mod list;

use self::{create::CreateUser, list::ListUsersQuery};

/// List and search users
///
/// In order of creation; with `q` in the order of what was found. Deleted users are not listed.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    operation_id = "list_users",
    params(ListUsersQuery),
    responses((status = 200, description = "A page of users", body = Page<User>)),
)]
pub(super) async fn list_users(
    State(service): State<Arc<Service>>,
    caller: Caller,
    QueryParams(query): QueryParams<ListUsersQuery>,
) -> Result<Json<Page<User>>, Problem> {
    let page = service.list_users(caller.tenant, query.parse()?).await?;
    Ok(Json(page.map(|account| account.view())))
}

/// Create a user
///
/// The account is `pending` until the person has followed the mailed verification link. Without a
/// password, the person then sets one by asking for a password reset.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    operation_id = "create_user",
    request_body = CreateUser,
    responses(
        (status = 201, description = "The new user", body = User, headers(
            ("ETag" = String, description = "Its version"),
            ("Location" = String, description = "Its path"),
        )),
        (status = 409, description = "`user.email_taken` or `user.username_taken`"),
    ),
)]
pub(super) async fn create_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    NewId(id): NewId<UserId>,
    JsonBody(body): JsonBody<CreateUser>,
) -> Result<impl IntoResponse, Problem> {
    let account = service.create_user(&caller, id, body.parse(service.policy())?).await?;
    let location = [(header::LOCATION, format!("/api/v1/users/{}", account.id))];
    Ok((location, Versioned::created(account.version, account.view())))
}

/// See a user
#[utoipa::path(
    get,
    path = "/api/v1/users/{id}",
    operation_id = "get_user",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The user", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The version in `If-None-Match` is the current one"),
        (status = 404, description = "`user.not_found`"),
    ),
)]
pub(super) async fn get_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
    known: IfNoneMatch,
) -> Result<Versioned<User>, Problem> {
    let account = service.find_user(caller.tenant, id).await?;
    Ok(versioned(&account).unless(&known))
}

/// Change a user's profile
#[utoipa::path(
    patch,
    path = "/api/v1/users/{id}",
    operation_id = "update_user",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateUser,
    responses(
        (status = 200, description = "The changed user", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`user.username_taken`"),
    ),
)]
pub(super) async fn update_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateUser>,
) -> Result<Versioned<User>, Problem> {
    let change = body.parse()?;
    Ok(versioned(&service.update_user(&caller, id, &expected, &change).await?))
}

/// Delete a user
///
/// The user is gone at once; the address stays taken until the data is erased, 30 days later unless the
/// platform is set otherwise. Until then the user can be restored.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}",
    operation_id = "delete_user",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "`user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`role.last_owner`"),
    ),
)]
pub(super) async fn delete_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
    expected: IfMatch,
) -> Result<StatusCode, Problem> {
    service.delete_user(&caller, id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restore a deleted user
///
/// Until the data is erased. The user is again what they were before, but has no roles. Restoring a user who
/// is not deleted changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/restore",
    operation_id = "restore_user",
    params(("id" = UserId, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The user", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`user.not_found`: there never was one, or it is erased"),
    ),
)]
pub(super) async fn restore_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
) -> Result<Versioned<User>, Problem> {
    Ok(versioned(&service.restore_user(&caller, id).await?))
}

/// Suspend a user
///
/// Ends all of the user's sessions. Suspending a suspended user changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/suspend",
    operation_id = "suspend_user",
    params(("id" = UserId, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The suspended user", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`role.last_owner`"),
    ),
)]
pub(super) async fn suspend_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
) -> Result<Versioned<User>, Problem> {
    Ok(versioned(&service.suspend_user(&caller, id).await?))
}

/// Lift a user's suspension
///
/// The user is again what they were before: `active`, or `pending` if the address was never verified.
/// Activating an active user changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/activate",
    operation_id = "activate_user",
    params(("id" = UserId, Path, description = "The user's id")),
    responses(
        (status = 200, description = "The user", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`user.not_suspended`"),
    ),
)]
pub(super) async fn activate_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
) -> Result<Versioned<User>, Problem> {
    Ok(versioned(&service.activate_user(&caller, id).await?))
}

/// A user with the entity tag of its version.
pub(super) fn versioned(account: &Account) -> Versioned<User> {
    Versioned::ok(account.version, account.view())
}
