use contracts::authz::{AssignRoles, RoleChange, RoleRef};
use kernel::{
    caller::{Caller, Tenant},
    etag::IfMatch,
    id::UserId,
};

use super::Identity;
use crate::{error::Error, store::Change};

impl Identity {
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
        let wanted = AssignRoles { change, roles, caller_permissions };
        let assignment = self.authz.assign(&caller.origin, caller.tenant, user, &wanted).await?;
        let names: Vec<_> = assignment.roles.iter().map(|role| role.name.clone()).collect();
        // The assignment stands. If showing it fails here, its event does so in a moment.
        if let Err(error) = self.show_roles(caller.tenant, user, &names, assignment.version).await {
            tracing::warn!(%error, "a new assignment of roles is not shown yet");
        }
        Ok(assignment.roles)
    }

    /// Shows a user's roles as of an assignment, unless a newer one is shown already.
    pub async fn show_roles(
        &self,
        tenant: Tenant,
        user: UserId,
        names: &[String],
        version: u64,
    ) -> Result<(), Error> {
        let account = match self.load(tenant, user).await {
            // Nobody is left to show them for.
            Err(Error::NotFound) => return Ok(()),
            account => account?,
        };
        let shown = self.change(tenant, account, |account| {
            account.show_roles(names, version);
            Ok(Change::default())
        });
        match shown.await {
            Err(Error::NotFound) => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}
