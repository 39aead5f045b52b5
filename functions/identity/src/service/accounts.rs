use contracts::{
    events::{UserCreated, UserDeleted, UserUpdated},
    identity::EnsureUser,
};
use kernel::{
    caller::{Caller, Tenant},
    etag::IfMatch,
    id::UserId,
    origin::Origin,
    page::{Limit, Page},
    problem::Problem,
    validate::Violations,
};

use super::Service;
use crate::{
    email::Email,
    error::Error,
    hashing::PasswordHash,
    link::Purpose,
    password::NewPassword,
    profile::{Name, Profile, ProfileChange},
    store::{Change, Conflict, NewUser, SaveError, UserFilter},
    user::Account,
};

/// An account that an administrator creates.
#[derive(Debug)]
pub struct NewAccount {
    pub email: Email,
    /// Without one, the person sets it by the link of a password reset.
    pub password: Option<NewPassword>,
    pub profile: Profile,
}

/// An account that is to be stored as pending.
#[derive(Debug)]
pub(super) struct NewPending {
    pub id: UserId,
    pub email: Email,
    pub profile: Profile,
    pub password_hash: Option<PasswordHash>,
    pub is_self_registered: bool,
}

/// Which page of which users.
#[derive(Debug)]
pub struct ListUsers {
    pub filter: UserFilter,
    pub limit: Limit,
    pub cursor: Option<String>,
}

impl Service {
    /// Creates a user with this id in the caller's tenant, whose address is yet to be proven. When there
    /// is one, then it was made by an earlier attempt at the same request, whose answer got lost.
    pub async fn create_user(
        &self,
        caller: &Caller,
        id: UserId,
        new: NewAccount,
    ) -> Result<Account, Error> {
        let password_hash = match &new.password {
            Some(password) => {
                self.refuse_breached(password, "/password").await?;
                Some(self.hasher.hash(password).await?)
            }
            None => None,
        };
        let NewAccount { email, password: _, profile } = new;
        let new = NewPending { id, email, profile, password_hash, is_self_registered: false };
        match self.add_pending(&caller.origin, caller.tenant, new).await {
            Err(refusal @ (Error::EmailTaken | Error::UsernameTaken | Error::Contended)) => {
                let made = self.store.find(caller.tenant, id).await?;
                made.filter(|account| !account.is_deleted()).ok_or(refusal)
            }
            outcome => outcome,
        }
    }

    /// Stores a pending account, and announces it with the link that proves its address.
    pub(super) async fn add_pending(
        &self,
        origin: &Origin,
        tenant: Tenant,
        new: NewPending,
    ) -> Result<Account, Error> {
        let NewPending { id, email, profile, password_hash, is_self_registered } = new;
        let now = self.clock.now();
        let account = Account::pending(tenant.id(), id, email, profile, now);
        let link = self.links.issue(Purpose::Verification, now);
        let created = UserCreated {
            user_id: account.id,
            status: account.status,
            verification_nonce: Some(link.nonce.clone()),
            personal: account.contact(),
        };
        let event = self.event(tenant, origin, &created);
        let new = NewUser {
            account: &account,
            password_hash: password_hash.as_ref(),
            is_self_registered,
            link: Some(&link),
        };
        self.store.create(tenant, new, &[event]).await?;
        Ok(account)
    }

    /// Creates an active account with this id, unless the id has one (be it deleted).
    pub async fn ensure_user(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        wanted: &EnsureUser,
    ) -> Result<Account, Error> {
        if let Some(account) = self.store.find(tenant, user).await? {
            return Ok(account);
        }
        let (email, password, profile) = parse_ensured(wanted)?;
        let hash = if wanted.is_random {
            self.hasher.hash_random(&password)
        } else {
            self.hasher.hash(&password).await?
        };
        let account = Account::pending(tenant.id(), user, email, profile, self.clock.now());
        self.add_verified(origin, tenant, account, Some(&hash)).await
    }

