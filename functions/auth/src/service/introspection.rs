//! What a token is, and its end, for service clients (RFC 7662, RFC 7009). A client sees the tokens of its
//! own tenant; any other is as good as none.

use contracts::{
    access_token::{ClientClaims, TokenClaims},
    events::{ApiKeyRevocationReason, RevocationReason, SessionRevoked},
    sessions::AccessClaims,
};
use jiff::Timestamp;
use kernel::{
    id::{ClientId, TenantId},
    origin::Origin,
    secret::Secret,
};

use super::{Service, event, tokens::SignedInClient};
use crate::{
    credential::Credential,
    error::Error,
    refresh_token::{Owner, RefreshToken},
    session::{End, Use},
};

/// What is told about a token that counts.
#[derive(Debug, Default)]
pub struct TokenInfo {
    pub subject: String,
    pub tenant: Option<TenantId>,
    pub client: Option<ClientId>,
    pub scope: Option<String>,
    /// Of what can be sent as a bearer token.
    pub token_type: Option<&'static str>,
    /// Seconds since 1970, as everything here.
    pub issued_at: i64,
    pub not_before: Option<i64>,
    pub expires_at: i64,
    pub audience: Option<String>,
    pub id: Option<String>,
}

/// A token that was made here; whether it still counts is another question.
enum Recognised {
    Access(TokenClaims),
    Refresh(RefreshToken),
    ApiKey(Credential<3>),
}

impl Recognised {
    fn tenant(&self) -> TenantId {
        match self {
            Self::Access(TokenClaims::Session(claims)) => claims.tid,
            Self::Access(TokenClaims::Client(claims)) => claims.tid,
            Self::Refresh(token) => token.owner.tenant,
            Self::ApiKey(key) => TenantId::from_uuid(key.ids[0]),
        }
    }
}

impl Service {
    /// What a token is; `None` when it does not count, or is none of the client's business.
    pub async fn introspect_token(
        &self,
        asker: &SignedInClient,
        token: &Secret,
    ) -> Result<Option<TokenInfo>, Error> {
        match self.recognise(asker, token).await? {
            None => Ok(None),
            Some(Recognised::Access(TokenClaims::Session(claims))) => {
                let session = self.active_session(owner_of(&claims)).await?;
                Ok(session.map(|_| info_of_session_token(claims)))
            }
            Some(Recognised::Access(TokenClaims::Client(claims))) => {
                let ClientClaims { client_id, secret_id, jti, .. } = claims;
                let standing =
                    self.client_standing(asker.tenant(), client_id, secret_id, jti).await?;
                Ok(standing.map(|_| info_of_client_token(claims)))
            }
            Some(Recognised::Refresh(token)) => self.info_of_refresh_token(&token).await,
            Some(Recognised::ApiKey(key)) => self.info_of_api_key(&key).await,
        }
    }

