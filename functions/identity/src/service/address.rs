use contracts::{
    events::{
        Contact, MailPurpose, PasswordChanged, PasswordResetRequested, UserMailRequested,
        UserUpdated,
    },
    identity::UserStatus,
};
use kernel::{
    caller::{Caller, Tenant},
    event::Envelope,
    origin::{ActorKind, Origin},
    secret::Secret,
    validate::Invalid,
};

use super::{MAX_TRIES, Service};
use crate::{
    email::Email,
    error::Error,
    link::{Purpose, REVERT_LASTS, StoredLink},
    sign_in::SignIn,
    store::{Change, Conflict, Move, NewHash, SaveError},
    user::{Account, FormerEmail},
};

/// Whoever can read the mails to an account's address owns the account. So an address changes only for
/// who knows the password and reads the mails to the new one, and for a week the old one has the last
/// word: its link takes the change back, and with it whatever allowed the change. Meanwhile nobody else
/// gets the old address, and the new one is not changed again, so that the last word cannot be moved on.
///
/// Sessions go on after a change: they belong to the user and not to the address, and the password was
/// proven a moment ago. They end, and the password with them, when the change is taken back.
impl Service {
    /// Has a link mailed to the new address that changes the caller's address to it, and a link to the
    /// present one that takes it back. Work and answer are the same when the new address is taken: then
    /// its owner is told, and nothing will come of it.
    pub async fn request_email_change(
        &self,
        caller: &Caller,
        new: &Email,
        password: &Secret,
    ) -> Result<(), Error> {
        let (tenant, now) = (caller.tenant, self.clock.now());
        let account = self.load(tenant, caller.user).await?;
        if account.status != UserStatus::Active {
            return Err(Error::NotFound);
        }
        self.prove_password(&account, password).await?;
        if account.email.normalised() == new.normalised() {
            let rule = Invalid::new("email.unchanged", "must differ from the present address");
            return Err(rule.at("/new_email").into());
        }
        if account.has_just_moved(now) {
            return Err(Error::EmailChangedRecently);
        }
        self.count_request_for(new).await?;
        let owner = self.find_sign_in(new).await?;
        let change = self.links.issue_for_address(Purpose::EmailChange, new, now);
        let undo = self.links.issue_for_address(Purpose::EmailRevert, &account.email, now);
        let notice = MailPurpose::EmailChangeNotice;
        let mut events =
            vec![self.mail(tenant, &caller.origin, &account, notice, Some(&undo.nonce))];
        match owner {
            None => {
                let personal = Contact { email: new.shown().to_owned(), ..account.contact() };
                let requested = UserMailRequested {
                    user_id: account.id,
                    purpose: MailPurpose::EmailChange,
                    nonce: Some(change.nonce.clone()),
                    personal,
                };
                events.push(self.event(tenant, &caller.origin, &requested));
            }
            Some(owner) => events.extend(self.tell_of_wish(&caller.origin, &owner)),
        }
        Ok(self.store.save_email_change(tenant, account.id, &change, &undo, &events).await?)
    }

