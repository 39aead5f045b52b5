use axum::Json;
use contracts::{authz::SYSTEM_ROLES, catalogue::Permission, generated::permissions::ALL};
use kernel::page::Page;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permission::is_held_by_system_role;

/// A permission that some module declares.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Permission)]
pub(super) struct PermissionView {
    #[schema(example = "role.read")]
    code: &'static str,
    #[schema(example = "See roles and permissions.")]
    description: &'static str,
    /// The module that declares it.
    #[schema(example = "authz")]
    module: &'static str,
    /// Names of the system roles that hold it.
    #[schema(example = json!(["owner", "admin", "member", "viewer"]))]
    roles: Vec<&'static str>,
}

impl From<&Permission> for PermissionView {
    fn from(permission: &Permission) -> Self {
        let Permission { code, description, module, roles: _ } = *permission;
        let names = SYSTEM_ROLES.into_iter().map(|role| role.name);
        let roles = names.filter(|name| is_held_by_system_role(permission, name)).collect();
        Self { code, description, module, roles }
    }
}

/// List the permissions
///
/// All of them in one page, as the modules of the platform declare them.
#[utoipa::path(
    get,
    path = "/api/v1/permissions",
    operation_id = "list_permissions",
    responses((status = 200, description = "Every permission", body = Page<PermissionView>)),
)]
pub(super) async fn list_permissions() -> Json<Page<PermissionView>> {
    let items = ALL.iter().map(PermissionView::from).collect();
    Json(Page { items, next_cursor: None })
}
