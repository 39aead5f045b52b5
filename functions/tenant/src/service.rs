//! The use cases.

use std::sync::Arc;

use contracts::{
    events::TenantCreated,
    tenant::{TenantStatus, TenantView},
};
use kernel::{
    caller::{Caller, Tenant},
    clock::Clock,
    event::Envelope,
    id::TenantId,
    origin::Origin,
};

use crate::{
    names::{Slug, TenantName},
    problems::TenantError,
    store::{Creation, Store},
};

/// The tenant service.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    /// The tenant that people join who register without naming one.
    pub(crate) default_slug: Option<Slug>,
}

impl Service {
    /// The caller's own tenant. Any other id is unknown to them.
    ///
    /// # Errors
    /// `NotFound`
    pub async fn get_tenant(
        &self,
        caller: &Caller,
        id: TenantId,
    ) -> Result<TenantView, TenantError> {
        if id != caller.tenant.id() {
            return Err(TenantError::NotFound);
        }
        self.store.find_tenant(caller.tenant).await?.ok_or(TenantError::NotFound)
    }

    pub async fn find_tenant(&self, tenant: Tenant) -> Result<Option<TenantView>, TenantError> {
        Ok(self.store.find_tenant(tenant).await?)
    }

    /// The tenant that takes a registration under this slug, or under none. Only an active one does.
    pub async fn find_tenant_for_registration(
        &self,
        slug: Option<&Slug>,
    ) -> Result<Option<TenantView>, TenantError> {
        let Some(slug) = slug.or(self.default_slug.as_ref()) else { return Ok(None) };
        let found = self.store.find_tenant_by_slug(slug).await?;
        Ok(found.filter(|tenant| tenant.status == TenantStatus::Active))
    }

    /// The tenant with this id: as it is, or else created like this.
    ///
    /// # Errors
    /// `SlugTaken`
    pub async fn ensure_tenant(
        &self,
        origin: &Origin,
        tenant: Tenant,
        name: &TenantName,
        slug: &Slug,
    ) -> Result<TenantView, TenantError> {
        if let Some(present) = self.store.find_tenant(tenant).await? {
            return Ok(present);
        }
        let now = self.clock.now();
        let created = TenantView {
            id: tenant.id(),
            name: name.as_str().to_owned(),
            slug: slug.as_str().to_owned(),
            status: TenantStatus::Active,
            created_at: now,
            version: 1,
        };
        let data = TenantCreated {
            tenant_id: created.id,
            name: created.name.clone(),
            slug: created.slug.clone(),
        };
        let events = [Envelope::new("tenant", now, tenant, origin, &data)];
        match self.store.create_tenant(&created, &events).await? {
            Creation::Done => Ok(created),
            // Somebody was faster.
            Creation::Exists => self.store.find_tenant(tenant).await?.ok_or(TenantError::NotFound),
            Creation::SlugTaken => Err(TenantError::SlugTaken),
        }
    }
}
