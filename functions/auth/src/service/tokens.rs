use contracts::{access_token::ClientClaims, sessions::ClientStanding};
use kernel::{
    caller::Tenant,
    id::{ClientId, ClientSecretId, TenantId, TokenId},
    secret::Secret,
};

use super::Service;
use crate::{
    client::Client,
    error::Error,
    scopes::{self, Scopes},
};

/// What a client says it is.
#[derive(Debug)]
pub struct ClientCredentials {
    pub id: String,
    pub secret: Secret,
}

/// A client that has proven that it is one.
#[derive(Debug)]
pub struct SignedInClient {
    pub client: Client,
    pub secret_id: ClientSecretId,
}

/// An access token of a client.
#[derive(Debug)]
pub struct ClientToken {
    pub access_token: Secret,
    pub expires_in: i64,
    pub scope: String,
}

/// Why a client gets no token.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    #[error("unknown or disabled client, or wrong secret")]
    InvalidClient,
    #[error("more was asked for than the client may")]
    InvalidScope,
    #[error(transparent)]
    Other(#[from] Error),
}

impl SignedInClient {
    pub fn tenant(&self) -> Tenant {
        Tenant::of_secret(self.client.tenant_id)
    }
}

impl Service {
    /// Admits a client with a secret that is its own. One that was not made here costs no read.
    pub async fn authenticate_client(
        &self,
        credentials: &ClientCredentials,
    ) -> Result<SignedInClient, GrantError> {
        let refused = |reason| refused(&credentials.id, reason);
        let opened = self.client_secrets.open(&credentials.secret);
        let secret = opened.ok_or_else(|| refused("its secret was not made here"))?;
        let [tenant, id] = secret.ids;
        let (tenant, id) = (TenantId::from_uuid(tenant), ClientId::from_uuid(id));
        if credentials.id.parse() != Ok(id) {
            return Err(refused("the secret is another client's"));
        }
        let client = self.store.client(Tenant::of_secret(tenant), id).await.map_err(Error::from)?;
        let client = client.ok_or_else(|| refused("it was deleted"))?;
        let admitted = client.admit(&secret.fingerprint, self.clock.now());
        let secret_id = admitted.ok_or_else(|| refused("it, or its secret, has ended"))?.id;
        Ok(SignedInClient { client, secret_id })
    }

    /// A short-lived access token with the scope that was asked for, or all that the client has.
    pub async fn issue_client_token(
        &self,
        credentials: &ClientCredentials,
        scope: Option<&str>,
    ) -> Result<ClientToken, GrantError> {
        let SignedInClient { client, secret_id } = self.authenticate_client(credentials).await?;
        let has = scopes::known(&client.scopes);
        let granted = match scope {
            None => has,
            Some(scope) => {
                let asked: Scopes = scope.split_ascii_whitespace().map(ToOwned::to_owned).collect();
                if !asked.is_subset(&has) {
                    return Err(GrantError::InvalidScope);
                }
                asked
            }
        };
        let now = self.clock.now().as_second();
        let expires_in = self.lifetimes.access().as_secs();
        let scope = granted.into_iter().collect::<Vec<_>>().join(" ");
        let claims = ClientClaims {
            iss: self.tokens.issuer().to_owned(),
            aud: self.tokens.audience().to_owned(),
            sub: client.id,
            client_id: client.id,
            tid: client.tenant_id,
            secret_id,
            scope: scope.clone(),
            iat: now,
            nbf: now,
            exp: now + expires_in,
            jti: TokenId::new(),
        };
        let access_token = self.tokens.sign(&claims).await.map_err(Error::from)?;
        tracing::info!(
            client_id = %claims.client_id,
            tenant_id = %claims.tid,
            token_id = %claims.jti,
            "a service client got an access token"
        );
        Ok(ClientToken { access_token, expires_in, scope })
    }

    /// What a client's token is good for, for the authorizer.
    pub async fn client_standing(
        &self,
        tenant: Tenant,
        client: ClientId,
        secret: ClientSecretId,
        token: TokenId,
    ) -> Result<Option<ClientStanding>, Error> {
        let (client, is_revoked) = self.store.client_and_token(tenant, client, token).await?;
        let now = self.clock.now();
        let client = client.filter(|client| !is_revoked && client.vouches_for(secret, now));
        Ok(client.map(|client| ClientStanding { scopes: client.scopes }))
    }
}

/// To the log, not to the audit trail: nobody has proven which tenant's it would be, and a stranger must not be
/// able to fill it.
fn refused(client_id: &str, reason: &'static str) -> GrantError {
    let client_id: String = client_id.chars().take(64).collect();
    tracing::warn!(client_id, reason, "a service client was refused");
    GrantError::InvalidClient
}
