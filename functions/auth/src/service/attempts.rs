use jiff::Timestamp;
use kernel::origin::Origin;

use super::Service;
use crate::{error::Error, lockout::CounterNames, store::Counted};

/// An attempt to sign in that was counted, so that it may get a verdict.
#[derive(Debug)]
pub struct Attempt {
    counters: CounterNames,
    /// Whether somebody has signed in to the account from here before.
    is_known: bool,
}

impl Service {
    /// The counters of attempts from where the request comes from.
    pub(super) fn counters(&self, origin: &Origin, email: &str) -> CounterNames {
        CounterNames::of(&self.attempt_key, email, origin.actor.ip_address.as_deref())
    }

    /// Counts an attempt before anything is said about its password. `Err` when it has to wait.
    pub(super) async fn count_attempt(
        &self,
        counters: &CounterNames,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let counted = self.store.count_attempt(&counters.client, self.lockout.client, now).await?;
        let is_known = match counted {
            Counted::Admitted { is_known } => is_known,
            Counted::Refused { seconds } => return Err(Error::LockedOut(seconds)),
        };
        let attempt = Attempt { counters: counters.clone(), is_known };
        if !is_known {
            let rule = self.lockout.account;
            let counted = self.store.count_attempt(&counters.account, rule, now).await?;
            if let Counted::Refused { seconds } = counted {
                // It will get no verdict; what others did must not count against this client.
                self.store.take_attempt_back(&counters.client).await?;
                return Err(Error::LockedOut(seconds));
            }
        }
        Ok(attempt)
    }

    /// The attempt got no verdict: nothing was learnt by it.
    pub(super) async fn take_back(&self, attempt: &Attempt) {
        tokio::join!(
            Box::pin(self.take_back_from_client(attempt)),
            Box::pin(self.take_back_from_account(attempt)),
        );
    }

    /// The password was right, but for another reason nobody has signed in.
    pub(super) async fn take_back_from_client(&self, attempt: &Attempt) {
        self.take_back_from(&attempt.counters.client).await;
    }

    /// The password was right: whoever it is does not guess.
    pub(super) async fn take_back_from_account(&self, attempt: &Attempt) {
        if !attempt.is_known {
            self.take_back_from(&attempt.counters.account).await;
        }
    }

    /// What cannot be taken back makes the next attempts wait a little, and is forgotten in time.
    async fn take_back_from(&self, counter: &str) {
        if let Err(error) = self.store.take_attempt_back(counter).await {
            tracing::warn!(%error, "a counted attempt stays");
        }
    }

    /// Somebody has signed in: forgets the attempts before, and knows the network from now on.
    pub(super) async fn know_client(&self, origin: &Origin, email: &str, now: Timestamp) {
        let counters = self.counters(origin, email);
        if let Err(error) = self.store.know_client(&counters.client, now).await {
            tracing::warn!(%error, "the attempts before a success stay");
        }
    }
}
