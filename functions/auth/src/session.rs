//! Sessions and the rules of their refresh tokens.

use contracts::events::RevocationReason;
use jiff::{SignedDuration, Timestamp};
use kernel::id::{SessionId, TenantId, UserId};
use serde::{Deserialize, Serialize};

use crate::authentication::Authentication;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    LoggedOut,
    Revoked(RevocationReason),
}

/// A sign-in of a user on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    /// Fingerprint of the refresh token that may be used.
    pub current: String,
    /// Fingerprint of the one before.
    pub previous: Option<String>,
    /// When `current` took over from `previous`.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub rotated_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub created_at: Timestamp,
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub last_used_at: Timestamp,
    /// How its user has proven who they are, and when.
    #[serde(default)]
    pub authentication: Authentication,
    /// Of the password that it began with; absent when it began without one.
    #[serde(default)]
    pub password_version: Option<u64>,
    /// Moves on with every use, up to the absolute lifetime.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub expires_at: Timestamp,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub ended: Option<End>,
}

/// All sessions of a user that began up to a moment, or with an earlier password, are over, but for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub revoked_before: Timestamp,
    pub kept_session: Option<SessionId>,
    /// The version that the password has had since. A sign-in that was checked against the former one
    /// just before it was replaced may have begun after the moment that the change bears.
    #[serde(default)]
    pub password_version: Option<u64>,
}

impl Revocation {
    /// Ends everything up to a moment.
    pub fn until(moment: Timestamp) -> Self {
        Self { revoked_before: moment, kept_session: None, password_version: None }
    }

    /// Whether it ends what began then, with that password.
    pub fn ends(&self, began: Timestamp, password_version: Option<u64>) -> bool {
        let is_older = |(own, current): (u64, u64)| own < current;
        // Nothing but a password can be older than the password.
        began <= self.revoked_before
            || password_version.zip(self.password_version).is_some_and(is_older)
    }
}

impl Session {
    /// Whether the session still counts.
    pub fn is_active(&self, revocation: Option<&Revocation>, now: Timestamp) -> bool {
        let is_revoked = revocation.is_some_and(|revocation| {
            revocation.kept_session != Some(self.id)
                && revocation.ends(self.created_at, self.password_version)
        });
        self.ended.is_none() && !is_revoked && now < self.expires_at
    }

    /// What a refresh token of this session's family is good for.
    pub fn judge(&self, fingerprint: &str, grace: SignedDuration, now: Timestamp) -> Use {
        let is = |known: &str| kernel::secret::equal(known.as_bytes(), fingerprint.as_bytes());
        if is(&self.current) {
            Use::Rotate
        } else if self.previous.as_deref().is_some_and(is)
            && now.duration_since(self.rotated_at) <= grace
        {
            Use::Repeat
        } else {
            Use::Reuse
        }
    }
}

/// What a refresh token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is the current one: its successor takes over.
    Rotate,
    /// It is the direct predecessor, within the grace: an answer got lost. The same successor again.
    Repeat,
    /// It is spent: somebody has a copy. The family ends (RFC 9700, section 4.14.2).
    Reuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn session() -> Session {
        Session {
            id: SessionId::new(),
            tenant_id: TenantId::new(),
            user_id: UserId::new(),
            current: "c".to_owned(),
            previous: Some("p".to_owned()),
            rotated_at: at(100),
            created_at: at(50),
            last_used_at: at(100),
            authentication: Authentication::by_password(at(50)),
            password_version: Some(2),
            expires_at: at(1_000),
            ip_address: None,
            user_agent: None,
            ended: None,
        }
    }

    #[test]
    fn only_the_direct_predecessor_is_tolerated_and_only_for_the_grace() {
        let grace = SignedDuration::from_secs(10);
        let judge = |fingerprint, now| session().judge(fingerprint, grace, at(now));
        assert_eq!(judge("c", 999), Use::Rotate);
        assert_eq!(judge("p", 110), Use::Repeat);
        assert_eq!(judge("p", 111), Use::Reuse);
        assert_eq!(judge("older", 101), Use::Reuse);
    }

    #[test]
    fn a_session_ends_by_time_by_sign_out_and_by_revocation() {
        let active = session();
        assert!(active.is_active(None, at(999)));
        assert!(!active.is_active(None, at(1_000)));
        let ended = Session { ended: Some(End::LoggedOut), ..active.clone() };
        assert!(!ended.is_active(None, at(60)));
        let all = Revocation::until(at(50));
        assert!(!active.is_active(Some(&all), at(60)));
        let others = Revocation { kept_session: Some(active.id), ..all };
        assert!(active.is_active(Some(&others), at(60)));
        let earlier = Revocation { revoked_before: at(49), ..all };
        assert!(active.is_active(Some(&earlier), at(60)));
    }

    #[test]
    fn a_session_of_a_former_password_is_over_however_late_it_began() {
        let changed =
            |version| Revocation { password_version: Some(version), ..Revocation::until(at(49)) };
        let session = session();
        assert!(session.is_active(Some(&changed(2)), at(60)), "it began with the new password");
        assert!(!session.is_active(Some(&changed(3)), at(60)));
        let kept = Revocation { kept_session: Some(session.id), ..changed(3) };
        assert!(session.is_active(Some(&kept), at(60)));
        let without_password = Session { password_version: None, ..session };
        assert!(without_password.is_active(Some(&changed(3)), at(60)));
    }
}
