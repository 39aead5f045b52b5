//! Which roles a user has, and how that changes.

use std::collections::BTreeSet;

use contracts::authz::{MEMBER, OWNER, RoleChange};
use kernel::id::RoleId;
use serde::{Deserialize, Serialize};

/// Roles that one user can have. Keeps a change within one transaction.
pub const MAX_ROLES: usize = 20;

/// The roles of one user, and whether they can use them. Ordered by id: system roles first, then by age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub roles: BTreeSet<RoleId>,
    pub standing: Standing,
    /// 0 until something is stored.
    pub version: u64,
}

/// Whether a user is suspended, as of a version of their account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub is_suspended: bool,
    pub account_version: u64,
}

impl Default for Assignment {
    /// What everybody starts as.
    fn default() -> Self {
        Self { roles: BTreeSet::from([MEMBER.id]), standing: Standing::default(), version: 0 }
    }
}

/// From the roles that a user has to those that they will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub next: BTreeSet<RoleId>,
    pub added: BTreeSet<RoleId>,
    pub removed: BTreeSet<RoleId>,
}

impl Assignment {
    /// What changes when `named` are set, added or removed.
    pub fn transition(&self, change: RoleChange, named: &BTreeSet<RoleId>) -> Transition {
        let next: BTreeSet<RoleId> = match change {
            RoleChange::Set => named.clone(),
            RoleChange::Add => self.roles.union(named).copied().collect(),
            RoleChange::Remove => self.roles.difference(named).copied().collect(),
        };
        Transition {
            added: next.difference(&self.roles).copied().collect(),
            removed: self.roles.difference(&next).copied().collect(),
            next,
        }
    }

    /// What becomes of the user as an owner on the way to `next`.
    pub fn ownership(&self, next: &Self) -> Ownership {
        match (self.is_acting_owner(), next.is_acting_owner()) {
            (false, true) => Ownership::Gained,
            (true, false) => Ownership::Lost,
            (true, true) | (false, false) => Ownership::Unchanged,
        }
    }

    fn is_acting_owner(&self) -> bool {
        self.roles.contains(&OWNER.id) && !self.standing.is_suspended
    }
}

/// Whether a user becomes an owner who can act, or stops being one. A suspended owner counts for
/// nothing: they could not make somebody else an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    Gained,
    Lost,
    Unchanged,
}

impl Transition {
    pub fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use contracts::authz::SYSTEM_ROLES;
    use proptest::{collection::btree_set, prelude::*, sample::select};

    use super::*;

    fn roles() -> impl Strategy<Value = BTreeSet<RoleId>> {
        btree_set(select(SYSTEM_ROLES.map(|role| role.id).to_vec()), 0..=4)
    }

    fn change() -> impl Strategy<Value = RoleChange> {
        select(vec![RoleChange::Set, RoleChange::Add, RoleChange::Remove])
    }

    fn having(roles: BTreeSet<RoleId>) -> Assignment {
        Assignment { roles, ..Assignment::default() }
    }

    proptest! {
        #[test]
        fn a_transition_leads_from_the_present_roles_to_the_next(
            roles in roles(), named in roles(), change in change()
        ) {
            let transition = having(roles.clone()).transition(change, &named);
            let mut reached: BTreeSet<_> = roles.difference(&transition.removed).copied().collect();
            reached.extend(&transition.added);
            prop_assert_eq!(&reached, &transition.next);
            prop_assert!(transition.added.is_disjoint(&roles));
            prop_assert!(transition.removed.is_subset(&roles));
            prop_assert_eq!(transition.is_nothing(), transition.next == roles);
        }

        #[test]
        fn the_same_change_again_is_nothing(roles in roles(), named in roles(), change in change()) {
            let once = having(roles).transition(change, &named);
            let twice = having(once.next).transition(change, &named);
            prop_assert!(twice.is_nothing());
        }
    }
}
