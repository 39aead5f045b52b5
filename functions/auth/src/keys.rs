//! The keys that sign access tokens (ES256), their rotation, and the tokens themselves.
//!
//! The [`ring`] is one secret. Instances ask the secret store for it again every [`REFRESH`]; the store
//! may remember for minutes what it has read. Verifiers read the public keys again every minute, and
//! when a token names one that they do not know.

mod ring;

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use contracts::{
    access_token::{TokenClaims, TokenRules},
    sessions::{ACCESS_TOKEN_TYPE, Jwk, Jwks},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{
    clock::Clock,
    module::Lifecycle,
    secret::{Secret, SecretStore, SecretStoreError, decode},
};
use serde::Serialize;

use self::ring::{Ring, UnknownKey};

/// Name of the ring in the secret store.
const SECRET_NAME: &str = "signing-keys";
/// How long an instance works with the ring it has read.
const REFRESH: SignedDuration = SignedDuration::from_mins(1);

/// The ring could not be read, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Store(#[from] SecretStoreError),
    #[error(transparent)]
    Unknown(#[from] UnknownKey),
    #[error("signing keys: {0}")]
    Unusable(String),
}

impl KeyError {
    fn unusable(cause: impl std::fmt::Debug) -> Self {
        Self::Unusable(format!("{cause:?}"))
    }
}

/// What a rotation came to.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The key that takes over.
    pub key: Jwk,
    pub signs_from: Timestamp,
    /// `false` when it was on its way before.
    pub is_new: bool,
}

struct Loaded {
    ring: Ring,
    current: EncodingKey,
    next: Option<EncodingKey>,
    read_at: Timestamp,
}

/// The ring in use.
pub struct KeyRing {
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    token_life: SignedDuration,
    loaded: RwLock<Option<Arc<Loaded>>>,
    /// One reader of the secret store at a time; the others wait for what it finds.
    loading: tokio::sync::Mutex<()>,
}

impl KeyRing {
    pub fn new(
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
        access_token_seconds: i64,
    ) -> Self {
        Self {
            secrets,
            clock,
            token_life: SignedDuration::from_secs(access_token_seconds),
            loaded: RwLock::default(),
            loading: tokio::sync::Mutex::default(),
        }
    }

    /// The public keys: those that verify living tokens, and the one that signs next.
    pub async fn public_keys(&self) -> Result<Jwks, KeyError> {
        Ok(self.ring().await?.ring.public_keys(self.clock.now(), self.token_life))
    }

    /// Makes a key that will sign once everybody knows it. One that is on its way already stays.
    ///
    /// # Errors
    /// When the secret store fails; the old key then stays in use.
    pub async fn rotate(&self) -> Result<Rotation, KeyError> {
        let _only = self.loading.lock().await;
        let now = self.clock.now();
        let before = self.load().await?;
        let rotated = before.clone().rotated(now, self.token_life)?;
        let is_new = rotated.is_some();
        let ring = match rotated {
            Some(ring) => self.store(ring).await?,
            None => before,
        };
        let next = ring.next.as_ref().ok_or_else(|| KeyError::unusable("no key is on its way"))?;
        Ok(Rotation { key: next.key.public.clone(), signs_from: next.signs_from, is_new })
    }

    /// Rotates if the signing key has signed for longer than that. Doing it twice is harmless.
    pub async fn rotate_if_older(&self, age: SignedDuration) -> Result<Option<Rotation>, KeyError> {
        let now = self.clock.now();
        if now.duration_since(self.ring().await?.ring.signs_since(now)) < age {
            return Ok(None);
        }
        self.rotate().await.map(Some)
    }

    /// Drops a key that somebody else may have; its tokens die as soon as the verifiers hear of it. The key
    /// that signs from now on.
    ///
    /// # Errors
    /// When there is no such key, or the secret store fails.
    pub async fn revoke(&self, key_id: &str) -> Result<Jwk, KeyError> {
        let _only = self.loading.lock().await;
        let ring = self.load().await?.without(key_id, self.clock.now(), self.token_life)?;
        Ok(self.store(ring).await?.current)
    }

    async fn ring(&self) -> Result<Arc<Loaded>, KeyError> {
        if let Some(loaded) = self.fresh() {
            return Ok(loaded);
        }
        let _only = self.loading.lock().await;
        if let Some(loaded) = self.fresh() {
            return Ok(loaded);
        }
        match self.load().await {
            Ok(ring) => self.remember(ring),
            // A ring that is a little old signs well; no ring does not.
            Err(error) => match self.any() {
                Some(loaded) => {
                    tracing::warn!(%error, "signing keys could not be read again");
                    Ok(loaded)
                }
                None => Err(error),
            },
        }
    }

