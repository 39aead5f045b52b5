use std::collections::BTreeSet;

use contracts::authz::{ManageUser, OWNER, SetStanding};
use kernel::{caller::Tenant, id::UserId};

use super::{Service, until_settled};
use crate::{
    assignment::{Assignment, Standing},
    error::Error,
    permission::PermissionSet,
    role::Role,
    rules::{self, Authority},
    store::AssignmentChange,
};

impl Service {
    /// Whether the caller may manage the user, by what the table says now.
    ///
    /// # Errors
    /// `Outranked`, `LastOwner`
    pub async fn check_management(
        &self,
        tenant: Tenant,
        user: UserId,
        question: &ManageUser,
    ) -> Result<(), Error> {
        let target = self.load_outranked(tenant, user, &question.caller_permissions).await?;
        if question.is_removal && target.roles.contains(&OWNER.id) {
            let owners = self.store.find_owners(tenant).await?;
            if owners == BTreeSet::from([user]) {
                return Err(Error::LastOwner);
            }
        }
        Ok(())
    }

    /// Notes whether a user is suspended, unless that of a newer version of the account is known:
    /// `false`. The same again writes nothing.
    ///
    /// # Errors
    /// `Outranked`, `LastOwner`, `Contended`
    pub async fn set_standing(
        &self,
        tenant: Tenant,
        user: UserId,
        wish: &SetStanding,
    ) -> Result<bool, Error> {
        let SetStanding { is_suspended, account_version, caller_permissions } = wish;
        let standing = Standing { is_suspended: *is_suspended, account_version: *account_version };
        until_settled(async || {
            let current = self.load_outranked(tenant, user, caller_permissions).await?;
            if current.standing.account_version > standing.account_version {
                return Ok(false);
            }
            if current.standing == standing {
                return Ok(true);
            }
            let version = current.version + 1;
            let next = Assignment { roles: current.roles.clone(), standing, version };
            let change = AssignmentChange {
                user,
                next: &next,
                ownership: current.ownership(&next),
                joined: Vec::new(),
                left: Vec::new(),
                now: self.clock.now(),
            };
            self.store.save_assignment(tenant, &change, &[]).await?;
            Ok(true)
        })
        .await
    }

    /// What is stored about a user, provided that somebody with these permissions may manage them.
    async fn load_outranked(
        &self,
        tenant: Tenant,
        user: UserId,
        caller_permissions: &BTreeSet<String>,
    ) -> Result<Assignment, Error> {
        let target = self.store.find_assignment(tenant, user).await?.unwrap_or_default();
        let roles = self.load_roles(tenant, &target.roles).await?;
        let held = roles.values().map(Role::permissions);
        let held = held.fold(PermissionSet::default(), |all, one| all.union(&one));
        rules::check_management(&Authority::Holder(caller_permissions.clone()), &held)?;
        Ok(target)
    }
}
