use std::collections::BTreeSet;

use aws::{Key, StoreError, Write};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{RoleId, UserId},
};
use serde::{Deserialize, Serialize};

use super::{Store, roles::count_members};
use crate::{
    assignment::{Assignment, Ownership, Standing},
    error::Error,
    role::CustomRole,
};

#[derive(Serialize, Deserialize)]
struct AssignmentItem {
    roles: BTreeSet<RoleId>,
    #[serde(default)]
    standing: Standing,
    version: u64,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
struct OwnersItem {
    users: BTreeSet<UserId>,
}

/// A change of a user's roles or standing that has been judged.
pub struct AssignmentChange<'a> {
    pub user: UserId,
    pub next: &'a Assignment,
    pub ownership: Ownership,
    /// Custom roles that the user gets, and loses, as they were when the change was judged.
    pub joined: Vec<&'a CustomRole>,
    pub left: Vec<&'a CustomRole>,
    pub now: Timestamp,
}

impl Store {
    /// `None` when nothing was ever stored about the user.
    pub async fn find_assignment(
        &self,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<Assignment>, StoreError> {
        let item: Option<AssignmentItem> = self.table.get(&assignment_key(tenant, user)).await?;
        Ok(item.map(|AssignmentItem { roles, standing, version, updated_at: _ }| Assignment {
            roles,
            standing,
            version,
        }))
    }

    pub async fn find_owners(&self, tenant: Tenant) -> Result<BTreeSet<UserId>, StoreError> {
        let item: Option<OwnersItem> = self.table.get(&owners_key(tenant)).await?;
        Ok(item.map(|item| item.users).unwrap_or_default())
    }

    /// Saves the next version of an assignment together with all that hangs on it.
    ///
    /// # Errors
    /// `LastOwner`; `Contended` when the assignment or one of the roles is not as it was judged.
    pub async fn save_assignment(
        &self,
        tenant: Tenant,
        change: &AssignmentChange<'_>,
        events: &[Envelope],
    ) -> Result<(), Error> {
        let AssignmentChange { user, next, ownership, joined, left, now } = change;
        let Assignment { roles, standing, version } = (*next).clone();
        let item = AssignmentItem { roles, standing, version, updated_at: *now };
        let put = Write::put(assignment_key(tenant, *user), &item).announce(events);
        let put = match next.version {
            1 => put.if_absent(),
            version => put.if_equals("version", &(version - 1)),
        };
        let mut writes = vec![put];
        let has_owner_write = *ownership != Ownership::Unchanged;
        writes.extend(write_ownership(tenant, *user, *ownership));
        writes.extend(joined.iter().map(|role| count_members(tenant, role, 1)));
        writes.extend(left.iter().map(|role| count_members(tenant, role, -1)));
        match self.table.write_all(writes).await {
            Err(StoreError::Condition(1)) if has_owner_write => Err(Error::LastOwner),
            Err(StoreError::Condition(_)) => Err(Error::Contended),
            outcome => Ok(outcome?),
        }
    }
}

/// The owners who can act are one item, so that of two who leave at the same time one is refused.
fn write_ownership(tenant: Tenant, user: UserId, ownership: Ownership) -> Option<Write> {
    let update = Write::update(owners_key(tenant));
    let owner = vec![user.to_string()];
    match ownership {
        Ownership::Gained => Some(update.add_to_set("users", owner)),
        Ownership::Lost => Some(
            update.remove_from_set("users", owner).when("size(#users) > :one").value(":one", &1),
        ),
        Ownership::Unchanged => None,
    }
}

fn assignment_key(tenant: Tenant, user: UserId) -> Key {
    Key::new(format!("T#{tenant}#USER#{user}"), "roles")
}

fn owners_key(tenant: Tenant) -> Key {
    Key::new(format!("T#{tenant}#OWNERS"), "owners")
}
