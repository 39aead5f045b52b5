//! Attempts to sign in. They belong to nobody who has proven anything, so to no tenant.

use aws::{Key, StoreError, Updated, Write};
use jiff::Timestamp;
use kernel::event::Envelope;

use super::Store;
use crate::lockout::{ACQUAINTANCE, Counter, MEMORY, Rule};

/// What became of an attempt that asked to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It was counted and may get its verdict.
    Admitted { is_known: bool },
    /// It was not counted, and may come again after so many seconds.
    Refused { seconds: u64 },
}

impl Store {
    /// Counts an attempt, if the rule lets it pass now. However many ask at the same time, no more are
    /// admitted than if they had come one after the other.
    pub async fn count_attempt(
        &self,
        counter: &str,
        rule: Rule,
        now: Timestamp,
    ) -> Result<Counted, StoreError> {
        let free = count(counter, now)
            .add("attempts", 1)
            .when("attribute_not_exists(#attempts) OR (#attempts < :free AND #last_at > :horizon)")
            .value(":free", &rule.free_attempts)
            .value(":horizon", &now.saturating_sub(MEMORY).unwrap_or(now).as_millisecond());
        let found = match self.table.update::<Counter>(free).await? {
            Updated::Done(counted) => {
                return Ok(Counted::Admitted { is_known: counted.is_known(now) });
            }
            Updated::Refused(Some(found)) => found,
            // Removed at this very moment.
            Updated::Refused(None) => return Ok(Counted::Refused { seconds: 1 }),
        };
        let remembered = found.remembered(now);
        if remembered > 0
            && let Some(seconds) = found.wait(rule, now)
        {
            return Ok(Counted::Refused { seconds });
        }
        // The wait is over. Of those who find that at the same time, the first one is let pass.
        let next = count(counter, now)
            .set("attempts", &(remembered + 1))
            .if_equals("attempts", &found.attempts)
            .if_equals("last_at", &found.last_at.as_millisecond());
        match self.table.update::<Counter>(next).await? {
            Updated::Done(counted) => Ok(Counted::Admitted { is_known: counted.is_known(now) }),
            Updated::Refused(_) => {
                let seconds = rule.delay(remembered + 1).as_secs().unsigned_abs().max(1);
                Ok(Counted::Refused { seconds })
            }
        }
    }

    /// Takes an attempt back that was counted and got no verdict, or a good one.
    pub async fn take_attempt_back(&self, counter: &str) -> Result<(), StoreError> {
        let write = Write::update(key(counter)).add("attempts", -1).when("#attempts > :none");
        match self.table.write(write.value(":none", &0)).await {
            // A success has cleared the counter meanwhile.
            Err(StoreError::Condition(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Forgets a client's attempts after a success, and remembers the client.
    pub async fn know_client(&self, counter: &str, now: Timestamp) -> Result<(), StoreError> {
        let until = now.saturating_add(ACQUAINTANCE).unwrap_or(now);
        let write = Write::update(key(counter))
            .unset("attempts")
            .set("last_at", &now.as_millisecond())
            .set("known_until", &until.as_second())
            .expires(until);
        self.table.write(write).await
    }

    /// Announces a refused sign-in.
    pub async fn announce_refusal(
        &self,
        counter: &str,
        now: Timestamp,
        event: Envelope,
    ) -> Result<(), StoreError> {
        // An attempt that was not counted may find no item.
        let write = Write::update(key(counter)).set_as("last_at", "last_at", &now.as_millisecond());
        self.table.write(expiring(write, now).announce(&[event])).await
    }
}

fn count(counter: &str, now: Timestamp) -> Write {
    expiring(Write::update(key(counter)).set("last_at", &now.as_millisecond()), now)
}

/// Lets the counter go when its attempts are forgotten, or when its client is.
fn expiring(write: Write, now: Timestamp) -> Write {
    let forgotten = now.saturating_add(MEMORY).unwrap_or(now);
    write.set_as("ttl", "known_until", &forgotten.as_second())
}

fn key(counter: &str) -> Key {
    Key::new(format!("ATTEMPTS#{counter}"), "attempts")
}
