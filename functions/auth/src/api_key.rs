//! Personal API keys: a person's programs act in their name, with some of their permissions.
//!
//! A key lives apart from sessions: signing out or changing one's password leaves it. What says that the
//! account was in wrong hands, or is nobody's any more, ends all keys made before, for good: a password
//! set by a mailed link, a suspension, a deletion. A key then counts as old as the session that it was made
//! in: whoever loses the account makes none that outlasts it, however fast they are.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    id::{ApiKeyId, TenantId, UserId},
    validate::{Invalid, text},
};
use serde::{Deserialize, Serialize};

use crate::scopes::Scopes;

const MAX_NAME: usize = 100;
const DEFAULT_DAYS: u32 = 90;
const MAX_DAYS: u32 = 365;
/// `last_used_at` is this exact.
const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A personal API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    pub name: String,
    pub fingerprint: String,
    /// Empty: whatever the user may.
    pub scopes: Scopes,
    /// When the session began that it was made in.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub session_began_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub expires_at: Timestamp,
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub last_used_at: Option<Timestamp>,
    #[serde(default, with = "jiff::fmt::serde::timestamp::millisecond::optional")]
    pub revoked_at: Option<Timestamp>,
}

/// All keys of a user that were made in sessions from up to a moment are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevocation {
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub revoked_before: Timestamp,
}

/// A key to be made.
#[derive(Debug)]
pub struct NewApiKey {
    pub name: KeyName,
    pub scopes: Scopes,
    pub lifetime: Lifetime,
}

/// A key's name, for its owner.
#[derive(Debug, Clone)]
pub struct KeyName(pub String);

impl KeyName {
    /// # Errors
    /// `text.*`
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        text(name, 1, MAX_NAME).map(Self)
    }
}

/// How long a key lives.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime(SignedDuration);

impl Lifetime {
    /// In days, 90 unless said otherwise.
    ///
    /// # Errors
    /// `lifetime.out_of_range`
    pub fn parse(days: Option<u32>) -> Result<Self, Invalid> {
        let days = days.unwrap_or(DEFAULT_DAYS);
        if (1..=MAX_DAYS).contains(&days) {
            Ok(Self(SignedDuration::from_hours(24 * i64::from(days))))
        } else {
            let detail = format!("must be a number from 1 to {MAX_DAYS}");
            Err(Invalid::new("lifetime.out_of_range", detail))
        }
    }

    pub fn end(self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.0).unwrap_or(now)
    }
}

impl ApiKey {
    /// Whether the key still counts.
    pub fn is_active(&self, all: Option<&KeyRevocation>, now: Timestamp) -> bool {
        let is_revoked = all.is_some_and(|all| self.session_began_at <= all.revoked_before);
        self.revoked_at.is_none() && !is_revoked && now < self.expires_at
    }

    /// Whether this use is worth a write.
    pub fn is_use_news(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| now.duration_since(last) >= USE_NOTED_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn key() -> ApiKey {
        ApiKey {
            id: ApiKeyId::new(),
            tenant_id: TenantId::new(),
            user_id: UserId::new(),
            name: "ci".to_owned(),
            fingerprint: "f".to_owned(),
            scopes: Scopes::new(),
            session_began_at: at(100),
            created_at: at(150),
            expires_at: at(1_000),
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_ends_by_time_by_revocation_and_with_all_the_others() {
        assert!(key().is_active(None, at(999)));
        assert!(!key().is_active(None, at(1_000)));
        assert!(!ApiKey { revoked_at: Some(at(200)), ..key() }.is_active(None, at(300)));
        let all = |moment| KeyRevocation { revoked_before: at(moment) };
        assert!(!key().is_active(Some(&all(100)), at(300)));
        assert!(key().is_active(Some(&all(99)), at(300)));
    }

    #[test]
    fn a_use_is_noted_once_an_hour() {
        assert!(key().is_use_news(at(200)));
        let used = ApiKey { last_used_at: Some(at(200)), ..key() };
        assert!(!used.is_use_news(at(200 + 3599)));
        assert!(used.is_use_news(at(200 + 3600)));
    }

    #[test]
    fn a_key_lives_a_year_at_most() {
        assert_eq!(Lifetime::parse(None).unwrap().end(at(0)), at(90 * 86_400));
        assert!(Lifetime::parse(Some(365)).is_ok());
        assert!(Lifetime::parse(Some(366)).is_err());
        assert!(Lifetime::parse(Some(0)).is_err());
    }
}
