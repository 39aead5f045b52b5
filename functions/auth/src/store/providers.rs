use aws::{Key, Query, Rows, StoreError, Write};
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope, id::ProviderId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LostRace, Store, tolerate_race};
use crate::federation::{
    attempt::Attempt,
    provider::{Provider, ProviderSlug},
};

/// Leads from a slug to its provider, and keeps it unique in the tenant.
#[derive(Serialize, Deserialize)]
struct SlugItem {
    id: ProviderId,
}

impl Store {
    /// Stores a new provider. [`LostRace`] when another has the slug.
    pub async fn create_provider(
        &self,
        tenant: Tenant,
        provider: &Provider,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let item = Write::put(provider_key(tenant, provider.id), provider).if_absent();
        let slug = Write::put(slug_key(tenant, &provider.slug), &SlugItem { id: provider.id });
        let writes = vec![item.announce(events), slug.if_absent()];
        tolerate_race(self.table.write_all(writes).await)
    }

    pub async fn provider(
        &self,
        tenant: Tenant,
        id: ProviderId,
    ) -> Result<Option<Provider>, StoreError> {
        self.table.get(&provider_key(tenant, id)).await
    }

    pub async fn provider_by_slug(
        &self,
        tenant: Tenant,
        slug: &ProviderSlug,
    ) -> Result<Option<Provider>, StoreError> {
        match self.table.get::<SlugItem>(&slug_key(tenant, slug)).await? {
            Some(SlugItem { id }) => self.provider(tenant, id).await,
            None => Ok(None),
        }
    }

    /// A page of the tenant's providers, oldest first.
    pub async fn providers(
        &self,
        tenant: Tenant,
        limit: u32,
        after: Option<String>,
    ) -> Result<Rows<Provider>, StoreError> {
        let query = Query::partition(providers_partition(tenant)).prefix("PROVIDER#");
        self.table.query(query.limit(limit).after(after)).await
    }

    /// Stores the next version of a provider. [`LostRace`] when `before` is not the present one.
    pub async fn save_provider(
        &self,
        tenant: Tenant,
        before: &Provider,
        after: &Provider,
        events: &[Envelope],
    ) -> Result<Result<(), LostRace>, StoreError> {
        let write = Write::put(provider_key(tenant, after.id), after)
            .if_equals("version", &before.version)
            .announce(events);
        tolerate_race(self.table.write(write).await)
    }

    /// Removes a provider. [`LostRace`] when it is not of this version any more.
    pub async fn delete_provider(
        &self,
        tenant: Tenant,
        provider: &Provider,
        event: &Envelope,
        now: Timestamp,
    ) -> Result<Result<(), LostRace>, StoreError> {
        let item = Write::delete(provider_key(tenant, provider.id))
            .if_equals("version", &provider.version);
        let slug = Write::delete(slug_key(tenant, &provider.slug));
        // A deletion has no item to announce with.
        let outbox = Key::new(format!("T#{tenant}#OUTBOX#{}", event.id), "event");
        let outbox = Write::put(outbox, &json!({}))
            .expires(super::afterlife(now))
            .announce(std::slice::from_ref(event));
        tolerate_race(self.table.write_all(vec![item, slug, outbox]).await)
    }

    /// Notes that a sign-in has come back from its provider. [`LostRace`] when it had before.
    pub async fn spend_attempt(
        &self,
        attempt: &Attempt,
    ) -> Result<Result<(), LostRace>, StoreError> {
        let key = Key::new(format!("ATTEMPT#{}", attempt.fingerprint()), "spent");
        let write = Write::put(key, &json!({})).expires(attempt.expires_at).if_absent();
        tolerate_race(self.table.write(write).await)
    }
}

fn providers_partition(tenant: Tenant) -> String {
    format!("T#{tenant}#PROVIDERS")
}

fn provider_key(tenant: Tenant, id: ProviderId) -> Key {
    Key::new(providers_partition(tenant), format!("PROVIDER#{id}"))
}

fn slug_key(tenant: Tenant, slug: &ProviderSlug) -> Key {
    Key::new(providers_partition(tenant), format!("SLUG#{}", slug.as_str()))
}
