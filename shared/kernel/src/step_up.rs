//! Step-up: what must not be done on the strength of a sign-in of last week (RFC 9470).
//!
//! An access token says when its bearer last proved who they are (`auth_time`). A sensitive action asks
//! that this was a moment ago; a client that is refused has its user prove it once more
//! (`POST /api/v1/auth/step-up`) and repeats the request with the token that it got for that.

use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use crate::{
    caller::Caller,
    problem::{Kind, Problem},
};

pub const STEP_UP_REQUIRED: Kind = Kind::new(
    StatusCode::UNAUTHORIZED,
    "auth.step_up_required",
    "This needs a more recent proof of who you are",
);

/// How recent an authentication has to be: the setting `auth.step_up_seconds`.
#[derive(Debug, Clone, Copy)]
pub struct RecentAuthentication {
    max_age: SignedDuration,
}

impl RecentAuthentication {
    pub fn within_seconds(seconds: u32) -> Self {
        Self { max_age: SignedDuration::from_secs(seconds.into()) }
    }

    /// Refuses a caller whose token stems from an older authentication, or does not say of which, as
    /// those of machines.
    ///
    /// # Errors
    /// [`STEP_UP_REQUIRED`] with the challenge of RFC 9470, section 3.
    pub fn check(&self, caller: &Caller, now: Timestamp) -> Result<(), Problem> {
        let is_recent = |at: Timestamp| now.duration_since(at) <= self.max_age;
        if caller.auth_time.is_some_and(is_recent) {
            return Ok(());
        }
        let seconds = self.max_age.as_secs();
        let challenge = format!(
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"More recent authentication is required\", max_age=\"{seconds}\""
        );
        let challenge = HeaderValue::from_str(&challenge).expect("the challenge is visible ASCII");
        Err(STEP_UP_REQUIRED
            .problem(format!("prove within the last {seconds} s who you are, then repeat this"))
            .header(header::WWW_AUTHENTICATE, challenge))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        caller::{AuthorizerContext, Credential},
        id::{SessionId, TenantId, UserId},
        origin::Origin,
    };

    fn caller(auth_time: Option<i64>) -> Caller {
        let context = AuthorizerContext {
            user_id: UserId::new(),
            tenant_id: TenantId::new(),
            session_id: SessionId::new(),
            credential: Credential::Session,
            roles: Vec::new(),
            permissions: BTreeSet::new(),
            amr: Vec::new(),
            auth_time: auth_time.map(|second| Timestamp::from_second(second).unwrap()),
        };
        Caller::new(context, Origin::system("test"))
    }

    #[test]
    fn an_authentication_is_recent_for_so_long() {
        let rule = RecentAuthentication::within_seconds(300);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(rule.check(&caller(Some(1_000)), at(1_300)).is_ok());
        let refusal = rule.check(&caller(Some(1_000)), at(1_301)).unwrap_err();
        assert_eq!(refusal.kind(), STEP_UP_REQUIRED);
        let answer = refusal.render("/", "id");
        assert_eq!(
            answer.headers()[header::WWW_AUTHENTICATE],
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"More recent authentication is required\", max_age=\"300\""
        );
    }

    #[test]
    fn a_token_that_does_not_say_when_is_never_recent() {
        let rule = RecentAuthentication::within_seconds(u32::MAX);
        assert!(rule.check(&caller(None), Timestamp::UNIX_EPOCH).is_err());
    }
}
