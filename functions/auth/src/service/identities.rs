use contracts::{
    authz::{AssignRoles, RoleChange, UNKNOWN_ROLE},
    events::{IdentityLinked, IdentityUnlinked},
    identity::{EMAIL_TAKEN, ProvenUser, User},
};
use kernel::{
    caller::{Caller, Tenant},
    client::CallError,
    event::Envelope,
    id::{IdentityId, UserId},
    origin::Origin,
    page::{Limit, Page},
    problem,
};

use super::{Service, event};
use crate::{
    error::Error,
    federation::{
        link::{Link, MAX_LINKS},
        person::Person,
        provider::Provider,
        refusal::Refusal,
    },
    store::{LinkConflict, LostRace, UnlinkConflict},
};

/// Tries of a sign-in that meets another one of the same person.
const TRIES: u32 = 3;

impl Service {
    /// The account of a provider's person: the linked one; else the tenant's own with the address that
    /// the provider has proven, which gets linked; else a new one, where the provider may make some.
    pub(super) async fn account_of(
        &self,
        origin: &Origin,
        tenant: Tenant,
        provider: &Provider,
        person: &Person,
    ) -> Result<User, Error> {
        if !provider.admits(person.email.as_deref()) {
            return Err(Refusal::NotAllowed("the address is not of an allowed domain").into());
        }
        for _ in 0..TRIES {
            let issuer = provider.issuer.as_str();
            let link = match self.store.link(tenant, issuer, &person.subject).await? {
                Some(link) => link,
                None => match self.new_link(origin, tenant, provider, person).await? {
                    Some(link) => link,
                    None => continue,
                },
            };
            if !link.is_settled {
                return self.settle(origin, tenant, provider, person, &link).await;
            }
            let found = self.identities.find(origin, tenant, link.user_id).await?;
            return found.ok_or_else(|| Refusal::NotLinkable("the account is gone").into());
        }
        Err(Error::Contended)
    }

    /// Links a person who comes by this provider for the first time; `None` when that happens elsewhere
    /// at this moment.
    async fn new_link(
        &self,
        origin: &Origin,
        tenant: Tenant,
        provider: &Provider,
        person: &Person,
    ) -> Result<Option<Link>, Error> {
        let email = person.email.as_deref().ok_or(Refusal::EmailUnproven)?;
        let account = self.identities.find_by_email(origin, tenant, email).await?;
        let user_id = match &account {
            // Somebody may have registered with the address of another, hoping that the owner moves in
            // some day. Only an owner who has proven it is linked.
            Some(user) if !user.email_verified => {
                return Err(Refusal::NotLinkable("its address is not verified").into());
            }
            Some(user) => user.id,
            None if provider.settings.creates_users => UserId::new(),
            None => return Err(Refusal::NotAllowed("there is no account").into()),
        };
        let link = Link {
            id: IdentityId::new(),
            user_id,
            issuer: provider.issuer.as_str().to_owned(),
            subject: person.subject.clone(),
            provider_id: provider.id,
            provider: provider.slug.as_str().to_owned(),
            is_settled: account.is_some(),
            created_at: self.clock.now(),
        };
        let linked = account.map(|_| self.linked(origin, tenant, &link));
        match self.store.add_link(tenant, &link, linked.as_slice()).await? {
            Ok(()) => Ok(Some(link)),
            Err(LinkConflict::Person) => Ok(None),
            Err(LinkConflict::Issuer) => {
                Err(Refusal::NotLinkable("it is linked with another person there").into())
            }
            Err(LinkConflict::TooMany) => Err(Refusal::NotLinkable("it has too many links").into()),
        }
    }

