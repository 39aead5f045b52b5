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

use crate::credentials::{Account, Credentials};

/// The services that seeding goes through.
pub struct Seeder {
    pub tenants: Arc<dyn Tenants>,
    pub identities: Arc<dyn Identities>,
    pub authz: Arc<dyn Authorization>,
}

impl Seeder {
    /// Makes what is missing.
    ///
    /// # Errors
    /// When a service refuses, such as for an operator's e-mail address that a user has.
    pub async fn seed(&self, credentials: &Credentials) -> Result<(), CallError> {
        let demo = &credentials.demo;
        tokio::try_join!(
            self.tenant(PLATFORM_TENANT, "Platform", "platform"),
            self.tenant(demo.tenant_id, "Demo Inc.", &demo.tenant),
        )?;
        let operator = (PLATFORM_TENANT, &credentials.operator, OWNER.name);
        let users = demo.users.iter().map(|account| {
            (demo.tenant_id, account, account.role.as_deref().unwrap_or(OWNER.name))
        });
        let accounts = std::iter::once(operator).chain(users);
        futures_util::future::try_join_all(
            accounts.map(|(tenant, account, role)| self.account(tenant, account, role)),
        )
        .await?;
        Ok(())
    }

    async fn tenant(&self, id: TenantId, name: &str, slug: &str) -> Result<(), CallError> {
        let tenant = EnsureTenant { name: name.to_owned(), slug: slug.to_owned() };
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
            first_name: title(role),
            last_name: "Demo".to_owned(),
        };
        let made = self.identities.ensure(&origin(), tenant, account.id, &user).await?;
        let wanted = BTreeSet::from([role.to_owned()]);
        if made.roles.iter().cloned().collect::<BTreeSet<_>>() != wanted {
            let change = AssignRoles {
                change: RoleChange::Set,
                roles: vec![role.to_owned()],
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
