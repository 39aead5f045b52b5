//! Sessions, API keys, service clients and failed sign-ins in the table `auth`.
//!
//! | access | key |
//! |---|---|
//! | a session | `T#{tenant}#USER#{user}` / `SESSION#{session}` |
//! | a user's sessions, newest first | same partition, prefix `SESSION#` |
//! | when all of a user's sessions were ended | same partition / `REVOCATION` |
//! | a user's API key | same partition / `API_KEY#{key}` |
//! | a user's API keys, newest first | same partition, prefix `API_KEY#` |
//! | when all of a user's API keys were ended | same partition / `API_KEYS_REVOKED` |
//! | a service client | `T#{tenant}#CLIENTS` / `CLIENT#{client}` |
//! | a tenant's service clients, newest first | same partition, prefix `CLIENT#` |
//! | that a service client's token was revoked | same partition / `REVOKED#{token}` |
//! | attempts to sign in to an account, from one network or from all | `ATTEMPTS#{name}` / `attempts` |
//! | registrations with a key (`kernel::idempotency`) | `IDEMPOTENCY#{digest}` / `record` |
//! | an identity provider | `T#{tenant}#PROVIDERS` / `PROVIDER#{provider}` |
//! | a tenant's identity providers, oldest first | same partition, prefix `PROVIDER#` |
//! | a provider's id by slug (and the slug's uniqueness) | same partition / `SLUG#{slug}` |
//! | whether a sign-in by a provider has come back before | `ATTEMPT#{fingerprint}` / `spent` |
//! | the link of a provider's person | `T#{tenant}#PERSON#{fingerprint of issuer and subject}` / `link` |
//! | a user's links | `T#{tenant}#USER#{user}`, prefix `LINK#{fingerprint of issuer}`: one for each issuer |
//! | how many links a user has | same partition / `LINKS` |
//! | events without a change of state that stays | `T#{tenant}#OUTBOX#{event}` / `event`: the stream reads them |
//! | what a user has enrolled beside the password | `T#{tenant}#USER#{user}` / `FACTORS` |
//! | where a user has signed in from | same partition / `DEVICES` |
//! | refused proofs of a user, to be announced | same partition / `NOTICE` |
//! | a sign-in that waits for its second factor | `CHALLENGE#{fingerprint}` / `challenge` |
//! | a passkey's challenge | `CEREMONY#{fingerprint}` / `ceremony` |
//! | nobody; keeps passkeys unique over the platform | `CREDENTIAL#{fingerprint}` / `guard` |

mod api_keys;
mod clients;
mod factors;
mod failures;
mod links;
mod providers;

use aws::{Key, Query, Rows, Table, Write};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{SessionId, UserId},
};

pub use self::factors::{Credential, CredentialConflict, FactorsChange};
pub use self::failures::Counted;
pub use self::links::{LinkConflict, UnlinkConflict};
pub use aws::StoreError;

use crate::{
    device::Devices,
    holder::Holder,
    refresh_token::Owner,
    session::{End, Revocation, Session},
};

/// How long an ended session stays for whoever looks into it.
const AFTERLIFE: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
}

/// A change that did not find what it was made for.
#[derive(Debug)]
pub struct LostRace;

/// What is stored with a new session.
#[derive(Debug, Default)]
pub struct Along<'a> {
    pub devices: Option<&'a Devices>,
    /// The challenge that it answers.
    pub challenge: Option<&'a str>,
    /// The factors that were used for it, or enrolled with it.
    pub factors: Option<FactorsChange<'a>>,
}

