//! Factors, known devices, challenges of a sign-in and ceremonies of passkeys.

use aws::{Key, StoreError, Write};
use jiff::{SignedDuration, Timestamp};
use kernel::{event::Envelope, secret::fingerprint};
use serde_json::json;

use super::{LostRace, Store, tolerate_race, user_partition};
use crate::{
    challenge::{Ceremony, Challenge, MAX_ATTEMPTS, StoredCeremony},
    device::Devices,
    factors::Factors,
    holder::Holder,
};

/// The stream keeps records for a day.
const NOTICE_LASTS: SignedDuration = SignedDuration::from_hours(48);

/// A change of somebody's factors: saved only onto what it was decided by.
#[derive(Debug)]
pub struct FactorsChange<'a> {
    pub before: &'a Factors,
    pub after: &'a Factors,
    pub events: &'a [Envelope],
}

impl FactorsChange<'_> {
    pub(super) fn write(&self, holder: Holder) -> Write {
        let mut after = self.after.clone();
        after.version = self.before.version + 1;
        let write = Write::put(factors_key(holder), &after).announce(self.events);
        match self.before.version {
            0 => write.if_absent(),
            version => write.if_equals("version", &version),
        }
    }
}

/// What else becomes of a credential with the factors that it is in.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    Taken(&'a str),
    Freed(&'a str),
}

/// Why a new passkey was not stored.
#[derive(Debug)]
pub enum CredentialConflict {
    LostRace,
    /// Some account has it already.
    Taken,
}

impl Store {
    /// What a user has enrolled, and where they have signed in from.
    pub async fn factors_and_devices(
        &self,
        holder: Holder,
    ) -> Result<(Factors, Devices), StoreError> {
        let keys = (factors_key(holder), devices_key(holder));
        let (factors, devices) = self.table.get_pair(keys.0, keys.1).await?;
        Ok((factors.unwrap_or_default(), devices.unwrap_or_default()))
    }

    pub async fn factors(&self, holder: Holder) -> Result<Factors, StoreError> {
        Ok(self.table.get(&factors_key(holder)).await?.unwrap_or_default())
    }

    /// [`LostRace`] when they have changed since.
    pub async fn save_factors(
        &self,
        holder: Holder,
        change: FactorsChange<'_>,
    ) -> Result<Result<(), LostRace>, StoreError> {
        tolerate_race(self.table.write(change.write(holder)).await)
    }

    /// Saves factors together with the entry that keeps credentials unique over the platform.
    pub async fn save_with_credential(
        &self,
        holder: Holder,
        change: FactorsChange<'_>,
        credential: Credential<'_>,
    ) -> Result<Result<(), CredentialConflict>, StoreError> {
        let entry = match credential {
            Credential::Taken(id) => Write::put(credential_key(id), &json!({})).if_absent(),
            Credential::Freed(id) => Write::delete(credential_key(id)),
        };
        match self.table.write_all(vec![change.write(holder), entry]).await {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Condition(0)) => Ok(Err(CredentialConflict::LostRace)),
            Err(StoreError::Condition(_)) => Ok(Err(CredentialConflict::Taken)),
            Err(error) => Err(error),
        }
    }

    pub async fn create_challenge(
        &self,
        token: &str,
        challenge: &Challenge,
    ) -> Result<(), StoreError> {
        let create = Write::put(challenge_key(token), challenge).expires(challenge.expires_at);
        self.table.write(create).await
    }

    pub async fn challenge(&self, token: &str) -> Result<Option<Challenge>, StoreError> {
        self.table.get(&challenge_key(token)).await
    }

    /// Counts an attempt *before* it is judged, so that of any number at the same time only so many
    /// are. [`LostRace`] when there are none left.
    pub async fn count_answer(&self, token: &str) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::update(challenge_key(token))
            .add("attempts", 1)
            .when("#attempts < :most")
            .value(":most", &MAX_ATTEMPTS);
        tolerate_race(self.table.write(write).await)
    }

    pub async fn begin_ceremony(
        &self,
        challenge: &str,
        ceremony: &StoredCeremony,
    ) -> Result<(), StoreError> {
        let key = ceremony_key(challenge);
        self.table.write(Write::put(key, ceremony).expires(ceremony.expires_at)).await
    }

    /// The ceremony that a challenge was given out for, if it has not ended. It ends with this.
    pub async fn end_ceremony(
        &self,
        challenge: &str,
        now: Timestamp,
    ) -> Result<Option<Ceremony>, StoreError> {
        let key = ceremony_key(challenge);
        let found: Option<StoredCeremony> = self.table.get(&key).await?;
        let Some(found) = found.filter(|found| now < found.expires_at) else { return Ok(None) };
        let ended = tolerate_race(self.table.write(Write::delete(key).if_present()).await)?;
        Ok(ended.is_ok().then_some(found.ceremony))
    }

    /// Announces what changes no state.
    pub async fn announce(&self, holder: Holder, event: &Envelope) -> Result<(), StoreError> {
        let key = Key::new(user_partition(holder.tenant(), holder.user), "NOTICE");
        let expires = event.time.saturating_add(NOTICE_LASTS).unwrap_or(event.time);
        let write = Write::update(key).expires(expires).announce(std::slice::from_ref(event));
        self.table.write(write).await
    }
}

pub(super) fn devices_write(holder: Holder, devices: &Devices) -> Write {
    Write::put(devices_key(holder), devices)
}

/// Ends a challenge, once.
pub(super) fn spend_challenge(token: &str) -> Write {
    Write::delete(challenge_key(token)).if_present()
}

fn factors_key(holder: Holder) -> Key {
    Key::new(user_partition(holder.tenant(), holder.user), "FACTORS")
}

fn devices_key(holder: Holder) -> Key {
    Key::new(user_partition(holder.tenant(), holder.user), "DEVICES")
}

fn challenge_key(token: &str) -> Key {
    Key::new(format!("CHALLENGE#{}", fingerprint(token)), "challenge")
}

fn ceremony_key(challenge: &str) -> Key {
    Key::new(format!("CEREMONY#{}", fingerprint(challenge)), "ceremony")
}

fn credential_key(id: &str) -> Key {
    Key::new(format!("CREDENTIAL#{}", fingerprint(id)), "guard")
}
