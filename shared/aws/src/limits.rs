//! Rate limits that all instances share, in the table `limits`, to which functions may only send updates.
//!
//! | access | key |
//! |---|---|
//! | the bucket of somebody under a policy | `{policy}#{subject}` / `bucket` |
//!
//! Each bucket refills steadily and holds at most the quota. An instance does not ask the table for every
//! request: one conditional update takes a batch of tokens out of the bucket, a *lease*, which the
//! instance then spends by itself. The leases of a caller who comes again and again grow, so that few
//! requests cost a write; those of a caller who comes once are small.
//!
//! **How far a limit can be exceeded.** Not at all in the long run: a token is out of the bucket before it
//! is spent, so all instances together never let more pass than `quota + quota * minutes`. What is not
//! spent within a window is given up. For a moment, tokens that were leased before can be spent on
//! top of what the bucket gives just then: per instance at most a fifth of the quota (five, if that is more).
//!
//! **When the table does not answer** each instance counts for itself, as if it were the only one, and
//! asks again after a few seconds: see `docs/adr/0007-limits-without-their-table.md`.

mod bucket;
mod lease;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{
    clock::Clock,
    limit::{Limiter, Policy, Standing},
};
use moka::future::Cache;
use serde::Deserialize;
use tokio::sync::Mutex;

use self::{
    bucket::{Bucket, SECOND, WINDOW},
    lease::{Lease, Spending},
};
use crate::table::{Key, StoreError, Table, Updated, Write};

/// How long a request waits for the table. Its own work matters more than that it is counted exactly.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the table is left alone after it did not answer, in microseconds.
const OUTAGE: i64 = 5 * SECOND;
/// How often a lease is tried when other instances take from the bucket at the same time.
const TRIES: u32 = 4;
/// How many buckets an instance has leases of. What is dropped has only to be leased again.
const LEASES: u64 = 50_000;

/// The limiter of an instance.
pub struct TableLimiter {
    table: Table,
    clock: Arc<dyn Clock>,
    leases: Cache<String, Arc<Mutex<Lease>>>,
    /// The table is not asked before, after it did not answer.
    outage_until: AtomicI64,
    patience: Duration,
}

/// A bucket in the table. When `full_at` has passed it is full, as if there were no item.
#[derive(Debug, Clone, Copy, Deserialize)]
struct StoredBucket {
    /// Microseconds since 1970.
    full_at: i64,
}

/// What the table says to a wish for a lease.
enum Answer {
    Leased { tokens: u32, full_at: i64 },
    Empty { full_at: i64 },
}

impl TableLimiter {
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        // Only frees the space: what a lease is worth is decided by the clock.
        let lifetime = Duration::from_micros(2 * WINDOW.unsigned_abs());
        let leases = Cache::builder().max_capacity(LEASES).time_to_idle(lifetime).build();
        let outage_until = AtomicI64::new(i64::MIN);
        Self { table, clock, leases, outage_until, patience: PATIENCE }
    }

    /// Waits so long for the table: for tests, which count exactly on however busy a machine.
    #[must_use]
    pub fn waiting(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A lease of the tokens, or of fewer, if there are some.
    async fn ask(
        &self,
        key: &Key,
        bucket: Bucket,
        mut tokens: u32,
        mut full_at: i64,
        now: i64,
    ) -> Result<Answer, StoreError> {
        for _ in 0..TRIES {
            match self.table.update::<StoredBucket>(take(key, bucket, tokens, full_at, now)).await?
            {
                Updated::Done(stored) => {
                    return Ok(Answer::Leased { tokens, full_at: stored.full_at });
                }
                Updated::Refused(Some(stored)) => {
                    full_at = stored.full_at;
                    let available = bucket.available(full_at, now);
                    if available < bucket.smallest_lease() {
                        break;
                    }
                    tokens = tokens.min(bucket.share_of(available));
                }
                // There is no item any more, or one that the store does not tell of.
                Updated::Refused(None) => full_at = if full_at > now { now } else { now + 1 },
            }
        }
        Ok(Answer::Empty { full_at })
    }

    /// Gets the tokens, if any, for a lease that is spent.
    async fn renew(&self, key: &Key, bucket: Bucket, lease: &mut Lease, tokens: u32, now: i64) {
        if now < self.outage_until.load(Ordering::Relaxed) {
            return lease.go_alone(bucket, now);
        }
        let asked = self.ask(key, bucket, tokens, lease.full_at(), now);
        let reason = match tokio::time::timeout(self.patience, asked).await {
            Ok(Ok(Answer::Leased { tokens, full_at })) => return lease.fill(tokens, full_at, now),
            Ok(Ok(Answer::Empty { full_at })) => return lease.found_empty(bucket, full_at),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", self.patience.as_millis()),
        };
        self.outage_until.store(now.saturating_add(OUTAGE), Ordering::Relaxed);
        metrics::counter!("rate_limit_outages_total").increment(1);
        tracing::warn!(reason, "rate limits are counted by each instance alone");
        lease.go_alone(bucket, now);
    }
}

