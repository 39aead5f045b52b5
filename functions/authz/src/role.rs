//! Roles: the four that every tenant has, and those that a tenant makes.

use std::sync::Arc;

use contracts::authz::{RoleRef, SYSTEM_ROLES, SystemRole};
use jiff::Timestamp;
use kernel::{
    id::RoleId,
    text::fold,
    validate::{Invalid, text},
};

use crate::permission::PermissionSet;

const MAX_NAME: usize = 64;
/// A name is part of a key, and folding can make it many times as long.
const MAX_FOLDED_BYTES: usize = 512;
const MAX_DESCRIPTION: usize = 500;

/// A role's name: unique in its tenant whatever its case, and never to be taken for an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleName(String);

impl RoleName {
    /// # Errors
    /// `text.*`, `role.name_like_id`
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let name = text(name, 1, MAX_NAME)?;
        if name.chars().any(is_invisible) {
            return Err(Invalid::new("text.invalid", "must not contain invisible characters"));
        }
        if name.parse::<RoleId>().is_ok() {
            return Err(Invalid::new("role.name_like_id", "must not look like an id"));
        }
        let folded = fold(&name);
        if folded.is_empty() || folded.len() > MAX_FOLDED_BYTES {
            return Err(Invalid::new("text.invalid", "has characters that names cannot have"));
        }
        Ok(Self(name))
    }

    /// A name that was parsed before it was stored.
    pub fn from_stored(name: String) -> Self {
        Self(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names must not share.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    pub fn is_system_role(&self) -> bool {
        find_system_role_by_name(self).is_some()
    }
}

/// Characters that make two names look the same, such as a zero-width space in `owner`, or that turn
/// the direction of the text after them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What a role is for, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// # Errors
    /// `text.too_long`, `text.invalid`
    pub fn parse(description: &str) -> Result<Self, Invalid> {
        text(description, 0, MAX_DESCRIPTION).map(Self)
    }

    /// A description that was parsed before it was stored.
    pub fn from_stored(description: String) -> Self {
        Self(description)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A role that a tenant made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    pub id: RoleId,
    pub name: RoleName,
    pub description: Description,
    pub permissions: PermissionSet,
    /// How many users have it.
    pub members: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Grows with each change of the role itself, not with its members.
    pub version: u64,
}

/// A new role, as somebody asks for it.
#[derive(Debug, Clone)]
pub struct NewRole {
    pub name: RoleName,
    pub description: Description,
    pub permissions: PermissionSet,
}

/// What shall be different about a role.
#[derive(Debug, Clone, Default)]
pub struct RolePatch {
    pub name: Option<RoleName>,
    pub description: Option<Description>,
}

impl CustomRole {
    pub fn new(id: RoleId, new: NewRole, now: Timestamp) -> Self {
        let NewRole { name, description, permissions } = new;
        Self {
            id,
            name,
            description,
            permissions,
            members: 0,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// The role after the patch, and the names of the fields that differ; `None` when nothing does.
    pub fn patched(&self, patch: &RolePatch, now: Timestamp) -> Option<(Self, Vec<String>)> {
        let RolePatch { name, description } = patch;
        let mut role = self.next_version(now);
        let mut changed = Vec::new();
        if let Some(name) = name.as_ref().filter(|name| **name != self.name) {
            role.name = name.clone();
            changed.push("name".to_owned());
        }
        if let Some(description) = description.as_ref().filter(|text| **text != self.description) {
            role.description = description.clone();
            changed.push("description".to_owned());
        }
        (!changed.is_empty()).then_some((role, changed))
    }

    /// The role with these permissions instead of its own; `None` when they are the same.
    pub fn with_permissions(&self, permissions: &PermissionSet, now: Timestamp) -> Option<Self> {
        let next = Self { permissions: permissions.clone(), ..self.next_version(now) };
        (next.permissions != self.permissions).then_some(next)
    }

    fn next_version(&self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self.clone() }
    }
}

/// A role of either sort.
#[derive(Debug, Clone)]
pub enum Role {
    System(SystemRole),
    Custom(Arc<CustomRole>),
}

impl Role {
    pub fn id(&self) -> RoleId {
        match self {
            Self::System(role) => role.id,
            Self::Custom(role) => role.id,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::System(role) => role.name,
            Self::Custom(role) => role.name.as_str(),
        }
    }

    pub fn permissions(&self) -> PermissionSet {
        match self {
            Self::System(role) => PermissionSet::of_system_role(role.name),
            Self::Custom(role) => role.permissions.clone(),
        }
    }

    pub fn reference(&self) -> RoleRef {
        RoleRef { id: self.id(), name: self.name().to_owned() }
    }
}

/// The system role with this id.
pub fn find_system_role(id: RoleId) -> Option<SystemRole> {
    SYSTEM_ROLES.into_iter().find(|role| role.id == id)
}

fn find_system_role_by_name(name: &RoleName) -> Option<SystemRole> {
    let folded = name.folded();
    SYSTEM_ROLES.into_iter().find(|role| role.name == folded)
}

/// How a request names a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleReference {
    Id(RoleId),
    /// Of a custom role; system roles are found by their names at once.
    Name(RoleName),
}

impl RoleReference {
    /// `None` when no role can have such a name.
    pub fn parse(reference: &str) -> Option<Self> {
        if let Ok(id) = reference.parse() {
            return Some(Self::Id(id));
        }
        let name = RoleName::parse(reference).ok()?;
        Some(match find_system_role_by_name(&name) {
            Some(role) => Self::Id(role.id),
            None => Self::Name(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use contracts::authz::ADMIN;
    use proptest::prelude::*;

    use super::*;

    fn role(name: &str) -> CustomRole {
        let new = NewRole {
            name: RoleName::parse(name).unwrap(),
            description: Description::default(),
            permissions: PermissionSet::default(),
        };
        CustomRole::new(RoleId::new(), new, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn names_that_could_pass_for_others_are_refused() {
        for name in ["", "   ", "a\u{0}b", "own\u{200b}er", "\u{202e}renwo", "\u{3164}"] {
            assert!(RoleName::parse(name).is_err(), "{name:?}");
        }
        assert!(RoleName::parse(&RoleId::new().to_string()).is_err());
        assert!(RoleName::parse(&"x".repeat(65)).is_err());
        assert!(RoleName::parse("Überprüfer 🚀").is_ok());
    }

    #[test]
    fn a_system_role_is_recognised_in_any_spelling() {
        for name in ["admin", "ADMIN", " Admin ", "ａｄｍｉｎ"] {
            assert_eq!(RoleReference::parse(name), Some(RoleReference::Id(ADMIN.id)), "{name}");
            assert!(RoleName::parse(name).unwrap().is_system_role());
        }
    }

    #[test]
    fn a_patch_that_changes_nothing_makes_no_version() {
        let editor = role("Editor");
        let same = RolePatch { name: Some(editor.name.clone()), description: None };
        assert!(editor.patched(&same, Timestamp::UNIX_EPOCH).is_none());
        let spelled = RolePatch { name: RoleName::parse("EDITOR").ok(), description: None };
        let (changed, fields) = editor.patched(&spelled, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((changed.version, fields), (2, vec!["name".to_owned()]));
    }

    proptest! {
        #[test]
        fn every_accepted_name_fits_into_a_key(name in "\\PC{0,80}") {
            if let Ok(name) = RoleName::parse(&name) {
                prop_assert!((1..=MAX_FOLDED_BYTES).contains(&name.folded().len()));
            }
        }
    }
}
