use contracts::events::{UserActivated, UserSuspended};
use kernel::{caller::Caller, id::UserId};

use super::Identity;
use crate::{error::Error, store::Change, user::Account};

impl Identity {
    /// Shuts a user out. Suspending twice is suspending once.
    pub async fn suspend_user(&self, caller: &Caller, user: UserId) -> Result<Account, Error> {
        let account = self.load_to_manage(caller, user, true).await?;
        self.change(caller.tenant, account, |account| {
            let mut events = Vec::new();
            if account.suspend() {
                let suspended = UserSuspended { user_id: user };
                events.push(self.event(caller.tenant, &caller.origin, &suspended));
            }
            Ok(Change { events, ..Change::default() })
        })
        .await
    }

    /// Lets a suspended user in again.
    pub async fn activate_user(&self, caller: &Caller, user: UserId) -> Result<Account, Error> {
        let account = self.load_to_manage(caller, user, false).await?;
        self.change(caller.tenant, account, |account| {
            let mut events = Vec::new();
            if account.activate()? {
                let activated = UserActivated { user_id: user };
                events.push(self.event(caller.tenant, &caller.origin, &activated));
            }
            Ok(Change { events, ..Change::default() })
        })
        .await
    }
}
