//! What service clients learn about tokens, and how they end them.

use kernel::id::TenantId;
use serde_json::{Value, json};

use crate::{
    api_keys::{make_key, standing},
    clients::{ask, basic, make_client, stands, text},
    common::{Test, token},
};

const INTROSPECT: &str = "/api/v1/auth/introspect";
const REVOKE: &str = "/api/v1/auth/revoke";

async fn introspect(test: &Test, client: &Value, token: &str) -> Value {
    let header = basic(client);
    let headers = [("authorization", header.as_str())];
    test.app.form(INTROSPECT, &[("token", token)], &headers).await.expect(200)
}

async fn revoke(test: &Test, client: &Value, token: &str) {
    let fields = [("token", token), ("token_type_hint", "nonsense")];
    test.app.form(REVOKE, &fields, &[("authorization", &basic(client))]).await.expect(200);
}

#[tokio::test]
async fn every_sort_of_token_is_recognised_and_ended() {
    let test = Test::start().await;
    let client = make_client(&test, &["role.read"]).await;
    let user = json!(test.world.user.lock().unwrap().id);

    let signed_in = test.sign_in().await;
    let access = text(&signed_in, "access_token");
    let info = introspect(&test, &client, access).await;
    assert_eq!((&info["active"], &info["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!((&info["sub"], &info["aud"]), (&user, &json!("plinth")));
    assert_eq!(info["exp"].as_i64().unwrap() - info["iat"].as_i64().unwrap(), 900);

    let refresh = token(&signed_in);
    let info = introspect(&test, &client, &refresh).await;
    assert_eq!((&info["active"], &info["sub"]), (&json!(true), &user));
    assert!(info["token_type"].is_null());
    revoke(&test, &client, access).await;
    for token in [access, &refresh] {
        assert_eq!(introspect(&test, &client, token).await, json!({"active": false}));
    }
    test.refresh(&refresh).await.expect_problem(401, "auth.invalid_refresh_token");

    let signed_in = test.sign_in().await;
    revoke(&test, &client, &token(&signed_in)).await;
    assert!(!test.is_active(&signed_in).await);

    let ada = test.admin(&["role.read"]).await;
    let key = make_key(&test, &ada, &json!({"name": "x", "scopes": ["role.read"]})).await;
    let info = introspect(&test, &client, text(&key, "key")).await;
    assert_eq!((&info["active"], &info["scope"]), (&json!(true), &json!("role.read")));
    revoke(&test, &client, text(&key, "key")).await;
    assert_eq!(introspect(&test, &client, text(&key, "key")).await, json!({"active": false}));
    assert!(standing(&test, text(&key, "key")).await.is_null());

    let own = ask(&test, &client, &[]).await.expect(200);
    let info = introspect(&test, &client, text(&own, "access_token")).await;
    assert_eq!((&info["active"], &info["client_id"]), (&json!(true), &client["id"]));
    let other = ask(&test, &client, &[]).await.expect(200);
    revoke(&test, &client, text(&own, "access_token")).await;
    assert!(!stands(&test, &own).await);
    assert!(stands(&test, &other).await, "one token, not all");

    let events = test.store.announced("auth");
    let by_client = events.iter().filter(|event| event.data["reason"] == "by_client");
    let actors: Vec<_> = by_client.map(|event| event.actor.id.clone().unwrap()).collect();
    assert_eq!(actors, [text(&client, "id"); 3]);
}

#[tokio::test]
async fn tokens_of_others_are_none_of_a_clients_business() {
    let test = Test::start().await;
    let client = make_client(&test, &[]).await;
    let elsewhere = Test::start().await;
    let foreign = elsewhere.sign_in().await;
    // A client of another tenant of the same platform.
    let own = std::mem::replace(&mut test.world.user.lock().unwrap().tenant_id, TenantId::new());
    let stranger = make_client(&test, &[]).await;
    test.world.user.lock().unwrap().tenant_id = own;
    let signed_in = test.sign_in().await;
    let ada = test.admin(&[]).await;
    let key = make_key(&test, &ada, &json!({"name": "x"})).await;
    let (access, refresh) = (text(&signed_in, "access_token").to_owned(), token(&signed_in));
    for token in [access.as_str(), &refresh, text(&key, "key")] {
        assert_eq!(introspect(&test, &stranger, token).await, json!({"active": false}));
        revoke(&test, &stranger, token).await;
        assert_eq!(introspect(&test, &client, token).await["active"], true);
    }
    let nonsense = ["", "x", "a.b.c", "plk_", "\u{0}", text(&foreign, "access_token")];
    for token in nonsense {
        assert_eq!(introspect(&test, &client, token).await, json!({"active": false}), "{token}");
        revoke(&test, &client, token).await;
    }
    // Another client's token can be looked at within the tenant, but only its own client ends it.
    let colleague = make_client(&test, &[]).await;
    let theirs = ask(&test, &colleague, &[]).await.expect(200);
    revoke(&test, &client, text(&theirs, "access_token")).await;
    assert!(stands(&test, &theirs).await);
}

#[tokio::test]
async fn a_spent_refresh_token_is_not_active_and_asking_does_not_end_the_session() {
    let test = Test::start().await;
    let client = make_client(&test, &[]).await;
    let first = test.sign_in().await;
    let second = test.refresh(&token(&first)).await.expect(200);
    test.advance(11);
    assert_eq!(introspect(&test, &client, &token(&first)).await, json!({"active": false}));
    assert!(test.is_active(&second).await);
}

#[tokio::test]
async fn nobody_asks_without_being_a_client() {
    let test = Test::start().await;
    for path in [INTROSPECT, REVOKE] {
        let answer = test.app.form(path, &[("token", "x")], &[]).await;
        assert_eq!(answer.expect(401)["error"], "invalid_client");
        let client = make_client(&test, &[]).await;
        let answer = test.app.form(path, &[], &[("authorization", &basic(&client))]).await;
        assert_eq!(answer.expect(400)["error"], "invalid_request");
    }
}
