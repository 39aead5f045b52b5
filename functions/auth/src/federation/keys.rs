//! The keys with which a provider signs, as long as it announces them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use kernel::{
    clock::Clock,
    outgoing::Url,
    remembered::{Memory, Remembered},
};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;

/// How long keys are remembered, and of how many providers.
const MEMORY: Memory = Memory { seconds: 600, entries: 1000 };
/// How soon after an unknown key the next one makes us ask again.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// More keys than any provider has.
const MAX_KEYS: usize = 100;

/// The keys of a provider, as they were read.
#[derive(Debug)]
pub struct KeySet {
    pub keys: Vec<Jwk>,
    read_at: Timestamp,
    /// Whether a token with an unknown key was why they were read.
    is_repeated: bool,
}

/// A JWK set (RFC 7517, section 5).
#[derive(Debug, Deserialize)]
pub struct Document {
    keys: Vec<Value>,
}

/// The keys of all providers.
pub struct KeySets {
    sets: Remembered<Arc<KeySet>>,
    clock: Arc<dyn Clock>,
}

impl KeySets {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { sets: Remembered::new("federation_keys", MEMORY, clock.clone()), clock }
    }

    /// The keys at this address.
    pub async fn get<F>(&self, url: &Url, read: impl FnOnce() -> F) -> Result<Arc<KeySet>, Refusal>
    where
        F: Future<Output = Result<Document, Refusal>>,
    {
        self.read(url, false, read).await
    }

    /// The keys at this address, now that `known` lacks one: a rotation. Asks once at a time, and not
    /// again for a while, so that tokens with invented keys make nobody busy; `None` then.
    pub async fn renew<F>(
        &self,
        url: &Url,
        known: &KeySet,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<KeySet>>, Refusal>
    where
        F: Future<Output = Result<Document, Refusal>>,
    {
        let now = self.clock.now();
        if known.is_repeated && now.duration_since(known.read_at) < PAUSE {
            return Ok(None);
        }
        self.sets.forget(url.as_str()).await;
        self.read(url, true, read).await.map(Some)
    }

    async fn read<F>(
        &self,
        url: &Url,
        is_repeated: bool,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<KeySet>, Refusal>
    where
        F: Future<Output = Result<Document, Refusal>>,
    {
        let read_at = self.clock.now();
        let reading = async || {
            let Document { keys } = read().await?;
            // A key of a kind that is not known here does not make the others useless.
            let known = keys.into_iter().take(MAX_KEYS);
            let keys = known.filter_map(|key| serde_json::from_value(key).ok()).collect();
            Ok::<_, Refusal>(Arc::new(KeySet { keys, read_at, is_repeated }))
        };
        let outcome = self.sets.get(url.to_string(), reading).await;
        outcome.map_err(|refusal| Refusal::shared(&refusal))
    }
}