/// Why a session was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionConflict {
    /// The challenge was answered already.
    ChallengeSpent,
    /// The factors have changed since they were judged by.
    FactorsChanged,
}

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Stores a new session and all that goes along with it.
    pub async fn create_session(
        &self,
        tenant: Tenant,
        session: &Session,
        along: Along<'_>,
        events: &[Envelope],
    ) -> Result<Result<(), SessionConflict>, StoreError> {
        let Along { devices, challenge, factors } = along;
        let holder = Holder { tenant: session.tenant_id, user: session.user_id };
        let key = session_key(tenant, session.user_id, session.id);
        let create = Write::put(key, session)
            .expires(afterlife(session.expires_at))
            .announce(events)
            .if_absent();
        let guarded = [
            challenge
                .map(|token| (factors::spend_challenge(token), SessionConflict::ChallengeSpent)),
            factors.map(|change| (change.write(holder), SessionConflict::FactorsChanged)),
        ];
        let (mut writes, rules): (Vec<_>, Vec<_>) = guarded.into_iter().flatten().unzip();
        writes.push(create);
        writes.extend(devices.map(|devices| factors::devices_write(holder, devices)));
        let written = match <[Write; 1]>::try_from(writes) {
            Ok([only]) => self.table.write(only).await,
            Err(several) => self.table.write_all(several).await,
        };
        match written {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Condition(at)) if at < rules.len() => Ok(Err(rules[at])),
            Err(error) => Err(error),
        }
    }

    /// A session, and when all of its user's sessions were last ended.
    pub async fn session(
        &self,
        tenant: Tenant,
        user: UserId,
        session: SessionId,
    ) -> Result<(Option<Session>, Option<Revocation>), StoreError> {
        let (session, revocation) =
            (session_key(tenant, user, session), revocation_key(tenant, user));
        self.table.get_pair(session, revocation).await
    }

    /// Lets the successor take over from the current refresh token. [`LostRace`] when another use was
    /// faster or the session has ended meanwhile.
    pub async fn rotate(
        &self,
        owner: Owner,
        used: &str,
        successor: &str,
        now: Timestamp,
        expires_at: Timestamp,
        ip_address: Option<&str>,
    ) -> Result<Result<(), LostRace>, StoreError> {
        let millis = now.as_millisecond();
        let write = Write::update(session_key(owner.tenant(), owner.user, owner.session))
            .set("current", &successor)
            .set("previous", &used)
            .set("rotated_at", &millis)
            .set("last_used_at", &millis)
            .set("expires_at", &expires_at.as_millisecond())
            .set("ip_address", &ip_address)
            .expires(afterlife(expires_at))
            .when("#current = :used AND #ended = :nothing")
            .value(":used", &used)
            .value(":nothing", &None::<End>);
        tolerate_race(self.table.write(write).await)
    }

    /// Ends a session. [`LostRace`] when it had ended before.
    pub async fn end_session(
        &self,
        tenant: Tenant,
        user: UserId,
        session: SessionId,
        end: End,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::update(session_key(tenant, user, session))
            .set("ended", &end)
            .announce(events)
            .when("attribute_exists(#pk) AND #ended = :nothing")
            .value(":nothing", &None::<End>);
        tolerate_race(self.table.write(write).await)
    }

    /// Ends all sessions of a user that began up to a moment, if `before` is what was on record until
    /// now. [`LostRace`] when it is not.
    pub async fn end_sessions_before(
        &self,
        tenant: Tenant,
        user: UserId,
        before: Option<&Revocation>,
        revocation: &Revocation,
        kept_until: Timestamp,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::put(revocation_key(tenant, user), revocation)
            .expires(afterlife(kept_until))
            .announce(events);
        let write = match before {
            None => write.if_absent(),
            Some(before) => write
                .if_equals("revoked_before", &before.revoked_before.as_millisecond())
                .if_equals("kept_session", &before.kept_session)
                // Absent from records of before there was such a version.
                .when("attribute_not_exists(#password_version) OR #password_version = :version")
                .value(":version", &before.password_version),
        };
        tolerate_race(self.table.write(write).await)
    }

    /// A page of a user's sessions, ended ones among them, newest first.
    pub async fn sessions(
        &self,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Session>, StoreError> {
        let query = Query::partition(user_partition(tenant, user)).prefix("SESSION#").descending();
        self.table.query(query.limit(limit).after(after)).await
    }

    pub async fn revocation(
        &self,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<Revocation>, StoreError> {
        self.table.get(&revocation_key(tenant, user)).await
    }
}

fn user_partition(tenant: Tenant, user: UserId) -> String {
    format!("T#{tenant}#USER#{user}")
}

fn session_key(tenant: Tenant, user: UserId, session: SessionId) -> Key {
    Key::new(user_partition(tenant, user), format!("SESSION#{session}"))
}

fn revocation_key(tenant: Tenant, user: UserId) -> Key {
    Key::new(user_partition(tenant, user), "REVOCATION")
}

fn afterlife(end: Timestamp) -> Timestamp {
    end.saturating_add(AFTERLIFE).unwrap_or(end)
}

fn tolerate_race(outcome: Result<(), StoreError>) -> Result<Result<(), LostRace>, StoreError> {
    match outcome {
        Ok(()) => Ok(Ok(())),
        Err(StoreError::Condition(_)) => Ok(Err(LostRace)),
        Err(error) => Err(error),
    }
}
