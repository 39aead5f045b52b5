//! What requests and answers about roles look like.

use jiff::Timestamp;
use kernel::{id::RoleId, page::Limit, problem::Problem, validate::Violations};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    permission::PermissionSet,
    role::{Description, NewRole, Role, RoleName, RolePatch},
};

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(in crate::api) struct RoleView {
    pub(super) id: RoleId,
    #[schema(example = "Editor")]
    name: String,
    #[schema(example = "Writes and publishes posts.")]
    description: String,
    /// Whether it is one of the four that every tenant has; those follow the platform and cannot be changed.
    is_system: bool,
    /// Codes, sorted.
    #[schema(example = json!(["role.read", "tenant.read"]))]
    permissions: Vec<String>,
    /// `null` for system roles.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    created_at: Option<Timestamp>,
    /// `null` for system roles.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    updated_at: Option<Timestamp>,
    pub(super) version: u64,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let (id, permissions) = (role.id(), role.permissions().to_strings());
        match role {
            Role::System(role) => Self {
                id,
                name: role.name.to_owned(),
                description: role.description.to_owned(),
                is_system: true,
                permissions,
                created_at: None,
                updated_at: None,
                version: 1,
            },
            Role::Custom(role) => Self {
                id,
                name: role.name.as_str().to_owned(),
                description: role.description.as_str().to_owned(),
                is_system: false,
                permissions,
                created_at: Some(role.created_at),
                updated_at: Some(role.updated_at),
                version: role.version,
            },
        }
    }
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CreateRole {
    /// Unique in the tenant without regard to case.
    #[schema(min_length = 1, max_length = 64, example = "Editor")]
    name: String,
    #[serde(default)]
    #[schema(max_length = 500, example = "Writes and publishes posts.")]
    description: String,
    /// Codes of permissions that the caller holds.
    #[serde(default)]
    #[schema(max_items = 1000, example = json!(["role.read"]))]
    permissions: Vec<String>,
}

/// What shall be different about a role. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct UpdateRole {
    #[schema(min_length = 1, max_length = 64, example = "Editor")]
    name: Option<String>,
    #[schema(max_length = 500, example = "Writes and publishes posts.")]
    description: Option<String>,
}

/// The permissions that a role shall have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SetRolePermissions {
    /// Codes of permissions that the caller holds.
    #[schema(max_items = 1000, example = json!(["role.read", "tenant.read"]))]
    permissions: Vec<String>,
}

/// How to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ListRoles {
    /// Items per page.
    #[serde(default)]
    #[param(value_type = u32, minimum = 1, maximum = 100, default = 20)]
    pub(super) limit: Limit,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

impl CreateRole {
    pub(super) fn parse(self) -> Result<NewRole, Problem> {
        let Self { name, description, permissions } = self;
        let mut violations = Violations::default();
        let name = violations.field("/name", RoleName::parse(&name));
        let description = violations.field("/description", Description::parse(&description));
        let permissions = PermissionSet::parse(&permissions, "/permissions", &mut violations);
        violations.finish()?;
        let (name, description) = name.zip(description).expect("what is missing is a violation");
        Ok(NewRole { name, description, permissions })
    }
}

impl UpdateRole {
    pub(super) fn parse(self) -> Result<RolePatch, Problem> {
        let Self { name, description } = self;
        let mut violations = Violations::default();
        let name = name.and_then(|text| violations.field("/name", RoleName::parse(&text)));
        let description = description
            .and_then(|text| violations.field("/description", Description::parse(&text)));
        violations.finish()?;
        Ok(RolePatch { name, description })
    }
}

impl SetRolePermissions {
    pub(super) fn parse(self) -> Result<PermissionSet, Problem> {
        let Self { permissions } = self;
        let mut violations = Violations::default();
        let permissions = PermissionSet::parse(&permissions, "/permissions", &mut violations);
        violations.finish()?;
        Ok(permissions)
    }
}