    /// Stores an account whose address needs no proof, unless the id has one.
    pub(super) async fn add_verified(
        &self,
        origin: &Origin,
        tenant: Tenant,
        mut account: Account,
        password_hash: Option<&PasswordHash>,
    ) -> Result<Account, Error> {
        account.verify();
        let created = UserCreated {
            user_id: account.id,
            status: account.status,
            verification_nonce: None,
            personal: account.contact(),
        };
        let event = self.event(tenant, origin, &created);
        let new =
            NewUser { account: &account, password_hash, is_self_registered: false, link: None };
        match self.store.create(tenant, new, &[event]).await {
            Ok(()) => Ok(account),
            // Somebody else ensured the same at the same time, which also takes the address.
            Err(SaveError::Conflict(Conflict::Exists | Conflict::EmailTaken)) => {
                self.store.find(tenant, account.id).await?.ok_or(Error::EmailTaken)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The user.
    pub async fn find_user(&self, tenant: Tenant, user: UserId) -> Result<Account, Error> {
        self.load(tenant, user).await
    }

    /// One page of the tenant's users.
    pub async fn list_users(
        &self,
        tenant: Tenant,
        list: ListUsers,
    ) -> Result<Page<Account>, Error> {
        let ListUsers { filter, limit, cursor } = list;
        let query = format!("users {filter:?}");
        let after = match cursor {
            Some(cursor) => Some(self.cursors.open(&tenant.id(), &query, &cursor)?),
            None => None,
        };
        let rows = self.store.list(tenant, &filter, limit.get(), after).await?;
        let next_cursor = rows.next.map(|place| self.cursors.seal(&tenant.id(), &query, &place));
        Ok(Page { items: rows.items, next_cursor })
    }

    /// Changes a user's profile.
    pub async fn update_user(
        &self,
        caller: &Caller,
        user: UserId,
        expected: &IfMatch,
        change: &ProfileChange,
    ) -> Result<Account, Error> {
        let account = self.load_to_manage(caller, user, false).await?;
        self.change(caller.tenant, account, |account| {
            expected.check(account.version)?;
            let changed = account.change_profile(change.clone());
            let mut events = Vec::new();
            if !changed.is_empty() {
                let updated = UserUpdated { user_id: user, changed };
                events.push(self.event(caller.tenant, &caller.origin, &updated));
            }
            Ok(Change { events, ..Change::default() })
        })
        .await
    }

    /// Deletes a user. The address stays taken until the data is erased.
    ///
    /// The roles go first, all at once: only the authorization service can refuse one of two owners
    /// who leave at the same time, and whoever is deleted must not go on counting as an owner. From
    /// there on the deletion is decided, so the precondition is not asked again: the version grows by
    /// the loss of the roles alone. After a crash in between, the user is left without roles, and
    /// deleting them again completes it (those who deleted themselves may not any more: a colleague).
    pub async fn delete_user(
        &self,
        caller: &Caller,
        user: UserId,
        expected: &IfMatch,
    ) -> Result<(), Error> {
        let account = self.load_to_manage(caller, user, true).await?;
        expected.check(account.version)?;
        // Judged once more with the loss of the roles: who was promoted meanwhile outranks the caller.
        let permissions = Some(caller.permissions.clone());
        self.take_roles(&caller.origin, caller.tenant, user, permissions).await?;
        let deleted = self.change(caller.tenant, account, |account| {
            account.delete(self.clock.now() + self.erased_after);
            let deleted = UserDeleted { user_id: user };
            Ok(Change {
                dropped_links: vec![Purpose::Verification, Purpose::Reset, Purpose::EmailChange],
                events: vec![self.event(caller.tenant, &caller.origin, &deleted)],
                ..Change::default()
            })
        });
        deleted.await.map(drop)
    }
}

fn parse_ensured(wanted: &EnsureUser) -> Result<(Email, NewPassword, Profile), Problem> {
    let EnsureUser { email, password, is_random: _, first_name, last_name } = wanted;
    let mut violations = Violations::default();
    let email = violations.field("/email", Email::parse(email));
    let password = violations.field("/password", NewPassword::chosen_by_operator(password));
    let first_name = violations.field("/first_name", Name::first(first_name));
    let last_name = violations.field("/last_name", Name::last(last_name));
    violations.finish()?;
    let names = first_name.zip(last_name);
    let ((email, password), (first_name, last_name)) =
        email.zip(password).zip(names).expect("what is missing is a violation");
    let profile = Profile { first_name, last_name, username: None, avatar_url: None };
    Ok((email, password, profile))
}
