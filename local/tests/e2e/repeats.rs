//! Creating requests that are sent again with their idempotency key.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    target::{PASSWORD, Target, unique_email},
};

async fn post(client: &Client, path: &str, body: &Value, key: &str) -> Answer {
    client.call(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
}

fn unique_key() -> String {
    format!("\"{}\"", kernel::id::EventId::new())
}

#[tokio::test]
async fn the_answer_to_a_repeated_request_is_the_first_one_to_the_byte() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let (key, email) = (unique_key(), unique_email("repeated"));
    let body = json!({"email": email, "first_name": "Grace", "last_name": "Hopper"});
    let first = post(&operator.client, "/api/v1/users", &body, &key).await;
    first.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = post(&operator.client, "/api/v1/users", &body, &key).await;
    again.expect(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.text, first.text);
    for name in ["location", "etag", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let other = json!({"email": unique_email("other"), "first_name": "Grace"});
    let reused = post(&operator.client, "/api/v1/users", &other, &key).await;
    reused.expect_problem(422, "idempotency.key_reused");
    let unreadable = post(&operator.client, "/api/v1/users", &other, "\"").await;
    unreadable.expect_problem(400, "idempotency.key_invalid");
}

#[tokio::test]
async fn of_many_at_once_one_creates() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let (key, email) = (unique_key(), unique_email("at-once"));
    let attempts = (0..10).map(|_| {
        let (client, key) = (operator.client.clone(), key.clone());
        let body = json!({"email": email, "first_name": "Grace"});
        tokio::spawn(async move { post(&client, "/api/v1/users", &body, &key).await })
    });
    let mut created = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        match answer.status.as_u16() {
            201 => created += u32::from(answer.header("idempotent-replayed").is_empty()),
            _ => drop(answer.expect_problem(409, "idempotency.in_progress")),
        }
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn a_registration_sent_twice_mails_one_link() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let (key, email) = (unique_key(), unique_email("registered"));
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
    let client = target.anonymous();
    let first = post(&client, "/api/v1/auth/register", &body, &key).await;
    first.expect(201);
    let again = post(&client, "/api/v1/auth/register", &body, &key).await;
    assert_eq!((again.header("idempotent-replayed"), &again.text), ("true", &first.text));
    let token = target.inbox().token(&email).await;
    let verify = json!({"token": token});
    client.post("/api/v1/users/email-verification", &verify).await.expect(204);
    target.sign_in(&email, PASSWORD).await;
}
