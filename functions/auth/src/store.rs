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

mod api_keys;
mod clients;
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

pub use self::failures::Counted;
pub use self::links::{LinkConflict, UnlinkConflict};
pub use aws::StoreError;

use crate::{
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

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Stores a new session.
    pub async fn create_session(
        &self,
        tenant: Tenant,
        session: &Session,
        events: &[Envelope],
    ) -> Result<(), StoreError> {
        let key = session_key(tenant, session.user_id, session.id);
        let create = Write::put(key, session)
            .expires(afterlife(session.expires_at))
            .announce(events)
            .if_absent();
        self.table.write(create).await
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
                .if_equals("kept_session", &before.kept_session),
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
