use std::sync::Arc;

use contracts::tenant::{TenantSettings, TenantStatus};
use kernel::{caller::Tenant, client::CallError, origin::Origin};

use super::Service;
use crate::error::Error;

impl Service {
    /// What an active tenant demands of its people, as it was at most `auth.tenant_cache_seconds` ago.
    /// Fails with [`Error::TenantSuspended`] for any other.
    pub(super) async fn tenancy(
        &self,
        origin: &Origin,
        tenant: Tenant,
    ) -> Result<TenantSettings, Error> {
        let read = async || self.tenants.find(origin, tenant.id()).await;
        let found = self.tenancies.get(key(tenant), read).await;
        let found = found.map_err(|error: Arc<CallError>| CallError::Unavailable {
            service: "tenant",
            reason: error.to_string(),
        })?;
        let active = found.filter(|tenant| tenant.status == TenantStatus::Active);
        active.map(|tenant| tenant.settings).ok_or(Error::TenantSuspended)
    }

    /// The tenant has changed: the next one to ask reads it.
    pub async fn forget_tenancy(&self, tenant: Tenant) {
        self.tenancies.forget(&key(tenant)).await;
    }

    pub(super) async fn is_tenant_active(
        &self,
        origin: &Origin,
        tenant: Tenant,
    ) -> Result<bool, Error> {
        match self.tenancy(origin, tenant).await {
            Ok(_) => Ok(true),
            Err(Error::TenantSuspended) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn key(tenant: Tenant) -> String {
    format!("tenant:{tenant}")
}
