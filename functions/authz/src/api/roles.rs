mod bodies;

use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use kernel::{
    caller::Caller,
    etag::{IfMatch, IfNoneMatch, Versioned},
    http::{JsonBody, PathParams, QueryParams},
    id::RoleId,
    idempotency::NewId,
    page::Page,
    problem::Problem,
};

use self::bodies::{CreateRole, ListRoles, RoleView, SetRolePermissions, UpdateRole};
use super::Api;
use crate::service::RolePosition;

/// Names the list in its cursors.
const LIST: &str = "roles";

/// List the roles
///
/// The system roles first, then the tenant's own by name.
#[utoipa::path(
    get,
    path = "/api/v1/roles",
    operation_id = "list_roles",
    params(ListRoles),
    responses((status = 200, description = "A page of roles", body = Page<RoleView>)),
)]
pub(super) async fn list_roles(
    State(api): State<Api>,
    caller: Caller,
    QueryParams(query): QueryParams<ListRoles>,
) -> Result<Json<Page<RoleView>>, Problem> {
    let ListRoles { limit, cursor } = query;
    let tenant = caller.tenant.id();
    let from = match cursor {
        None => RolePosition::default(),
        Some(cursor) => {
            let position = api.cursors.open(&tenant, LIST, &cursor)?;
            position.parse().map_err(Problem::internal)?
        }
    };
    let (roles, next) = api.service.list_roles(caller.tenant, limit.get(), from).await?;
    let items = roles.into_iter().map(RoleView::from).collect();
    let next_cursor = next.map(|next| api.cursors.seal(&tenant, LIST, &next.to_string()));
    Ok(Json(Page { items, next_cursor }))
}

/// Create a role
///
/// With any of the permissions that the caller holds.
#[utoipa::path(
    post,
    path = "/api/v1/roles",
    operation_id = "create_role",
    request_body = CreateRole,
    responses(
        (status = 201, description = "The role", body = RoleView, headers(
            ("ETag" = String, description = "Its version"),
            ("Location" = String, description = "Its path"),
        )),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
        (status = 409, description = "`role.name_taken`"),
    ),
)]
pub(super) async fn create_role(
    State(api): State<Api>,
    caller: Caller,
    NewId(id): NewId<RoleId>,
    JsonBody(body): JsonBody<CreateRole>,
) -> Result<impl IntoResponse, Problem> {
    let role = RoleView::from(api.service.create_role(&caller, id, body.parse()?).await?);
    let location = [(header::LOCATION, format!("/api/v1/roles/{}", role.id))];
    Ok((location, Versioned::created(role.version, role)))
}

/// Get a role
#[utoipa::path(
    get,
    path = "/api/v1/roles/{id}",
    operation_id = "get_role",
    params(
        ("id" = RoleId, Path, description = "Id of the role"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, description = "The role", body = RoleView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has this version"),
        (status = 404, description = "`role.not_found`"),
    ),
)]
pub(super) async fn get_role(
    State(api): State<Api>,
    caller: Caller,
    PathParams(id): PathParams<RoleId>,
    known: IfNoneMatch,
) -> Result<Versioned<RoleView>, Problem> {
    let role = RoleView::from(api.service.get_role(caller.tenant, id).await?);
    Ok(Versioned::ok(role.version, role).unless(&known))
}

/// Change a role's name or description
///
/// Only by somebody who holds all permissions of the role.
#[utoipa::path(
    patch,
    path = "/api/v1/roles/{id}",
    operation_id = "update_role",
    params(
        ("id" = RoleId, Path, description = "Id of the role"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = UpdateRole,
    responses(
        (status = 200, description = "The role", body = RoleView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`role.escalation`: the role has a permission that the caller does not hold"),
        (status = 404, description = "`role.not_found`"),
        (status = 409, description = "`role.system`, `role.name_taken`, or changed at the same time"),
    ),
)]
pub(super) async fn update_role(
    State(api): State<Api>,
    caller: Caller,
    PathParams(id): PathParams<RoleId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<UpdateRole>,
) -> Result<Versioned<RoleView>, Problem> {
    let patch = body.parse()?;
    let role = RoleView::from(api.service.update_role(&caller, id, &expected, &patch).await?);
    Ok(Versioned::ok(role.version, role))
}

/// Delete a role
///
/// Only when nobody has it, and by somebody who holds all its permissions.
#[utoipa::path(
    delete,
    path = "/api/v1/roles/{id}",
    operation_id = "delete_role",
    params(
        ("id" = RoleId, Path, description = "Id of the role"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be deleted"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "`role.escalation`: the role has a permission that the caller does not hold"),
        (status = 404, description = "`role.not_found`"),
        (status = 409, description = "`role.system`, `role.in_use`, or changed at the same time"),
    ),
)]
pub(super) async fn delete_role(
    State(api): State<Api>,
    caller: Caller,
    PathParams(id): PathParams<RoleId>,
    expected: IfMatch,
) -> Result<StatusCode, Problem> {
    api.service.delete_role(&caller, id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the permissions of a role
///
/// Only by somebody who holds all permissions of the role, those before and those after.
#[utoipa::path(
    put,
    path = "/api/v1/roles/{id}/permissions",
    operation_id = "set_role_permissions",
    params(
        ("id" = RoleId, Path, description = "Id of the role"),
        ("If-Match" = Option<String>, Header, description = "The version that shall be changed"),
    ),
    request_body = SetRolePermissions,
    responses(
        (status = 200, description = "The role", body = RoleView,
            headers(("ETag" = String, description = "Its version"))),
        (status = 403, description = "`role.escalation`: a permission that the caller does not hold"),
        (status = 404, description = "`role.not_found`"),
        (status = 409, description = "`role.system`, or changed at the same time"),
    ),
)]
pub(super) async fn set_role_permissions(
    State(api): State<Api>,
    caller: Caller,
    PathParams(id): PathParams<RoleId>,
    expected: IfMatch,
    JsonBody(body): JsonBody<SetRolePermissions>,
) -> Result<Versioned<RoleView>, Problem> {
    let permissions = body.parse()?;
    let role = api.service.set_role_permissions(&caller, id, &expected, &permissions).await?;
    let role = RoleView::from(role);
    Ok(Versioned::ok(role.version, role))
}