    /// Makes the account that a link has been stored for. Each step may be done again: after a crash, the
    /// next sign-in goes on here.
    async fn settle(
        &self,
        origin: &Origin,
        tenant: Tenant,
        provider: &Provider,
        person: &Person,
        link: &Link,
    ) -> Result<User, Error> {
        let email = person.email.clone().ok_or(Refusal::EmailUnproven)?;
        let (first_name, last_name) = (person.first_name.clone(), person.last_name.clone());
        let wanted = ProvenUser { email, first_name, last_name };
        let user = match self.identities.ensure_proven(origin, tenant, link.user_id, &wanted).await
        {
            Ok(user) => user,
            Err(error) if is_refused_with(&error, &[EMAIL_TAKEN, problem::INVALID]) => {
                // Of another tenant, deleted lately, or no address for an account: the next try may find
                // another state.
                let _ = self.store.remove_link(tenant, link, false, &[]).await?;
                return Err(Refusal::NotLinkable("its address can have no account here").into());
            }
            Err(error) => return Err(error.into()),
        };
        self.give_roles(origin, tenant, provider, link.user_id).await?;
        let linked = self.linked(origin, tenant, link);
        // Whoever lost this race finds it settled all the same.
        let (Ok(()) | Err(LostRace)) = self.store.settle_link(tenant, link, &[linked]).await?;
        Ok(user)
    }

    /// Gives a new user the roles that the provider's settings name.
    async fn give_roles(
        &self,
        origin: &Origin,
        tenant: Tenant,
        provider: &Provider,
        user: UserId,
    ) -> Result<(), Error> {
        let roles = provider.settings.default_roles.clone();
        if roles.is_empty() {
            return Ok(());
        }
        let change = RoleChange::Set;
        let wanted = AssignRoles { change, roles, is_active: true, caller_permissions: None };
        match self.authz.assign(origin, tenant, user, &wanted).await {
            Ok(_) => Ok(()),
            Err(error) if is_refused_with(&error, &[UNKNOWN_ROLE]) => {
                Err(Refusal::unavailable("its default roles name one that is not there").into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The caller's links. Their order means nothing.
    pub async fn list_identities(
        &self,
        caller: &Caller,
        limit: Limit,
        cursor: Option<&str>,
    ) -> Result<Page<Link>, Error> {
        let query = format!("auth.identities/{}", caller.user);
        let tenant = caller.tenant.id();
        let after = cursor
            .map(|cursor| self.cursors.open(&tenant, &query, cursor))
            .transpose()
            .map_err(Error::Invalid)?;
        let rows = self.store.links(caller.tenant, caller.user, limit.get(), after).await?;
        Ok(Page {
            items: rows.items.into_iter().filter(|link| link.is_settled).collect(),
            next_cursor: rows.next.map(|next| self.cursors.seal(&tenant, &query, &next)),
        })
    }

    /// Removes a link of the caller, who must not be left without a way to sign in.
    pub async fn unlink_identity(&self, caller: &Caller, id: IdentityId) -> Result<(), Error> {
        let (tenant, user) = (caller.tenant, caller.user);
        let rows = self.store.links(tenant, user, MAX_LINKS, None).await?;
        let link = rows.items.into_iter().find(|link| link.id == id);
        let link = link.ok_or(Refusal::IdentityNotFound)?;
        let password = self.identities.password_status(&caller.origin, tenant, user).await?;
        let event = self.unlinked(&caller.origin, tenant, &link);
        match self.store.remove_link(tenant, &link, !password.is_set, &[event]).await? {
            Ok(()) => Ok(()),
            Err(UnlinkConflict::Gone) => Err(Refusal::IdentityNotFound.into()),
            Err(UnlinkConflict::Last) => Err(Refusal::LastIdentity.into()),
        }
    }

    /// Removes all links of a user who is gone. Idempotent.
    pub async fn forget_identities(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<(), Error> {
        for link in self.store.links(tenant, user, MAX_LINKS, None).await?.items {
            let event = self.unlinked(origin, tenant, &link);
            // One that is gone already is what is wanted.
            let _ = self.store.remove_link(tenant, &link, false, &[event]).await?;
        }
        Ok(())
    }

    fn linked(&self, origin: &Origin, tenant: Tenant, link: &Link) -> Envelope {
        let data = IdentityLinked {
            user_id: link.user_id,
            identity_id: link.id,
            provider_id: link.provider_id,
        };
        event(self.clock.now(), tenant, &origin.acting_as(link.user_id), &data)
    }

    fn unlinked(&self, origin: &Origin, tenant: Tenant, link: &Link) -> Envelope {
        let data = IdentityUnlinked {
            user_id: link.user_id,
            identity_id: link.id,
            provider_id: link.provider_id,
        };
        event(self.clock.now(), tenant, origin, &data)
    }
}

fn is_refused_with(error: &CallError, kinds: &[problem::Kind]) -> bool {
    kinds.iter().any(|kind| error.code() == Some(kind.code))
}
