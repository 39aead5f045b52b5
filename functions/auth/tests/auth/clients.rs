//! Service clients: who makes them, what they get, and when that ends.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{access_token::ClientClaims, events::UserSuspended};
use http::Method;
use kernel::{caller::Credential, id::ClientId};
use serde_json::{Value, json};
use testkit::{Answer, Person, assert_cost};

use crate::common::{Test, claims};

const CLIENTS: &str = "/api/v1/auth/clients";
const TOKEN: &str = "/api/v1/auth/token";
const ALL: [&str; 6] = [
    "auth.client.create",
    "auth.client.read",
    "auth.client.update",
    "auth.client.delete",
    "role.read",
    "user.list",
];

/// A client with these scopes, as its maker sees it.
pub async fn make_client(test: &Test, scopes: &[&str]) -> Value {
    let body = json!({"name": "Importer", "scopes": scopes});
    test.app.post(&test.admin(&ALL).await, CLIENTS, &body).await.expect(201)
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

pub fn basic(client: &Value) -> String {
    let pair = format!("{}:{}", text(client, "id"), text(client, "client_secret"));
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// Asks for a token by HTTP Basic.
pub async fn ask(test: &Test, client: &Value, fields: &[(&str, &str)]) -> Answer {
    let fields = [&[("grant_type", "client_credentials")], fields].concat();
    test.app.form(TOKEN, &fields, &[("authorization", &basic(client))]).await
}

/// Whether a token still counts.
pub async fn stands(test: &Test, token: &Value) -> bool {
    let claims: ClientClaims = serde_json::from_value(claims(token)).unwrap();
    let path = format!(
        "/internal/auth/tenants/{}/clients/{}/secrets/{}/tokens/{}",
        claims.tid, claims.client_id, claims.secret_id, claims.jti
    );
    !test.app.internal(Method::GET, &path, None).await.expect(200).is_null()
}

#[track_caller]
fn expect_oauth_error(answer: Answer, status: u16, error: &str) {
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{body:#}");
    assert!(body["error_description"].is_string());
}

#[tokio::test]
async fn a_client_gets_a_token_by_header_or_form() {
    let test = Test::start().await;
    let client = make_client(&test, &["role.read", "user.list"]).await;
    let by_header = ask(&test, &client, &[]).await;
    assert_eq!(by_header.headers["pragma"], "no-cache");
    assert_eq!(by_header.headers["cache-control"], "no-store");
    let by_header = by_header.expect(200);
    assert_eq!(by_header["token_type"], "Bearer");
    assert_eq!(by_header["expires_in"], 900);
    assert_eq!(by_header["scope"], "role.read user.list");
    assert!(by_header["refresh_token"].is_null());
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", "user.list"),
        ("client_id", text(&client, "id")),
        ("client_secret", text(&client, "client_secret")),
        ("something", "else"),
    ];
    let by_form = test.app.form(TOKEN, &fields, &[]).await.expect(200);
    assert_eq!(by_form["scope"], "user.list");
    let claims = claims(&by_form);
    assert_eq!(claims["sub"], client["id"]);
    assert_eq!(claims["client_id"], client["id"]);
    assert_eq!(claims["scope"], "user.list");
    assert!(claims["sid"].is_null());
    assert!(stands(&test, &by_form).await);
}

#[tokio::test]
async fn refusals_are_told_as_oauth_tells_them() {
    let test = Test::start().await;
    let client = make_client(&test, &["role.read"]).await;
    let header = basic(&client);
    let other = [("grant_type", "password")];
    let answer = test.app.form(TOKEN, &other, &[("authorization", &header)]).await;
    expect_oauth_error(answer, 400, "unsupported_grant_type");
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    for fields in [&[][..], &twice] {
        let answer = test.app.form(TOKEN, fields, &[("authorization", &header)]).await;
        expect_oauth_error(answer, 400, "invalid_request");
    }
    let both = [
        ("grant_type", "client_credentials"),
        ("client_id", text(&client, "id")),
        ("client_secret", text(&client, "client_secret")),
    ];
    let answer = test.app.form(TOKEN, &both, &[("authorization", &header)]).await;
    expect_oauth_error(answer, 400, "invalid_request");
    let json = test.app.post(&Person::anonymous(), TOKEN, &json!({})).await;
    expect_oauth_error(json, 400, "invalid_request");
    expect_oauth_error(ask(&test, &client, &[("scope", "user.list")]).await, 400, "invalid_scope");
    expect_oauth_error(ask(&test, &client, &[("scope", "no.such")]).await, 400, "invalid_scope");
    let nobody = test.app.form(TOKEN, &both[..1], &[]).await;
    expect_oauth_error(nobody, 401, "invalid_client");
    for wrong in ["Basic", "Basic !", "Bearer x", "Basic Og==", "Basic AAAA"] {
        let answer = test.app.form(TOKEN, &both[..1], &[("authorization", wrong)]).await;
        expect_oauth_error(answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_the_clients_opens_nothing_and_costs_no_read() {
    let test = Test::start().await;
    let (one, two) = (make_client(&test, &[]).await, make_client(&test, &[]).await);
    let with = |id: &str, secret: &str| json!({"id": id, "client_secret": secret});
    let swapped = with(text(&one, "id"), text(&two, "client_secret"));
    let mut typo = text(&one, "client_secret").to_owned();
    typo.push('A');
    let mistyped = with(text(&one, "id"), &typo);
    let invented = with(&ClientId::new().to_string(), "pls_AAAA");
    for wrong in [swapped, mistyped, invented] {
        let refused = assert_cost(ask(&test, &wrong, &[]), 0, 0).await;
        expect_oauth_error(refused, 401, "invalid_client");
    }
    // The right one costs the one read that it takes.
    assert_cost(ask(&test, &one, &[]), 1, 1).await.expect(200);
}

#[tokio::test]
async fn nobody_gives_a_client_more_than_they_hold_or_comes_by_more_through_one() {
    let test = Test::start().await;
    let client = make_client(&test, &["role.read", "user.list"]).await;
    let path = format!("{CLIENTS}/{}", text(&client, "id"));
    // Everything but one of the client's scopes.
    let lesser = test.admin(&ALL[..5]).await;
    let body = json!({"name": "Greedy", "scopes": ["role.read", "user.list"]});
    let refused = test.app.post(&lesser, CLIENTS, &body).await;
    refused.expect_problem(403, "role.escalation");
    for change in
        [json!({"name": "Mine"}), json!({"scopes": ["role.read"]}), json!({"is_enabled": false})]
    {
        let refused = test.app.patch(&lesser, &path, &change).await;
        refused.expect_problem(403, "role.escalation");
    }
    let refused = test.app.post(&lesser, &format!("{path}/secret"), &json!({})).await;
    refused.expect_problem(403, "role.escalation");
    test.app.delete(&lesser, &path).await.expect_problem(403, "role.escalation");
    assert_eq!(test.announced_types(), ["platform.auth.client_created"]);
    // Nor does a client raise its own.
    let own = make_client(&test, &["auth.client.update"]).await;
    let machine = Person::with(&["auth.client.update"])
        .of_tenant(test.world.user.lock().unwrap().tenant_id)
        .by(Credential::Client);
    let path = format!("{CLIENTS}/{}", text(&own, "id"));
    let more = json!({"scopes": ["auth.client.update", "role.read"]});
    test.app.patch(&machine, &path, &more).await.expect_problem(403, "role.escalation");
}

#[tokio::test]
async fn after_a_rotation_the_former_secret_and_its_tokens_live_for_the_overlap() {
    let test = Test::start().await;
    let before = make_client(&test, &["role.read"]).await;
    let old_token = ask(&test, &before, &[]).await.expect(200);
    let path = format!("{CLIENTS}/{}/secret", text(&before, "id"));
    let body = json!({"overlap_seconds": 60});
    let after = test.app.post(&test.admin(&ALL).await, &path, &body).await.expect(200);
    assert_ne!(after["client_secret"], before["client_secret"]);
    assert_eq!(after["secrets"].as_array().unwrap().len(), 2);
    let new_token = ask(&test, &after, &[]).await.expect(200);
    test.advance(59);
    ask(&test, &before, &[]).await.expect(200);
    assert!(stands(&test, &old_token).await);
    test.advance(1);
    expect_oauth_error(ask(&test, &before, &[]).await, 401, "invalid_client");
    assert!(!stands(&test, &old_token).await);
    ask(&test, &after, &[]).await.expect(200);
    assert!(stands(&test, &new_token).await);
    let view =
        test.app.get(&test.admin(&ALL).await, &format!("{CLIENTS}/{}", text(&before, "id"))).await;
    let view = view.expect(200);
    assert_eq!(view["secrets"].as_array().unwrap().len(), 1);
    assert!(view["client_secret"].is_null(), "it was shown once");
}

#[tokio::test]
async fn a_disabled_or_deleted_client_is_nobody_and_its_tokens_are_nothing() {
    let test = Test::start().await;
    let admin = test.admin(&ALL).await;
    let client = make_client(&test, &["role.read"]).await;
    let token = ask(&test, &client, &[]).await.expect(200);
    let path = format!("{CLIENTS}/{}", text(&client, "id"));
    test.app.patch(&admin, &path, &json!({"is_enabled": false})).await.expect(200);
    expect_oauth_error(ask(&test, &client, &[]).await, 401, "invalid_client");
    assert!(!stands(&test, &token).await);
    test.app.patch(&admin, &path, &json!({"is_enabled": true})).await.expect(200);
    assert!(stands(&test, &token).await);
    test.app.delete(&admin, &path).await.expect(204);
    expect_oauth_error(ask(&test, &client, &[]).await, 401, "invalid_client");
    assert!(!stands(&test, &token).await);
    test.app.get(&admin, &path).await.expect_problem(404, "auth.client_not_found");
    test.app.delete(&admin, &path).await.expect_problem(404, "auth.client_not_found");
    let list = test.app.get(&admin, CLIENTS).await.expect(200);
    assert_eq!(list["items"], json!([]));
    assert_eq!(
        test.announced_types(),
        ["created", "updated", "updated", "deleted"]
            .map(|what| format!("platform.auth.client_{what}"))
    );
}

#[tokio::test]
async fn a_client_is_seen_and_changed_in_its_own_tenant_only_and_by_version() {
    let test = Test::start().await;
    let client = make_client(&test, &["role.read"]).await;
    let path = format!("{CLIENTS}/{}", text(&client, "id"));
    let stranger = Person::with(&ALL);
    test.app.get(&stranger, &path).await.expect_problem(404, "auth.client_not_found");
    test.app.patch(&stranger, &path, &json!({})).await.expect_problem(404, "auth.client_not_found");
    test.app.delete(&stranger, &path).await.expect_problem(404, "auth.client_not_found");
    let rotate = test.app.post(&stranger, &format!("{path}/secret"), &json!({})).await;
    rotate.expect_problem(404, "auth.client_not_found");
    assert_eq!(test.app.get(&stranger, CLIENTS).await.expect(200)["items"], json!([]));

    let admin = test.admin(&ALL).await;
    let change = json!({"name": "Exporter"});
    let stale = [("if-match", "\"7\"")];
    let refused = test.app.call(&admin, Method::PATCH, &path, Some(&change), &stale).await;
    refused.expect_problem(412, "request.precondition_failed");
    let current = [("if-match", "\"1\"")];
    let changed = test.app.call(&admin, Method::PATCH, &path, Some(&change), &current).await;
    assert_eq!(changed.etag(), "\"2\"");
    assert_eq!(changed.expect(200)["name"], "Exporter");
}

#[tokio::test]
async fn who_has_just_lost_the_account_is_given_no_secret_any_more() {
    let test = Test::start().await;
    let admin = test.admin(&ALL).await;
    let client = make_client(&test, &[]).await;
    let path = format!("{CLIENTS}/{}/secret", text(&client, "id"));
    test.advance(1);
    // The authorizer may not know it yet.
    test.hear(&UserSuspended { user_id: admin.user() }).await;
    let body = json!({"name": "Back door", "scopes": []});
    let refused = test.app.post(&admin, CLIENTS, &body).await;
    refused.expect_problem(401, "auth.unauthenticated");
    let refused = test.app.post(&admin, &path, &json!({})).await;
    refused.expect_problem(401, "auth.unauthenticated");
    let refused = test.app.post(&admin, "/api/v1/auth/api-keys", &json!({"name": "x"})).await;
    refused.expect_problem(401, "auth.unauthenticated");
    // Nor by a key or as a client that has ended.
    for credential in [Credential::ApiKey, Credential::Client] {
        let program = admin.clone().by(credential);
        let refused = test.app.post(&program, CLIENTS, &body).await;
        refused.expect_problem(401, "auth.unauthenticated");
    }
}

#[tokio::test]
async fn of_parallel_rotations_every_one_that_succeeds_was_seen_by_the_next() {
    let test = Test::start().await;
    let client = make_client(&test, &[]).await;
    let (path, admin) =
        (format!("{CLIENTS}/{}/secret", text(&client, "id")), test.admin(&ALL).await);
    let body = json!({"overlap_seconds": 60});
    let rotate = |app: testkit::App| {
        let (path, admin, body) = (path.clone(), admin.clone(), body.clone());
        async move { app.post(&admin, &path, &body).await }
    };
    let (one, two) = tokio::join!(rotate(test.app.clone()), rotate(test.other.clone()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert!(statuses == [200, 409] || statuses == [200, 200], "{statuses:?}");
    // Whoever was told a secret can use it.
    for answer in [one, two].into_iter().filter(|answer| answer.status == 200) {
        ask(&test, &answer.body, &[]).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_pointed_at() {
    let test = Test::start().await;
    let admin = test.admin(&ALL).await;
    let body =
        json!({"name": "", "description": "x".repeat(501), "scopes": ["role.read", "no.such"]});
    let pointers = ["/name", "/description", "/scopes/1"];
    test.app.post(&admin, CLIENTS, &body).await.expect_invalid(&pointers);
    let client = make_client(&test, &[]).await;
    let path = format!("{CLIENTS}/{}/secret", text(&client, "id"));
    for seconds in [-1, 2_592_001] {
        let body = json!({"overlap_seconds": seconds});
        test.app.post(&admin, &path, &body).await.expect_invalid(&["/overlap_seconds"]);
    }
}
