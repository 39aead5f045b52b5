//! Passkeys: credentials of WebAuthn Level 3, as second factor and as a whole sign-in.
//!
//! The checks are those of the specification's sections 7.1 (registration) and 7.2 (authentication),
//! whose step numbers they cite; why they are ours stands in `docs/adr/0008-passkeys-are-verified-here.md`.
//! A passkey counts as two factors, so its authenticator must always verify its user.

mod authenticator_data;
mod client_data;
mod cose;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kernel::secret::{decode, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::cose::ALGORITHMS;
use self::{
    authenticator_data::AuthenticatorData,
    client_data::{Type, check as check_client_data},
    cose::PublicKey,
};

/// Longest credential id (section 7.1, step 25).
const MAX_CREDENTIAL_ID: usize = 1023;

/// Who asks for passkeys: a domain, and the pages that may use them.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    pub id: String,
    /// Shown by authenticators.
    pub name: String,
    /// Such as `https://app.example.org`.
    pub origins: Vec<String>,
}

impl RelyingParty {
    /// What is not set is that of the platform's own address.
    #[must_use]
    pub fn or_of(self, url: &str) -> Self {
        let url = url.trim_end_matches('/');
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = authority.split([':', '/']).next().unwrap_or_default();
        let id = if self.id.is_empty() { host.to_owned() } else { self.id };
        let origins = if self.origins.is_empty() { vec![url.to_owned()] } else { self.origins };
        Self { id, name: self.name, origins }
    }
}

/// Why a passkey was refused. For tests and the log: clients learn only that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    #[error("a part of it does not parse")]
    Malformed,
    #[error("it is for another purpose")]
    Type,
    #[error("it answers another challenge")]
    Challenge,
    #[error("it comes from another page")]
    Origin,
    #[error("it is for another domain")]
    RelyingParty,
    #[error("its user was not there, or was not verified")]
    UserNotVerified,
    #[error("it says that it may not be backed up, and is, or changed its mind about that")]
    Backup,
    #[error("it uses an algorithm that was not asked for")]
    Algorithm,
    #[error("it is not known")]
    Unknown,
    #[error("its signature is wrong")]
    Signature,
    #[error("its counter did not grow: there is a copy of it")]
    Cloned,
}

/// A registered credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    pub id: Uuid,
    pub name: String,
    /// In base64url, as clients send it.
    pub credential_id: String,
    /// COSE, in base64url.
    public_key: String,
    sign_count: u32,
    is_backup_eligible: bool,
    /// Whether it is on more devices than the one that made it.
    pub is_synced: bool,
    pub transports: Vec<String>,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub last_used_at: Option<Timestamp>,
}

/// A new credential, as a browser hands it over. Its members are JSON names of the specification, section
/// 5.1 (`RegistrationResponseJSON`); browsers add more of them over time, which count for nothing.
#[derive(Debug, Clone)]
pub struct Attestation {
    pub client_data: Vec<u8>,
    pub object: Vec<u8>,
    pub transports: Vec<String>,
}

/// A signature by a credential (`AuthenticationResponseJSON`).
#[derive(Debug, Clone)]
pub struct Assertion {
    pub credential_id: String,
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
}

/// The challenge that client data answers, to find the ceremony by. Nothing is proven by it yet.
pub fn challenge_of(client_data: &[u8]) -> Option<String> {
    client_data::challenge(client_data)
}

impl Passkey {
    /// The credential of an attestation that answers the challenge (section 7.1). That no other account
    /// has it (step 26) is for the store.
    pub fn register(
        party: &RelyingParty,
        challenge: &str,
        attestation: &Attestation,
        name: String,
        now: Timestamp,
    ) -> Result<Self, PasskeyError> {
        // Steps 5 to 10.
        check_client_data(&attestation.client_data, Type::Create, challenge, party)?;
        // Steps 12 and 13. What the attestation statement claims (steps 21 to 24) was not asked for
        // and is not believed: every format is taken for `none`.
        let data = authenticator_data::of_attestation(&attestation.object)?;
        let data = AuthenticatorData::parse(&data)?;
        // Steps 14 to 19.
        data.check(party)?;
        let credential = data.credential.ok_or(PasskeyError::Malformed)?;
        // Step 20: only algorithms that were asked for parse.
        PublicKey::parse(&credential.public_key)?;
        // Step 25.
        if credential.id.is_empty() || credential.id.len() > MAX_CREDENTIAL_ID {
            return Err(PasskeyError::Malformed);
        }
        // Step 27.
        Ok(Self {
            id: Uuid::now_v7(),
            name,
            credential_id: encode(&credential.id),
            public_key: encode(&credential.public_key),
            sign_count: data.sign_count,
            is_backup_eligible: data.is_backup_eligible,
            is_synced: data.is_backed_up,
            transports: attestation.transports.clone(),
            created_at: now,
            last_used_at: None,
        })
    }

    /// Whether the assertion says to be by this credential.
    pub fn is_of(&self, assertion: &Assertion) -> bool {
        self.credential_id == assertion.credential_id
    }

    /// Checks a signature (section 7.2) over the challenge in its client data, of which the caller has
    /// found that it was given out for this purpose, and notes its use.
    pub fn accept(
        &mut self,
        party: &RelyingParty,
        assertion: &Assertion,
        now: Timestamp,
    ) -> Result<(), PasskeyError> {
        // Steps 10 to 14. The challenge is equal to itself: the ceremony was found by it.
        let challenge = challenge_of(&assertion.client_data).ok_or(PasskeyError::Malformed)?;
        check_client_data(&assertion.client_data, Type::Get, &challenge, party)?;
        let data = AuthenticatorData::parse(&assertion.authenticator_data)?;
        // Steps 15 to 18.
        data.check(party)?;
        // Step 19.
        if data.is_backup_eligible != self.is_backup_eligible {
            return Err(PasskeyError::Backup);
        }
        // Steps 20 and 21.
        let public_key = decode(&self.public_key).ok_or(PasskeyError::Malformed)?;
        let client_data_hash = Sha256::digest(&assertion.client_data);
        let signed = [&assertion.authenticator_data[..], &client_data_hash].concat();
        PublicKey::parse(&public_key)?.verify(&signed, &assertion.signature)?;
        // Step 22. Authenticators that do not count always say 0.
        if (data.sign_count, self.sign_count) != (0, 0) && data.sign_count <= self.sign_count {
            return Err(PasskeyError::Cloned);
        }
        // Step 24.
        self.sign_count = data.sign_count;
        self.is_synced = data.is_backed_up;
        self.last_used_at = Some(now);
        Ok(())
    }
}
