use kernel::limit::{Policy, Standing};

use super::bucket::{Bucket, SECOND, WINDOW};

/// What an instance holds of one bucket, and knows of it.
#[derive(Debug, Default)]
pub struct Lease {
    /// Tokens not spent.
    left: u32,
    /// Tokens at first.
    size: u32,
    expires_at: i64,
    /// When the bucket will be full, as last seen. Other instances may have taken from it since, so
    /// the truth is this or later.
    full_at: i64,
    /// When an empty bucket is worth asking again.
    resume_at: i64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    Done,
    /// There are none, and it is known when there will be some.
    Refused,
    /// The lease is spent; so many tokens are worth asking for.
    Needs(u32),
}

impl Lease {
    /// Spends one token, if there is one.
    pub fn spend(&mut self, bucket: Bucket, now: i64) -> Spending {
        if self.left > 0 && now < self.expires_at {
            self.left -= 1;
            return Spending::Done;
        }
        let available = bucket.available(self.full_at, now);
        if available == 0 {
            self.found_empty(bucket, self.full_at);
        }
        if now < self.resume_at {
            return Spending::Refused;
        }
        Spending::Needs(self.wanted(bucket).min(bucket.share_of(available)))
    }

    /// Twice as many as before, when all were spent before their time; else as many as were spent.
    fn wanted(&self, bucket: Bucket) -> u32 {
        let wanted =
            if self.left == 0 { self.size.saturating_mul(2) } else { self.size - self.left };
        wanted.clamp(bucket.first_lease(), bucket.largest_lease())
    }

    /// Takes over what was leased.
    pub fn fill(&mut self, tokens: u32, full_at: i64, now: i64) {
        *self = Self {
            left: tokens,
            size: tokens,
            expires_at: now.saturating_add(WINDOW),
            full_at,
            resume_at: i64::MIN,
        };
    }

    /// There is nothing to lease.
    pub fn found_empty(&mut self, bucket: Bucket, full_at: i64) {
        *self = Self {
            left: 0,
            size: bucket.smallest_lease(),
            expires_at: i64::MIN,
            full_at,
            resume_at: bucket.ready_at(full_at, bucket.smallest_lease()),
        };
    }

    /// Nobody can be asked: takes one token as if this instance were the only one.
    pub fn go_alone(&mut self, bucket: Bucket, now: i64) {
        self.fill(1, self.full_at.max(now).saturating_add(bucket.cost(1)), now);
    }

    pub fn full_at(&self) -> i64 {
        self.full_at
    }

    /// What the client is told.
    pub fn standing(
        &self,
        policy: Policy,
        bucket: Bucket,
        now: i64,
        spending: Spending,
    ) -> Standing {
        let seconds = |time: i64| {
            let left = time.saturating_sub(now).max(0).unsigned_abs();
            u32::try_from(left.div_ceil(SECOND.unsigned_abs())).unwrap_or(u32::MAX)
        };
        let whole_in = seconds(self.full_at);
        if spending != Spending::Done {
            let next = self.resume_at.max(bucket.ready_at(self.full_at, 1));
            let refused_for = Some(seconds(next).max(1));
            return Standing { policy, remaining: 0, whole_in, refused_for };
        }
        let remaining = self.left.saturating_add(bucket.available(self.full_at, now));
        Standing { policy, remaining: remaining.min(policy.quota), whole_in, refused_for: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { name: "test", quota: 100 };

    /// Plays the table, which always agrees, and gives the size of the lease that was needed.
    fn spend(lease: &mut Lease, now: i64) -> Option<u32> {
        let bucket = Bucket::of(POLICY);
        match lease.spend(bucket, now) {
            Spending::Needs(tokens) => {
                lease.fill(tokens, lease.full_at.max(now) + bucket.cost(tokens), now);
                assert_eq!(lease.spend(bucket, now), Spending::Done);
                Some(tokens)
            }
            Spending::Done => None,
            Spending::Refused => panic!("nothing is left"),
        }
    }

    #[test]
    fn leases_grow_while_they_are_spent_and_shrink_to_what_was() {
        let mut lease = Lease::default();
        let start = 1_000 * SECOND;
        let sizes: Vec<_> = (0..60).filter_map(|n| spend(&mut lease, start + n * SECOND)).collect();
        assert_eq!(sizes, [2, 4, 8, 16, 20, 20]);
        let later = start + 1_000 * SECOND;
        assert_eq!(spend(&mut lease, later), Some(10), "ten of twenty were spent");
        assert_eq!(spend(&mut lease, later + 1_000 * SECOND), Some(2));
    }

    #[test]
    fn an_unspent_lease_expires() {
        let mut lease = Lease::default();
        spend(&mut lease, 0);
        assert_eq!(lease.left, 1);
        assert!(matches!(lease.spend(Bucket::of(POLICY), WINDOW), Spending::Needs(_)));
    }

    #[test]
    fn an_empty_bucket_is_left_alone_until_asking_is_worth_it() {
        let (mut lease, bucket) = (Lease::default(), Bucket::of(POLICY));
        lease.found_empty(bucket, bucket.capacity());
        let standing = lease.standing(POLICY, bucket, 0, Spending::Refused);
        assert_eq!((standing.remaining, standing.whole_in), (0, 60));
        assert_eq!(standing.refused_for, Some(4), "six tokens of 0.6 s each");
        assert_eq!(lease.spend(bucket, 3 * SECOND), Spending::Refused);
        assert_eq!(lease.spend(bucket, 4 * SECOND), Spending::Needs(6));
    }
}
