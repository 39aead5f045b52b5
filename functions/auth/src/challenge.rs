//! Challenges: what somebody holds between a right password and the second factor.
//!
//! The client gets a random token, of which the fingerprint is stored. It proves that the password was
//! right, opens nothing else, and dies of its first success, of too many wrong proofs, or of age.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{authentication::Authentication, holder::Holder};

pub const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
pub const MAX_ATTEMPTS: u32 = 5;

/// What the holder of a challenge may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Give the second factor.
    SecondFactor,
    /// Enrol one, because their tenant demands it and they have none.
    Enrolment,
}

/// A challenge, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub holder: Holder,
    pub purpose: Purpose,
    /// What was shown so far.
    pub authentication: Authentication,
    pub password_version: Option<u64>,
    /// When the sign-in began: whatever has ended sessions since then ends it too.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub started: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub expires_at: Timestamp,
    pub attempts: u32,
}

impl Challenge {
    pub fn is_alive(&self, purpose: Purpose, now: Timestamp) -> bool {
        self.purpose == purpose && self.attempts < MAX_ATTEMPTS && now < self.expires_at
    }
}

/// What a passkey's signature is asked for. A random challenge of the ceremony is stored with it, and a
/// signature over it counts once, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Ceremony {
    /// A new passkey.
    Registration {
        holder: Holder,
    },
    /// A sign-in with nothing but a passkey.
    SignIn,
    /// A second factor, for the sign-in challenge with this fingerprint.
    SecondFactor {
        challenge: String,
    },
    StepUp {
        holder: Holder,
    },
}

/// A ceremony, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCeremony {
    pub ceremony: Ceremony,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub expires_at: Timestamp,
}
