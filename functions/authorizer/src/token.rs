use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use contracts::sessions::{ACCESS_TOKEN_TYPE, AccessClaims, Sessions};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::{client::CallError, clock::Clock, origin::Origin};

/// How far clocks of signer and verifier may differ, in seconds.
const LEEWAY: i64 = 5;
/// A key set is read again after this time, so that retired keys go.
const KEYS_AGE: Duration = Duration::from_mins(5);
/// An unknown key id makes us ask for the keys at most this often, whatever clients send.
const KEYS_PAUSE: Duration = Duration::from_secs(5);
/// No access token of ours is longer.
const MAX_LENGTH: usize = 4096;

/// Why a token was not verified.
#[derive(Debug)]
pub enum TokenError {
    Invalid(&'static str),
    Keys(CallError),
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    /// When they were last asked for, with or without an answer.
    asked_at: Option<Instant>,
}

/// Verifies access tokens (RFC 9068, section 4; RFC 8725).
pub struct Verifier {
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    validation: Validation,
    keys: RwLock<Keys>,
    reading: tokio::sync::Mutex<()>,
}

impl Verifier {
    pub fn new(
        sessions: Arc<dyn Sessions>,
        clock: Arc<dyn Clock>,
        issuer: String,
        audience: String,
    ) -> Self {
        // One algorithm, ours: what the token says about that is only compared.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are checked below, against our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            sessions,
            clock,
            validation,
            keys: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The claims of a token that is ours and lives.
    pub async fn verify(&self, origin: &Origin, token: &str) -> Result<AccessClaims, TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenError::Invalid("too long"));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| TokenError::Invalid("its header does not parse"))?;
        if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return Err(TokenError::Invalid("it is not an access token"));
        }
        let key_id = header.kid.ok_or(TokenError::Invalid("it names no key"))?;
        let key = self.key(origin, &key_id).await?;
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &self.validation)
            .map_err(|_| TokenError::Invalid("signature, issuer, audience or claims are wrong"))?
            .claims;
        let now = self.clock.now().as_second();
        if claims.exp <= now - LEEWAY {
            return Err(TokenError::Invalid("it has expired"));
        }
        if claims.nbf > now + LEEWAY {
            return Err(TokenError::Invalid("it is not valid yet"));
        }
        Ok(claims)
    }

    async fn key(&self, origin: &Origin, id: &str) -> Result<Arc<DecodingKey>, TokenError> {
        let unknown = TokenError::Invalid("it names an unknown key");
        let (known, age) = self.known(id);
        if known.is_some() && age.is_some_and(|age| age < KEYS_AGE) {
            return known.ok_or(unknown);
        }
        let _only = self.reading.lock().await;
        let (known_now, age) = self.known(id);
        let is_due = match (&known_now, age) {
            (_, None) => true,
            (Some(_), Some(age)) => age >= KEYS_AGE,
            (None, Some(age)) => age >= KEYS_PAUSE,
        };
        if !is_due {
            return known_now.ok_or(unknown);
        }
        match self.sessions.keys(origin).await {
            Ok(set) => {
                let keys = set.keys.iter().filter_map(|jwk| {
                    let key = DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok()?;
                    Some((jwk.kid.clone(), Arc::new(key)))
                });
                let by_id: HashMap<_, _> = keys.collect();
                let found = by_id.get(id).cloned();
                let fresh = Keys { by_id, asked_at: Some(Instant::now()) };
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                found.ok_or(unknown)
            }
            Err(error) => {
                self.keys.write().unwrap_or_else(PoisonError::into_inner).asked_at =
                    Some(Instant::now());
                // Keys that are a little old verify well; none do not.
                known.ok_or(TokenError::Keys(error))
            }
        }
    }

    fn known(&self, id: &str) -> (Option<Arc<DecodingKey>>, Option<Duration>) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        (keys.by_id.get(id).cloned(), keys.asked_at.map(|at| at.elapsed()))
    }
}
