use contracts::{
    events::{Contact, MailPurpose, UserMailRequested, UserUpdated, UserVerified},
    identity::UserStatus,
};
use kernel::{
    caller::Tenant,
    event::Envelope,
    id::{TenantId, UserId},
    origin::Origin,
    secret::{Secret, fingerprint},
};

use super::Service;
use crate::{
    email::Email,
    error::Error,
    link::{Confirms, NewLink, Purpose, StoredLink},
    profile::{Patch, ProfileChange},
    sign_in::SignIn,
    store::{Change, NewHash, Store},
    user::Account,
};

impl Service {
    /// Takes a mailed token as proof of the address, and confirms the password that it stands for.
    pub async fn verify_email(&self, origin: &Origin, token: &Secret) -> Result<(), Error> {
        let (tenant, account, link) = self.open_link(Purpose::Verification, token).await?;
        let (profile, password) = self.confirmed_by(&link, &account).await?;
        let origin = origin.acting_as(account.id);
        let verified = self.change(tenant, account, |account| {
            // Whose registration counts is decided by the first link that is followed.
            if account.email_verified && !link.is_replaceable() {
                return Err(Error::LinkInvalid);
            }
            let mut events = Vec::new();
            let changed = account.change_profile(profile.clone());
            if !changed.is_empty() {
                let updated = UserUpdated { user_id: account.id, changed };
                events.push(self.event(tenant, &origin, &updated));
            }
            if account.verify() {
                let verified = UserVerified { user_id: account.id };
                events.push(self.event(tenant, &origin, &verified));
            }
            Ok(Change {
                password: password.clone(),
                used_link: Some(link.clone()),
                dropped_links: vec![Purpose::Verification],
                events,
                ..Change::default()
            })
        });
        match verified.await {
            Err(Error::NotFound) => Err(Error::LinkInvalid),
            outcome => outcome.map(drop),
        }
    }

    /// What following a verification link changes beside the proof of the address.
    async fn confirmed_by(
        &self,
        link: &StoredLink,
        account: &Account,
    ) -> Result<(ProfileChange, Option<NewHash>), Error> {
        let mut profile = ProfileChange::default();
        let password = match &link.confirms {
            Confirms::First => None,
            Confirms::Only => {
                let sign_in = self.find_sign_in(&account.email).await?;
                let is_contested = sign_in.is_some_and(|sign_in| sign_in.is_contested());
                is_contested.then_some(NewHash { hash: None, replaced: None })
            }
            Confirms::Registration(registered) => {
                profile.first_name = Patch::Set(registered.first_name.clone());
                profile.last_name = Patch::Set(registered.last_name.clone());
                Some(NewHash { hash: Some(registered.password_hash.clone()), replaced: None })
            }
        };
        Ok((profile, password))
    }

    /// Has a verification link mailed again, if there is a pending account. The answer and the work
    /// are the same if not.
    pub async fn resend_verification(&self, origin: &Origin, email: &Email) -> Result<(), Error> {
        self.count_request_for(email).await?;
        let found = self.find_sign_in(email).await?;
        let found = found.filter(|sign_in| sign_in.account.status == UserStatus::Pending);
        let is_contested = found.as_ref().is_some_and(SignIn::is_contested);
        let purpose =
            if is_contested { MailPurpose::VerificationOnly } else { MailPurpose::Verification };
        let issued = self.links.issue(Purpose::Verification, self.clock.now());
        let link = NewLink { confirms: Confirms::Only, ..issued };
        let addressee = Addressee::of(found.map(|sign_in| sign_in.account));
        let requested = UserMailRequested {
            user_id: addressee.user,
            purpose,
            nonce: Some(link.nonce.clone()),
            personal: addressee.contact.clone(),
        };
        let event = self.event(addressee.tenant, origin, &requested);
        addressee.save(&self.store, link, &event).await
    }

    /// The account that a token belongs to. Whether it is the newest of its purpose, and not used
    /// meanwhile, is checked by the write that uses it.
    pub(super) async fn open_link(
        &self,
        purpose: Purpose,
        token: &Secret,
    ) -> Result<(Tenant, Account, StoredLink), Error> {
        let found = self.store.find_link(&fingerprint(token.expose())).await?;
        let link = found
            .filter(|link| link.is_good(purpose, self.clock.now()))
            .ok_or(Error::LinkInvalid)?;
        let tenant = Tenant::of_secret(link.tenant_id);
        let account = self.load(tenant, link.user_id).await;
        match account {
            Ok(account) => Ok((tenant, account, link)),
            Err(Error::NotFound) => Err(Error::LinkInvalid),
            Err(error) => Err(error),
        }
    }
}

/// Whom a link is for that somebody asked for by an address: an account's owner, or nobody. All work is
/// done for either, so that time does not tell whether the address has an account.
pub(super) struct Addressee {
    pub tenant: Tenant,
    pub user: UserId,
    pub contact: Contact,
    is_anybody: bool,
}

impl Addressee {
    pub fn of(account: Option<Account>) -> Self {
        match account {
            Some(account) => Self {
                tenant: Tenant::of_address(account.tenant_id),
                user: account.id,
                contact: account.contact(),
                is_anybody: true,
            },
            None => Self {
                tenant: Tenant::of_address(TenantId::new()),
                user: UserId::new(),
                // About as long as most are.
                contact: Contact {
                    email: "nobody@example.org".to_owned(),
                    name: "No Body At All".to_owned(),
                },
                is_anybody: false,
            },
        }
    }

    /// Stores the link and announces that it is to be mailed; for nobody, neither.
    pub async fn save(&self, store: &Store, link: NewLink, event: &Envelope) -> Result<(), Error> {
        if self.is_anybody {
            Ok(store.save_link(self.tenant, self.user, &link, event).await?)
        } else {
            Ok(store.save_no_link(link, event).await?)
        }
    }
}
