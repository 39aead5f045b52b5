//! The use cases: what can be done with accounts.

mod accounts;
mod activity;
mod address;
mod erasure;
mod imports;
mod mails;
mod passwords;
mod proven;
mod registration;
mod roles;
mod standing;
mod verification;

use std::sync::Arc;

use contracts::{
    audit::AuditTrail,
    authz::{Authorization, ManageUser},
    tenant::Tenants,
};
use jiff::SignedDuration;
use kernel::{
    caller::{Caller, Tenant},
    clock::Clock,
    cursor::Cursors,
    event::{Envelope, EventData},
    id::UserId,
    limit::{AccountUse, Limits},
    mail::Mailer,
    origin::Origin,
    remembered::Remembered,
    secret::{Key, encode},
};

pub use self::{
    accounts::{ListUsers, NewAccount},
    registration::NewRegistration,
};
use crate::{
    breaches::Breaches,
    email::Email,
    error::Error,
    hashing::Hasher,
    letters::Letters,
    link::Links,
    password::Policy,
    sign_in::SignIn,
    store::{Change, Conflict, SaveError, Store},
    user::Account,
};

/// How often a change is tried again when somebody else changed the user in between.
const MAX_TRIES: u32 = 5;

/// The use cases, with all that they need.
pub struct Service {
    pub(crate) store: Store,
    pub(crate) authz: Arc<dyn Authorization>,
    pub(crate) audit: Arc<dyn AuditTrail>,
    pub(crate) tenants: Arc<dyn Tenants>,
    /// Whether tenants want mails about changes of security.
    pub(crate) security_mail: Remembered<bool>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cursors: Cursors,
    pub(crate) hasher: Hasher,
    pub(crate) policy: Policy,
    pub(crate) breaches: Breaches,
    /// How long a deleted account can be restored.
    pub(crate) erased_after: SignedDuration,
    pub(crate) links: Links,
    pub(crate) letters: Letters,
    pub(crate) limits: Limits,
    /// Names accounts to the limiter without saying whose they are.
    pub(crate) account_key: Key,
}

impl Service {
    /// What is demanded of new passwords.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The user, unless there is none or it is deleted.
    async fn load(&self, tenant: Tenant, user: UserId) -> Result<Account, Error> {
        let found = self.store.find(tenant, user).await?;
        found.filter(|account| !account.is_deleted()).ok_or(Error::NotFound)
    }

    /// What an address leads to; `None` when it is free.
    async fn find_sign_in(&self, email: &Email) -> Result<Option<SignIn>, Error> {
        let found = self.store.find_sign_in(email).await?;
        let now = self.clock.now();
        Ok(found.filter(|sign_in| !sign_in.is_released(now)))
    }

    /// The user, provided that the caller may manage them. People may always manage themselves,
    /// but nobody may leave a tenant without an owner.
    async fn load_to_manage(
        &self,
        caller: &Caller,
        user: UserId,
        is_removal: bool,
    ) -> Result<Account, Error> {
        let account = self.load(caller.tenant, user).await?;
        if user != caller.user || is_removal {
            let caller_permissions = caller.permissions.clone();
            let question = ManageUser { caller_permissions, is_removal };
            let authz = self.authz.as_ref();
            authz.check_management(&caller.origin, caller.tenant, user, &question).await?;
        }
        Ok(account)
    }

    /// Decides on a change, and saves it; decides anew when somebody else changed the user in between.
    /// Nothing is saved, and the version stays, when the decision leaves everything as it was.
    async fn change(
        &self,
        tenant: Tenant,
        mut account: Account,
        decide: impl Fn(&mut Account) -> Result<Change, Error>,
    ) -> Result<Account, Error> {
        for _ in 0..MAX_TRIES {
            let mut changed = account.clone();
            let change = decide(&mut changed)?;
            if changed == account && change.is_nothing() {
                return Ok(account);
            }
            changed.touch(self.clock.now());
            match self.store.save(tenant, &account, &changed, change).await {
                Ok(()) => return Ok(changed),
                Err(SaveError::Conflict(Conflict::Stale)) => {
                    account = self.load(tenant, account.id).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Counts a request for a mailed link, whether or not the address has an account.
    async fn count_request_for(&self, email: &Email) -> Result<(), Error> {
        let account = encode(&self.account_key.sign(&[email.normalised().as_bytes()]));
        Ok(self.limits.count_account(AccountUse::Reset, &account).await?)
    }

    fn event(&self, tenant: Tenant, origin: &Origin, data: &impl EventData) -> Envelope {
        Envelope::new(crate::NAME, self.clock.now(), tenant, origin, data)
    }
}
