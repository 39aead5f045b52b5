use std::sync::Arc;

use axum::{Json, extract::State};
use contracts::authz::{RoleChange, RoleRef};
use kernel::{
    caller::Caller,
    etag::IfMatch,
    http::{JsonBody, PathParams},
    id::UserId,
    problem::Problem,
    validate::{Invalid, Violations, text},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{error::Error, service::Service};

/// Longest name of a role, in code points.
const MAX_ROLE: usize = 100;
/// Most roles that a user can have.
const MAX_ROLES: usize = 50;

/// All roles that a user is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRoles {
    /// Names or ids.
    #[schema(max_items = 50, example = json!(["admin"]))]
    roles: Vec<String>,
}

/// A user's roles.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserRoles {
    roles: Vec<RoleRef>,
}

impl SetRoles {
    fn parse(self) -> Result<Vec<String>, Problem> {
        let mut violations = Violations::default();
        if self.roles.len() > MAX_ROLES {
            let rule = format!("must have at most {MAX_ROLES} items");
            violations.add("/roles", Invalid::new("list.too_long", rule));
        }
        let names = self.roles.iter().enumerate().filter_map(|(index, name)| {
            violations.field(&format!("/roles/{index}"), text(name, 1, MAX_ROLE))
        });
        let names = names.collect();
        violations.finish()?;
        Ok(names)
    }
}

/// Set a user's roles
///
/// The user has exactly these afterwards. Nobody can give or take a permission that they do not hold.
/// Only an active user can become an owner.
#[utoipa::path(
    put,
    path = "/api/v1/users/{id}/roles",
    operation_id = "set_roles",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = SetRoles,
    responses(
        (status = 200, description = "The user's roles", body = UserRoles),
        (status = 403, description = "`role.escalation` or `user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`role.last_owner` or `user.not_active`"),
        (status = 422, description = "`role.unknown`, or a field is not valid"),
    ),
)]
pub(super) async fn set_roles(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams(id): PathParams<UserId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<SetRoles>,
) -> Result<Json<UserRoles>, Problem> {
    let names = body.parse()?;
    let roles = service.change_roles(&caller, id, &expected, RoleChange::Set, names).await?;
    Ok(Json(UserRoles { roles }))
}

/// Give a user a role
///
/// Only an active user can become an owner.
#[utoipa::path(
    post,
    path = "/api/v1/users/{id}/roles/{role}",
    operation_id = "add_role",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("role" = String, Path, description = "The role's name or id"),
    ),
    responses(
        (status = 200, description = "The user's roles", body = UserRoles),
        (status = 403, description = "`role.escalation` or `user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`user.not_active`"),
        (status = 422, description = "`role.unknown`"),
    ),
)]
pub(super) async fn add_role(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams((id, role)): PathParams<(UserId, String)>,
) -> Result<Json<UserRoles>, Problem> {
    let names = vec![parse_role(&role)?];
    let roles = service.change_roles(&caller, id, &IfMatch::Any, RoleChange::Add, names).await?;
    Ok(Json(UserRoles { roles }))
}

/// Take a role from a user
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}/roles/{role}",
    operation_id = "remove_role",
    params(
        ("id" = UserId, Path, description = "The user's id"),
        ("role" = String, Path, description = "The role's name or id"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    responses(
        (status = 200, description = "The user's roles", body = UserRoles),
        (status = 403, description = "`role.escalation` or `user.outranks_caller`"),
        (status = 404, description = "`user.not_found`"),
        (status = 409, description = "`role.last_owner`"),
        (status = 422, description = "`role.unknown`"),
    ),
)]
pub(super) async fn remove_role(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathParams((id, role)): PathParams<(UserId, String)>,
    expected: IfMatch,
) -> Result<Json<UserRoles>, Problem> {
    let names = vec![parse_role(&role)?];
    let roles = service.change_roles(&caller, id, &expected, RoleChange::Remove, names).await?;
    Ok(Json(UserRoles { roles }))
}

/// A role in a path. What cannot be the name of one is the name of none.
fn parse_role(role: &str) -> Result<String, Error> {
    text(role, 1, MAX_ROLE).map_err(|_| Error::UnknownRole)
}
