//! The keys that sign access tokens (ES256), their rotation, and the tokens themselves.
//!
//! The ring is one secret: the signing key, and the public halves of its predecessors until the last
//! token that they signed has died. Instances ask the secret store again every [`REFRESH`]; the store may
//! remember for minutes what it has read, so a rotation reaches everybody within [`LAG`]. Verifiers
//! fetch a key they do not know when a token names it.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use contracts::sessions::{ACCESS_TOKEN_TYPE, AccessClaims, Jwk, Jwks};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{
    clock::Clock,
    module::Lifecycle,
    secret::{Secret, SecretStore, SecretStoreError, decode, encode, fingerprint},
};
use serde::{Deserialize, Serialize};

/// Name of the ring in the secret store.
const SECRET_NAME: &str = "signing-keys";
/// How long an instance works with the ring it has read.
const REFRESH: Duration = Duration::from_mins(1);
/// How long an instance may go on signing with a key that was retired: [`REFRESH`] and what the secret
/// store remembers (5 min on AWS), with a margin for clocks.
const LAG: SignedDuration = SignedDuration::from_mins(10);

/// The ring could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Store(#[from] SecretStoreError),
    #[error("signing keys: {0}")]
    Unusable(String),
}

impl KeyError {
    fn unusable(cause: impl std::fmt::Debug) -> Self {
        Self::Unusable(format!("{cause:?}"))
    }
}

/// The ring, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ring {
    /// PKCS#8 in base64url.
    private_key: Secret,
    current: Jwk,
    created_at: Timestamp,
    retired: Vec<Retired>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Retired {
    key: Jwk,
    /// No token signed with it lives longer.
    until: Timestamp,
}

impl Ring {
    /// A ring with a new signing key, which keeps the predecessors that are still needed.
    fn generate(
        before: Option<Self>,
        now: Timestamp,
        token_life: SignedDuration,
    ) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(KeyError::unusable)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())
            .map_err(KeyError::unusable)?;
        // An uncompressed point: 0x04, x, y (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let current = Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
            kid: fingerprint(&encode(point))[..16].to_owned(),
            x: encode(x),
            y: encode(y),
        };
        let mut retired = Vec::new();
        if let Some(before) = before {
            let until = now.saturating_add(token_life).and_then(|t| t.saturating_add(LAG));
            retired.push(Retired { key: before.current, until: until.unwrap_or(Timestamp::MAX) });
            retired.extend(before.retired.into_iter().filter(|retired| retired.until > now));
        }
        let private_key = Secret::new(encode(document.as_ref()));
        Ok(Self { private_key, current, created_at: now, retired })
    }

    fn public_keys(&self, now: Timestamp) -> Jwks {
        let retired = self.retired.iter().filter(|retired| retired.until > now);
        let keys = std::iter::once(&self.current).chain(retired.map(|retired| &retired.key));
        Jwks { keys: keys.cloned().collect() }
    }
}

struct Loaded {
    ring: Ring,
    signing_key: EncodingKey,
    at: Instant,
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

    /// The public keys that verify living tokens.
    pub async fn public_keys(&self) -> Result<Jwks, KeyError> {
        Ok(self.ring().await?.ring.public_keys(self.clock.now()))
    }

    /// Makes a new signing key. Tokens of the old one stay good until they expire.
    ///
    /// # Errors
    /// When the secret store fails; the old key then stays in use.
    pub async fn rotate(&self) -> Result<Jwk, KeyError> {
        let _only = self.loading.lock().await;
        let before = self.read().await?;
        let ring = Ring::generate(before, self.clock.now(), self.token_life)?;
        self.store(&ring).await?;
        let current = ring.current.clone();
        self.remember(ring)?;
        Ok(current)
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
        let first = Ring::generate(None, self.clock.now(), self.token_life)?;
        self.store(&first).await?;
        // Another instance may have made one at the same time; what is stored now counts for both.
        Ok(self.read().await?.unwrap_or(first))
    }

    async fn read(&self) -> Result<Option<Ring>, KeyError> {
        let Some(text) = self.secrets.get(SECRET_NAME).await? else { return Ok(None) };
        serde_json::from_str(text.expose()).map(Some).map_err(KeyError::unusable)
    }

    async fn store(&self, ring: &Ring) -> Result<(), KeyError> {
        let text = serde_json::to_string(ring).map_err(KeyError::unusable)?;
        Ok(self.secrets.put(SECRET_NAME, &Secret::new(text)).await?)
    }

    fn remember(&self, ring: Ring) -> Result<Arc<Loaded>, KeyError> {
        let der = decode(ring.private_key.expose())
            .ok_or_else(|| KeyError::Unusable("the private key is not base64url".to_owned()))?;
        let signing_key = EncodingKey::from_ec_der(&der);
        let loaded = Arc::new(Loaded { ring, signing_key, at: Instant::now() });
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok(loaded)
    }

    fn any(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self) -> Option<Arc<Loaded>> {
        self.any().filter(|loaded| loaded.at.elapsed() < REFRESH)
    }
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

/// Makes access tokens.
pub struct AccessTokens {
    keys: Arc<KeyRing>,
    issuer: String,
    audience: String,
}

impl AccessTokens {
    pub fn new(keys: Arc<KeyRing>, issuer: String, audience: String) -> Self {
        Self { keys, issuer, audience }
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Signs the claims.
    pub async fn sign(&self, claims: &AccessClaims) -> Result<Secret, KeyError> {
        let loaded = self.keys.ring().await?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(loaded.ring.current.kid.clone());
        let token = jsonwebtoken::encode(&header, claims, &loaded.signing_key);
        token.map(Secret::new).map_err(KeyError::unusable)
    }
}
