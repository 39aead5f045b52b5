//! Signing keys and their rotation.

use std::sync::Arc;

use crate::common::Test;
use auth::keys::KeyRing;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use testkit::Person;

async fn keys(test: &Test) -> Vec<Value> {
    let set = test.app.get(&Person::anonymous(), "/.well-known/jwks.json").await.expect(200);
    set["keys"].as_array().unwrap().clone()
}

fn verifies(answer: &Value, keys: &[Value]) -> bool {
    let token = answer["access_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(header.alg, Algorithm::ES256);
    let Some(key) = keys.iter().find(|key| key["kid"] == header.kid.clone().unwrap()) else {
        return false;
    };
    let part = |name: &str| key[name].as_str().unwrap();
    let key = DecodingKey::from_ec_components(part("x"), part("y")).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["plinth"]);
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
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
async fn after_a_rotation_old_and_new_tokens_verify_until_the_old_have_died() {
    let test = Test::start().await;
    let before = test.sign_in().await;
    let ring = KeyRing::new(test.secrets.clone(), Arc::new(test.clock.clone()), 900);
    let new = ring.rotate().await.unwrap();
    let published = ring.public_keys().await.unwrap();
    let published: Vec<_> =
        published.keys.iter().map(|key| serde_json::to_value(key).unwrap()).collect();
    assert_eq!(published.len(), 2);
    assert_eq!(published[0]["kid"], new.kid);
    assert!(verifies(&before, &published));
    test.advance(900 + 10 * 60);
    assert_eq!(ring.public_keys().await.unwrap().keys, [new]);
}
