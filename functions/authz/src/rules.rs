//! Who may give what to whom. Pure: each rule is a function of permissions, and nothing else.
//!
//! They all follow from one sentence: **nobody can give or take a permission that they do not hold.**

use std::collections::BTreeSet;

use crate::{error::Error, permission::PermissionSet};

/// On whose authority something happens.
#[derive(Debug, Clone)]
pub enum Authority {
    /// The platform itself, which may everything: seeding, sagas.
    Platform,
    /// A person with these permissions.
    Holder(BTreeSet<String>),
}

impl Authority {
    /// What of `permissions` this authority does not cover.
    fn missing(&self, permissions: &PermissionSet) -> Vec<&'static str> {
        match self {
            Self::Platform => Vec::new(),
            Self::Holder(held) => {
                permissions.codes().filter(|code| !held.contains(*code)).collect()
            }
        }
    }

    fn covers(&self, permissions: &PermissionSet) -> Result<(), Error> {
        match self.missing(permissions) {
            missing if missing.is_empty() => Ok(()),
            missing => Err(Error::Escalation { missing }),
        }
    }
}

/// A new role: only with permissions that its maker holds.
pub fn check_creation(authority: &Authority, permissions: &PermissionSet) -> Result<(), Error> {
    authority.covers(permissions)
}

/// Any change of a role, or its end: only by somebody who holds all that it gives now. Else who may
/// change roles could rename, empty or delete those above them.
pub fn check_change(authority: &Authority, present: &PermissionSet) -> Result<(), Error> {
    authority.covers(present)
}

/// New permissions for a role: those before and those after.
pub fn check_permissions(
    authority: &Authority,
    present: &PermissionSet,
    next: &PermissionSet,
) -> Result<(), Error> {
    authority.covers(&present.union(next))
}

/// Roles that are given to a user or taken away: all that they hold.
pub fn check_assignment<'a>(
    authority: &Authority,
    touched: impl IntoIterator<Item = &'a PermissionSet>,
) -> Result<(), Error> {
    let at_stake = touched.into_iter().fold(PermissionSet::default(), |all, one| all.union(one));
    authority.covers(&at_stake)
}

/// A user managed by somebody else: only by one who holds all that the user holds.
pub fn check_management(authority: &Authority, target: &PermissionSet) -> Result<(), Error> {
    if authority.missing(target).is_empty() { Ok(()) } else { Err(Error::Outranked) }
}

#[cfg(test)]
mod tests {
    use contracts::generated::permissions::ALL;
    use kernel::validate::Violations;
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn codes() -> impl Strategy<Value = Vec<String>> {
        let all: Vec<String> = ALL.iter().map(|permission| permission.code.to_owned()).collect();
        vec(select(all), 0..8)
    }

    fn set(codes: &[String]) -> PermissionSet {
        PermissionSet::parse(codes, "/permissions", &mut Violations::default())
    }

    fn holder(codes: &[String]) -> Authority {
        Authority::Holder(codes.iter().cloned().collect())
    }

    #[test]
    fn the_platform_may_everything() {
        let everything = PermissionSet::of_system_role("owner");
        assert!(check_creation(&Authority::Platform, &everything).is_ok());
        assert!(check_management(&Authority::Platform, &everything).is_ok());
    }

    #[test]
    fn an_escalation_names_what_is_missing() {
        let authority = holder(&["role.read".to_owned()]);
        let wanted = set(&["role.read".to_owned(), "user.delete".to_owned()]);
        match check_creation(&authority, &wanted) {
            Err(Error::Escalation { missing }) => assert_eq!(missing, ["user.delete"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whoever_may_not_give_a_permission_may_not_take_it_either() {
        let authority = holder(&["role.update".to_owned()]);
        let present = set(&["user.delete".to_owned()]);
        assert!(check_permissions(&authority, &present, &PermissionSet::default()).is_err());
        assert!(check_change(&authority, &present).is_err());
        assert!(check_assignment(&authority, [&present]).is_err());
    }

    #[test]
    fn nobody_manages_those_who_hold_more() {
        let member = PermissionSet::of_system_role("member");
        let owner = PermissionSet::of_system_role("owner");
        let authority = holder(&member.to_strings());
        assert!(check_management(&authority, &member).is_ok());
        assert!(matches!(check_management(&authority, &owner), Err(Error::Outranked)));
    }

    proptest! {
        #[test]
        fn what_passes_is_held_and_what_is_held_passes(held in codes(), present in codes(), next in codes()) {
            let authority = holder(&held);
            let (present, next) = (set(&present), set(&next));
            let holds = |set: &PermissionSet| set.codes().all(|code| held.iter().any(|h| h == code));
            prop_assert_eq!(check_creation(&authority, &next).is_ok(), holds(&next));
            prop_assert_eq!(check_change(&authority, &present).is_ok(), holds(&present));
            prop_assert_eq!(check_management(&authority, &present).is_ok(), holds(&present));
            prop_assert_eq!(
                check_permissions(&authority, &present, &next).is_ok(), holds(&present) && holds(&next)
            );
            prop_assert_eq!(
                check_assignment(&authority, [&present, &next]).is_ok(), holds(&present) && holds(&next)
            );
        }
    }
}
