//! Whose account it is that a provider's person signs in to.

use jiff::Timestamp;
use kernel::{
    id::{IdentityId, ProviderId, UserId},
    secret::fingerprint,
};
use serde::{Deserialize, Serialize};

/// How many providers an account may be linked with.
pub const MAX_LINKS: u32 = 20;

/// A link between an account and a provider's person, who is named by issuer and subject: no other claim
/// stays with one person (OpenID Connect Core 1.0, section 5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: IdentityId,
    pub user_id: UserId,
    pub issuer: String,
    pub subject: String,
    /// The provider by which it came.
    pub provider_id: ProviderId,
    pub provider: String,
    /// `false` while the account is being made: whoever comes back after a crash in between goes on where
    /// it stopped.
    pub is_settled: bool,
    pub created_at: Timestamp,
}

impl Link {
    /// Names the provider's person.
    pub fn person(issuer: &str, subject: &str) -> String {
        fingerprint(&format!("{issuer}\n{subject}"))
    }

    /// Names the provider. An account has one link to it: the address of one who left may be given to
    /// somebody new, who must not inherit the account with it.
    pub fn issuer(issuer: &str) -> String {
        fingerprint(issuer)
    }
}
