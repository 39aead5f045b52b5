use contracts::{
    events::{PasswordChanged, PasswordResetRequested, UserVerified},
    identity::{Credentials, PasswordChange, PasswordCheck, UserStatus},
};
use kernel::{caller::Tenant, id::UserId, origin::Origin, secret::Secret, validate::Invalid};

use super::{Service, verification::Addressee};
use crate::{
    email::Email,
    error::Error,
    hashing::{PasswordHash, Verdict},
    link::Purpose,
    password::{NewPassword, normalise},
    sign_in::SignIn,
    store::{Change, NewHash},
    user::Account,
};

impl Service {
    /// Checks a password: one read and one hash, whether or not the address has an account.
    pub async fn check_password(&self, credentials: &Credentials) -> Result<PasswordCheck, Error> {
        let Credentials { email, password } = credentials;
        let found = match Email::parse(email) {
            Ok(email) => self.find_sign_in(&email).await?,
            Err(_) => None,
        };
        let found = found.filter(|sign_in| !sign_in.account.is_deleted());
        let hash = found.as_ref().and_then(|sign_in| sign_in.password_hash.as_ref());
        let verdict = self.hasher.verify(password, hash).await?;
        match (found, verdict) {
            (Some(SignIn { account, password_hash, .. }), Verdict::Right { is_outdated }) => {
                if let Some(old) = password_hash.filter(|_| is_outdated) {
                    self.renew_hash(&account, &old, password).await;
                }
                let password_version = account.password_version;
                Ok(PasswordCheck::Right { user: Box::new(account.view()), password_version })
            }
            (found, _) => Ok(PasswordCheck::Wrong {
                tenant_id: found.as_ref().map(|sign_in| sign_in.account.tenant_id),
                user_id: found.as_ref().map(|sign_in| sign_in.account.id),
            }),
        }
    }

    /// Makes the hash anew with the settings of today. A failure is no reason to refuse a sign-in: the
    /// next one tries again.
    async fn renew_hash(&self, account: &Account, old: &PasswordHash, password: &Secret) {
        let Ok(new) = self.hasher.rehash(password).await else { return };
        if let Err(error) = self.store.replace_hash(&account.email, old, &new).await {
            tracing::warn!(%error, "a password's hash could not be renewed");
        }
    }

    /// Changes a password for its owner, who knows the current one. All sessions but the one that asks end.
    pub async fn change_password(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wanted: &PasswordChange,
    ) -> Result<(), Error> {
        let PasswordChange { current_password, new_password, keep_session } = wanted;
        let account = self.load(tenant, user).await?;
        if account.status != UserStatus::Active {
            return Err(Error::NotFound);
        }
        let hash = self.prove_password(&account, current_password).await?;
        let accepted = self.policy.check(new_password, Some(&account.email));
        let accepted = accepted.map_err(|invalid| invalid.at("/new_password"))?;
        if accepted.secret().expose() == normalise(current_password).expose() {
            let rule = Invalid::new("password.unchanged", "must differ from the current password");
            return Err(rule.at("/new_password").into());
        }
        self.refuse_breached(&accepted, "/new_password").await?;
        let new_hash = self.hasher.hash(&accepted).await?;
        let changed = self.change(tenant, account, |account| {
            // As it is now, not as it was before the hashing: whoever shuts an account out wins.
            if account.status != UserStatus::Active {
                return Err(Error::NotFound);
            }
            let changed = PasswordChanged {
                user_id: user,
                kept_session_id: Some(*keep_session),
                password_version: account.renew_password(),
            };
            Ok(Change {
                password: Some(NewHash { hash: Some(new_hash.clone()), replaced: hash.clone() }),
                dropped_links: vec![Purpose::Reset, Purpose::EmailChange],
                events: vec![self.event(tenant, origin, &changed)],
                ..Change::default()
            })
        });
        changed.await.map(drop)
    }

    /// Demands the account's password, and gives its hash.
    pub(super) async fn prove_password(
        &self,
        account: &Account,
        password: &Secret,
    ) -> Result<Option<PasswordHash>, Error> {
        let sign_in = self.find_sign_in(&account.email).await?;
        let hash = sign_in.and_then(|sign_in| sign_in.password_hash);
        match self.hasher.verify(password, hash.as_ref()).await? {
            Verdict::Right { .. } => Ok(hash),
            Verdict::Wrong => Err(Error::WrongPassword),
        }
    }

    /// Refuses a new password that is known from a breach (NIST SP 800-63B-4, section 3.1.1.2).
    pub(super) async fn refuse_breached(
        &self,
        password: &NewPassword,
        pointer: &str,
    ) -> Result<(), Error> {
        if self.breaches.know(password).await {
            let rule = "is known from a breach elsewhere, so guessers have it; choose another";
            return Err(Invalid::new("password.breached", rule).at(pointer).into());
        }
        Ok(())
    }

    /// Has a link to set a new password mailed, if the address has an account that may use it. The
    /// answer and the work are the same if not.
    pub async fn request_password_reset(
        &self,
        origin: &Origin,
        email: &Email,
    ) -> Result<(), Error> {
        self.count_request_for(email).await?;
        let found = self.find_sign_in(email).await?.map(|sign_in| sign_in.account);
        let addressee = Addressee::of(found.filter(may_reset));
        let link = self.links.issue(Purpose::Reset, self.clock.now());
        let requested = PasswordResetRequested {
            user_id: addressee.user,
            nonce: link.nonce.clone(),
            personal: addressee.contact.clone(),
        };
        let event = self.event(addressee.tenant, origin, &requested);
        addressee.save(&self.store, link, &event).await
    }

    /// Sets a new password by a mailed token, which also proves the address. All sessions end.
    pub async fn reset_password(
        &self,
        origin: &Origin,
        token: &Secret,
        password: &Secret,
    ) -> Result<(), Error> {
        let (tenant, account, link) = self.open_link(Purpose::Reset, token).await?;
        if !may_reset(&account) {
            return Err(Error::LinkInvalid);
        }
        let accepted = self.policy.check(password, Some(&account.email));
        let accepted: NewPassword = accepted.map_err(|invalid| invalid.at("/password"))?;
        self.refuse_breached(&accepted, "/password").await?;
        let hash = self.hasher.hash(&accepted).await?;
        let origin = origin.acting_as(account.id);
        let reset = self.change(tenant, account, |account| {
            if !may_reset(account) {
                return Err(Error::LinkInvalid);
            }
            let changed = PasswordChanged {
                user_id: account.id,
                kept_session_id: None,
                password_version: account.renew_password(),
            };
            let mut events = vec![self.event(tenant, &origin, &changed)];
            if account.verify() {
                let verified = UserVerified { user_id: account.id };
                events.push(self.event(tenant, &origin, &verified));
            }
            Ok(Change {
                password: Some(NewHash { hash: Some(hash.clone()), replaced: None }),
                used_link: Some(link.clone()),
                dropped_links: vec![Purpose::Verification, Purpose::EmailChange],
                events,
                ..Change::default()
            })
        });
        match reset.await {
            Err(Error::NotFound) => Err(Error::LinkInvalid),
            outcome => outcome.map(drop),
        }
    }
}

/// Whether the owner of an account may set a new password by mail.
fn may_reset(account: &Account) -> bool {
    match account.status {
        UserStatus::Pending | UserStatus::Active => true,
        UserStatus::Suspended | UserStatus::Deleted => false,
    }
}