    /// Ends what the token stands for: the session of an access or refresh token, an API key, or a token of
    /// the client's own. Whatever else it is, there is nothing to end.
    pub async fn revoke_token(
        &self,
        origin: &Origin,
        asker: &SignedInClient,
        token: &Secret,
    ) -> Result<(), Error> {
        let origin = origin.acting_as_client(asker.client.id);
        match self.recognise(asker, token).await? {
            None => Ok(()),
            Some(Recognised::Access(TokenClaims::Session(claims))) => {
                self.end_session_for_client(&origin, owner_of(&claims)).await
            }
            Some(Recognised::Access(TokenClaims::Client(claims))) => {
                // Another client's is not this one's to end (RFC 7009, section 2.1).
                if claims.client_id != asker.client.id {
                    return Ok(());
                }
                let expires_at = Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX);
                let (tenant, client) = (asker.tenant(), claims.client_id);
                let revoke = self.store.revoke_client_token(tenant, client, claims.jti, expires_at);
                Ok(revoke.await?)
            }
            Some(Recognised::Refresh(token)) => {
                self.end_session_for_client(&origin, token.owner).await
            }
            Some(Recognised::ApiKey(key)) => match self.active_api_key(&key).await? {
                Some(key) => {
                    self.end_api_key(&origin, &key, ApiKeyRevocationReason::ByClient).await
                }
                None => Ok(()),
            },
        }
    }

    async fn recognise(
        &self,
        asker: &SignedInClient,
        token: &Secret,
    ) -> Result<Option<Recognised>, Error> {
        let recognised = if let Some(key) = self.api_keys.open(token) {
            Some(Recognised::ApiKey(key))
        } else if let Some(token) = self.refresh_tokens.open(token) {
            Some(Recognised::Refresh(token))
        } else {
            self.tokens.open(token).await?.map(Recognised::Access)
        };
        Ok(recognised.filter(|token| token.tenant() == asker.client.tenant_id))
    }

    async fn info_of_refresh_token(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<TokenInfo>, Error> {
        let session = self.active_session(token.owner).await?;
        let (grace, now) = (self.lifetimes.grace(), self.clock.now());
        let session =
            session.filter(|session| session.judge(&token.fingerprint(), grace, now) != Use::Reuse);
        Ok(session.map(|session| TokenInfo {
            subject: token.owner.user.to_string(),
            tenant: Some(token.owner.tenant),
            issued_at: session.rotated_at.as_second(),
            expires_at: session.expires_at.as_second(),
            ..TokenInfo::default()
        }))
    }

    async fn info_of_api_key(&self, key: &Credential<3>) -> Result<Option<TokenInfo>, Error> {
        let Some(key) = self.active_api_key(key).await? else { return Ok(None) };
        let scope = key.scopes.iter().cloned().collect::<Vec<_>>().join(" ");
        Ok(Some(TokenInfo {
            subject: key.user_id.to_string(),
            tenant: Some(key.tenant_id),
            scope: (!scope.is_empty()).then_some(scope),
            token_type: Some("Bearer"),
            issued_at: key.created_at.as_second(),
            expires_at: key.expires_at.as_second(),
            id: Some(key.id.to_string()),
            ..TokenInfo::default()
        }))
    }

    async fn end_session_for_client(&self, origin: &Origin, owner: Owner) -> Result<(), Error> {
        if self.active_session(owner).await?.is_none() {
            return Ok(());
        }
        let reason = RevocationReason::ByClient;
        let revoked = SessionRevoked {
            user_id: owner.user,
            session_id: Some(owner.session),
            kept_session_id: None,
            reason,
        };
        let events = [event(self.clock.now(), owner.tenant(), origin, &revoked)];
        let end = End::Revoked(reason);
        // Whoever lost this race finds the session ended all the same.
        let ended = self.store.end_session(owner.tenant(), owner.user, owner.session, end, &events);
        let _ = ended.await?;
        Ok(())
    }
}

fn owner_of(claims: &AccessClaims) -> Owner {
    Owner { tenant: claims.tid, user: claims.sub, session: claims.sid }
}

fn info_of_session_token(claims: AccessClaims) -> TokenInfo {
    TokenInfo {
        subject: claims.sub.to_string(),
        tenant: Some(claims.tid),
        client: None,
        scope: None,
        token_type: Some("Bearer"),
        issued_at: claims.iat,
        not_before: Some(claims.nbf),
        expires_at: claims.exp,
        audience: Some(claims.aud),
        id: Some(claims.jti),
    }
}

fn info_of_client_token(claims: ClientClaims) -> TokenInfo {
    TokenInfo {
        subject: claims.sub.to_string(),
        tenant: Some(claims.tid),
        client: Some(claims.client_id),
        scope: Some(claims.scope),
        token_type: Some("Bearer"),
        issued_at: claims.iat,
        not_before: Some(claims.nbf),
        expires_at: claims.exp,
        audience: Some(claims.aud),
        id: Some(claims.jti.to_string()),
    }
}
