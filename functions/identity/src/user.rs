//! A user's account and the states it goes through.

use contracts::{
    authz::MEMBER,
    events::Contact,
    identity::{User, UserStatus},
};
use jiff::Timestamp;
use kernel::{
    id::{TenantId, UserId},
    text::fold,
};
use serde::{Deserialize, Serialize};

use crate::{
    email::Email,
    profile::{AvatarUrl, Name, Profile, ProfileChange, Username},
};

/// Longest search term, in bytes: well below what the store takes as a key.
const MAX_TERM: usize = 256;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: UserId,
    pub tenant_id: TenantId,
    pub email: Email,
    pub username: Option<Username>,
    pub first_name: Name,
    pub last_name: Name,
    pub avatar_url: Option<AvatarUrl>,
    pub status: UserStatus,
    pub email_verified: bool,
    /// Names of the roles, as the authorization service last said.
    pub roles: Vec<String>,
    /// Of the assignment that `roles` shows; 0 before the first one.
    pub roles_version: u64,
    /// How often the password was replaced by its owner. Says of a sign-in which password it was checked
    /// against, where its time cannot: of two things in one millisecond.
    #[serde(default)]
    pub password_version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u64,
    /// The address that the account has left, as long as it can return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_email: Option<FormerEmail>,
    /// Set while the account is deleted and not yet erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

/// An address that an account has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerEmail {
    pub email: Email,
    /// Until then nobody else gets the address.
    pub held_until: Timestamp,
}

/// What becomes of a deleted account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The state that a restored account has again.
    pub status_before: UserStatus,
    pub erase_at: Timestamp,
}

/// Only a suspension can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSuspended;

impl Account {
    /// A new account whose address is yet to be proven.
    pub fn pending(
        tenant_id: TenantId,
        id: UserId,
        email: Email,
        profile: Profile,
        now: Timestamp,
    ) -> Self {
        let Profile { first_name, last_name, username, avatar_url } = profile;
        Self {
            id,
            tenant_id,
            email,
            username,
            first_name,
            last_name,
            avatar_url,
            status: UserStatus::Pending,
            email_verified: false,
            roles: vec![MEMBER.name.to_owned()],
            roles_version: 0,
            password_version: 0,
            created_at: now,
            updated_at: now,
            version: 1,
            former_email: None,
            deletion: None,
        }
    }

    /// Whether the account is there for anybody but the eraser.
    pub fn is_deleted(&self) -> bool {
        self.status == UserStatus::Deleted
    }

    /// Notes that the address was proven, which lets a pending account in. Says whether that is news.
    pub fn verify(&mut self) -> bool {
        let is_news = !self.email_verified;
        self.email_verified = true;
        if self.status == UserStatus::Pending {
            self.status = UserStatus::Active;
        }
        is_news
    }

    /// Shuts the account out. Says whether that is news.
    pub fn suspend(&mut self) -> bool {
        let is_news = self.status != UserStatus::Suspended;
        self.status = UserStatus::Suspended;
        is_news
    }

    /// Lifts a suspension; the account is again what it was before. Says whether that is news.
    pub fn activate(&mut self) -> Result<bool, NotSuspended> {
        match self.status {
            UserStatus::Active => Ok(false),
            UserStatus::Suspended => {
                self.status =
                    if self.email_verified { UserStatus::Active } else { UserStatus::Pending };
                Ok(true)
            }
            UserStatus::Pending | UserStatus::Deleted => Err(NotSuspended),
        }
    }

    /// Makes the account invisible until it is erased.
    pub fn delete(&mut self, erase_at: Timestamp) {
        self.deletion = Some(Deletion { status_before: self.status, erase_at });
        self.status = UserStatus::Deleted;
    }

    /// Undoes a deletion. Says whether there was one.
    pub fn restore(&mut self) -> bool {
        let Some(Deletion { status_before, .. }) = self.deletion.take() else { return false };
        self.status = status_before;
        true
    }

    /// Whether the account can still return to an address that it has left.
    pub fn has_just_moved(&self, now: Timestamp) -> bool {
        self.former_email.as_ref().is_some_and(|former| now < former.held_until)
    }

    /// Gives the account another address, which its owner has proven.
    pub fn move_to(&mut self, email: Email, former: Option<FormerEmail>) {
        self.email = email;
        self.email_verified = true;
        self.former_email = former;
    }

    /// Changes the profile. Gives the names of the fields that are different now.
    pub fn change_profile(&mut self, change: ProfileChange) -> Vec<String> {
        let ProfileChange { first_name, last_name, username, avatar_url } = change;
        let before = self.clone();
        self.first_name = first_name.apply(Some(before.first_name.clone())).unwrap_or_default();
        self.last_name = last_name.apply(Some(before.last_name.clone())).unwrap_or_default();
        self.username = username.apply(before.username.clone());
        self.avatar_url = avatar_url.apply(before.avatar_url.clone());
        let fields = [
            ("first_name", self.first_name != before.first_name),
            ("last_name", self.last_name != before.last_name),
            ("username", self.username != before.username),
            ("avatar_url", self.avatar_url != before.avatar_url),
        ];
        let changed = fields.into_iter().filter(|(_, is_changed)| *is_changed);
        changed.map(|(name, _)| name.to_owned()).collect()
    }

