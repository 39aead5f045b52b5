use contracts::events::{UserErased, UserRestored};
use kernel::{
    caller::{Caller, Tenant},
    id::UserId,
    origin::Origin,
};

use super::Service;
use crate::{
    error::Error,
    store::{Change, Conflict, SaveError},
    user::Account,
};

/// How many accounts one run erases at most: a function's time is limited, and the next run goes on.
const MAX_PER_RUN: u32 = 500;
/// How many are read at once.
const PAGE: u32 = 50;

/// What a run of the eraser has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    pub erased: u32,
    pub failed: u32,
}

impl Service {
    /// Brings a deleted user back, until the data is erased: as before, but without the roles, which went
    /// with the deletion. Restoring a user who is not deleted changes nothing.
    pub async fn restore_user(&self, caller: &Caller, user: UserId) -> Result<Account, Error> {
        let tenant = caller.tenant;
        let deleted = self.store.find(tenant, user).await?.ok_or(Error::NotFound)?;
        let mut account = deleted.clone();
        if !account.restore() {
            return Ok(account);
        }
        account.touch(self.clock.now());
        let event = self.event(tenant, &caller.origin, &UserRestored { user_id: user });
        let change = Change { events: vec![event], ..Change::default() };
        self.store.save(tenant, &deleted, &account, change).await?;
        Ok(account)
    }

    /// Erases the accounts that were deleted long enough ago. One that fails does not keep the others;
    /// running it twice, or at the same time, erases nothing twice.
    pub async fn erase_due(&self, origin: &Origin) -> Result<Erased, Error> {
        let mut outcome = Erased::default();
        let mut position = None;
        while outcome.erased + outcome.failed < MAX_PER_RUN {
            let now = self.clock.now();
            let due = self.store.due_for_erasure(now, PAGE, position).await?;
            for account in &due.items {
                match self.erase(origin, account).await {
                    Ok(()) => outcome.erased += 1,
                    Err(error) => {
                        tracing::error!(user_id = %account.id, %error, "an account is not erased");
                        outcome.failed += 1;
                    }
                }
            }
            position = due.next;
            if position.is_none() {
                break;
            }
        }
        Ok(outcome)
    }

    async fn erase(&self, origin: &Origin, account: &Account) -> Result<(), Error> {
        let tenant = Tenant::of_record(account.tenant_id);
        let event = self.event(tenant, origin, &UserErased { user_id: account.id });
        match self.store.erase(tenant, account, &event).await {
            // Restored, or erased by another run: the index was a moment behind.
            Ok(()) | Err(SaveError::Conflict(Conflict::Stale)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