    async fn load(&self) -> Result<Ring, KeyError> {
        if let Some(ring) = self.read().await? {
            return Ok(ring);
        }
        let first = Ring::first(self.clock.now())?;
        let written = self.write(&first).await;
        // Another instance may have made one at the same time; what is stored now counts for both.
        match self.read().await? {
            Some(ring) => Ok(ring),
            None => written.map(|()| first),
        }
    }

    async fn read(&self) -> Result<Option<Ring>, KeyError> {
        let Some(text) = self.secrets.get(SECRET_NAME).await? else { return Ok(None) };
        serde_json::from_str(text.expose()).map(Some).map_err(KeyError::unusable)
    }

    async fn write(&self, ring: &Ring) -> Result<(), KeyError> {
        let text = serde_json::to_string(ring).map_err(KeyError::unusable)?;
        Ok(self.secrets.put(SECRET_NAME, &Secret::new(text)).await?)
    }

    async fn store(&self, ring: Ring) -> Result<Ring, KeyError> {
        self.write(&ring).await?;
        self.remember(ring.clone())?;
        Ok(ring)
    }

    fn remember(&self, ring: Ring) -> Result<Arc<Loaded>, KeyError> {
        let next = ring.next.as_ref().map(|next| encoding_key(&next.key.private_key));
        let loaded = Arc::new(Loaded {
            current: encoding_key(&ring.private_key)?,
            next: next.transpose()?,
            ring,
            read_at: self.clock.now(),
        });
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok(loaded)
    }

    fn any(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self) -> Option<Arc<Loaded>> {
        let now = self.clock.now();
        self.any().filter(|loaded| now.duration_since(loaded.read_at) < REFRESH)
    }
}

impl Loaded {
    /// The key that signs, and its id.
    fn signer(&self, now: Timestamp) -> (&EncodingKey, &str) {
        match self.next.as_ref().zip(self.ring.successor(now)) {
            Some((key, next)) => (key, &next.key.public.kid),
            None => (&self.current, &self.ring.current.kid),
        }
    }
}

fn encoding_key(private_key: &Secret) -> Result<EncodingKey, KeyError> {
    let der = decode(private_key.expose());
    let der = der.ok_or_else(|| KeyError::unusable("the private key is not base64url"))?;
    Ok(EncodingKey::from_ec_der(&der))
}

#[async_trait]
impl Lifecycle for KeyRing {
    async fn start(&self) {
        // The first sign-in needs the ring for certain.
        if let Err(error) = self.ring().await {
            tracing::warn!(%error, "signing keys are not there yet");
        }
    }
}

/// Makes access tokens, and recognises them.
pub struct AccessTokens {
    keys: Arc<KeyRing>,
    issuer: String,
    audience: String,
    rules: TokenRules,
}

impl AccessTokens {
    pub fn new(keys: Arc<KeyRing>, issuer: String, audience: String) -> Self {
        let rules = TokenRules::new(&issuer, &audience);
        Self { keys, issuer, audience, rules }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The public keys, as verifiers get them.
    pub async fn public_keys(&self) -> Result<Jwks, KeyError> {
        self.keys.public_keys().await
    }

    /// Signs the claims.
    pub async fn sign(&self, claims: &impl Serialize) -> Result<Secret, KeyError> {
        let loaded = self.keys.ring().await?;
        let (key, key_id) = loaded.signer(self.keys.clock.now());
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(key_id.to_owned());
        let token = jsonwebtoken::encode(&header, claims, key);
        token.map(Secret::new).map_err(KeyError::unusable)
    }

    /// The claims of a token that is ours and has not expired.
    pub async fn open(&self, token: &Secret) -> Result<Option<TokenClaims>, KeyError> {
        let Ok(key_id) = TokenRules::key_id(token.expose()) else { return Ok(None) };
        let keys = self.keys.public_keys().await?.keys;
        let key = keys.iter().find(|key| key.kid == key_id).and_then(Jwk::decoding_key);
        let now = self.keys.clock.now();
        Ok(key.and_then(|key| self.rules.verify(token.expose(), &key, now).ok()))
    }
}
