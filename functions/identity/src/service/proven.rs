use contracts::identity::ProvenUser;
use kernel::{caller::Tenant, id::UserId, origin::Origin, problem::Problem, validate::Violations};

use super::Service;
use crate::{
    email::Email,
    error::Error,
    profile::{Name, Profile},
    user::Account,
};

/// People who sign in elsewhere: their provider has proven the address, and no password is theirs here.
impl Service {
    /// The tenant's user with this address, if there is one. What is no address has none.
    pub async fn find_user_by_email(
        &self,
        tenant: Tenant,
        email: &str,
    ) -> Result<Option<Account>, Error> {
        let Ok(email) = Email::parse(email) else { return Ok(None) };
        let found = self.find_sign_in(&email).await?.map(|sign_in| sign_in.account);
        let is_here = |account: &Account| account.tenant_id == tenant.id() && !account.is_deleted();
        Ok(found.filter(is_here))
    }

    /// Creates an active account without a password, unless the id has an account (be it deleted).
    pub async fn ensure_proven_user(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wanted: &ProvenUser,
    ) -> Result<Account, Error> {
        if let Some(account) = self.store.find(tenant, user).await? {
            return Ok(account);
        }
        let (email, profile) = parse_proven(wanted)?;
        let account = Account::pending(tenant.id(), user, email, profile, self.clock.now());
        self.add_verified(origin, tenant, account, None).await
    }

    /// Whether the user has a password.
    pub async fn has_password(&self, tenant: Tenant, user: UserId) -> Result<bool, Error> {
        let Some(account) = self.store.find(tenant, user).await? else { return Ok(false) };
        let sign_in = self.find_sign_in(&account.email).await?;
        Ok(sign_in.is_some_and(|sign_in| sign_in.password_hash.is_some()))
    }
}

fn parse_proven(wanted: &ProvenUser) -> Result<(Email, Profile), Problem> {
    let ProvenUser { email, first_name, last_name } = wanted;
    let mut violations = Violations::default();
    let email = violations.field("/email", Email::parse(email));
    let first_name = violations.field("/first_name", Name::first(first_name));
    let last_name = violations.field("/last_name", Name::last(last_name));
    violations.finish()?;
    let (email, (first_name, last_name)) =
        email.zip(first_name.zip(last_name)).expect("what is missing is a violation");
    Ok((email, Profile { first_name, last_name, username: None, avatar_url: None }))
}
