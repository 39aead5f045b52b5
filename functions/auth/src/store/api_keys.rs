use aws::{Key, Query, Rows, StoreError, Write};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{ApiKeyId, UserId},
};

use super::{LostRace, Store, afterlife, tolerate_race, user_partition};
use crate::api_key::{ApiKey, KeyRevocation};

impl Store {
    pub async fn create_api_key(
        &self,
        tenant: Tenant,
        key: &ApiKey,
        events: &[Envelope],
    ) -> Result<(), StoreError> {
        let write = Write::put(api_key_key(tenant, key.user_id, key.id), key)
            .expires(afterlife(key.expires_at))
            .announce(events)
            .if_absent();
        self.table.write(write).await
    }

    /// A key, and when all of its user's keys were last ended.
    pub async fn api_key(
        &self,
        tenant: Tenant,
        user: UserId,
        id: ApiKeyId,
    ) -> Result<(Option<ApiKey>, Option<KeyRevocation>), StoreError> {
        let (key, all) = (api_key_key(tenant, user, id), key_revocation_key(tenant, user));
        self.table.get_pair(key, all).await
    }

    /// A page of a user's keys, ended ones among them, newest first.
    pub async fn api_keys(
        &self,
        tenant: Tenant,
        user: UserId,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<ApiKey>, StoreError> {
        let query = Query::partition(user_partition(tenant, user)).prefix("API_KEY#").descending();
        self.table.query(query.limit(limit).after(after)).await
    }

    pub async fn key_revocation(
        &self,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<KeyRevocation>, StoreError> {
        self.table.get(&key_revocation_key(tenant, user)).await
    }

    /// Notes a use of a key. [`LostRace`] when somebody else has, or the key has ended.
    pub async fn note_api_key_use(
        &self,
        tenant: Tenant,
        key: &ApiKey,
        now: Timestamp,
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::update(api_key_key(tenant, key.user_id, key.id))
            .set("last_used_at", &now.as_millisecond())
            .if_equals("last_used_at", &key.last_used_at.map(Timestamp::as_millisecond))
            .if_equals("revoked_at", &None::<i64>);
        tolerate_race(self.table.write(write).await)
    }

    /// Ends a key. [`LostRace`] when it had ended before.
    pub async fn revoke_api_key(
        &self,
        tenant: Tenant,
        user: UserId,
        id: ApiKeyId,
        now: Timestamp,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::update(api_key_key(tenant, user, id))
            .set("revoked_at", &now.as_millisecond())
            .expires(afterlife(now))
            .announce(events)
            .if_equals("revoked_at", &None::<i64>);
        tolerate_race(self.table.write(write).await)
    }

    /// Ends all keys of a user that were made in sessions from up to a moment. [`LostRace`] when those up to a later one, or
    /// this one, were ended before.
    pub async fn revoke_api_keys_before(
        &self,
        tenant: Tenant,
        user: UserId,
        revocation: KeyRevocation,
        kept_until: Timestamp,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::put(key_revocation_key(tenant, user), &revocation)
            .expires(afterlife(kept_until))
            .announce(events)
            .when("attribute_not_exists(#pk) OR #revoked_before < :moment")
            .value(":moment", &revocation.revoked_before.as_millisecond());
        tolerate_race(self.table.write(write).await)
    }
}

fn api_key_key(tenant: Tenant, user: UserId, id: ApiKeyId) -> Key {
    Key::new(user_partition(tenant, user), format!("API_KEY#{id}"))
}

fn key_revocation_key(tenant: Tenant, user: UserId) -> Key {
    Key::new(user_partition(tenant, user), "API_KEYS_REVOKED")
}
