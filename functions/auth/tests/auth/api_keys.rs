//! Personal API keys: what they are good for, and what ends them.

use contracts::{
    events::{PasswordChanged, UserDeleted, UserSuspended},
    generated::ROUTES,
};
use http::Method;
use kernel::{caller::Credential, id::SessionId, route::Access};
use serde_json::{Value, json};
use testkit::{Person, assert_cost};

use crate::common::Test;

const KEYS: &str = "/api/v1/auth/api-keys";

pub async fn make_key(test: &Test, owner: &Person, body: &Value) -> Value {
    test.app.post(owner, KEYS, body).await.expect(201)
}

/// Whom a key stands for; null when for nobody.
pub async fn standing(test: &Test, key: &str) -> Value {
    let body = json!({"key": key});
    let path = "/internal/auth/api-keys/standing";
    test.app.internal(Method::PUT, path, Some(&body)).await.expect(200)
}

fn text(key: &Value) -> &str {
    key["key"].as_str().unwrap()
}

#[tokio::test]
async fn a_key_stands_for_its_owner_until_it_expires() {
    let test = Test::start().await;
    let ada = test.admin(&["role.read"]).await;
    let body = json!({"name": "backup", "scopes": ["role.read"], "expires_in_days": 1});
    let key = make_key(&test, &ada, &body).await;
    assert!(text(&key).starts_with("plk_"));
    let stands = standing(&test, text(&key)).await;
    assert_eq!(stands["user_id"], json!(ada.user()));
    assert_eq!(stands["tenant_id"], json!(ada.tenant()));
    assert_eq!(stands["scopes"], json!(["role.read"]));
    test.advance(86_399);
    assert!(!standing(&test, text(&key)).await.is_null());
    test.advance(1);
    assert!(standing(&test, text(&key)).await.is_null());
    assert_eq!(test.app.get(&ada, KEYS).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_key_is_shown_once_listed_to_its_owner_and_revoked_by_them() {
    let test = Test::start().await;
    let ada = test.admin(&[]).await;
    let key = make_key(&test, &ada, &json!({"name": "backup"})).await;
    let list = test.app.get(&ada, KEYS).await.expect(200);
    assert_eq!(list["items"][0]["name"], "backup");
    assert!(!list.to_string().contains(text(&key)) && list["items"][0]["fingerprint"].is_null());
    let path = format!("{KEYS}/{}", key["id"].as_str().unwrap());
    let colleague = Person::with(&[]).of_tenant(ada.tenant());
    assert_eq!(test.app.get(&colleague, KEYS).await.expect(200)["items"], json!([]));
    test.app.delete(&colleague, &path).await.expect_problem(404, "auth.api_key_not_found");
    test.app.delete(&ada, &path).await.expect(204);
    assert!(standing(&test, text(&key)).await.is_null());
    test.app.delete(&ada, &path).await.expect_problem(404, "auth.api_key_not_found");
    let expected = ["platform.auth.api_key_created", "platform.auth.api_key_revoked"];
    assert_eq!(test.announced_types(), expected);
}

#[tokio::test]
async fn a_key_gets_no_more_than_its_maker_holds() {
    let test = Test::start().await;
    let ada = test.admin(&["role.read"]).await;
    let greedy = json!({"name": "x", "scopes": ["user.delete"]});
    test.app.post(&ada, KEYS, &greedy).await.expect_problem(403, "role.escalation");
    let wrong = json!({"name": " ", "scopes": ["no.such"], "expires_in_days": 366});
    let pointers = ["/name", "/scopes/0", "/expires_in_days"];
    test.app.post(&ada, KEYS, &wrong).await.expect_invalid(&pointers);
}

#[tokio::test]
async fn a_mistyped_or_forged_key_costs_no_read_and_a_use_one_write_an_hour() {
    let test = Test::start().await;
    let ada = test.admin(&[]).await;
    let key = make_key(&test, &ada, &json!({"name": "backup"})).await;
    let typo = format!("{}A", text(&key));
    let content = contracts::credential::unwrap("plk_", text(&key)).unwrap();
    let mut forged = content.clone();
    forged[50] ^= 1;
    let forged = contracts::credential::wrap("plk_", &forged);
    for wrong in ["plk_", "", "\u{0}", typo.as_str(), forged.expose()] {
        assert!(assert_cost(standing(&test, wrong), 0, 0).await.is_null(), "{wrong}");
    }
    // One read for the key, one write for its first use.
    assert_cost(standing(&test, text(&key)), 2, 2).await;
    test.advance(3_599);
    assert_cost(standing(&test, text(&key)), 1, 1).await;
    test.advance(1);
    assert_cost(standing(&test, text(&key)), 2, 2).await;
    let list = test.app.get(&ada, KEYS).await.expect(200);
    assert_eq!(list["items"][0]["last_used_at"], "2026-01-01T13:00:00Z");
}

#[tokio::test]
async fn a_reset_a_suspension_and_a_deletion_end_all_keys_and_a_changed_password_does_not() {
    let test = Test::start().await;
    let ada = test.admin(&[]).await;
    let user_id = ada.user();
    let reset = PasswordChanged { user_id, kept_session_id: None };
    let kept_session_id = Some(SessionId::new());
    let key = make_key(&test, &ada, &json!({"name": "one"})).await;
    test.advance(1);
    test.hear(&PasswordChanged { user_id, kept_session_id }).await;
    assert!(!standing(&test, text(&key)).await.is_null(), "changed by who knew it");
    test.hear(&reset).await;
    test.hear(&reset).await;
    assert!(standing(&test, text(&key)).await.is_null(), "reset by mail");
    test.advance(1);
    let ada = test.admin(&[]).await;
    let key = make_key(&test, &ada, &json!({"name": "two"})).await;
    assert!(!standing(&test, text(&key)).await.is_null(), "made afterwards");
    test.advance(1);
    test.hear(&UserSuspended { user_id }).await;
    assert!(standing(&test, text(&key)).await.is_null(), "suspended");
    test.advance(1);
    let ada = test.admin(&[]).await;
    let key = make_key(&test, &ada, &json!({"name": "three"})).await;
    test.advance(1);
    test.hear(&UserDeleted { user_id }).await;
    assert!(standing(&test, text(&key)).await.is_null(), "deleted");
    let reasons = test.store.announced("auth").into_iter();
    let reasons = reasons.filter(|event| event.kind == "platform.auth.api_key_revoked");
    let reasons: Vec<_> = reasons.map(|event| event.data["reason"].clone()).collect();
    assert_eq!(reasons, ["password_reset", "user_suspended", "user_deleted"]);
}

#[tokio::test]
async fn what_is_for_people_is_refused_to_keys_and_clients() {
    let test = Test::start().await;
    let for_people =
        ROUTES.iter().filter(|route| route.module == "auth" && route.access == Access::Session);
    let mut asked = 0;
    for route in for_people {
        let path = route.path.replace("{id}", &SessionId::new().to_string());
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        for credential in [Credential::ApiKey, Credential::Client] {
            let program = Person::with(&[]).by(credential);
            let answer = test.app.call(&program, method.clone(), &path, None, &[]).await;
            answer.expect_problem(403, "auth.session_required");
            asked += 1;
        }
    }
    assert!(asked >= 14, "only {asked}");
    let machine = Person::with(&[]).by(Credential::Client);
    test.app.get(&machine, "/api/v1/auth/me").await.expect_problem(403, "auth.no_account");
}
