use contracts::events::{ProviderCreated, ProviderDeleted, ProviderUpdated};
use kernel::{
    caller::{Caller, Tenant},
    etag::IfMatch,
    id::ProviderId,
    page::{Limit, Page},
    secret::Secret,
};

use super::{Service, event};
use crate::{
    error::Error,
    federation::{
        provider::{NewProvider, Provider, ProviderPatch, ProviderSettings},
        refusal::Refusal,
        sealing::Sealed,
    },
    store::LostRace,
};

/// Names the list in its cursors.
const LIST: &str = "auth.providers";

impl Service {
    /// Sets up a provider for the caller's tenant.
    pub async fn create_provider(
        &self,
        caller: &Caller,
        new: NewProvider,
    ) -> Result<Provider, Error> {
        let (id, now) = (ProviderId::new(), self.clock.now());
        let seal = |secret: &Secret| self.seal_client_secret(caller.tenant, id, secret);
        let provider = Provider {
            id,
            slug: new.slug,
            preset: new.preset,
            issuer: new.issuer,
            settings: ProviderSettings {
                name: new.name,
                client_id: new.client_id,
                client_secret: new.client_secret.as_ref().map(seal),
                scopes: new.scopes,
                is_enabled: new.is_enabled,
                allowed_domains: new.allowed_domains,
                creates_users: new.creates_users,
                default_roles: new.default_roles,
            },
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let data = ProviderCreated {
            provider_id: id,
            slug: provider.slug.as_str().to_owned(),
            preset: provider.preset.as_str().to_owned(),
            issuer: provider.issuer.as_str().to_owned(),
        };
        let event = event(now, caller.tenant, &caller.origin, &data);
        match self.store.create_provider(caller.tenant, &provider, &[event]).await? {
            Ok(()) => Ok(provider),
            Err(LostRace) => Err(Refusal::SlugTaken.into()),
        }
    }

    pub async fn get_provider(&self, caller: &Caller, id: ProviderId) -> Result<Provider, Error> {
        let found = self.store.provider(caller.tenant, id).await?;
        found.ok_or_else(|| Refusal::ProviderNotFound.into())
    }

    /// The providers of the caller's tenant, oldest first.
    pub async fn list_providers(
        &self,
        caller: &Caller,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Provider>, Error> {
        let tenant = caller.tenant.id();
        let after = cursor
            .map(|cursor| self.cursors.open(&tenant, LIST, cursor))
            .transpose()
            .map_err(Error::Invalid)?;
        let rows = self.store.providers(caller.tenant, limit.get(), after).await?;
        Ok(Page {
            items: rows.items,
            next_cursor: rows.next.map(|next| self.cursors.seal(&tenant, LIST, &next)),
        })
    }

    /// Changes a provider. A patch that changes nothing announces nothing.
    pub async fn update_provider(
        &self,
        caller: &Caller,
        id: ProviderId,
        expected: &IfMatch,
        patch: ProviderPatch,
    ) -> Result<Provider, Error> {
        let before = self.get_provider(caller, id).await?;
        expected.check(before.version).map_err(Error::Invalid)?;
        let seal = |secret: &Secret| self.seal_client_secret(caller.tenant, id, secret);
        let (settings, changed) = patch.apply(&before.settings, seal);
        if changed.is_empty() {
            return Ok(before);
        }
        let now = self.clock.now();
        let version = before.version + 1;
        let after = Provider { settings, updated_at: now, version, ..before.clone() };
        let data = ProviderUpdated { provider_id: id, changed };
        let event = event(now, caller.tenant, &caller.origin, &data);
        match self.store.save_provider(caller.tenant, &before, &after, &[event]).await? {
            Ok(()) => Ok(after),
            Err(LostRace) => Err(Error::Contended),
        }
    }

    /// Removes a provider. The links of people stay: they are to its issuer, and work again with another
    /// provider of the same.
    pub async fn delete_provider(
        &self,
        caller: &Caller,
        id: ProviderId,
        expected: &IfMatch,
    ) -> Result<(), Error> {
        let provider = self.get_provider(caller, id).await?;
        expected.check(provider.version).map_err(Error::Invalid)?;
        let now = self.clock.now();
        let slug = provider.slug.as_str().to_owned();
        let data = ProviderDeleted { provider_id: id, slug };
        let event = event(now, caller.tenant, &caller.origin, &data);
        match self.store.delete_provider(caller.tenant, &provider, &event, now).await? {
            Ok(()) => Ok(()),
            Err(LostRace) => Err(Error::Contended),
        }
    }

    fn seal_client_secret(&self, tenant: Tenant, id: ProviderId, secret: &Secret) -> Sealed {
        self.federation.sealer.seal(&place(tenant, id), secret.expose())
    }

    /// The client secret of a provider. It does not open any more after the service's root key was
    /// replaced; then it has to be entered again.
    pub(super) fn open_client_secret(
        &self,
        tenant: Tenant,
        id: ProviderId,
        sealed: &Sealed,
    ) -> Result<Secret, Refusal> {
        let opened = self.federation.sealer.open(&place(tenant, id), sealed);
        opened.ok_or_else(|| Refusal::unavailable("its client secret has to be entered again"))
    }
}

fn place(tenant: Tenant, id: ProviderId) -> String {
    format!("{tenant}/{id}")
}
