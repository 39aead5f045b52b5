use std::collections::BTreeSet;

use contracts::{
    authz::{AssignRoles, RoleChange, RoleRef},
    identity::UserStatus,
};
use kernel::{
    caller::{Caller, Tenant},
    etag::IfMatch,
    id::UserId,
    origin::Origin,
};

use super::Service;
use crate::{error::Error, store::Change};

impl Service {
    /// Changes a user's roles, as far as the caller holds what they give; the authorization service
    /// decides. Gives the roles after the change.
    pub async fn change_roles(
        &self,
        caller: &Caller,
        user: UserId,
        expected: &IfMatch,
        change: RoleChange,
        roles: Vec<String>,
    ) -> Result<Vec<RoleRef>, Error> {
        let account = self.load(caller.tenant, user).await?;
        expected.check(account.version)?;
        let caller_permissions = Some(caller.permissions.clone());
        let is_active = account.status == UserStatus::Active;
        let wanted = AssignRoles { change, roles, is_active, caller_permissions };
        let assignment = self.authz.assign(&caller.origin, caller.tenant, user, &wanted).await?;
        let names: Vec<_> = assignment.roles.iter().map(|role| role.name.clone()).collect();
        // The assignment stands. If showing it fails here, its event does so in a moment.
        let shown =
            self.show_roles(&caller.origin, caller.tenant, user, &names, assignment.version);
        if let Err(error) = shown.await {
            tracing::warn!(%error, "a new assignment of roles is not shown yet");
        }
        Ok(assignment.roles)
    }

    /// Shows a user's roles as of an assignment, unless a newer one is shown already. Roles that were
    /// given while the user was being deleted go again: the deleted count for nothing.
    pub async fn show_roles(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        names: &[String],
        version: u64,
    ) -> Result<(), Error> {
        let Some(account) = self.store.find(tenant, user).await? else { return Ok(()) };
        let shown = self.change(tenant, account, |account| {
            if account.is_deleted() {
                return Err(Error::NotFound);
            }
            account.show_roles(names, version);
            Ok(Change::default())
        });
        match shown.await {
            Err(Error::NotFound) if !names.is_empty() => {
                self.take_roles(origin, tenant, user, None).await
            }
            Err(Error::NotFound) => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Takes all roles away, by somebody with these permissions, or else by the platform itself; refused
    /// for the last owner.
    pub(super) async fn take_roles(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        caller_permissions: Option<BTreeSet<String>>,
    ) -> Result<(), Error> {
        let (change, roles) = (RoleChange::Set, Vec::new());
        let none = AssignRoles { change, roles, is_active: false, caller_permissions };
        self.authz.assign(origin, tenant, user, &none).await?;
        Ok(())
    }
}
