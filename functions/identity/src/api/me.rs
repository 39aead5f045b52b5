use std::sync::Arc;

use axum::extract::State;
use contracts::identity::User;
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::JsonBody,
    problem::Problem,
};

use super::{profile::UpdateUser, users::versioned};
use crate::service::Service;

/// See one's own account
#[utoipa::path(
    get,
    path = "/api/v1/users/me",
    operation_id = "get_own_user",
    params(
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The caller's account", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The version in `If-None-Match` is the current one"),
        (status = 404, description = "`user.not_found`: the account was deleted"),
    ),
)]
pub(super) async fn get_own_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    known: IfNoneMatch,
) -> Result<Versioned<User>, Problem> {
    let account = service.find_user(caller.tenant, caller.user).await?;
    Ok(versioned(&account).unless(&known))
}

/// Change one's own profile
#[utoipa::path(
    patch,
    path = "/api/v1/users/me",
    operation_id = "update_own_user",
    params(
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateUser,
    responses(
        (status = 200, description = "The changed account", body = User,
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`user.not_found`: the account was deleted"),
        (status = 409, description = "`user.username_taken`"),
    ),
)]
pub(super) async fn update_own_user(
    State(service): State<Arc<Service>>,
    caller: Caller,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateUser>,
) -> Result<Versioned<User>, Problem> {
    let change = body.parse()?;
    Ok(versioned(&service.update_user(&caller, caller.user, &expected, &change).await?))
}
