//! The use cases.

use std::sync::Arc;

use contracts::{
    events::{TenantCreated, TenantUpdated},
    tenant::{TenantSettings, TenantStatus, TenantView},
};
use kernel::{
    caller::{Caller, Tenant},
    clock::Clock,
    etag::IfMatch,
    event::{Envelope, EventData},
    id::TenantId,
    origin::Origin,
};

use crate::{
    error::Error,
    names::{Slug, TenantName},
    store::{Creation, Store},
};

/// How often a change that lost a race is tried on what the winner left.
const TRIES: u32 = 4;

/// What shall be different about a tenant.
#[derive(Debug, Clone)]
pub struct TenantPatch {
    pub name: Option<TenantName>,
    pub require_second_factor: Option<bool>,
    pub security_mail: Option<bool>,
}

/// A tenant that shall exist.
#[derive(Debug, Clone)]
pub struct NewTenant {
    pub name: TenantName,
    pub slug: Slug,
    pub open_registration: bool,
}

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
    pub async fn get_tenant(&self, caller: &Caller, id: TenantId) -> Result<TenantView, Error> {
        if id != caller.tenant.id() {
            return Err(Error::NotFound);
        }
        self.store.find_tenant(caller.tenant).await?.ok_or(Error::NotFound)
    }

    /// Changes the caller's own tenant. A patch that changes nothing announces nothing.
    ///
    /// # Errors
    /// `NotFound`, `Stale`, `Contended`
    pub async fn update_tenant(
        &self,
        caller: &Caller,
        id: TenantId,
        expected: &IfMatch,
        patch: &TenantPatch,
    ) -> Result<TenantView, Error> {
        for _ in 0..TRIES {
            let tenant = self.get_tenant(caller, id).await?;
            let stale = |_| Error::Stale { current: tenant.version };
            expected.check(tenant.version).map_err(stale)?;
            let Some((next, changed)) = patched(&tenant, patch) else { return Ok(tenant) };
            let data = TenantUpdated { tenant_id: id, changed };
            let events = [self.event(caller.tenant, &caller.origin, &data)];
            if self.store.save_tenant(caller.tenant, &tenant, &next, &events).await? {
                return Ok(next);
            }
        }
        Err(Error::Contended)
    }

    pub async fn find_tenant(&self, tenant: Tenant) -> Result<Option<TenantView>, Error> {
        Ok(self.store.find_tenant(tenant).await?)
    }

    pub async fn find_tenant_by_slug(&self, slug: &Slug) -> Result<Option<TenantView>, Error> {
        Ok(self.store.find_tenant_by_slug(slug).await?)
    }

    /// The tenant that takes a registration under this slug, or under none: an active one that is
    /// open. To know a slug is no invitation, least of all to the operators' own tenant.
    pub async fn find_tenant_for_registration(
        &self,
        slug: Option<&Slug>,
    ) -> Result<Option<TenantView>, Error> {
        let Some(slug) = slug.or(self.default_slug.as_ref()) else { return Ok(None) };
        let found = self.store.find_open_tenant(slug).await?;
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
        wanted: &NewTenant,
    ) -> Result<TenantView, Error> {
        if let Some(present) = self.store.find_tenant(tenant).await? {
            return Ok(present);
        }
        let NewTenant { name, slug, open_registration } = wanted;
        let now = self.clock.now();
        let created = TenantView {
            id: tenant.id(),
            name: name.as_str().to_owned(),
            slug: slug.as_str().to_owned(),
            status: TenantStatus::Active,
            settings: TenantSettings::default(),
            created_at: now,
            version: 1,
        };
        let data = TenantCreated {
            tenant_id: created.id,
            name: created.name.clone(),
            slug: created.slug.clone(),
        };
        let events = [self.event(tenant, origin, &data)];
        match self.store.create_tenant(&created, *open_registration, &events).await? {
            Creation::Done => Ok(created),
            // Somebody was faster.
            Creation::Exists => self.store.find_tenant(tenant).await?.ok_or(Error::NotFound),
            Creation::SlugTaken => Err(Error::SlugTaken),
        }
    }

    fn event(&self, tenant: Tenant, origin: &Origin, data: &impl EventData) -> Envelope {
        Envelope::new("tenant", self.clock.now(), tenant, origin, data)
    }
}

/// The next version of a tenant and the names of the fields that differ; `None` when none does.
fn patched(tenant: &TenantView, patch: &TenantPatch) -> Option<(TenantView, Vec<String>)> {
    let TenantPatch { name, require_second_factor, security_mail } = patch;
    let before = tenant.settings;
    let settings = TenantSettings {
        require_second_factor: require_second_factor.unwrap_or(before.require_second_factor),
        security_mail: security_mail.unwrap_or(before.security_mail),
    };
    let name = name.as_ref().map_or(tenant.name.as_str(), TenantName::as_str);
    let changed: Vec<String> = [("name", name != tenant.name), ("settings", settings != before)]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(field, _)| field.to_owned())
        .collect();
    if changed.is_empty() {
        return None;
    }
    let (name, version) = (name.to_owned(), tenant.version + 1);
    Some((TenantView { name, settings, version, ..tenant.clone() }, changed))
}
