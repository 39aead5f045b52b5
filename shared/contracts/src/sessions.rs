//! The auth service's sessions and keys, as the authorizer sees them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use kernel::{
    caller::Tenant,
    client::{CallError, ServiceClient},
    id::{ApiKeyId, ClientId, ClientSecretId, SessionId, TenantId, TokenId, UserId},
    origin::Origin,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a session still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    pub is_active: bool,
}

/// What a service client's access token is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStanding {
    /// What the client may do at most; the token may say less.
    pub scopes: BTreeSet<String>,
}

/// Whom a personal API key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyStanding {
    pub id: ApiKeyId,
    pub tenant_id: TenantId,
    pub user_id: UserId,
    /// What the key may do at most; empty is whatever the user may.
    pub scopes: BTreeSet<String>,
}

/// An API key that somebody has come with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PresentedKey {
    pub key: Secret,
}

/// A public key that verifies access tokens (RFC 7517), on the curve P-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// Always `EC`.
    #[schema(example = "EC")]
    pub kty: String,
    #[schema(example = "P-256")]
    pub crv: String,
    #[schema(example = "ES256")]
    pub alg: String,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    pub usage: String,
    pub kid: String,
    pub x: String,
    pub y: String,
}

/// A set of public keys: the current one, and those whose tokens may still live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = JwkSet)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

/// Claims of an access token (RFC 9068).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    /// The tenant.
    pub tid: kernel::id::TenantId,
    /// The session.
    pub sid: SessionId,
    /// Role names when the token was issued; what counts is what authz says now.
    pub roles: Vec<String>,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: String,
}

/// `typ` header of an access token (RFC 9068, section 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The auth service.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    async fn status(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        session: SessionId,
    ) -> Result<SessionStatus, CallError>;

    /// The keys that verify access tokens now.
    async fn keys(&self, origin: &Origin) -> Result<Jwks, CallError>;

    /// What an access token of a client is good for; `None` when the client, the secret that the token was
    /// issued for, or the token itself does not count any more.
    async fn client_standing(
        &self,
        origin: &Origin,
        tenant: Tenant,
        client: ClientId,
        secret: ClientSecretId,
        token: TokenId,
    ) -> Result<Option<ClientStanding>, CallError>;

    /// Whom an API key stands for; `None` when it is not one of ours, or does not count any more. Notes
    /// that the key is used.
    async fn api_key_standing(
        &self,
        origin: &Origin,
        key: &Secret,
    ) -> Result<Option<ApiKeyStanding>, CallError>;
}

#[async_trait]
impl Sessions for ServiceClient {
    async fn status(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        session: SessionId,
    ) -> Result<SessionStatus, CallError> {
        let path =
            format!("/internal/auth/tenants/{tenant}/users/{user}/sessions/{session}/status");
        self.get(origin, &path).await
    }

    async fn keys(&self, origin: &Origin) -> Result<Jwks, CallError> {
        self.get(origin, "/internal/auth/keys").await
    }

    async fn client_standing(
        &self,
        origin: &Origin,
        tenant: Tenant,
        client: ClientId,
        secret: ClientSecretId,
        token: TokenId,
    ) -> Result<Option<ClientStanding>, CallError> {
        let path = format!(
            "/internal/auth/tenants/{tenant}/clients/{client}/secrets/{secret}/tokens/{token}"
        );
        self.get(origin, &path).await
    }

    async fn api_key_standing(
        &self,
        origin: &Origin,
        key: &Secret,
    ) -> Result<Option<ApiKeyStanding>, CallError> {
        // The key travels in the body: paths are logged.
        let body = PresentedKey { key: key.clone() };
        self.put(origin, "/internal/auth/api-keys/standing", &body).await
    }
}
