//! What an address leads to.

use contracts::identity::UserStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{hashing::PasswordHash, profile::Name, user::Account};

/// What a password is checked against, found by address in one read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignIn {
    pub account: Account,
    /// Absent until the person has set one.
    pub password_hash: Option<PasswordHash>,
    /// How often somebody has registered with the address before it was proven; 0 where another than
    /// its owner created the account.
    #[serde(default)]
    pub registrations: u32,
    /// Set where an account has left the address: until then, in epoch seconds, nobody gets it but that
    /// account. What is found here in place of the account counts as deleted.
    #[serde(rename = "ttl", default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<i64>,
}

impl SignIn {
    /// An address with its account.
    pub fn new(account: Account, password_hash: Option<PasswordHash>) -> Self {
        Self { account, password_hash, registrations: 0, held_until: None }
    }

    /// An address that an account has left, kept in case that it returns.
    pub fn held(account: &Account, held_until: Timestamp) -> Self {
        let nobody = Account {
            status: UserStatus::Deleted,
            username: None,
            first_name: Name::default(),
            last_name: Name::default(),
            avatar_url: None,
            ..account.clone()
        };
        Self { held_until: Some(held_until.as_second()), ..Self::new(nobody, None) }
    }

    /// Whether the address is free again although the store still has it.
    pub fn is_released(&self, now: Timestamp) -> bool {
        self.held_until.is_some_and(|until| until <= now.as_second())
    }

    /// Whether more may register with the address: nobody has proven yet to be its owner.
    pub fn is_open_to_registration(&self) -> bool {
        self.account.status == UserStatus::Pending && self.registrations > 0
    }

    /// Whether several have given a password for the account, of whom one is the owner at most.
    pub fn is_contested(&self) -> bool {
        self.registrations > 1
    }
}
