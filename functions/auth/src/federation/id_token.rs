//! The checks of an id token (OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725).

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use kernel::secret::{Secret, encode, equal};
use serde::Deserialize;

use super::person::Claims;

/// What is believed. Asymmetric only: a shared secret would also be the key to forge with, and a public key taken
/// for a shared secret is the oldest trick there is (RFC 8725, sections 2.1 and 3.1).
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far two clocks may be apart, in seconds.
const SKEW: f64 = 60.0;
/// Longest subject, in bytes (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT: usize = 255;

/// What is wrong with a provider's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("the answer comes from another issuer")]
    ResponseIssuer,
    #[error("the code is not good")]
    Code,
    #[error("there is no id token")]
    Missing,
    #[error("the id token cannot be read")]
    Malformed,
    #[error("it is a token of another type")]
    Type,
    #[error("its algorithm is not one that is believed")]
    Algorithm,
    #[error("it demands extensions")]
    Critical,
    #[error("its key is not one of the provider's")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another client")]
    Audience,
    #[error("it was issued to another client")]
    AuthorizedParty,
    #[error("it has expired")]
    Expired,
    #[error("it is from the future")]
    Future,
    #[error("its nonce belongs to another sign-in")]
    Nonce,
    #[error("it belongs to another access token")]
    AccessTokenHash,
    #[error("it has no usable subject")]
    Subject,
    #[error("the profile is somebody else's")]
    OtherSubject,
}

/// What an id token has to say.
#[derive(Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub access_token: &'a Secret,
    pub now: Timestamp,
}

#[derive(Debug, Deserialize)]
struct IdToken {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    #[serde(flatten)]
    claims: Claims,
}

/// One or several (RFC 7519, section 4.1.3).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The claims of an id token, after every check.
pub fn check(token: &Secret, keys: &[Jwk], expected: &Expected<'_>) -> Result<Claims, Flaw> {
    let header = jsonwebtoken::decode_header(token.expose()).map_err(|_| Flaw::Malformed)?;
    check_header(&header)?;
    let key = find_key(&header, keys).ok_or(Flaw::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Flaw::UnknownKey)?;
    // The claims are checked below, by our clock.
    let mut signature_only = Validation::new(header.alg);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    let decoded = jsonwebtoken::decode::<IdToken>(token.expose(), &key, &signature_only);
    let token = decoded.map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => Flaw::Malformed,
        _ => Flaw::Signature,
    })?;
    check_claims(&token.claims, expected)?;
    check_hash(&token.claims, header.alg, expected.access_token)?;
    Ok(token.claims.claims)
}

fn check_header(header: &Header) -> Result<(), Flaw> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Flaw::Algorithm);
    }
    if header.crit.is_some() {
        return Err(Flaw::Critical);
    }
    // Access tokens and logout tokens are signed with the same keys, and say so (RFC 8725, section 3.11).
    match &header.typ {
        Some(typ) if !typ.eq_ignore_ascii_case("JWT") => Err(Flaw::Type),
        _ => Ok(()),
    }
}

/// The key that the token names. Without a name, the only one of its kind (OpenID Connect Core 1.0,
/// section 10.1). Keys come from the provider alone: what the header brings along is not looked at.
fn find_key<'a>(header: &Header, keys: &'a [Jwk]) -> Option<&'a Jwk> {
    let alg = KeyAlgorithm::from(header.alg);
    let mut fitting = keys.iter().filter(|key| {
        let common = &key.common;
        let is_for_signing =
            common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let is_of_family = DecodingKey::from_jwk(key)
            .is_ok_and(|key| key.family().algorithms().contains(&header.alg));
        is_for_signing && is_of_family && common.key_algorithm.is_none_or(|own| own == alg)
    });
    if let Some(kid) = &header.kid {
        return fitting.find(|key| key.common.key_id.as_ref() == Some(kid));
    }
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}

fn check_claims(token: &IdToken, expected: &Expected<'_>) -> Result<(), Flaw> {
    if token.iss != expected.issuer {
        return Err(Flaw::Issuer);
    }
    let is_ours = |client: &String| client == expected.client_id;
    let (is_for_us, is_for_others) = match &token.aud {
        Audience::One(client) => (is_ours(client), false),
        Audience::Many(clients) => (clients.iter().any(is_ours), clients.len() > 1),
    };
    if !is_for_us {
        return Err(Flaw::Audience);
    }
    match &token.azp {
        Some(client) if !is_ours(client) => return Err(Flaw::AuthorizedParty),
        None if is_for_others => return Err(Flaw::AuthorizedParty),
        _ => {}
    }
    let now = expected.now.as_duration().as_secs_f64();
    if now >= token.exp + SKEW {
        return Err(Flaw::Expired);
    }
    if token.iat > now + SKEW || token.nbf.is_some_and(|nbf| nbf > now + SKEW) {
        return Err(Flaw::Future);
    }
    let is_nonce = |nonce: &String| equal(nonce.as_bytes(), expected.nonce.as_bytes());
    if !token.nonce.as_ref().is_some_and(is_nonce) {
        return Err(Flaw::Nonce);
    }
    let subject = &token.claims.sub;
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        return Err(Flaw::Subject);
    }
    Ok(())
}

/// `at_hash` is optional with the code flow; what is there has to be right (section 3.1.3.6).
fn check_hash(token: &IdToken, alg: Algorithm, access_token: &Secret) -> Result<(), Flaw> {
    let Some(given) = &token.at_hash else { return Ok(()) };
    let algorithm = match alg {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        // Ed25519 hashes with SHA-512.
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(algorithm, access_token.expose().as_bytes());
    let left_half = &hash.as_ref()[..hash.as_ref().len() / 2];
    if equal(given.as_bytes(), encode(left_half).as_bytes()) {
        Ok(())
    } else {
        Err(Flaw::AccessTokenHash)
    }
}
