use contracts::{
    events::{Contact, MailPurpose, UserMailRequested},
    identity::Registration,
};
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{EventId, UserId},
    origin::Origin,
    problem::Problem,
    validate::Violations,
};

use super::{Service, accounts::NewPending};
use crate::{
    email::Email,
    error::Error,
    link::{Confirms, NewLink, Purpose, Registered},
    password::{NewPassword, Policy},
    profile::{Name, Profile},
    sign_in::SignIn,
    store::{Conflict, SaveError},
    user::full_name,
};

/// An account that somebody makes for themselves.
#[derive(Debug)]
pub struct NewRegistration {
    tenant: Tenant,
    user: UserId,
    email: Email,
    password: NewPassword,
    profile: Profile,
}

impl NewRegistration {
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(registration: &Registration, policy: Policy) -> Result<Self, Problem> {
        let Registration { tenant_id, user_id, email, password, name } = registration;
        let mut violations = Violations::default();
        let email = violations.field("/email", Email::parse(email));
        let password = violations.field("/password", policy.check(password, email.as_ref()));
        let names = violations.field("/name", Name::split(name));
        violations.finish()?;
        let ((email, password), (first_name, last_name)) =
            email.zip(password).zip(names).expect("what is missing is a violation");
        let profile = Profile { first_name, last_name, username: None, avatar_url: None };
        let tenant = Tenant::of_internal_call(*tenant_id);
        Ok(Self { tenant, user: *user_id, email, password, profile })
    }
}

impl Service {
    /// Creates a pending account. When the address is taken, its owner is told instead. Either way it
    /// is one hash, one read and one write: neither answer nor time says which it was.
    pub async fn register(&self, origin: &Origin, new: NewRegistration) -> Result<(), Error> {
        let NewRegistration { tenant, user, email, password, profile } = new;
        self.refuse_breached(&password, "/password").await?;
        let password_hash = self.hasher.hash(&password).await?;
        let Profile { first_name, last_name, .. } = profile.clone();
        let registered = Registered { password_hash: password_hash.clone(), first_name, last_name };
        if let Some(owner) = self.find_sign_in(&email).await? {
            return self.register_again(origin, user, &owner, registered).await;
        }
        let new = NewPending {
            id: user,
            email: email.clone(),
            profile,
            password_hash: Some(password_hash),
            is_self_registered: true,
        };
        match self.add_pending(origin, tenant, new).await {
            // Taken between the read and the write.
            Err(Error::EmailTaken) => match self.find_sign_in(&email).await? {
                Some(owner) => self.register_again(origin, user, &owner, registered).await,
                None => Err(Error::Contended),
            },
            outcome => outcome.map(drop),
        }
    }

    /// Registers with a taken address. While nobody has proven to be its owner, each who registers gets
    /// a link of their own, which confirms the password that was given with it and no other: whoever
    /// registers first with the address of somebody else has gained nothing.
    ///
    /// The link and the event that asks for the mail follow from the registration's id, so that another
    /// attempt at the same request mails nothing more.
    async fn register_again(
        &self,
        origin: &Origin,
        user: UserId,
        owner: &SignIn,
        registered: Registered,
    ) -> Result<(), Error> {
        if owner.account.id == user {
            return Ok(()); // by an earlier attempt at the same request, whose answer got lost
        }
        if !owner.is_open_to_registration() {
            return self.tell_owner(origin, user, owner).await;
        }
        let (account, now) = (&owner.account, self.clock.now());
        let tenant = Tenant::of_address(account.tenant_id);
        let name = full_name(&registered.first_name, &registered.last_name);
        let link = NewLink {
            confirms: Confirms::Registration(registered),
            ..self.links.of_registration(user, now)
        };
        let requested = UserMailRequested {
            user_id: account.id,
            purpose: MailPurpose::Registration,
            nonce: Some(link.nonce.clone()),
            personal: Contact { name, ..account.contact() },
        };
        let event = Envelope { id: event_of(user), ..self.event(tenant, origin, &requested) };
        match self.store.add_registration(tenant, owner, &link, &event).await {
            // The address was proven between the read and the write.
            Err(SaveError::Conflict(Conflict::EmailTaken)) => {
                self.tell_owner(origin, user, owner).await
            }
            Err(SaveError::Conflict(Conflict::Exists)) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    async fn tell_owner(&self, origin: &Origin, user: UserId, owner: &SignIn) -> Result<(), Error> {
        let account = &owner.account;
        let tenant = Tenant::of_address(account.tenant_id);
        let requested = UserMailRequested {
            user_id: account.id,
            purpose: MailPurpose::AlreadyRegistered,
            nonce: None,
            personal: account.contact(),
        };
        let event = Envelope { id: event_of(user), ..self.event(tenant, origin, &requested) };
        if account.is_deleted() {
            let link = self.links.issue(Purpose::Verification, self.clock.now());
            return Ok(self.store.save_no_link(link, &event).await?);
        }
        Ok(self.store.announce(tenant, &event).await?)
    }
}

/// The id of the event that a registration makes when it makes no account.
fn event_of(registration: UserId) -> EventId {
    EventId::from_uuid(*registration.as_uuid())
}
