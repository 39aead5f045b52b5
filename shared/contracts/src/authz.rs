//! The authorization service, as other services see it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use http::StatusCode;
use kernel::{
    caller::Tenant,
    client::{CallError, ServiceClient},
    id::{RoleId, UserId},
    origin::Origin,
    problem::Kind,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Refusal: the caller lacks some of the permissions at stake.
pub const ESCALATION: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "role.escalation",
    "Nobody can give or take a permission that they do not hold",
);
/// Refusal: the target holds permissions that the caller lacks.
pub const OUTRANKED: Kind = Kind::new(
    StatusCode::FORBIDDEN,
    "user.outranks_caller",
    "Nobody can manage a user with permissions that they do not hold",
);
/// Refusal: a tenant without an owner could not be managed any more.
pub const LAST_OWNER: Kind =
    Kind::new(StatusCode::CONFLICT, "role.last_owner", "The last owner cannot be removed");
/// Refusal: who cannot act yet, or not now, would only seem to own the tenant.
pub const NOT_ACTIVE: Kind =
    Kind::new(StatusCode::CONFLICT, "user.not_active", "Only an active user can become an owner");
/// Refusal: no such role in this tenant.
pub const UNKNOWN_ROLE: Kind =
    Kind::new(StatusCode::UNPROCESSABLE_ENTITY, "role.unknown", "The tenant has no such role");

/// A role that exists in every tenant, cannot be changed, and follows the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemRole {
    pub id: RoleId,
    pub name: &'static str,
    pub description: &'static str,
}

const fn system_role(number: u128, name: &'static str, description: &'static str) -> SystemRole {
    // Fixed ids of the UUIDv7 shape, at the beginning of time.
    let id = RoleId::from_uuid(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + number));
    SystemRole { id, name, description }
}

pub const OWNER: SystemRole = system_role(1, "owner", "Holds every permission of the tenant.");
pub const ADMIN: SystemRole = system_role(2, "admin", "Manages users, roles and settings.");
pub const MEMBER: SystemRole =
    system_role(3, "member", "Works with the product; what everybody starts as.");
pub const VIEWER: SystemRole = system_role(4, "viewer", "Sees, but changes nothing.");
pub const SYSTEM_ROLES: [SystemRole; 4] = [OWNER, ADMIN, MEMBER, VIEWER];

/// A role by both of its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleRef {
    pub id: RoleId,
    #[schema(example = "admin")]
    pub name: String,
}

/// What a user's roles add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Names.
    pub roles: Vec<String>,
    pub permissions: BTreeSet<String>,
}

/// How a user's roles change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleChange {
    /// Exactly these.
    Set,
    /// These too.
    Add,
    /// All but these.
    Remove,
}

/// A change of a user's roles. The user exists: the identity service, which asks for this, knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssignRoles {
    pub change: RoleChange,
    /// Names or ids.
    pub roles: Vec<String>,
    /// Whether the user can act now. Nobody else becomes an owner.
    pub is_active: bool,
    /// What the person who asks may do; `None` is the platform itself, which may everything.
    pub caller_permissions: Option<BTreeSet<String>>,
}

/// A user's roles after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub roles: Vec<RoleRef>,
    /// Grows with every change, so that an older one never overwrites a newer.
    pub version: u64,
}

/// A question before a user is changed, suspended or deleted by somebody else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManageUser {
    pub caller_permissions: BTreeSet<String>,
    /// Whether the user would lose access, which the last owner must not.
    pub is_removal: bool,
}

/// That a user is suspended, or not any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetStanding {
    pub is_suspended: bool,
    /// Of the account from which on this is so. What was said about an older version, coming late,
    /// changes nothing.
    pub account_version: u64,
    pub caller_permissions: BTreeSet<String>,
}

/// The authorization service.
#[async_trait]
pub trait Authorization: Send + Sync + 'static {
    /// What the user's roles add up to. A user without an assignment is a `member`.
    async fn grants(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Grants, CallError>;

    /// Changes a user's roles. Refused with [`UNKNOWN_ROLE`], [`ESCALATION`], [`LAST_OWNER`],
    /// [`NOT_ACTIVE`], field errors (too many roles), or `request.conflict` when others kept changing the same.
    async fn assign(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        change: &AssignRoles,
    ) -> Result<Assignment, CallError>;

    /// Notes that the user is suspended, which the last owner must not be, or not any more: only owners
    /// who are not suspended count. Idempotent. `false` when the standing of a newer version of the
    /// account is known. Refused with [`OUTRANKED`], [`LAST_OWNER`] or `request.conflict`.
    async fn set_standing(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        standing: &SetStanding,
    ) -> Result<bool, CallError>;

    /// Whether the caller may manage the user. Refused with [`OUTRANKED`] or [`LAST_OWNER`].
    async fn check_management(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        question: &ManageUser,
    ) -> Result<(), CallError>;
}

#[async_trait]
impl Authorization for ServiceClient {
    async fn grants(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Grants, CallError> {
        self.get(origin, &format!("/internal/authz/tenants/{tenant}/users/{user}/grants")).await
    }

    async fn assign(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        change: &AssignRoles,
    ) -> Result<Assignment, CallError> {
        self.put(origin, &format!("/internal/authz/tenants/{tenant}/users/{user}/roles"), change)
            .await
    }

    async fn set_standing(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        standing: &SetStanding,
    ) -> Result<bool, CallError> {
        let path = format!("/internal/authz/tenants/{tenant}/users/{user}/standing");
        self.put(origin, &path, standing).await
    }

    async fn check_management(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        question: &ManageUser,
    ) -> Result<(), CallError> {
        let path = format!("/internal/authz/tenants/{tenant}/users/{user}/management");
        self.put(origin, &path, question).await
    }
}
