//! Slowing down who guesses passwords.
//!
//! Failures are counted per account *and* client address: somebody elsewhere can slow down only
//! themselves, never the account's owner. The count is kept for addresses without an account as
//! well, so that the answer tells nothing.

use jiff::{SignedDuration, Timestamp};
use kernel::{secret::fingerprint, text::fold};
use serde::{Deserialize, Serialize};

/// How failures turn into delay.
#[derive(Debug, Clone, Copy)]
pub struct LockoutRules {
    pub free_attempts: u32,
    pub max_delay_seconds: i64,
}

impl LockoutRules {
    /// The delay after this many failures: 1 s after the last free attempt, doubling with each more.
    pub fn delay(self, failures: u32) -> SignedDuration {
        let over = failures.saturating_sub(self.free_attempts);
        if over == 0 {
            return SignedDuration::ZERO;
        }
        let doubled = 1_i64.checked_shl(over - 1).filter(|seconds| *seconds > 0);
        let seconds = doubled.unwrap_or(i64::MAX).min(self.max_delay_seconds);
        SignedDuration::from_secs(seconds)
    }
}

/// Names the counter of an address at a client without containing either.
pub fn counter_name(email: &str, ip_address: Option<&str>) -> String {
    fingerprint(&format!("{}\n{}", fold(email), ip_address.unwrap_or_default()))
}

/// The failures so far. Both are absent when only refusals were announced that count for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    #[serde(default)]
    pub failures: u32,
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub last_at: Timestamp,
}

impl Failures {
    /// Whole seconds until the next try is looked at; `None` when it may come now.
    pub fn wait(&self, rules: LockoutRules, now: Timestamp) -> Option<u64> {
        let until = self.last_at.saturating_add(rules.delay(self.failures)).unwrap_or(now);
        let left = until.duration_since(now);
        (left > SignedDuration::ZERO)
            .then(|| u64::try_from(left.as_millis()).unwrap_or(0).div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LockoutRules = LockoutRules { free_attempts: 3, max_delay_seconds: 60 };

    #[test]
    fn the_delay_grows_and_is_bounded() {
        let seconds = |failures| RULES.delay(failures).as_secs();
        assert_eq!((0..=6).map(seconds).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 2, 4]);
        assert_eq!(seconds(10), 60);
        assert_eq!(seconds(u32::MAX), 60);
    }

    #[test]
    fn the_wait_ends() {
        let failed = Failures { failures: 6, last_at: Timestamp::UNIX_EPOCH };
        let after = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(failed.wait(RULES, after(0)), Some(4));
        assert_eq!(failed.wait(RULES, after(3_999)), Some(1));
        assert_eq!(failed.wait(RULES, after(4_000)), None);
    }

    #[test]
    fn spellings_of_one_address_share_a_counter_and_clients_do_not() {
        let name = |email, ip| counter_name(email, Some(ip));
        assert_eq!(name("Ada@example.org", "a"), name(" ａda@EXAMPLE.org", "a"));
        assert_ne!(name("ada@example.org", "a"), name("ada@example.org", "b"));
    }
}
