use std::{fmt, str::FromStr, sync::Arc};

use contracts::{
    authz::SYSTEM_ROLES,
    events::{PermissionGranted, PermissionRevoked, RoleCreated, RoleDeleted, RoleUpdated},
};
use kernel::{
    caller::{Caller, Tenant},
    etag::IfMatch,
    id::RoleId,
};

use super::{Service, until_settled};
use crate::{
    error::Error,
    permission::PermissionSet,
    role::{CustomRole, NewRole, Role, RolePatch, find_system_role},
    rules::{self, Authority},
};

/// Where a list of roles goes on: the system roles come first, then the custom ones by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolePosition {
    /// At the system role with this index.
    System(usize),
    /// After this position of the store; `None` is the first custom role.
    Custom(Option<String>),
}

impl Default for RolePosition {
    fn default() -> Self {
        Self::System(0)
    }
}

impl Service {
    /// The role, with one read for a custom role and none for a system role.
    pub async fn get_role(&self, tenant: Tenant, id: RoleId) -> Result<Role, Error> {
        if let Some(role) = find_system_role(id) {
            return Ok(Role::System(role));
        }
        let role = self.store.find_role(tenant, id).await?.ok_or(Error::RoleNotFound)?;
        Ok(Role::Custom(Arc::new(role)))
    }