    /// Changes an address, by the token that was mailed to the new one.
    pub async fn confirm_email_change(&self, origin: &Origin, token: &Secret) -> Result<(), Error> {
        let (tenant, mut account, link) = self.open_link(Purpose::EmailChange, token).await?;
        let new = link.email.clone().ok_or(Error::LinkInvalid)?;
        let origin = origin.acting_as(account.id);
        for _ in 0..MAX_TRIES {
            let now = self.clock.now();
            // Moved by another link of the same moment, or by this one.
            let has_moved = account.has_just_moved(now) || account.email == new;
            if account.status != UserStatus::Active || has_moved {
                return Err(Error::LinkInvalid);
            }
            let (old, held_until) = (account.email.clone(), now + REVERT_LASTS);
            let undo = self.links.issue_for_address(Purpose::EmailRevert, &old, now);
            let known_hash = self.hash_of(&account).await?;
            let mut moved = account.clone();
            moved.move_to(new.clone(), Some(FormerEmail { email: old, held_until }));
            moved.touch(now);
            let (changed, nonce) = (MailPurpose::EmailChanged, Some(undo.nonce.as_str()));
            let changes = Move {
                used_link: link.clone(),
                new_hash: known_hash.clone(),
                known_hash,
                dropped_links: vec![Purpose::Verification, Purpose::Reset],
                events: vec![
                    self.email_updated(tenant, &origin, &account),
                    self.mail(tenant, &origin, &account, changed, nonce),
                ],
                new_link: undo,
            };
            if self.save_move(tenant, &mut account, &moved, changes).await? {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Takes a change of address back, or one that is asked for, by a token that was mailed to the old
    /// address. Whoever asked for it knew the password, so that ends too, with all sessions; a link to
    /// set a new one is mailed to the old address.
    pub async fn revert_email_change(&self, origin: &Origin, token: &Secret) -> Result<(), Error> {
        let (tenant, mut account, link) = self.open_link(Purpose::EmailRevert, token).await?;
        let old = link.email.clone().ok_or(Error::LinkInvalid)?;
        let origin = origin.acting_as(account.id);
        for _ in 0..MAX_TRIES {
            if account.status != UserStatus::Active {
                return Err(Error::LinkInvalid);
            }
            let is_reverted = if account.email == old {
                self.cancel_change(tenant, &origin, &mut account, &link).await?
            } else {
                self.move_back(tenant, &origin, &mut account, &link, &old).await?
            };
            if is_reverted {
                return Ok(());
            }
        }
        Err(Error::Contended)
    }

    /// Ends a change that nobody has confirmed yet. `false`, with the account as it is now, when somebody
    /// else has changed it in between.
    async fn cancel_change(
        &self,
        tenant: Tenant,
        origin: &Origin,
        account: &mut Account,
        link: &StoredLink,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let reset = self.links.issue(Purpose::Reset, now);
        let mut changed = account.clone();
        let events = self.locked_out(tenant, origin, &mut changed, &reset.nonce);
        changed.touch(now);
        let change = Change {
            password: Some(NewHash { hash: None, replaced: None }),
            used_link: Some(link.clone()),
            dropped_links: vec![Purpose::EmailChange, Purpose::Verification],
            new_link: Some(reset),
            events: events.into(),
        };
        let saved = self.store.save(tenant, account, &changed, change).await;
        self.settle(tenant, account, saved).await
    }

    async fn move_back(
        &self,
        tenant: Tenant,
        origin: &Origin,
        account: &mut Account,
        link: &StoredLink,
        old: &Email,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let is_held = |former: &FormerEmail| former.email == *old && now < former.held_until;
        if !account.former_email.as_ref().is_some_and(is_held) {
            return Err(Error::LinkInvalid);
        }
        let reset = self.links.issue(Purpose::Reset, now);
        let mut moved = account.clone();
        moved.move_to(old.clone(), None);
        moved.touch(now);
        let mut events = vec![self.email_updated(tenant, origin, account)];
        events.extend(self.locked_out(tenant, origin, &mut moved, &reset.nonce));
        let changes = Move {
            used_link: link.clone(),
            known_hash: self.hash_of(account).await?,
            new_hash: None,
            dropped_links: vec![Purpose::EmailChange, Purpose::Verification],
            new_link: reset,
            events,
        };
        self.save_move(tenant, account, &moved, changes).await
    }

    async fn save_move(
        &self,
        tenant: Tenant,
        account: &mut Account,
        moved: &Account,
        changes: Move,
    ) -> Result<bool, Error> {
        let saved = self.store.move_address(tenant, account, moved, changes).await;
        self.settle(tenant, account, saved).await
    }

    /// Whether it was saved; `false`, with the account as it is now, when somebody else was faster.
    async fn settle(
        &self,
        tenant: Tenant,
        account: &mut Account,
        saved: Result<(), SaveError>,
    ) -> Result<bool, Error> {
        match saved {
            Ok(()) => Ok(true),
            Err(SaveError::Conflict(Conflict::Stale | Conflict::PasswordChanged)) => {
                *account = self.load(tenant, account.id).await.map_err(|error| match error {
                    Error::NotFound => Error::LinkInvalid,
                    other => other,
                })?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn hash_of(
        &self,
        account: &Account,
    ) -> Result<Option<crate::hashing::PasswordHash>, Error> {
        let sign_in = self.find_sign_in(&account.email).await?;
        Ok(sign_in.and_then(|sign_in| sign_in.password_hash))
    }

    /// Ends an account's sessions and password together: what is announced of it.
    fn locked_out(
        &self,
        tenant: Tenant,
        origin: &Origin,
        account: &mut Account,
        nonce: &str,
    ) -> [Envelope; 2] {
        let changed = PasswordChanged {
            user_id: account.id,
            kept_session_id: None,
            password_version: account.renew_password(),
        };
        let requested = PasswordResetRequested {
            user_id: account.id,
            nonce: nonce.to_owned(),
            personal: account.contact(),
        };
        [self.event(tenant, origin, &changed), self.event(tenant, origin, &requested)]
    }

    fn email_updated(&self, tenant: Tenant, origin: &Origin, account: &Account) -> Envelope {
        let updated = UserUpdated { user_id: account.id, changed: vec!["email".to_owned()] };
        self.event(tenant, origin, &updated)
    }

    fn mail(
        &self,
        tenant: Tenant,
        origin: &Origin,
        account: &Account,
        purpose: MailPurpose,
        nonce: Option<&str>,
    ) -> Envelope {
        let requested = UserMailRequested {
            user_id: account.id,
            purpose,
            nonce: nonce.map(ToOwned::to_owned),
            personal: account.contact(),
        };
        self.event(tenant, origin, &requested)
    }

    /// Tells the owner of an address that somebody wants it. Their tenant does not learn who.
    fn tell_of_wish(&self, origin: &Origin, owner: &SignIn) -> Option<Envelope> {
        let account = &owner.account;
        let mut origin = origin.clone();
        origin.actor.kind = ActorKind::Anonymous;
        origin.actor.id = None;
        let tenant = Tenant::of_address(account.tenant_id);
        let told = || self.mail(tenant, &origin, account, MailPurpose::AddressWanted, None);
        (!account.is_deleted()).then(told)
    }
}
