//! The ring as it is stored, and what each of its keys is good for at a moment.
//!
//! A key is published [`LEAD`] before it signs: by then every instance has read a ring that has it, and so
//! has every verifier. It stays published until the last token that it signed has died. Both follow
//! from the stored moments alone, so instances agree without telling each other, and a takeover
//! needs no write.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use contracts::sessions::{Jwk, Jwks};
use jiff::{SignedDuration, Timestamp};
use kernel::secret::{Secret, encode, fingerprint};
use serde::{Deserialize, Serialize};

use super::KeyError;

/// How long a key is published before it signs: longer than an instance works with an old ring
/// ([`super::REFRESH`] and the 5 min that the secret store remembers on AWS) and a verifier with an old
/// set (minutes), together.
pub const LEAD: SignedDuration = SignedDuration::from_mins(15);
/// How long an instance may go on signing with a key after another has taken over: its clock is off, or
/// its ring is old because the secret store does not answer.
pub const LAG: SignedDuration = SignedDuration::from_mins(10);

/// A private key and its public half.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SigningKey {
    /// PKCS#8 in base64url.
    pub private_key: Secret,
    pub public: Jwk,
}

/// The ring, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ring {
    pub private_key: Secret,
    pub current: Jwk,
    /// Since when `current` signs.
    pub created_at: Timestamp,
    /// What takes over from `current`.
    #[serde(default)]
    pub next: Option<Next>,
    #[serde(default)]
    pub retired: Vec<Retired>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Next {
    #[serde(flatten)]
    pub key: SigningKey,
    pub published_at: Timestamp,
    pub signs_from: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Retired {
    pub key: Jwk,
    /// No token signed with it lives longer.
    pub until: Timestamp,
}

/// The ring has no such key.
#[derive(Debug, thiserror::Error)]
#[error("there is no key `{0}`")]
pub struct UnknownKey(pub String);

impl Ring {
    /// A ring with one key, for a platform that has signed nothing yet.
    pub fn first(now: Timestamp) -> Result<Self, KeyError> {
        let SigningKey { private_key, public } = SigningKey::generate()?;
        Ok(Self { private_key, current: public, created_at: now, next: None, retired: Vec::new() })
    }

    /// The next key, once it signs.
    pub fn successor(&self, now: Timestamp) -> Option<&Next> {
        self.next.as_ref().filter(|next| next.signs_from <= now)
    }

    /// Since when the signing key signs.
    pub fn signs_since(&self, now: Timestamp) -> Timestamp {
        self.successor(now).map_or(self.created_at, |next| next.signs_from)
    }

    /// What verifies living tokens, and what soon will. The signing key comes first.
    pub fn public_keys(&self, now: Timestamp, token_life: SignedDuration) -> Jwks {
        let settled = self.clone().settled(now, token_life);
        let next = settled.next.map(|next| next.key.public);
        let retired = settled.retired.into_iter().map(|retired| retired.key);
        Jwks { keys: [settled.current].into_iter().chain(next).chain(retired).collect() }
    }

    /// The ring with a new key on its way; `None` when one is already.
    pub fn rotated(
        self,
        now: Timestamp,
        token_life: SignedDuration,
    ) -> Result<Option<Self>, KeyError> {
        let ring = self.settled(now, token_life);
        if ring.next.is_some() {
            return Ok(None);
        }
        let signs_from = later(now, LEAD);
        let next = Next { key: SigningKey::generate()?, published_at: now, signs_from };
        Ok(Some(Self { next: Some(next), ..ring }))
    }

    /// The ring without a key that somebody else may have. If it is the one that signs, another takes
    /// over at once, known to every verifier or not: better a refused token than a forged one.
    pub fn without(
        self,
        key_id: &str,
        now: Timestamp,
        token_life: SignedDuration,
    ) -> Result<Self, KeyError> {
        let mut ring = self.settled(now, token_life);
        if ring.current.kid == key_id {
            let successor = ring.next.take().map(|next| next.key);
            let key = successor.map_or_else(SigningKey::generate, Ok)?;
            let SigningKey { private_key, public } = key;
            return Ok(Self { private_key, current: public, created_at: now, ..ring });
        }
        let is_next = ring.next.take_if(|next| next.key.public.kid == key_id).is_some();
        let before = ring.retired.len();
        ring.retired.retain(|retired| retired.key.kid != key_id);
        if is_next || ring.retired.len() < before {
            Ok(ring)
        } else {
            Err(UnknownKey(key_id.to_owned()).into())
        }
    }

    /// The same ring with what has happened by itself written down: who has taken over, who is dead.
    fn settled(mut self, now: Timestamp, token_life: SignedDuration) -> Self {
        if let Some(next) = self.next.take_if(|next| next.signs_from <= now) {
            let until = later(later(next.signs_from, token_life), LAG);
            self.retired.insert(0, Retired { key: self.current, until });
            self.private_key = next.key.private_key;
            self.current = next.key.public;
            self.created_at = next.signs_from;
        }
        self.retired.retain(|retired| retired.until > now);
        self
    }
}

impl SigningKey {
    fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(KeyError::unusable)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())
            .map_err(KeyError::unusable)?;
        // An uncompressed point: 0x04, x, y (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let public = Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            alg: "ES256".to_owned(),
            usage: "sig".to_owned(),
            kid: fingerprint(&encode(point))[..16].to_owned(),
            x: encode(x),
            y: encode(y),
        };
        Ok(Self { private_key: Secret::new(encode(document.as_ref())), public })
    }
}

fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: SignedDuration = SignedDuration::from_mins(15);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn published(ring: &Ring, minutes: i64) -> Vec<String> {
        ring.public_keys(at(minutes), LIFE).keys.into_iter().map(|key| key.kid).collect()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_tokens_have_died() {
        let ring = Ring::first(at(0)).unwrap();
        let old = ring.current.kid.clone();
        let ring = ring.rotated(at(100), LIFE).unwrap().unwrap();
        let new = ring.next.as_ref().unwrap().key.public.kid.clone();
        assert_eq!(published(&ring, 100), [old.clone(), new.clone()]);
        assert!(ring.successor(at(114)).is_none());
        assert_eq!(ring.signs_since(at(114)), at(0));
        assert!(ring.successor(at(115)).is_some());
        assert_eq!(ring.signs_since(at(115)), at(115));
        assert_eq!(published(&ring, 115), [new.clone(), old.clone()]);
        assert_eq!(published(&ring, 115 + 24), [new.clone(), old]);
        assert_eq!(published(&ring, 115 + 25), [new]);
    }

    #[test]
    fn a_second_rotation_waits_for_the_first() {
        let ring = Ring::first(at(0)).unwrap().rotated(at(1), LIFE).unwrap().unwrap();
        assert!(ring.clone().rotated(at(15), LIFE).unwrap().is_none());
        let again = ring.rotated(at(16), LIFE).unwrap().unwrap();
        assert_eq!(published(&again, 16).len(), 3, "signing, next, and the first, still needed");
    }

    #[test]
    fn a_revoked_key_is_gone_whatever_it_was() {
        let ring = Ring::first(at(0)).unwrap().rotated(at(1), LIFE).unwrap().unwrap();
        let (old, new) = (ring.current.kid.clone(), ring.next.clone().unwrap().key.public.kid);
        // The one that signs, with another on its way: that one takes over.
        let without = ring.clone().without(&old, at(2), LIFE).unwrap();
        assert_eq!(published(&without, 2), [new.as_str()]);
        // The one on its way.
        let without = ring.clone().without(&new, at(2), LIFE).unwrap();
        assert_eq!(published(&without, 2), [old.as_str()]);
        // The one that signed before.
        let without = ring.clone().without(&old, at(20), LIFE).unwrap();
        assert_eq!(published(&without, 20), [new.as_str()]);
        // The only one: a new one signs.
        let without = without.without(&new, at(21), LIFE).unwrap();
        assert_eq!(published(&without, 21).len(), 1);
        assert!(!published(&without, 21).contains(&new));
        assert!(matches!(ring.without("nope", at(2), LIFE), Err(KeyError::Unknown(_))));
    }

    #[test]
    fn a_ring_that_was_stored_before_keys_had_a_successor_is_read() {
        let first = Ring::first(at(0)).unwrap();
        let mut stored = serde_json::to_value(&first).unwrap();
        stored.as_object_mut().unwrap().remove("next");
        let read: Ring = serde_json::from_value(stored).unwrap();
        assert_eq!(published(&read, 1), published(&first, 1));
    }
}
