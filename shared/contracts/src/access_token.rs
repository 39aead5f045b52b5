//! What makes an access token ours and alive (RFC 9068, section 4; RFC 8725). The authorizer and the auth
//! service judge tokens by the same rules.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::id::{ClientId, ClientSecretId, TenantId, TokenId};
use serde::{Deserialize, Serialize};

use crate::sessions::{ACCESS_TOKEN_TYPE, AccessClaims, Jwk};

/// How far clocks of signer and verifier may differ, in seconds.
const LEEWAY: i64 = 5;
/// No access token of ours is longer.
const MAX_LENGTH: usize = 8192;

/// Claims of a service client's access token (RFC 9068, section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientClaims {
    pub iss: String,
    pub aud: String,
    /// The client: nobody stands behind it.
    pub sub: ClientId,
    pub client_id: ClientId,
    /// The tenant.
    pub tid: TenantId,
    /// The secret that it was issued for: without that one it is worth nothing.
    pub secret_id: ClientSecretId,
    /// Permissions, separated by spaces; what counts is what the client has of them now.
    pub scope: String,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: TokenId,
}

/// Claims of an access token: a session's or a client's. The two share no shape: a session's has a `sid`, a
/// client's has a `client_id` and no `sid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TokenClaims {
    Session(AccessClaims),
    Client(ClientClaims),
}

impl TokenClaims {
    fn lifetime(&self) -> (i64, i64) {
        match self {
            Self::Session(claims) => (claims.nbf, claims.exp),
            Self::Client(claims) => (claims.nbf, claims.exp),
        }
    }
}

/// Why a token is not one of ours, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadToken(pub &'static str);

/// Judges tokens.
#[derive(Debug, Clone)]
pub struct TokenRules(Validation);

impl TokenRules {
    pub fn new(issuer: &str, audience: &str) -> Self {
        // One algorithm, ours: what the token says about that is only compared.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are checked below, against our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self(validation)
    }

    /// The key that the token names. Keys come from our own ring only: a token that brings one along or
    /// says where to fetch one (`jwk`, `jku`, `x5u`) is judged as if it did not (RFC 8725, section 3.10).
    pub fn key_id(token: &str) -> Result<String, BadToken> {
        if token.len() > MAX_LENGTH {
            return Err(BadToken("too long"));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| BadToken("its header does not parse"))?;
        if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return Err(BadToken("it is not an access token"));
        }
        // Whoever says that an extension must be understood is not understood here (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(BadToken("it needs an extension"));
        }
        header.kid.ok_or(BadToken("it names no key"))
    }

    /// The claims, if the key has signed the token and it lives.
    pub fn verify(
        &self,
        token: &str,
        key: &DecodingKey,
        now: Timestamp,
    ) -> Result<TokenClaims, BadToken> {
        let claims = jsonwebtoken::decode::<TokenClaims>(token, key, &self.0)
            .map_err(|_| BadToken("signature, issuer, audience or claims are wrong"))?
            .claims;
        let (not_before, expires) = claims.lifetime();
        let now = now.as_second();
        if expires <= now - LEEWAY {
            return Err(BadToken("it has expired"));
        }
        if not_before > now + LEEWAY {
            return Err(BadToken("it is not valid yet"));
        }
        Ok(claims)
    }
}

impl Jwk {
    /// The key, as something to verify with; `None` when it is none.
    pub fn decoding_key(&self) -> Option<DecodingKey> {
        DecodingKey::from_ec_components(&self.x, &self.y).ok()
    }
}
