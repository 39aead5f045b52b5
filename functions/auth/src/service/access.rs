use contracts::{identity::User, sessions::AccessClaims};
use kernel::secret::Secret;

use super::Service;
use crate::{
    authentication::Authentication, error::Error, refresh_token::RefreshToken, session::Session,
};

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

/// An access token on its own.
#[derive(Debug)]
pub struct Access {
    pub token: Secret,
    /// Seconds until it expires.
    pub expires_in: i64,
}

impl Service {
    /// A pair of tokens for a session.
    pub(super) async fn issue(
        &self,
        session: &Session,
        roles: Vec<String>,
        refresh_token: RefreshToken,
        user: Option<User>,
    ) -> Result<SignedIn, Error> {
        let access = self.issue_access(session, &session.authentication, roles).await?;
        let refresh_left = session.expires_at.duration_since(self.clock.now());
        Ok(SignedIn {
            access_token: access.token,
            refresh_token: refresh_token.text,
            expires_in: access.expires_in,
            refresh_expires_in: refresh_left.as_secs(),
            user,
        })
    }

    /// An access token for a session whose user has authenticated like this.
    pub(super) async fn issue_access(
        &self,
        session: &Session,
        authentication: &Authentication,
        roles: Vec<String>,
    ) -> Result<Access, Error> {
        let now = self.clock.now().as_second();
        let expires_in = self.lifetimes.access().as_secs();
        let claims = AccessClaims {
            iss: self.tokens.issuer().to_owned(),
            aud: self.tokens.audience().to_owned(),
            sub: session.user_id,
            tid: session.tenant_id,
            sid: session.id,
            roles,
            amr: authentication.amr(),
            auth_time: Some(authentication.time),
            iat: now,
            nbf: now,
            exp: now + expires_in,
            jti: kernel::id::EventId::new().to_string(),
        };
        Ok(Access { token: self.tokens.sign(&claims).await?, expires_in })
    }
}
