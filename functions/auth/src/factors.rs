//! What somebody has enrolled beside their password, and the rules of its use.
//!
//! All of a user's factors are one item with a version. Every use changes it (the step of a code, a
//! recovery code, a signature counter, a failure), and is saved only onto the version that it was
//! judged by: of two uses of one code at the same time one succeeds, and guesses are counted one by one.

use contracts::events::Factor;
use jiff::{SignedDuration, Timestamp};
use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    holder::{FactorKeys, Holder},
    lockout::{Counter, Rule},
    passkey::{Assertion, Passkey, PasskeyError, RelyingParty},
    recovery::{self, RecoveryCodes},
    totp::TotpSecret,
};

/// How long a shown secret waits for its first code.
const ENROLMENT_LASTS: SignedDuration = SignedDuration::from_mins(15);
pub const MAX_PASSKEYS: usize = 10;

/// What a user has been asked to prove, or has proven.
#[derive(Debug, Clone)]
pub enum Proof {
    Code(Secret),
    RecoveryCode(Secret),
    Passkey(Box<Assertion>),
}

/// A way to give a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    Totp,
    Passkey,
    RecoveryCode,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Totp {
    sealed_secret: String,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    enrolled_at: Timestamp,
    /// The step of the last code that was used.
    spent_step: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PendingTotp {
    sealed_secret: String,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    expires_at: Timestamp,
}

/// A user's factors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factors {
    /// 0 before anything is stored.
    pub version: u64,
    totp: Option<Totp>,
    pending_totp: Option<PendingTotp>,
    /// Fingerprints of those that are left.
    recovery_codes: Vec<String>,
    passkeys: Vec<Passkey>,
    /// Wrong proofs since the last right one.
    failures: Option<Counter>,
}

impl Factors {
    /// Whether a password alone is not enough any more.
    pub fn is_enrolled(&self) -> bool {
        self.totp.is_some() || !self.passkeys.is_empty()
    }

