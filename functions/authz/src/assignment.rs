//! Which roles a user has, and how that changes.

use std::collections::BTreeSet;

use contracts::authz::{MEMBER, OWNER, RoleChange};
use kernel::id::RoleId;

/// Roles that one user can have. Keeps a change within one transaction.
pub const MAX_ROLES: usize = 20;

/// The roles of one user. Ordered by id: system roles first, then by age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub roles: BTreeSet<RoleId>,
    /// 0 until something is stored.
    pub version: u64,
}

impl Default for Assignment {
    /// What everybody starts as.
    fn default() -> Self {
        Self { roles: BTreeSet::from([MEMBER.id]), version: 0 }
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
}

/// Whether a user becomes an owner, or stops being one.
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

    pub fn ownership(&self) -> Ownership {
        if self.added.contains(&OWNER.id) {
            Ownership::Gained
        } else if self.removed.contains(&OWNER.id) {
            Ownership::Lost
        } else {
            Ownership::Unchanged
        }
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

    proptest! {
        #[test]
        fn a_transition_leads_from_the_present_roles_to_the_next(
            roles in roles(), named in roles(), change in change()
        ) {
            let transition = Assignment { roles: roles.clone(), version: 1 }.transition(change, &named);
            let mut reached: BTreeSet<_> = roles.difference(&transition.removed).copied().collect();
            reached.extend(&transition.added);
            prop_assert_eq!(&reached, &transition.next);
            prop_assert!(transition.added.is_disjoint(&roles));
            prop_assert!(transition.removed.is_subset(&roles));
            prop_assert_eq!(transition.is_nothing(), transition.next == roles);
        }

        #[test]
        fn the_same_change_again_is_nothing(roles in roles(), named in roles(), change in change()) {
            let once = Assignment { roles, version: 1 }.transition(change, &named);
            let twice = Assignment { roles: once.next, version: 2 }.transition(change, &named);
            prop_assert!(twice.is_nothing());
        }
    }
}
