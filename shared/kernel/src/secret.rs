//! Secrets: values that do not print, random tokens, and the port to where long-lived secrets are kept.

mod seal;

use std::fmt;

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use zeroize::Zeroize;

/// Text that must never reach a log: passwords, tokens. `Debug` shows `***`, there is no `Display`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// 256 bits of key material.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A fresh key from the operating system's random source.
    pub fn random() -> Self {
        Self(random_bytes())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose, so that no two purposes ever share one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.sign(&[b"derive", purpose.as_bytes()]))
    }

    /// HMAC-SHA-256 over the parts, each with its length, so that `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether `tag` signs the parts; in constant time.
    pub fn verifies(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.mac(parts).verify_slice(tag).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

/// A link or refresh token's secret part: 256 random bits, URL-safe.
pub fn random_token() -> Secret {
    Secret::new(encode(&random_bytes::<32>()))
}

/// URL-safe base64 without padding.
pub fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`encode`]; `None` for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// How a random token is stored: SHA-256 is enough for 256 bits of entropy (OWASP, Forgot Password).
pub fn fingerprint(token: &str) -> String {
    encode(&Sha256::digest(token.as_bytes()))
}

/// Equality in constant time (for equal lengths).
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// Where long-lived secrets are kept: Secrets Manager on AWS, an owner-only file locally.
#[async_trait]
pub trait SecretStore: Send + Sync + 'static {
    /// The current value; `None` when there is no such secret.
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError>;

    /// Stores a new current value.
    async fn put(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError>;
}

/// The secret store did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("secret store: {0}")]
pub struct SecretStoreError(pub String);

/// Characters that the text of a root key must have: 256 bits, even if they are base64.
const KEY_TEXT_LENGTH: usize = 43;

/// The platform's root key for `purpose`: made and stored the first time it is asked for, unless the
/// deployment has put a random text there before.
///
/// # Errors
/// When the store fails, or holds a text that is too short to be a key.
pub async fn platform_key(store: &dyn SecretStore, purpose: &str) -> Result<Key, SecretStoreError> {
    let name = "platform-key";
    let text = if let Some(text) = store.get(name).await? {
        text
    } else {
        let fresh = random_token();
        store.put(name, &fresh).await?;
        // Another instance may have made one at the same time; what is stored now counts for both.
        store.get(name).await?.unwrap_or(fresh)
    };
    if text.expose().len() < KEY_TEXT_LENGTH {
        return Err(SecretStoreError(format!(
            "`{name}` has fewer than {KEY_TEXT_LENGTH} characters"
        )));
    }
    Ok(Key(Sha256::digest(text.expose().as_bytes()).into()).derive(purpose))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
        assert_eq!(format!("{:?}", Key::random()), "Key(***)");
    }

    #[test]
    fn a_signature_covers_the_borders_between_parts() {
        let key = Key::random();
        assert_ne!(key.sign(&[b"ab", b"c"]), key.sign(&[b"a", b"bc"]));
    }

    #[test]
    fn a_signature_of_another_key_does_not_verify() {
        let tag = Key::random().sign(&[b"x"]);
        assert!(!Key::random().verifies(&[b"x"], &tag));
    }

    #[test]
    fn purposes_get_different_keys() {
        let root = Key::random();
        assert_ne!(root.derive("cursor").as_bytes(), root.derive("refresh").as_bytes());
    }
}
