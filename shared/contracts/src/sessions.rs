//! The auth service's sessions and keys, as the authorizer sees them.

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    client::{CallError, ServiceClient},
    id::{SessionId, UserId},
    origin::Origin,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a session still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    pub is_active: bool,
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
    /// How the user has proven who they are (RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// When (OpenID Connect Core, section 2).
    #[serde(
        default,
        with = "jiff::fmt::serde::timestamp::second::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub auth_time: Option<Timestamp>,
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
}