    /// How the second factor may be given.
    pub fn kinds(&self) -> Vec<FactorKind> {
        let kinds = [
            (FactorKind::Totp, self.totp.is_some()),
            (FactorKind::Passkey, !self.passkeys.is_empty()),
            (FactorKind::RecoveryCode, !self.recovery_codes.is_empty()),
        ];
        kinds.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind).collect()
    }

    pub fn totp_enrolled_at(&self) -> Option<Timestamp> {
        self.totp.as_ref().map(|totp| totp.enrolled_at)
    }

    pub fn recovery_codes_left(&self) -> usize {
        self.recovery_codes.len()
    }

    pub fn passkeys(&self) -> &[Passkey] {
        &self.passkeys
    }

    /// Shows a new secret, which counts once a code of it was given. One that is enrolled stays until then.
    pub fn begin_totp(&mut self, keys: &FactorKeys, holder: Holder, now: Timestamp) -> TotpSecret {
        let secret = TotpSecret::random();
        let sealed_secret = keys.totp.seal(&holder.to_bytes(), secret.as_bytes().to_vec());
        let expires_at = now.saturating_add(ENROLMENT_LASTS).unwrap_or(now);
        self.pending_totp = Some(PendingTotp { sealed_secret, expires_at });
        secret
    }

    /// Whether a shown secret waits for its first code.
    pub fn has_pending_totp(&self, now: Timestamp) -> bool {
        self.pending_totp.as_ref().is_some_and(|pending| now < pending.expires_at)
    }

    /// Enrols the pending secret if the code is of it.
    pub fn confirm_totp(
        &mut self,
        keys: &FactorKeys,
        holder: Holder,
        code: &Secret,
        now: Timestamp,
    ) -> bool {
        let pending = self.pending_totp.as_ref().filter(|pending| now < pending.expires_at);
        let step = pending.and_then(|pending| {
            open_totp(keys, holder, &pending.sealed_secret)?.matching_step(code, None, now)
        });
        let Some(spent_step) = step else { return false };
        self.totp = self.pending_totp.take().map(|pending| Totp {
            sealed_secret: pending.sealed_secret,
            enrolled_at: now,
            spent_step,
        });
        true
    }

    /// Replaces the recovery codes.
    pub fn renew_recovery_codes(&mut self, keys: &FactorKeys, holder: Holder) -> Vec<Secret> {
        let RecoveryCodes { shown, fingerprints } = RecoveryCodes::generate(&keys.recovery, holder);
        self.recovery_codes = fingerprints;
        shown
    }

    /// The first factor comes with recovery codes; who has some keeps them.
    pub fn first_recovery_codes(
        &mut self,
        keys: &FactorKeys,
        holder: Holder,
    ) -> Option<Vec<Secret>> {
        self.recovery_codes.is_empty().then(|| self.renew_recovery_codes(keys, holder))
    }

    /// Takes the proof, which is spent by that. What is refused changes nothing.
    pub fn accept(
        &mut self,
        keys: &FactorKeys,
        party: &RelyingParty,
        holder: Holder,
        proof: &Proof,
        now: Timestamp,
    ) -> Result<(), WrongProof> {
        match proof {
            Proof::Code(code) => {
                let totp = self.totp.as_mut().ok_or(WrongProof::Code)?;
                let secret =
                    open_totp(keys, holder, &totp.sealed_secret).ok_or(WrongProof::Code)?;
                let step = secret.matching_step(code, Some(totp.spent_step), now);
                totp.spent_step = step.ok_or(WrongProof::Code)?;
            }
            Proof::RecoveryCode(code) => {
                let wanted = recovery::fingerprint(&keys.recovery, holder, code);
                let place = self.recovery_codes.iter().position(|own| Some(own) == wanted.as_ref());
                self.recovery_codes.remove(place.ok_or(WrongProof::Code)?);
            }
            Proof::Passkey(assertion) => {
                let passkey = self.passkeys.iter_mut().find(|own| own.is_of(assertion));
                let passkey = passkey.ok_or(WrongProof::Passkey(PasskeyError::Unknown))?;
                passkey.accept(party, assertion, now).map_err(WrongProof::Passkey)?;
            }
        }
        Ok(())
    }

    /// Adds a passkey, unless there are too many.
    pub fn add_passkey(&mut self, passkey: Passkey) -> bool {
        let has_room = self.passkeys.len() < MAX_PASSKEYS;
        if has_room {
            self.passkeys.push(passkey);
        }
        has_room
    }

    /// Takes a passkey away.
    pub fn remove_passkey(&mut self, id: Uuid) -> Option<Passkey> {
        let place = self.passkeys.iter().position(|passkey| passkey.id == id)?;
        let removed = self.passkeys.remove(place);
        self.drop_pointless_codes();
        Some(removed)
    }

    /// Takes the authenticator app away. Says whether there was one.
    pub fn remove_totp(&mut self) -> bool {
        let removed = self.totp.take().is_some();
        self.drop_pointless_codes();
        removed
    }

    /// Recovery codes stand in for a factor; without one they would be a second password.
    fn drop_pointless_codes(&mut self) {
        if !self.is_enrolled() {
            self.recovery_codes.clear();
        }
    }

    /// Counts a wrong proof.
    pub fn note_failure(&mut self, now: Timestamp) {
        let attempts = self.failures.map_or(0, |failures| failures.attempts).saturating_add(1);
        self.failures = Some(Counter { attempts, last_at: now, known_until: None });
    }

    /// Forgets wrong proofs after a right one.
    pub fn forgive(&mut self) {
        self.failures = None;
    }

    /// Whole seconds until the next proof is looked at; `None` when it may come now.
    pub fn wait(&self, rule: Rule, now: Timestamp) -> Option<u64> {
        self.failures?.wait(rule, now)
    }
}

fn open_totp(keys: &FactorKeys, holder: Holder, sealed: &str) -> Option<TotpSecret> {
    let opened = keys.totp.open(&holder.to_bytes(), sealed);
    if opened.is_none() {
        tracing::error!("a stored second factor does not open: was the platform key replaced?");
    }
    TotpSecret::from_bytes(&opened?)
}

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongProof {
    Code,
    Passkey(PasskeyError),
    Password,
}

/// What an event calls a kind of factor.
impl From<FactorKind> for Factor {
    fn from(kind: FactorKind) -> Self {
        match kind {
            FactorKind::Totp => Self::Totp,
            FactorKind::Passkey => Self::Passkey,
            FactorKind::RecoveryCode => Self::RecoveryCodes,
        }
    }
}
