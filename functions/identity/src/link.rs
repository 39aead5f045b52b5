//! Mailed links: their tokens, and how long they are good.
//!
//! A token is derived from a random nonce and a key that only this service has. The nonce travels in
//! the event that asks for the mail, the token's fingerprint is stored, and the token itself exists
//! only in the mail: neither the bus nor the table can be read to use a link.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{TenantId, UserId},
    secret::{Key, Secret, encode, fingerprint, random_bytes},
};
use serde::{Deserialize, Serialize};

use crate::{email::Email, hashing::PasswordHash, profile::Name};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Verification,
    Reset,
    /// Moves an account to the address that the link was mailed to.
    EmailChange,
    /// Takes a change of address back, from the address that the account had before.
    EmailRevert,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Reset => "reset",
            Self::EmailChange => "email-change",
            Self::EmailRevert => "email-revert",
        }
    }

    /// The page of the application that the link leads to.
    const fn page(self) -> &'static str {
        match self {
            Self::Verification => "verify-email",
            Self::Reset => "reset-password",
            Self::EmailChange => "confirm-email-change",
            Self::EmailRevert => "revert-email-change",
        }
    }
}

/// Which password following a verification link confirms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirms {
    /// The one that the account was created with, if any.
    #[default]
    First,
    /// The same, provided that nobody else has registered with the address. If somebody has, nothing
    /// says whose password the reader of the mail means, so it confirms none.
    Only,
    /// That of another registration, with the name that was given there. Such a link stands beside
    /// all others: nobody can end it by registering once more.
    Registration(Registered),
}

/// What a registration brought along for an account that was there already, unproven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    pub password_hash: PasswordHash,
    pub first_name: Name,
    pub last_name: Name,
}

/// A link that was just made.
#[derive(Debug, Clone)]
pub struct NewLink {
    pub purpose: Purpose,
    /// For the event that asks for the mail.
    pub nonce: String,
    /// For the store.
    pub fingerprint: String,
    pub expires_at: Timestamp,
    pub confirms: Confirms,
    /// The address that the account has after a change of address, or after taking it back.
    pub email: Option<Email>,
}

/// A link as it is stored, found by its token's fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLink {
    pub tenant_id: TenantId,
    pub user_id: UserId,
    pub purpose: Purpose,
    pub fingerprint: String,
    pub expires_at: Timestamp,
    #[serde(default)]
    pub confirms: Confirms,
    #[serde(default)]
    pub email: Option<Email>,
}

impl StoredLink {
    pub fn is_good(&self, purpose: Purpose, now: Timestamp) -> bool {
        self.purpose == purpose && now < self.expires_at
    }

    /// Whether only the newest link of its purpose is good. A link that takes a change of address back
    /// stands beside all others: whoever took an account over must not be able to replace it.
    pub fn is_replaceable(&self) -> bool {
        self.purpose != Purpose::EmailRevert && !matches!(self.confirms, Confirms::Registration(_))
    }
}

/// How long a change of address can be taken back, and the address that was left is kept for it.
pub const REVERT_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Makes links.
#[derive(Debug, Clone)]
pub struct Links {
    pub key: Key,
    /// The address of the application's pages, without a slash at the end.
    pub base: String,
    pub verification_lasts: SignedDuration,
    pub reset_lasts: SignedDuration,
}

impl Links {
    /// A new link, good from now on.
    pub fn issue(&self, purpose: Purpose, now: Timestamp) -> NewLink {
        self.with_nonce(purpose, encode(&random_bytes::<32>()), now)
    }

    /// The link of a further registration with an address: always the same one for the registration
    /// with this id, so that another attempt at it finds that there is one.
    pub fn of_registration(&self, registration: UserId, now: Timestamp) -> NewLink {
        let nonce = self.key.sign(&[b"registration", registration.as_uuid().as_bytes()]);
        self.with_nonce(Purpose::Verification, encode(&nonce), now)
    }

    fn with_nonce(&self, purpose: Purpose, nonce: String, now: Timestamp) -> NewLink {
        let fingerprint = fingerprint(self.token(purpose, &nonce).expose());
        let expires_at = now + self.lasts(purpose);
        let confirms = Confirms::First;
        NewLink { purpose, nonce, fingerprint, expires_at, confirms, email: None }
    }

    /// A new link that leads to a change of address, or takes it back.
    pub fn issue_for_address(&self, purpose: Purpose, email: &Email, now: Timestamp) -> NewLink {
        NewLink { email: Some(email.clone()), ..self.issue(purpose, now) }
    }

    /// How long a link is good.
    pub const fn lasts(&self, purpose: Purpose) -> SignedDuration {
        match purpose {
            Purpose::Verification | Purpose::EmailChange => self.verification_lasts,
            Purpose::Reset => self.reset_lasts,
            Purpose::EmailRevert => REVERT_LASTS,
        }
    }

    /// The token that a nonce stands for.
    pub fn token(&self, purpose: Purpose, nonce: &str) -> Secret {
        let parts = [purpose.as_str().as_bytes(), nonce.as_bytes()];
        Secret::new(encode(&self.key.sign(&parts)))
    }

    /// The address to mail. Tokens consist of characters that need no escaping in it.
    pub fn address(&self, purpose: Purpose, token: &Secret) -> Secret {
        Secret::new(format!("{}/{}?token={}", self.base, purpose.page(), token.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links {
            key: Key::from_bytes([7; 32]),
            base: "https://app.example.org".to_owned(),
            verification_lasts: SignedDuration::from_hours(24),
            reset_lasts: SignedDuration::from_hours(1),
        }
    }

    #[test]
    fn a_token_can_be_made_again_from_its_nonce_and_the_key_only() {
        let link = links().issue(Purpose::Reset, Timestamp::UNIX_EPOCH);
        let token = links().token(Purpose::Reset, &link.nonce);
        assert_eq!(fingerprint(token.expose()), link.fingerprint);
        assert_ne!(fingerprint(&link.nonce), link.fingerprint);
        let other_purpose = links().token(Purpose::Verification, &link.nonce);
        assert_ne!(other_purpose.expose(), token.expose());
        let other_key = Links { key: Key::random(), ..links() };
        assert_ne!(other_key.token(Purpose::Reset, &link.nonce).expose(), token.expose());
    }

    #[test]
    fn a_link_is_good_for_its_purpose_and_its_time() {
        let NewLink { purpose, fingerprint, expires_at, .. } =
            links().issue(Purpose::Reset, Timestamp::UNIX_EPOCH);
        let link = StoredLink {
            tenant_id: TenantId::new(),
            user_id: UserId::new(),
            purpose,
            fingerprint,
            expires_at,
            confirms: Confirms::First,
            email: None,
        };
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        assert!(link.is_good(Purpose::Reset, at(59)));
        assert!(!link.is_good(Purpose::Reset, at(60)));
        assert!(!link.is_good(Purpose::Verification, at(0)));
    }
}
