//! Registrations that are asked for more than once with one idempotency key.

use serde_json::json;
use testkit::{Answer, Person};

use crate::common::{PASSWORD, Test};

async fn register(test: &Test, email: &str) -> Answer {
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada"});
    test.app.post_with_key(&Person::anonymous(), "/api/v1/auth/register", &body, "k").await
}

#[tokio::test]
async fn a_registration_sent_twice_reaches_identity_once() {
    let test = Test::start().await;
    let first = register(&test, "new@example.org").await;
    let again = register(&test, "new@example.org").await;
    assert!(!first.is_replayed() && again.is_replayed());
    assert_eq!(again.expect(201), first.expect(201));
    assert_eq!(test.world.registrations.lock().unwrap().len(), 1);
    let other = register(&test, "other@example.org").await;
    other.expect_problem(422, "idempotency.key_reused");
}

#[tokio::test]
async fn after_a_crash_it_reaches_identity_again_with_the_same_id() {
    let test = Test::start().await;
    test.records.die_once();
    register(&test, "new@example.org").await.expect(500);
    test.advance(31);
    register(&test, "new@example.org").await.expect(201);
    let registrations = test.world.registrations.lock().unwrap();
    assert_eq!(registrations.len(), 2);
    assert_eq!(registrations[0].user_id, registrations[1].user_id);
}

#[tokio::test]
async fn signing_in_takes_no_key() {
    let test = Test::start().await;
    let body = json!({"email": crate::common::EMAIL, "password": PASSWORD});
    let nobody = Person::anonymous();
    let login = || test.app.post_with_key(&nobody, "/api/v1/auth/login", &body, "k");
    let (first, second) = (login().await.expect(200), login().await.expect(200));
    assert_ne!(first["refresh_token"], second["refresh_token"]);
}
