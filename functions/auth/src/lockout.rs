//! Slowing down who guesses passwords.
//!
//! Every attempt is counted *before* anything is said about its password, so a hundred guesses at the same
//! time get no more answers than a hundred in a row. There are two counters:
//!
//! - **of the client**: the account's address with the network that the attempt comes from. It is what the
//!   owner meets, and nobody elsewhere can touch it.
//! - **of the account**, over all networks from which nobody has signed in to it before. It slows guessing
//!   that is spread over many networks. A network that is known, because the owner has signed in from it,
//!   is not held up by it and does not count: strangers cannot lock an owner out (OWASP Authentication
//!   Cheat Sheet, "Account Lockout"; its device cookies draw the same line).
//!
//! Each lets some attempts pass freely, then one after a delay that doubles with each (NIST SP 800-63B-4,
//! section 3.2.2). A success clears the client's. They are kept for addresses without an account as well,
//! under keyed hashes, so that neither the answer nor the table tells who has one.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    limit::network_of,
    secret::{Key, encode},
    text::fold,
};
use serde::{Deserialize, Serialize};

/// How long an attempt is remembered when none follows.
pub const MEMORY: SignedDuration = SignedDuration::from_hours(24);
/// How long a network is known after a sign-in from it.
pub const ACQUAINTANCE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How attempts turn into delay.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub free_attempts: u32,
    pub max_delay_seconds: i64,
}

impl Rule {
    /// How long after this many attempts the next one may come: at once while there are free ones, then
    /// after 1 s, doubling with each.
    pub fn delay(self, attempts: i64) -> SignedDuration {
        let over = attempts - i64::from(self.free_attempts);
        if over < 0 {
            return SignedDuration::ZERO;
        }
        let doubled = u32::try_from(over).ok().and_then(|over| 1_i64.checked_shl(over));
        let seconds = doubled.filter(|seconds| *seconds > 0).unwrap_or(i64::MAX);
        SignedDuration::from_secs(seconds.min(self.max_delay_seconds))
    }
}

/// The rules of both counters.
#[derive(Debug, Clone, Copy)]
pub struct LockoutRules {
    pub client: Rule,
    pub account: Rule,
}

/// The names of both counters of an attempt, which contain neither the account nor the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterNames {
    pub client: String,
    pub account: String,
}

impl CounterNames {
    pub fn of(key: &Key, email: &str, ip_address: Option<&str>) -> Self {
        let account = fold(email);
        let network = network_of(ip_address);
        Self {
            client: encode(&key.sign(&[b"client", account.as_bytes(), network.as_bytes()])),
            account: encode(&key.sign(&[b"account", account.as_bytes()])),
        }
    }
}

/// A counter as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Absent after a success.
    #[serde(default)]
    pub attempts: i64,
    /// The last one that was let pass.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub last_at: Timestamp,
    /// Somebody has signed in from here, and this is how long that counts.
    #[serde(default, with = "jiff::fmt::serde::timestamp::second::optional")]
    pub known_until: Option<Timestamp>,
}

impl Counter {
    pub fn is_known(&self, now: Timestamp) -> bool {
        self.known_until.is_some_and(|until| now < until)
    }

    /// The attempts that still count.
    pub fn remembered(&self, now: Timestamp) -> i64 {
        if now.duration_since(self.last_at) < MEMORY { self.attempts } else { 0 }
    }

    /// Whole seconds until the next attempt is let pass; `None` when it may come now.
    pub fn wait(&self, rule: Rule, now: Timestamp) -> Option<u64> {
        let until = self.last_at.saturating_add(rule.delay(self.attempts)).unwrap_or(now);
        let left = until.duration_since(now);
        (left > SignedDuration::ZERO)
            .then(|| u64::try_from(left.as_millis()).unwrap_or(0).div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { free_attempts: 3, max_delay_seconds: 60 };

    #[test]
    fn the_delay_grows_and_is_bounded() {
        let seconds = |attempts| RULE.delay(attempts).as_secs();
        assert_eq!((0..=6).map(seconds).collect::<Vec<_>>(), [0, 0, 0, 1, 2, 4, 8]);
        for attempts in [9, 66, 67, 68, i64::MAX] {
            assert_eq!(seconds(attempts), 60, "{attempts}");
        }
    }

    #[test]
    fn the_wait_ends_and_attempts_are_forgotten() {
        let start = Timestamp::UNIX_EPOCH;
        let counter = Counter { attempts: 5, last_at: start, known_until: None };
        let after = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(counter.wait(RULE, after(0)), Some(4));
        assert_eq!(counter.wait(RULE, after(3_999)), Some(1));
        assert_eq!(counter.wait(RULE, after(4_000)), None);
        assert_eq!(counter.remembered(after(4_000)), 5);
        assert_eq!(counter.remembered(start + MEMORY), 0);
    }

    #[test]
    fn spellings_of_one_address_share_counters_and_networks_only_the_accounts() {
        let key = Key::random();
        let of = |email, ip| CounterNames::of(&key, email, Some(ip));
        assert_eq!(of("Ada@example.org", "203.0.113.7"), of(" ａda@EXAMPLE.org", "203.0.113.7"));
        assert_eq!(of("a@x.org", "2001:db8::1"), of("a@x.org", "2001:db8::2"));
        let (here, there) = (of("a@x.org", "203.0.113.7"), of("a@x.org", "203.0.113.8"));
        assert_ne!(here.client, there.client);
        assert_eq!(here.account, there.account);
        assert_ne!(here.account, of("b@x.org", "203.0.113.7").account);
    }
}
