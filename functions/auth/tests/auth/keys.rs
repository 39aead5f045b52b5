//! Signing keys and their rotation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use auth::keys::KeyRing;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::{
    clock::{Clock, ManualClock},
    secret::{Secret, SecretStore, SecretStoreError},
};
use serde_json::Value;
use testkit::Person;

use crate::common::{MemorySecrets, Test};

const TOKEN_LIFE: i64 = 900;

async fn keys(test: &Test) -> Vec<Value> {
    let set = test.app.get(&Person::anonymous(), "/.well-known/jwks.json").await.expect(200);
    set["keys"].as_array().unwrap().clone()
}

fn key_id(answer: &Value) -> String {
    let header = jsonwebtoken::decode_header(answer["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.alg, Algorithm::ES256);
    header.kid.unwrap()
}

fn verifies(answer: &Value, keys: &[Value]) -> bool {
    let Some(key) = keys.iter().find(|key| key["kid"] == key_id(answer)) else { return false };
    let part = |name: &str| key[name].as_str().unwrap();
    let key = DecodingKey::from_ec_components(part("x"), part("y")).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["plinth"]);
    validation.validate_exp = false;
    let token = answer["access_token"].as_str().unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

fn ring(test: &Test) -> KeyRing {
    KeyRing::new(test.secrets.clone(), Arc::new(test.clock.clone()), TOKEN_LIFE)
}

#[tokio::test]
async fn tokens_verify_with_the_published_key_and_not_with_another() {
    let test = Test::start().await;
    let answer = test.sign_in().await;
    let published = keys(&test).await;
    assert_eq!(published.len(), 1);
    assert!(published[0].get("d").is_none(), "the private half is not published");
    assert!(verifies(&answer, &published));
    assert!(!verifies(&answer, &keys(&Test::start().await).await));
}

#[tokio::test]
async fn a_new_key_signs_when_everybody_knows_it_and_the_old_one_stays_for_its_tokens() {
    let test = Test::start().await;
    let before = test.sign_in().await;
    let rotation = ring(&test).rotate().await.unwrap();
    assert!(rotation.is_new);
    assert!(!ring(&test).rotate().await.unwrap().is_new, "one at a time");
    test.advance(60);
    assert_eq!(keys(&test).await.len(), 2);
    let meanwhile = test.sign_in().await;
    assert_eq!(key_id(&meanwhile), key_id(&before), "published, but not yet signing");
    test.advance(15 * 60);
    let after = test.sign_in().await;
    assert_eq!(key_id(&after), rotation.key.kid);
    for answer in [&before, &meanwhile, &after] {
        assert!(verifies(answer, &keys(&test).await));
    }
    test.advance(TOKEN_LIFE + 10 * 60);
    assert_eq!(keys(&test).await.len(), 1);
}

#[tokio::test]
async fn a_revoked_key_is_gone_within_a_minute_and_another_signs() {
    let test = Test::start().await;
    let before = test.sign_in().await;
    let signing = ring(&test).revoke(&key_id(&before)).await.unwrap();
    test.advance(60);
    assert!(!verifies(&before, &keys(&test).await));
    let after = test.sign_in().await;
    assert_eq!(key_id(&after), signing.kid);
    assert!(verifies(&after, &keys(&test).await));
    assert!(ring(&test).revoke("nope").await.is_err());
}

#[tokio::test]
async fn only_an_old_key_is_rotated_by_the_clock() {
    let test = Test::start().await;
    test.sign_in().await;
    let age = SignedDuration::from_hours(90 * 24);
    assert!(ring(&test).rotate_if_older(age).await.unwrap().is_none());
    test.advance(90 * 86_400);
    assert!(ring(&test).rotate_if_older(age).await.unwrap().unwrap().is_new);
    assert!(!ring(&test).rotate_if_older(age).await.unwrap().unwrap().is_new, "twice is once");
    test.advance(15 * 60);
    assert!(ring(&test).rotate_if_older(age).await.unwrap().is_none(), "a young one signs");
}

/// Somebody else is always faster: of the first values put at the same time Secrets Manager takes one.
struct Contested(Arc<MemorySecrets>);

#[async_trait]
impl SecretStore for Contested {
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        self.0.get(name).await
    }

    async fn put(&self, _: &str, _: &Secret) -> Result<(), SecretStoreError> {
        let clock = ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap());
        let faster = KeyRing::new(self.0.clone(), Arc::new(clock), TOKEN_LIFE);
        faster.public_keys().await.unwrap();
        Err(SecretStoreError("there is another value".to_owned()))
    }
}

