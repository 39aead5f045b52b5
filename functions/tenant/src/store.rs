//! The table. No other file knows its keys and attributes.
//!
//! | access pattern | how |
//! |---|---|
//! | a tenant by id | get `T#{tenant}` / `tenant` |
//! | a tenant's id by slug (and the slug's uniqueness) | get `SLUG#{slug}` / `slug` |

use aws::{Key, StoreError, Table, Write};
use contracts::tenant::{TenantSettings, TenantStatus, TenantView};
use jiff::Timestamp;
use kernel::{caller::Tenant, event::Envelope, id::TenantId};
use serde::{Deserialize, Serialize};

use crate::names::Slug;

#[derive(Serialize, Deserialize)]
struct TenantItem {
    id: TenantId,
    name: String,
    slug: String,
    /// Closed unless it says otherwise.
    #[serde(default)]
    open_registration: bool,
    status: TenantStatus,
    #[serde(default)]
    settings: TenantSettings,
    created_at: Timestamp,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct SlugItem {
    tenant_id: TenantId,
}

/// What came of creating a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    Done,
    /// A tenant with this id is there already.
    Exists,
    /// A tenant with another id has the slug.
    SlugTaken,
}

/// The service's table.
#[derive(Debug, Clone)]
pub struct Store {
    table: Table,
}

impl Store {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    pub async fn find_tenant(&self, tenant: Tenant) -> Result<Option<TenantView>, StoreError> {
        let item: Option<TenantItem> = self.table.get(&tenant_key(tenant.id())).await?;
        Ok(item.map(TenantView::from))
    }

    /// The tenant with this slug. Slugs belong to the platform, not to a tenant: this is how a tenant
    /// is found.
    pub async fn find_tenant_by_slug(&self, slug: &Slug) -> Result<Option<TenantView>, StoreError> {
        Ok(self.find_item(slug).await?.map(TenantView::from))
    }

    /// The tenant with this slug, if it is open to registration.
    pub async fn find_open_tenant(&self, slug: &Slug) -> Result<Option<TenantView>, StoreError> {
        let item = self.find_item(slug).await?;
        Ok(item.filter(|item| item.open_registration).map(TenantView::from))
    }

    async fn find_item(&self, slug: &Slug) -> Result<Option<TenantItem>, StoreError> {
        let Some(item) = self.table.get::<SlugItem>(&slug_key(slug.as_str())).await? else {
            return Ok(None);
        };
        self.table.get(&tenant_key(item.tenant_id)).await
    }

    pub async fn create_tenant(
        &self,
        tenant: &TenantView,
        open_registration: bool,
        events: &[Envelope],
    ) -> Result<Creation, StoreError> {
        let TenantView { id, name, slug, status, settings, created_at, version } = tenant.clone();
        let item =
            TenantItem { id, name, slug, open_registration, status, settings, created_at, version };
        let item = Write::put(tenant_key(id), &item).if_absent().announce(events);
        let slug =
            Write::put(slug_key(&tenant.slug), &SlugItem { tenant_id: tenant.id }).if_absent();
        match self.table.write_all(vec![item, slug]).await {
            Ok(()) => Ok(Creation::Done),
            Err(StoreError::Condition(0)) => Ok(Creation::Exists),
            Err(StoreError::Condition(_)) => Ok(Creation::SlugTaken),
            Err(error) => Err(error),
        }
    }

    /// Saves the next version of a tenant, whose slug, and whether it is open, stay. `false` when
    /// `before` is not the present version.
    pub async fn save_tenant(
        &self,
        tenant: Tenant,
        before: &TenantView,
        after: &TenantView,
        events: &[Envelope],
    ) -> Result<bool, StoreError> {
        let item = Write::update(tenant_key(tenant.id()))
            .set("name", &after.name)
            .set("status", &after.status)
            .set("settings", &after.settings)
            .set("version", &after.version)
            .if_equals("version", &before.version)
            .announce(events);
        match self.table.write(item).await {
            Ok(()) => Ok(true),
            Err(StoreError::Condition(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn tenant_key(id: TenantId) -> Key {
    Key::new(format!("T#{id}"), "tenant")
}

fn slug_key(slug: &str) -> Key {
    Key::new(format!("SLUG#{slug}"), "slug")
}

impl From<TenantItem> for TenantView {
    fn from(item: TenantItem) -> Self {
        let TenantItem {
            id,
            name,
            slug,
            open_registration: _,
            status,
            settings,
            created_at,
            version,
        } = item;
        Self { id, name, slug, status, settings, created_at, version }
    }
}
