use contracts::{identity::User, sessions::AccessClaims};
use kernel::secret::Secret;

use super::Service;
use crate::{error::Error, refresh_token::Owner};

/// What a client gets when it signs in or refreshes.
#[derive(Debug)]
pub struct SignedIn {
    pub access_token: Secret,
    pub refresh_token: Secret,
    /// Seconds until the access token expires.
    pub expires_in: i64,
    /// Seconds until the refresh token does, unless it is used.
    pub refresh_expires_in: i64,
    /// Known at sign-in.
    pub user: Option<User>,
}

impl Service {
    /// A pair of tokens for a session.
    pub(super) async fn issue(
        &self,
        owner: Owner,
        roles: Vec<String>,
        refresh_token: Secret,
        user: Option<User>,
    ) -> Result<SignedIn, Error> {
        let now = self.clock.now().as_second();
        let claims = AccessClaims {
            iss: self.tokens.issuer().to_owned(),
            aud: self.tokens.audience().to_owned(),
            sub: owner.user,
            tid: owner.tenant,
            sid: owner.session,
            roles,
            iat: now,
            nbf: now,
            exp: now + self.lifetimes.access().as_secs(),
            jti: kernel::id::EventId::new().to_string(),
        };
        Ok(SignedIn {
            access_token: self.tokens.sign(&claims).await?,
            refresh_token,
            expires_in: self.lifetimes.access().as_secs(),
            refresh_expires_in: self.lifetimes.refresh().as_secs(),
            user,
        })
    }
}
