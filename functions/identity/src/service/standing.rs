use contracts::{
    authz::SetStanding,
    events::{UserActivated, UserSuspended},
};
use kernel::{caller::Caller, event::Envelope, id::UserId};

use super::{MAX_TRIES, Service};
use crate::{
    error::Error,
    store::{Change, Conflict, SaveError},
    user::Account,
};

/// The authorization service counts the owners who can act. So that it never counts one who cannot, it
/// hears of a suspension before it happens, and of an activation afterwards. What it hears bears the
/// version of the account that it is about, and nothing is saved on any other: of a suspension and an
/// activation at the same time, both services believe the same one.
impl Service {
    /// Shuts a user out. Suspending twice is suspending once, and completes what was cut short.
    pub async fn suspend_user(&self, caller: &Caller, user: UserId) -> Result<Account, Error> {
        for _ in 0..MAX_TRIES {
            let account = self.load(caller.tenant, user).await?;
            let mut suspended = account.clone();
            let is_news = suspended.suspend();
            if is_news {
                suspended.touch(self.clock.now());
            }
            // Refused for who outranks the caller, and for the last owner.
            if !self.set_standing(caller, &suspended, true).await? {
                continue;
            }
            let data = UserSuspended { user_id: user };
            let event = self.event(caller.tenant, &caller.origin, &data);
            if !is_news || self.save_standing(caller, &account, &suspended, Some(event)).await? {
                return Ok(suspended);
            }
        }
        Err(Error::Contended)
    }

    /// Lets a suspended user in again. For an active one, undoes a suspension that was cut short.
    pub async fn activate_user(&self, caller: &Caller, user: UserId) -> Result<Account, Error> {
        let mut account = self.load_to_manage(caller, user, false).await?;
        let mut is_outdated = false;
        for _ in 0..MAX_TRIES {
            let mut activated = account.clone();
            let is_news = activated.activate()?;
            let mut is_saved = true;
            if is_news || is_outdated {
                activated.touch(self.clock.now());
                let data = UserActivated { user_id: user };
                let event = is_news.then(|| self.event(caller.tenant, &caller.origin, &data));
                is_saved = self.save_standing(caller, &account, &activated, event).await?;
            }
            if is_saved {
                if self.set_standing(caller, &activated, false).await? {
                    return Ok(activated);
                }
                // A suspension is under way, or was cut short. A newer version keeps it from happening.
                is_outdated = true;
            }
            account = self.load(caller.tenant, user).await?;
        }
        Err(Error::Contended)
    }

    /// Says to the authorization service how the account stands; `false` when it has heard newer.
    async fn set_standing(
        &self,
        caller: &Caller,
        account: &Account,
        is_suspended: bool,
    ) -> Result<bool, Error> {
        let standing = SetStanding {
            is_suspended,
            account_version: account.version,
            caller_permissions: caller.permissions.clone(),
        };
        let authz = self.authz.as_ref();
        Ok(authz.set_standing(&caller.origin, caller.tenant, account.id, &standing).await?)
    }

    /// `false` when somebody else changed the account in between.
    async fn save_standing(
        &self,
        caller: &Caller,
        before: &Account,
        after: &Account,
        event: Option<Envelope>,
    ) -> Result<bool, Error> {
        let change = Change { events: event.into_iter().collect(), ..Change::default() };
        match self.store.save(caller.tenant, before, after, change).await {
            Ok(()) => Ok(true),
            Err(SaveError::Conflict(Conflict::Stale)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
