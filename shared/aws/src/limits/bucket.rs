use kernel::limit::{Policy, WINDOW_SECONDS};

/// Microseconds.
pub const SECOND: i64 = 1_000_000;
pub const WINDOW: i64 = WINDOW_SECONDS as i64 * SECOND;

/// The measures of a policy's token bucket. Its state is one number: when it will be full again (as in
/// the generic cell rate algorithm, ITU-T I.371). All times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    quota: u32,
    /// The time in which one token comes back; rounded up, so that no minute gives too many.
    token: i64,
}

impl Bucket {
    pub fn of(policy: Policy) -> Self {
        let quota = policy.quota.max(1);
        let token = WINDOW.unsigned_abs().div_ceil(quota.into());
        Self { quota, token: i64::try_from(token).unwrap_or(WINDOW) }
    }

    /// The time in which tokens come back.
    pub fn cost(self, tokens: u32) -> i64 {
        self.token * i64::from(tokens)
    }

    /// The time in which an empty bucket fills.
    pub fn capacity(self) -> i64 {
        self.cost(self.quota)
    }

    /// The tokens in a bucket that will be full at this time.
    pub fn available(self, full_at: i64, now: i64) -> u32 {
        let missing = full_at.saturating_sub(now).max(0);
        let tokens = (self.capacity() - missing).max(0) / self.token;
        u32::try_from(tokens).unwrap_or(self.quota).min(self.quota)
    }

    /// When so many tokens will be in it.
    pub fn ready_at(self, full_at: i64, tokens: u32) -> i64 {
        full_at - self.capacity() + self.cost(tokens)
    }

    /// For somebody who may never come again.
    pub fn first_lease(self) -> u32 {
        (self.quota / 50).max(1)
    }

    /// For somebody who comes all the time: a fifth of the quota, and for small quotas five, if that is
    /// not more than half.
    pub fn largest_lease(self) -> u32 {
        (self.quota / 5).max((self.quota / 2).min(5)).max(1)
    }

    /// An empty bucket is left alone until it has this many: else who asks for more than there is would
    /// cost a write for each token.
    pub fn smallest_lease(self) -> u32 {
        (self.largest_lease() / 3).max(1)
    }

    /// What one instance may take of the tokens that are left: half, so that something remains for the
    /// others, unless either part would be too little to be worth a write.
    pub fn share_of(self, available: u32) -> u32 {
        let share = (available / 2).max(self.smallest_lease()).min(available);
        if available - share < self.smallest_lease() { available } else { share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(quota: u32) -> Bucket {
        Bucket::of(Policy { name: "test", quota })
    }

    #[test]
    fn a_full_bucket_has_the_quota_and_an_empty_one_fills_in_a_window() {
        for quota in [1, 7, 10, 100, 1000, 999_983, u32::MAX] {
            let bucket = bucket(quota);
            assert_eq!(bucket.available(i64::MIN, 0), quota);
            assert_eq!(bucket.available(bucket.capacity(), 0), 0);
            assert_eq!(bucket.ready_at(bucket.capacity(), 0), 0);
            assert!(bucket.capacity() >= WINDOW, "{quota}: no minute gives more");
        }
        assert_eq!(bucket(100).available(WINDOW, WINDOW / 2), 50);
    }

    #[test]
    fn leases_are_between_one_and_the_quota() {
        for quota in 1..2000 {
            let bucket = bucket(quota);
            let sizes = [bucket.smallest_lease(), bucket.first_lease(), bucket.largest_lease()];
            assert!(sizes.iter().all(|size| (1..=quota).contains(size)), "{quota}: {sizes:?}");
            assert!((1..=3).all(|left| (1..=left).contains(&bucket.share_of(left))));
        }
        assert_eq!(bucket(10).largest_lease(), 5);
        assert_eq!(bucket(100).largest_lease(), 20);
        let shares = [100, 12, 11, 5].map(|left| bucket(100).share_of(left));
        assert_eq!(shares, [50, 6, 11, 5]);
    }
}
