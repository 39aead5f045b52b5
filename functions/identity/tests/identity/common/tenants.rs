use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use contracts::tenant::{EnsureTenant, TenantSettings, TenantStatus, TenantView, Tenants};
use kernel::{client::CallError, id::TenantId, origin::Origin};

/// Knows every tenant, and whether they want mails about changes of security.
pub struct FakeTenants {
    pub wants_security_mail: AtomicBool,
    pub is_down: AtomicBool,
}

impl Default for FakeTenants {
    fn default() -> Self {
        Self { wants_security_mail: AtomicBool::new(true), is_down: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Tenants for FakeTenants {
    async fn find(&self, _: &Origin, id: TenantId) -> Result<Option<TenantView>, CallError> {
        if self.is_down.load(Ordering::SeqCst) {
            let reason = "is down".to_owned();
            return Err(CallError::Unavailable { service: "tenant", reason });
        }
        let security_mail = self.wants_security_mail.load(Ordering::SeqCst);
        Ok(Some(TenantView {
            id,
            name: "Demo".to_owned(),
            slug: "demo".to_owned(),
            status: TenantStatus::Active,
            settings: TenantSettings { security_mail, ..TenantSettings::default() },
            created_at: jiff::Timestamp::UNIX_EPOCH,
            version: 1,
        }))
    }

    async fn find_for_registration(
        &self,
        _: &Origin,
        _: Option<&str>,
    ) -> Result<Option<TenantView>, CallError> {
        unreachable!("identity does not decide who may register")
    }

    async fn find_by_slug(&self, _: &Origin, _: &str) -> Result<Option<TenantView>, CallError> {
        unreachable!("identity knows tenants by their ids")
    }

    async fn ensure(
        &self,
        _: &Origin,
        _: TenantId,
        _: &EnsureTenant,
    ) -> Result<TenantView, CallError> {
        unreachable!("identity makes no tenants")
    }
}