    /// A page of roles, and where the next one begins.
    pub async fn list_roles(
        &self,
        tenant: Tenant,
        limit: u32,
        from: RolePosition,
    ) -> Result<(Vec<Role>, Option<RolePosition>), Error> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut page = Vec::new();
        let after = match from {
            RolePosition::Custom(after) => after,
            RolePosition::System(index) => {
                let system = SYSTEM_ROLES.into_iter().skip(index).take(wanted);
                page.extend(system.map(Role::System));
                let reached = index + page.len();
                if reached < SYSTEM_ROLES.len() {
                    return Ok((page, Some(RolePosition::System(reached))));
                }
                None
            }
        };
        let room = wanted - page.len();
        // A full page still has to know whether anything comes after it.
        let look_ahead = u32::try_from(room.max(1)).unwrap_or(u32::MAX);
        let (custom, position) = self.store.list_roles(tenant, look_ahead, after).await?;
        if room == 0 {
            let next = (!custom.is_empty()).then_some(RolePosition::Custom(None));
            return Ok((page, next));
        }
        page.extend(custom.into_iter().map(|role| Role::Custom(Arc::new(role))));
        Ok((page, position.map(|position| RolePosition::Custom(Some(position)))))
    }

    /// Creates a role with this id. When there is one, then it was made by an earlier attempt at the same
    /// request, whose answer got lost.
    ///
    /// # Errors
    /// `NameTaken`, `Escalation`
    pub async fn create_role(
        &self,
        caller: &Caller,
        id: RoleId,
        new: NewRole,
    ) -> Result<Role, Error> {
        rules::check_creation(&authority_of(caller), &new.permissions)?;
        if new.name.is_system_role() {
            return Err(Error::NameTaken);
        }
        let role = CustomRole::new(id, new, self.clock.now());
        let created = RoleCreated {
            role_id: role.id,
            name: role.name.as_str().to_owned(),
            permissions: role.permissions.to_strings(),
        };
        let events = [self.event(caller.tenant, &caller.origin, &created)];
        let role = match self.store.create_role(caller.tenant, &role, &events).await {
            Ok(()) => role,
            Err(refusal @ (Error::NameTaken | Error::Contended)) => {
                self.store.find_role(caller.tenant, id).await?.ok_or(refusal)?
            }
            Err(error) => return Err(error),
        };
        Ok(Role::Custom(Arc::new(role)))
    }

    /// Changes name and description. A patch that changes nothing announces nothing.
    ///
    /// # Errors
    /// `RoleNotFound`, `SystemRole`, `Stale`, `Escalation`, `NameTaken`, `Contended`
    pub async fn update_role(
        &self,
        caller: &Caller,
        id: RoleId,
        expected: &IfMatch,
        patch: &RolePatch,
    ) -> Result<Role, Error> {
        until_settled(async || {
            let role = self.load_for_change(caller, id, expected).await?;
            let Some((next, changed)) = role.patched(patch, self.clock.now()) else {
                return Ok(Role::Custom(Arc::new(role)));
            };
            if next.name.is_system_role() {
                return Err(Error::NameTaken);
            }
            let name = next.name.as_str().to_owned();
            let updated = RoleUpdated { role_id: id, name, changed };
            let events = [self.event(caller.tenant, &caller.origin, &updated)];
            let saved = self.store.save_role(caller.tenant, &role, &next, &events).await;
            self.lookup.forget_role(caller.tenant, id).await;
            saved.map(|()| Role::Custom(Arc::new(next)))
        })
        .await
    }

    /// Replaces the permissions. Announces what came and what went.
    ///
    /// # Errors
    /// `RoleNotFound`, `SystemRole`, `Stale`, `Escalation`, `Contended`
    pub async fn set_role_permissions(
        &self,
        caller: &Caller,
        id: RoleId,
        expected: &IfMatch,
        permissions: &PermissionSet,
    ) -> Result<Role, Error> {
        until_settled(async || {
            let role = self.load_for_change(caller, id, expected).await?;
            let present = &role.permissions;
            rules::check_permissions(&authority_of(caller), present, permissions)?;
            let Some(next) = role.with_permissions(permissions, self.clock.now()) else {
                return Ok(Role::Custom(Arc::new(role)));
            };
            let mut events = Vec::new();
            let granted = next.permissions.without(present);
            if !granted.is_empty() {
                let data = PermissionGranted { role_id: id, permissions: granted.to_strings() };
                events.push(self.event(caller.tenant, &caller.origin, &data));
            }
            let revoked = present.without(&next.permissions);
            if !revoked.is_empty() {
                let data = PermissionRevoked { role_id: id, permissions: revoked.to_strings() };
                events.push(self.event(caller.tenant, &caller.origin, &data));
            }
            let saved = self.store.save_role(caller.tenant, &role, &next, &events).await;
            self.lookup.forget_role(caller.tenant, id).await;
            saved.map(|()| Role::Custom(Arc::new(next)))
        })
        .await
    }

    /// # Errors
    /// `RoleNotFound`, `SystemRole`, `Stale`, `Escalation`, `InUse`, `Contended`
    pub async fn delete_role(
        &self,
        caller: &Caller,
        id: RoleId,
        expected: &IfMatch,
    ) -> Result<(), Error> {
        until_settled(async || {
            let role = self.load_for_change(caller, id, expected).await?;
            if role.members > 0 {
                return Err(Error::InUse { members: role.members });
            }
            let deleted = RoleDeleted { role_id: id, name: role.name.as_str().to_owned() };
            let events = [self.event(caller.tenant, &caller.origin, &deleted)];
            let now = self.clock.now();
            let saved = self.store.delete_role(caller.tenant, &role, now, &events).await;
            self.lookup.forget_role(caller.tenant, id).await;
            saved
        })
        .await
    }

    /// A custom role that the caller may change, at a version that they know.
    async fn load_for_change(
        &self,
        caller: &Caller,
        id: RoleId,
        expected: &IfMatch,
    ) -> Result<CustomRole, Error> {
        if find_system_role(id).is_some() {
            return Err(Error::SystemRole);
        }
        let role = self.store.find_role(caller.tenant, id).await?;
        let role = role.ok_or(Error::RoleNotFound)?;
        let stale = |_| Error::Stale { current: role.version };
        expected.check(role.version).map_err(stale)?;
        rules::check_change(&authority_of(caller), &role.permissions)?;
        Ok(role)
    }
}

fn authority_of(caller: &Caller) -> Authority {
    Authority::Holder(caller.permissions.clone())
}

impl fmt::Display for RolePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(index) => write!(f, "system:{index}"),
            Self::Custom(None) => f.write_str("custom"),
            Self::Custom(Some(after)) => write!(f, "custom:{after}"),
        }
    }
}

/// The text is no position.
#[derive(Debug, thiserror::Error)]
#[error("not a position in a list of roles")]
pub struct NoPosition;

impl FromStr for RolePosition {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "custom" => Ok(Self::Custom(None)),
            Some(("custom", after)) => Ok(Self::Custom(Some(after.to_owned()))),
            Some(("system", index)) => index.parse().map(Self::System).map_err(|_| NoPosition),
            _ => Err(NoPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_being_written_down() {
        let positions = [
            RolePosition::System(3),
            RolePosition::Custom(None),
            RolePosition::Custom(Some("{\"pk\":\"T#1:2\"}".to_owned())),
        ];
        for position in positions {
            assert_eq!(position.to_string().parse::<RolePosition>().unwrap(), position);
        }
        assert!("system:x".parse::<RolePosition>().is_err());
    }
}
