//! Makes the operator and the demo tenant. Every step is idempotent, so a seed that was cut short is
//! completed by the next.

use std::{collections::BTreeSet, sync::Arc};

use contracts::{
    PLATFORM_TENANT,
    authz::{AssignRoles, Authorization, OWNER, RoleChange},
    identity::{EnsureUser, Identities},
    tenant::{EnsureTenant, Tenants},
};
use kernel::{caller::Tenant, client::CallError, id::TenantId, origin::Origin, secret::Secret};

use crate::credentials::{Account, Demo};

/// The services that seeding goes through.
pub struct Seeder {
    pub tenants: Arc<dyn Tenants>,
    pub identities: Arc<dyn Identities>,
    pub authz: Arc<dyn Authorization>,
}

impl Seeder {
    /// Makes the platform's own tenant and its operator, as far as they are missing.
    ///
    /// # Errors
    /// When a service refuses, such as for an address that a user has.
    pub async fn seed_operator(&self, operator: &Account) -> Result<(), CallError> {
        self.tenant(PLATFORM_TENANT, "Platform", "platform", false).await?;
        self.account(PLATFORM_TENANT, operator, OWNER.name).await
    }

    /// Makes the demo tenant, which takes registrations, and its accounts, as far as they are missing.
    ///
    /// # Errors
    /// When a service refuses.
    pub async fn seed_demo(&self, demo: &Demo) -> Result<(), CallError> {
        self.tenant(demo.tenant_id, "Demo Inc.", &demo.tenant, true).await?;
        let accounts = demo.users.iter().map(|account| {
            let role = account.role.as_deref().unwrap_or(OWNER.name);
            self.account(demo.tenant_id, account, role)
        });
        futures_util::future::try_join_all(accounts).await.map(drop)
    }

    async fn tenant(
        &self,
        id: TenantId,
        name: &str,
        slug: &str,
        open_registration: bool,
    ) -> Result<(), CallError> {
        let (name, slug) = (name.to_owned(), slug.to_owned());
        let tenant = EnsureTenant { name, slug, open_registration };
        self.tenants.ensure(&origin(), id, &tenant).await.map(drop)
    }

    async fn account(
        &self,
        tenant: TenantId,
        account: &Account,
        role: &str,
    ) -> Result<(), CallError> {
        let tenant = Tenant::of_internal_call(tenant);
        let user = EnsureUser {
            email: account.email.clone(),
            password: Secret::new(account.password.clone()),
            is_random: account.is_random,
            first_name: title(role),
            last_name: "Demo".to_owned(),
        };
        let made = self.identities.ensure(&origin(), tenant, account.id, &user).await?;
        let wanted = BTreeSet::from([role.to_owned()]);
        if made.roles.iter().cloned().collect::<BTreeSet<_>>() != wanted {
            let change = AssignRoles {
                change: RoleChange::Set,
                roles: vec![role.to_owned()],
                // Made active; of a suspension since then the authorization service knows.
                is_active: true,
                caller_permissions: None,
            };
            self.authz.assign(&origin(), tenant, account.id, &change).await?;
        }
        Ok(())
    }
}

fn origin() -> Origin {
    Origin::system("seed")
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
