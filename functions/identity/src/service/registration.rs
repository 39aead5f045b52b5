use contracts::{
    events::{MailPurpose, UserMailRequested},
    identity::Registration,
};
use kernel::{caller::Tenant, origin::Origin, problem::Problem, validate::Violations};

use super::Identity;
use crate::{
    email::Email,
    error::Error,
    password::{NewPassword, Policy},
    profile::{Name, Profile},
    user::SignIn,
};

/// An account that somebody makes for themselves.
#[derive(Debug)]
pub struct NewRegistration {
    tenant: Tenant,
    email: Email,
    password: NewPassword,
    profile: Profile,
}

impl NewRegistration {
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(registration: &Registration, policy: Policy) -> Result<Self, Problem> {
        let Registration { tenant_id, email, password, name } = registration;
        let mut violations = Violations::default();
        let email = violations.field("/email", Email::parse(email));
        let password = violations.field("/password", policy.check(password, email.as_ref()));
        let names = violations.field("/name", Name::split(name));
        violations.finish()?;
        let ((email, password), (first_name, last_name)) =
            email.zip(password).zip(names).expect("what is missing is a violation");
        let profile = Profile { first_name, last_name, username: None, avatar_url: None };
        Ok(Self { tenant: Tenant::of_internal_call(*tenant_id), email, password, profile })
    }
}

impl Identity {
    /// Creates a pending account. When the address is taken, its owner is told instead. Either way it
    /// is one hash, one read and one write: neither answer nor time says which it was.
    pub async fn register(&self, origin: &Origin, new: NewRegistration) -> Result<(), Error> {
        let NewRegistration { tenant, email, password, profile } = new;
        let hash = self.hasher.hash(&password).await?;
        if let Some(owner) = self.store.find_sign_in(&email).await? {
            return self.tell_owner(origin, &owner).await;
        }
        match self.add_pending(origin, tenant, email.clone(), profile, Some(hash)).await {
            // Taken between the read and the write.
            Err(Error::EmailTaken) => match self.store.find_sign_in(&email).await? {
                Some(owner) => self.tell_owner(origin, &owner).await,
                None => Err(Error::Contended),
            },
            outcome => outcome.map(drop),
        }
    }

    async fn tell_owner(&self, origin: &Origin, owner: &SignIn) -> Result<(), Error> {
        let account = &owner.account;
        if account.is_deleted() {
            return Ok(self.store.save_no_link(self.clock.now()).await?);
        }
        let tenant = Tenant::of_address(account.tenant_id);
        let requested = UserMailRequested {
            user_id: account.id,
            purpose: MailPurpose::AlreadyRegistered,
            nonce: None,
            personal: account.contact(),
        };
        Ok(self.store.announce(tenant, &self.event(tenant, origin, &requested)).await?)
    }
}
