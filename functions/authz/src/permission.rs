//! Permission codes, as the manifests declare them.

use std::collections::BTreeSet;

use contracts::{authz::OWNER, catalogue::Permission, generated::permissions::ALL};
use kernel::validate::{Invalid, Violations};

/// Codes in one request. Far above what a platform declares; bounds the work of saying what is wrong.
pub const MAX_CODES: usize = 1_000;

/// The permission with this code.
///
/// # Errors
/// `permission.unknown`
pub fn find_permission(code: &str) -> Result<&'static Permission, Invalid> {
    ALL.iter().find(|permission| permission.code == code).ok_or_else(|| {
        Invalid::new(
            "permission.unknown",
            "must be the code of a permission, as `GET /api/v1/permissions` lists them",
        )
    })
}

/// Whether the system role holds the permission. An owner holds everything.
pub fn is_held_by_system_role(permission: &Permission, role: &str) -> bool {
    role == OWNER.name || permission.roles.contains(&role)
}

/// Permissions that the platform knows, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionSet(BTreeSet<&'static str>);

impl PermissionSet {
    /// What a system role holds.
    pub fn of_system_role(role: &str) -> Self {
        let held = ALL.iter().filter(|permission| is_held_by_system_role(permission, role));
        Self(held.map(|permission| permission.code).collect())
    }

    /// Reads the codes of a request, noting each that is unknown under `{pointer}/{index}`.
    pub fn parse(codes: &[String], pointer: &str, violations: &mut Violations) -> Self {
        if codes.len() > MAX_CODES {
            let detail = format!("must have at most {MAX_CODES} items");
            violations.add(pointer, Invalid::new("permissions.too_many", detail));
            return Self::default();
        }
        let known = codes.iter().enumerate().filter_map(|(index, code)| {
            violations.field(&format!("{pointer}/{index}"), find_permission(code))
        });
        Self(known.map(|permission| permission.code).collect())
    }

    /// Reads stored codes. One whose module has left the platform means nothing any more: kept, it
    /// would bar everybody from changing the role, since nobody can hold it.
    pub fn from_stored(codes: &[String]) -> Self {
        let known = codes.iter().filter_map(|code| find_permission(code).ok());
        Self(known.map(|permission| permission.code).collect())
    }

    pub fn contains(&self, code: &str) -> bool {
        self.0.contains(code)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The codes, sorted.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().copied()
    }

    pub fn to_strings(&self) -> Vec<String> {
        self.codes().map(ToOwned::to_owned).collect()
    }

    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use contracts::generated::permissions::{ROLE_READ, USER_DELETE};

    use super::*;

    #[test]
    fn an_owner_holds_everything_and_a_viewer_only_what_manifests_give() {
        assert_eq!(PermissionSet::of_system_role("owner").codes().count(), ALL.len());
        let viewer = PermissionSet::of_system_role("viewer");
        assert!(viewer.contains(ROLE_READ) && !viewer.contains(USER_DELETE));
        assert!(PermissionSet::of_system_role("nobody").is_empty());
    }

    #[test]
    fn an_unknown_code_is_pointed_at_and_a_repeated_one_counts_once() {
        let codes = [ROLE_READ, "no.such", ROLE_READ, ""].map(ToOwned::to_owned);
        let mut violations = Violations::default();
        let set = PermissionSet::parse(&codes, "/permissions", &mut violations);
        assert_eq!(set.to_strings(), [ROLE_READ]);
        let problem = violations.finish().unwrap_err();
        let pointers: Vec<_> = problem.violations().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(pointers, ["/permissions/1", "/permissions/3"]);
    }

    #[test]
    fn a_stored_code_that_left_the_platform_is_forgotten() {
        let stored = [ROLE_READ, "gone.module"].map(ToOwned::to_owned);
        assert_eq!(PermissionSet::from_stored(&stored).to_strings(), [ROLE_READ]);
    }
}