#[tokio::test]
async fn of_instances_that_start_at_the_same_time_all_use_the_first_ring() {
    let test = Test::start().await;
    let secrets = Arc::new(MemorySecrets::default());
    let clock = Arc::new(test.clock.clone());
    let contested = Arc::new(Contested(secrets.clone()));
    let late = KeyRing::new(contested, clock.clone(), TOKEN_LIFE);
    let found = late.public_keys().await.unwrap();
    let stored = KeyRing::new(secrets, clock, TOKEN_LIFE).public_keys().await.unwrap();
    assert_eq!(found, stored);
}

/// Remembers what it has read for five minutes, as the store on AWS does.
struct Forgetful {
    secrets: Arc<MemorySecrets>,
    clock: ManualClock,
    known: Mutex<HashMap<String, (Secret, Timestamp)>>,
}

#[async_trait]
impl SecretStore for Forgetful {
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap().get(name).cloned();
        if let Some((value, read_at)) = known
            && now.duration_since(read_at) < SignedDuration::from_mins(5)
        {
            return Ok(Some(value));
        }
        let value = self.secrets.get(name).await?;
        if let Some(value) = value.clone() {
            self.known.lock().unwrap().insert(name.to_owned(), (value, now));
        }
        Ok(value)
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError> {
        self.secrets.put(name, value).await
    }
}

#[tokio::test]
async fn no_instance_signs_with_a_key_that_another_or_its_verifier_does_not_know() {
    let clock = ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap());
    let secrets = Arc::new(MemorySecrets::default());
    let instance = || {
        let known = Mutex::default();
        let store = Forgetful { secrets: secrets.clone(), clock: clock.clone(), known };
        let ring = KeyRing::new(Arc::new(store), Arc::new(clock.clone()), TOKEN_LIFE);
        auth::keys::AccessTokens::new(Arc::new(ring), "issuer".to_owned(), "plinth".to_owned())
    };
    let operator = KeyRing::new(secrets.clone(), Arc::new(clock.clone()), TOKEN_LIFE);
    // Instances that have read the ring at different moments, so that their memories end at different ones.
    let mut instances = Vec::new();
    for _ in 0..7 {
        let fresh = instance();
        fresh.public_keys().await.unwrap();
        instances.push(fresh);
        clock.advance(SignedDuration::from_secs(47));
    }
    // What a verifier was told a minute ago, by whichever instance knew least.
    let mut remembered: Vec<Vec<String>> = Vec::new();
    let mut signers = std::collections::BTreeSet::new();
    for minute in 0..240 {
        if minute % 50 == 10 {
            assert!(operator.rotate().await.unwrap().is_new);
        }
        let mut published = Vec::new();
        for instance in &instances {
            let set = instance.public_keys().await.unwrap();
            published.push(set.keys.into_iter().map(|key| key.kid).collect::<Vec<_>>());
        }
        for instance in &instances {
            let token = instance.sign(&serde_json::json!({"sub": "x"})).await.unwrap();
            let signer = jsonwebtoken::decode_header(token.expose()).unwrap().kid.unwrap();
            let knows = |known: &Vec<String>| known.contains(&signer);
            assert!(published.iter().all(knows), "minute {minute}");
            assert!(remembered.iter().all(knows), "minute {minute}, a verifier");
            signers.insert(signer);
        }
        remembered = published;
        clock.advance(SignedDuration::from_secs(60));
    }
    assert_eq!(signers.len(), 6, "a key before, and one for each of five rotations");
}
