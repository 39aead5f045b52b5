//! The tenant service, as other services see it.

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{
    client::{CallError, ServiceClient},
    id::TenantId,
    origin::Origin,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    Active,
    Suspended,
    Deleted,
}

/// What a tenant decides for its people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TenantSettings {
    /// Whether everybody needs a second factor to sign in.
    pub require_second_factor: bool,
    /// Whether people get a mail when something about their account's security changes.
    pub security_mail: bool,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { require_second_factor: false, security_mail: true }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantView {
    pub id: TenantId,
    #[schema(example = "Demo Inc.")]
    pub name: String,
    #[schema(example = "demo")]
    pub slug: String,
    pub status: TenantStatus,
    #[serde(default)]
    pub settings: TenantSettings,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub version: u64,
}

/// Asks for a tenant with this id to exist.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnsureTenant {
    pub name: String,
    pub slug: String,
    /// Whether people may join by registering themselves. Else only its administrators let them in.
    #[serde(default)]
    pub open_registration: bool,
}

/// The tenant service.
#[async_trait]
pub trait Tenants: Send + Sync + 'static {
    /// The tenant; `None` when there is none.
    async fn find(&self, origin: &Origin, id: TenantId) -> Result<Option<TenantView>, CallError>;

    /// The tenant with this slug, or the one that people join without a slug, provided that it is
    /// active and open to registration: of any other there is no saying whether it exists.
    async fn find_for_registration(
        &self,
        origin: &Origin,
        slug: Option<&str>,
    ) -> Result<Option<TenantView>, CallError>;

    /// The tenant with this slug, whatever its state; `None` when there is none.
    async fn find_by_slug(
        &self,
        origin: &Origin,
        slug: &str,
    ) -> Result<Option<TenantView>, CallError>;

    /// Creates the tenant unless it exists. Refused with `tenant.slug_taken` when another has the slug.
    async fn ensure(
        &self,
        origin: &Origin,
        id: TenantId,
        tenant: &EnsureTenant,
    ) -> Result<TenantView, CallError>;
}

#[async_trait]
impl Tenants for ServiceClient {
    async fn find(&self, origin: &Origin, id: TenantId) -> Result<Option<TenantView>, CallError> {
        self.get(origin, &format!("/internal/tenant/tenants/{id}")).await
    }

    async fn find_for_registration(
        &self,
        origin: &Origin,
        slug: Option<&str>,
    ) -> Result<Option<TenantView>, CallError> {
        match slug {
            Some(slug) if !is_word(slug) => Ok(None),
            Some(slug) => self.get(origin, &format!("/internal/tenant/registration/{slug}")).await,
            None => self.get(origin, "/internal/tenant/registration").await,
        }
    }

    async fn find_by_slug(
        &self,
        origin: &Origin,
        slug: &str,
    ) -> Result<Option<TenantView>, CallError> {
        if !is_word(slug) {
            return Ok(None);
        }
        self.get(origin, &format!("/internal/tenant/slugs/{slug}")).await
    }

    async fn ensure(
        &self,
        origin: &Origin,
        id: TenantId,
        tenant: &EnsureTenant,
    ) -> Result<TenantView, CallError> {
        self.put(origin, &format!("/internal/tenant/tenants/{id}"), tenant).await
    }
}

/// What can be a slug. Anything else names no tenant, and must not become part of a path.
fn is_word(slug: &str) -> bool {
    !slug.is_empty() && slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