#[async_trait]
impl Limiter for TableLimiter {
    async fn count(&self, policy: Policy, subject: &str) -> Standing {
        let bucket = Bucket::of(policy);
        let name = format!("{}#{subject}", policy.name);
        let lease = self.leases.get_with_by_ref(&name, async { Arc::default() }).await;
        // Requests of one caller at the same time share the lease that the first of them gets.
        let mut lease = lease.lock().await;
        let now = self.clock.now().as_microsecond();
        let spending = match lease.spend(bucket, now) {
            Spending::Needs(tokens) => {
                self.renew(&Key::new(name, "bucket"), bucket, &mut lease, tokens, now).await;
                lease.spend(bucket, now)
            }
            known => known,
        };
        lease.standing(policy, bucket, now, spending)
    }
}

/// Takes tokens out of a bucket. Which of two writes that is depends on whether the bucket is full: there
/// is no expression for the later of two times. A wrong guess is refused, and tells the truth.
fn take(key: &Key, bucket: Bucket, tokens: u32, full_at: i64, now: i64) -> Write {
    let cost = bucket.cost(tokens);
    let write = if full_at <= now {
        Write::update(key.clone())
            .set("full_at", &(now + cost))
            .when("attribute_not_exists(#full_at) OR #full_at <= :now")
    } else {
        Write::update(key.clone())
            .add("full_at", cost)
            .when("#full_at > :now AND #full_at <= :latest")
            .value(":latest", &(now + bucket.capacity() - cost))
    };
    let forgotten = Timestamp::from_microsecond(now + 2 * WINDOW).unwrap_or(Timestamp::MAX);
    write.value(":now", &now).expires(forgotten)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kernel::clock::ManualClock;
    use serde_json::json;

    use super::*;
    use crate::replay;

    const POLICY: Policy = Policy { name: "sign-in", quota: 10 };

    #[tokio::test]
    async fn without_the_table_an_instance_counts_alone_and_asks_again_later() {
        let refusal = (400, json!({"__type": "ResourceNotFoundException"}));
        let (sdk, replay) = replay::config(vec![refusal; 3]);
        let table = Table::new(aws_sdk_dynamodb::Client::new(&sdk), "limits");
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let limiter = TableLimiter::new(table, Arc::new(clock.clone()));
        let mut passed = 0;
        for _ in 0..20 {
            passed += u32::from(limiter.count(POLICY, "ada").await.refused_for.is_none());
        }
        assert_eq!(passed, 10, "nobody within the quota is refused, and nobody beyond it passes");
        assert_eq!(replay.requests().len(), 1, "the table is left alone");
        clock.advance(SignedDuration::from_secs(6));
        assert!(limiter.count(POLICY, "ada").await.refused_for.is_none());
        assert_eq!(replay.requests().len(), 2);
    }
}
