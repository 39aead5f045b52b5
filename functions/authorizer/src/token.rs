use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use contracts::{
    access_token::{BadToken, TokenClaims, TokenRules},
    sessions::{Jwk, Sessions},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use kernel::{client::CallError, clock::Clock, origin::Origin};

/// A key set is read again after this time, so that dropped keys go.
const KEYS_AGE: SignedDuration = SignedDuration::from_mins(1);
/// An unknown key id makes us ask for the keys at most this often, whatever clients send.
const KEYS_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Why a token was not verified.
#[derive(Debug)]
pub enum TokenError {
    Invalid(BadToken),
    Keys(CallError),
}

impl From<BadToken> for TokenError {
    fn from(bad: BadToken) -> Self {
        Self::Invalid(bad)
    }
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    /// When they were last asked for, with or without an answer.
    asked_at: Option<Timestamp>,
}

/// Verifies access tokens with the auth service's keys.
pub struct Verifier {
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    rules: TokenRules,
    keys: RwLock<Keys>,
    reading: tokio::sync::Mutex<()>,
}

impl Verifier {
    pub fn new(sessions: Arc<dyn Sessions>, clock: Arc<dyn Clock>, rules: TokenRules) -> Self {
        Self {
            sessions,
            clock,
            rules,
            keys: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The claims of a token that is ours and lives.
    pub async fn verify(&self, origin: &Origin, token: &str) -> Result<TokenClaims, TokenError> {
        let key_id = TokenRules::key_id(token)?;
        let key = self.key(origin, &key_id).await?;
        Ok(self.rules.verify(token, &key, self.clock.now())?)
    }

    async fn key(&self, origin: &Origin, id: &str) -> Result<Arc<DecodingKey>, TokenError> {
        let unknown = BadToken("it names an unknown key");
        let (known, age) = self.known(id);
        if let Some(key) = known.as_ref().filter(|_| age.is_some_and(|age| age < KEYS_AGE)) {
            return Ok(key.clone());
        }
        let _only = self.reading.lock().await;
        let (known_now, age) = self.known(id);
        let is_due = match (&known_now, age) {
            (_, None) => true,
            (Some(_), Some(age)) => age >= KEYS_AGE,
            (None, Some(age)) => age >= KEYS_PAUSE,
        };
        if !is_due {
            return Ok(known_now.ok_or(unknown)?);
        }
        let asked_at = Some(self.clock.now());
        match self.sessions.keys(origin).await {
            Ok(set) => {
                let keys = set.keys.iter();
                let keys = keys.filter_map(|jwk| Some((jwk.kid.clone(), decoding_key(jwk)?)));
                let by_id: HashMap<_, _> = keys.collect();
                let found = by_id.get(id).cloned();
                let fresh = Keys { by_id, asked_at };
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                Ok(found.ok_or(unknown)?)
            }
            Err(error) => {
                self.keys.write().unwrap_or_else(PoisonError::into_inner).asked_at = asked_at;
                // Keys that are a little old verify well; none do not.
                known.ok_or(TokenError::Keys(error))
            }
        }
    }

    fn known(&self, id: &str) -> (Option<Arc<DecodingKey>>, Option<SignedDuration>) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        (keys.by_id.get(id).cloned(), keys.asked_at.map(|at| now.duration_since(at)))
    }
}

fn decoding_key(jwk: &Jwk) -> Option<Arc<DecodingKey>> {
    jwk.decoding_key().map(Arc::new)
}
