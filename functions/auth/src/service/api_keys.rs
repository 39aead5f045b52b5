use contracts::{
    events::{ApiKeyCreated, ApiKeyRevocationReason, ApiKeyRevoked},
    sessions::ApiKeyStanding,
};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    caller::{Caller, Tenant},
    id::{ApiKeyId, TenantId, UserId},
    origin::Origin,
    page::{Limit, Page},
    secret::Secret,
};

use super::{Service, event};
use crate::{
    api_key::{ApiKey, KeyRevocation, NewApiKey},
    credential::Credential,
    error::Error,
    refresh_token::Owner,
    scopes,
    store::LostRace,
};

/// No key lives longer.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Service {
    /// A new key of the caller's: what is stored of it, and what nobody can ask for again.
    ///
    /// # Errors
    /// `Escalation`, `SessionOver`
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        new: NewApiKey,
    ) -> Result<(ApiKey, Secret), Error> {
        let NewApiKey { name, scopes, lifetime } = new;
        scopes::check_held(caller, &scopes)?;
        let owner =
            Owner { tenant: caller.tenant.id(), user: caller.user, session: caller.session };
        let session = self.active_session(owner).await?.ok_or(Error::SessionOver)?;
        let (tenant, user, id) = (caller.tenant.id(), caller.user, ApiKeyId::new());
        let made = self.api_keys.make([*tenant.as_uuid(), *user.as_uuid(), *id.as_uuid()]);
        let now = self.clock.now();
        let key = ApiKey {
            id,
            tenant_id: tenant,
            user_id: user,
            name: name.0,
            fingerprint: made.fingerprint,
            scopes,
            session_began_at: session.created_at,
            created_at: now,
            expires_at: lifetime.end(now),
            last_used_at: None,
            revoked_at: None,
        };
        let created = ApiKeyCreated {
            user_id: user,
            api_key_id: id,
            scopes: key.scopes.iter().cloned().collect(),
            expires_at: key.expires_at,
        };
        let event = event(now, caller.tenant, &caller.origin, &created);
        self.store.create_api_key(caller.tenant, &key, &[event]).await?;
        Ok((key, made.text))
    }

    /// The caller's living keys, newest first. A page may be short where others have ended.
    pub async fn list_api_keys(
        &self,
        caller: &Caller,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<ApiKey>, Error> {
        let query = format!("auth.api_keys/{}", caller.user);
        let tenant = caller.tenant.id();
        let open = |cursor| self.cursors.open(&tenant, &query, cursor);
        let after = cursor.map(open).transpose().map_err(Error::Invalid)?;
        let (rows, all) = tokio::try_join!(
            self.store.api_keys(caller.tenant, caller.user, limit.get(), after),
            self.store.key_revocation(caller.tenant, caller.user),
        )?;
        let now = self.clock.now();
        let living = rows.items.into_iter().filter(|key| key.is_active(all.as_ref(), now));
        let next_cursor = rows.next.map(|next| self.cursors.seal(&tenant, &query, &next));
        Ok(Page { items: living.collect(), next_cursor })
    }

    /// Ends a key of the caller's.
    ///
    /// # Errors
    /// `ApiKeyNotFound`
    pub async fn revoke_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Error> {
        let (key, all) = self.store.api_key(caller.tenant, caller.user, id).await?;
        let now = self.clock.now();
        let living = key.filter(|key| key.is_active(all.as_ref(), now));
        let key = living.ok_or(Error::ApiKeyNotFound)?;
        self.end_api_key(&caller.origin, &key, ApiKeyRevocationReason::ByUser).await
    }

    /// Ends a key, unless it has ended meanwhile.
    pub(super) async fn end_api_key(
        &self,
        origin: &Origin,
        key: &ApiKey,
        reason: ApiKeyRevocationReason,
    ) -> Result<(), Error> {
        let (tenant, now) = (Tenant::of_secret(key.tenant_id), self.clock.now());
        let (user_id, api_key_id) = (key.user_id, Some(key.id));
        let event = event(now, tenant, origin, &ApiKeyRevoked { user_id, api_key_id, reason });
        let _ = self.store.revoke_api_key(tenant, user_id, key.id, now, &[event]).await?;
        Ok(())
    }

    /// Ends all keys of a user that were made in sessions from up to `moment`. Idempotent.
    pub async fn end_api_keys(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        moment: Timestamp,
        reason: ApiKeyRevocationReason,
    ) -> Result<(), Error> {
        let revoked = ApiKeyRevoked { user_id: user, api_key_id: None, reason };
        let now = self.clock.now();
        let events = [event(now, tenant, origin, &revoked)];
        // The record is needed for as long as a key from before could live.
        let kept_until = now.saturating_add(LONGEST_LIFE).unwrap_or(now);
        let revocation = KeyRevocation { revoked_before: moment };
        let write =
            self.store.revoke_api_keys_before(tenant, user, revocation, kept_until, &events);
        let _ = write.await?;
        Ok(())
    }

    /// Whom a key stands for, for the authorizer. Notes the use, once an hour.
    pub async fn api_key_standing(&self, key: &Secret) -> Result<Option<ApiKeyStanding>, Error> {
        let Some(presented) = self.api_keys.open(key) else { return Ok(None) };
        let Some(key) = self.active_api_key(&presented).await? else { return Ok(None) };
        let now = self.clock.now();
        if key.is_use_news(now) {
            let tenant = Tenant::of_secret(key.tenant_id);
            match self.store.note_api_key_use(tenant, &key, now).await {
                // Somebody else has noted it, which is as good.
                Ok(Ok(()) | Err(LostRace)) => {}
                Err(error) => tracing::warn!(%error, "the use of an API key is not noted"),
            }
        }
        let ApiKey { id, tenant_id, user_id, scopes, .. } = key;
        Ok(Some(ApiKeyStanding { id, tenant_id, user_id, scopes }))
    }

    /// The key that was presented, if it counts.
    pub(super) async fn active_api_key(
        &self,
        presented: &Credential<3>,
    ) -> Result<Option<ApiKey>, Error> {
        let [tenant, user, id] = presented.ids;
        let tenant = Tenant::of_secret(TenantId::from_uuid(tenant));
        let (user, id) = (UserId::from_uuid(user), ApiKeyId::from_uuid(id));
        let (key, all) = self.store.api_key(tenant, user, id).await?;
        let now = self.clock.now();
        Ok(key.filter(|key| {
            let (stored, shown) = (key.fingerprint.as_bytes(), presented.fingerprint.as_bytes());
            kernel::secret::equal(stored, shown) && key.is_active(all.as_ref(), now)
        }))
    }
}
