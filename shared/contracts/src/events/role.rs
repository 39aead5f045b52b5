use kernel::{
    event::EventData,
    id::{RoleId, UserId},
};
use serde::{Deserialize, Serialize};

use crate::authz::RoleRef;

/// A role was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleCreated {
    pub role_id: RoleId,
    pub name: String,
    pub permissions: Vec<String>,
}

/// A role's name or description changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleUpdated {
    pub role_id: RoleId,
    pub name: String,
    pub changed: Vec<String>,
}

/// A role was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDeleted {
    pub role_id: RoleId,
    pub name: String,
}

/// A role got permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionGranted {
    pub role_id: RoleId,
    pub permissions: Vec<String>,
}

/// A role lost permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionRevoked {
    pub role_id: RoleId,
    pub permissions: Vec<String>,
}

/// A user got roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleAssigned {
    pub user_id: UserId,
    /// The roles that are new.
    pub assigned: Vec<RoleRef>,
    /// All roles that the user has now.
    pub roles: Vec<RoleRef>,
    /// Of the user's assignment; a consumer ignores what is older than what it knows.
    pub assignment_version: u64,
}

/// A user lost roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRevoked {
    pub user_id: UserId,
    /// The roles that are gone.
    pub revoked: Vec<RoleRef>,
    /// All roles that the user has now.
    pub roles: Vec<RoleRef>,
    /// Of the user's assignment; a consumer ignores what is older than what it knows.
    pub assignment_version: u64,
}

/// Says that the data is about one role.
macro_rules! about_role {
    ($($data:ident: $kind:literal),+ $(,)?) => {$(
        impl EventData for $data {
            const TYPE: &'static str = $kind;
            const RESOURCE: &'static str = "role";

            fn subject_id(&self) -> String {
                self.role_id.to_string()
            }
        }
    )+};
}

about_role! {
    RoleCreated: "platform.role.created",
    RoleUpdated: "platform.role.updated",
    RoleDeleted: "platform.role.deleted",
    PermissionGranted: "platform.permission.granted",
    PermissionRevoked: "platform.permission.revoked",
}

impl EventData for RoleAssigned {
    const TYPE: &'static str = "platform.role.assigned";
    const RESOURCE: &'static str = "user";

    fn subject_id(&self) -> String {
        self.user_id.to_string()
    }
}

impl EventData for RoleRevoked {
    const TYPE: &'static str = "platform.role.revoked";
    const RESOURCE: &'static str = "user";

    fn subject_id(&self) -> String {
        self.user_id.to_string()
    }
}