    /// Shows the roles of a newer assignment; an older one, coming late, changes nothing.
    pub fn show_roles(&mut self, roles: &[String], version: u64) {
        if version > self.roles_version {
            self.roles = roles.to_vec();
            self.roles_version = version;
        }
    }

    /// Notes that there is a new password. Gives its version.
    pub fn renew_password(&mut self) -> u64 {
        self.password_version += 1;
        self.password_version
    }

    /// Counts a change.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.updated_at = now;
    }

    /// Who a mail about this account goes to: the address on record, however it was spelt by the asker.
    pub fn contact(&self) -> Contact {
        Contact { email: self.email.shown().to_owned(), name: self.full_name() }
    }

    /// What a search finds the account by, each with the name of its place. No two are equal.
    pub fn search_terms(&self) -> Vec<(&'static str, String)> {
        let candidates = [
            (EMAIL_TERM, self.email.normalised().to_owned()),
            (FULL_NAME_TERM, search_term(&self.full_name())),
            (LAST_NAME_TERM, search_term(self.last_name.as_str())),
        ];
        let mut terms: Vec<(&'static str, String)> = Vec::with_capacity(candidates.len());
        for (place, term) in candidates {
            if !term.is_empty() && terms.iter().all(|(_, known)| *known != term) {
                terms.push((place, term));
            }
        }
        terms
    }

    /// The account, as the API shows it.
    pub fn view(&self) -> User {
        User {
            id: self.id,
            tenant_id: self.tenant_id,
            email: self.email.shown().to_owned(),
            username: self.username.as_ref().map(|name| name.as_str().to_owned()),
            first_name: self.first_name.as_str().to_owned(),
            last_name: self.last_name.as_str().to_owned(),
            avatar_url: self.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            status: self.status,
            email_verified: self.email_verified,
            roles: self.roles.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }

    fn full_name(&self) -> String {
        full_name(&self.first_name, &self.last_name)
    }
}

/// How to address somebody.
pub fn full_name(first: &Name, last: &Name) -> String {
    format!("{} {}", first.as_str(), last.as_str()).trim().to_owned()
}

/// The place of the term that is the address.
pub const EMAIL_TERM: &str = "email";
/// The place of the term that is first and last name.
pub const FULL_NAME_TERM: &str = "full-name";
/// The place of the term that is the last name.
pub const LAST_NAME_TERM: &str = "last-name";

/// The form in which names are found.
pub fn search_term(text: &str) -> String {
    let mut term = fold(text);
    term.truncate(term.floor_char_boundary(MAX_TERM));
    term
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Account {
        let (first_name, last_name) = Name::split(name).unwrap();
        let profile = Profile { first_name, last_name, username: None, avatar_url: None };
        let email = Email::parse("ada@example.org").unwrap();
        Account::pending(TenantId::new(), UserId::new(), email, profile, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_lifted_suspension_gives_back_the_state_before() {
        let mut unproven = account("Ada");
        assert!(unproven.suspend());
        assert!(!unproven.suspend());
        assert_eq!(unproven.activate(), Ok(true));
        assert_eq!(unproven.status, UserStatus::Pending);

        let mut proven = account("Ada");
        assert!(proven.verify());
        proven.suspend();
        assert_eq!(proven.activate(), Ok(true));
        assert_eq!(proven.status, UserStatus::Active);
        assert_eq!(proven.activate(), Ok(false));
    }

    #[test]
    fn a_pending_account_is_not_activated_by_hand() {
        assert_eq!(account("Ada").activate(), Err(NotSuspended));
    }

    #[test]
    fn a_restored_account_is_what_it_was_before() {
        let mut account = account("Ada");
        assert!(!account.restore());
        account.suspend();
        let before = account.clone();
        account.delete(Timestamp::UNIX_EPOCH);
        assert!(account.is_deleted());
        assert!(account.restore());
        assert_eq!(account, before);
    }

    #[test]
    fn proving_the_address_does_not_lift_a_suspension() {
        let mut account = account("Ada");
        account.suspend();
        assert!(account.verify());
        assert_eq!(account.status, UserStatus::Suspended);
    }

    #[test]
    fn an_older_assignment_of_roles_changes_nothing() {
        let mut account = account("Ada");
        account.show_roles(&["admin".to_owned()], 2);
        account.show_roles(&["viewer".to_owned()], 1);
        assert_eq!(account.roles, ["admin"]);
    }

    #[test]
    fn search_terms_are_folded_different_and_short() {
        let terms = |name: &str| account(name).search_terms();
        assert_eq!(
            terms("Ada LOVELACE"),
            [
                ("email", "ada@example.org".to_owned()),
                ("full-name", "ada lovelace".to_owned()),
                ("last-name", "lovelace".to_owned()),
            ]
        );
        assert_eq!(terms("Ada").len(), 2);
        assert_eq!(terms("ada@example.org").len(), 1);
        let long = terms(&"\u{fdfa}".repeat(100));
        assert!(long.iter().all(|(_, term)| term.len() <= MAX_TERM));
    }
}
