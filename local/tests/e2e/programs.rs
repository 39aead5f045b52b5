//! Service clients and API keys: programs that act for a tenant, or for a person.

use kernel::id::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    target::{Person, Target, eventually},
};

/// A client of the person's tenant with these scopes, and a caller with its token.
async fn make_client(target: &Target, owner: &Person, scopes: &[&str]) -> (Value, Client) {
    let body = json!({"name": "Importer", "scopes": scopes});
    let made = owner.client.post("/api/v1/auth/clients", &body).await.expect(201);
    let token = token(target, &made).await.expect(200);
    let client = target.as_bearer(token["access_token"].as_str().unwrap());
    (made, client)
}

async fn token(target: &Target, client: &Value) -> Answer {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client["id"].as_str().unwrap(),
        client["client_secret"].as_str().unwrap()
    );
    let request = target.anonymous().request(Method::POST, "/api/v1/auth/token", &[]);
    let kind = "application/x-www-form-urlencoded";
    Answer::read(request.header("content-type", kind).body(form)).await
}

#[tokio::test]
async fn a_client_works_within_its_scopes_and_is_told_apart_in_the_audit_log() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let scopes = ["role.create", "role.read"];
    let (client, program) = make_client(&target, &operator, &scopes).await;
    let name = format!("by a program {}", UserId::new());
    let role = json!({"name": name, "permissions": ["role.read"]});
    let role = program.post("/api/v1/roles", &role).await.expect(201);
    let greedy = json!({"name": format!("{name} 2"), "permissions": ["user.delete"]});
    program.post("/api/v1/roles", &greedy).await.expect_problem(403, "role.escalation");
    program.get("/api/v1/users").await.expect_problem(403, "auth.forbidden");
    program.get("/api/v1/auth/sessions").await.expect_problem(403, "auth.session_required");
    program.get("/api/v1/auth/me").await.expect_problem(403, "auth.no_account");
    let check = |permission: &str| json!({"permission": permission});
    let yes = program.post("/api/v1/authz/check", &check("role.read")).await.expect(200);
    assert_eq!(yes, json!({"allowed": true, "reason": {"kind": "scope", "role": null}}));
    let no = program.post("/api/v1/authz/check", &check("tenant.read")).await.expect(200);
    assert_eq!(no["allowed"], false, "members may, but this is none");

    let path = format!("/api/v1/audit/logs?resource_id={}", role["id"].as_str().unwrap());
    let entry = eventually(|| async {
        let page = operator.client.get(&path).await.expect(200);
        page["items"].get(0).cloned()
    })
    .await;
    assert_eq!(entry["actor"], json!({"kind": "service", "id": client["id"]}));

    // Disabled, it stops.
    let path = format!("/api/v1/auth/clients/{}", client["id"].as_str().unwrap());
    operator.client.patch(&path, &json!({"is_enabled": false})).await.expect(200);
    eventually(|| async {
        (program.get("/api/v1/roles").await.status.as_u16() == 401).then_some(())
    })
    .await;
    assert_eq!(token(&target, &client).await.expect(401)["error"], "invalid_client");
}

#[tokio::test]
async fn an_api_key_works_in_its_owners_name_until_it_is_revoked() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["admin"]).await;
    let path = "/api/v1/auth/api-keys";
    let body = json!({"name": "backup", "scopes": ["user.list"]});
    let key = grace.client.post(path, &body).await.expect(201);
    let program = target.as_bearer(key["key"].as_str().unwrap());
    program.get("/api/v1/users").await.expect(200);
    let me = program.get("/api/v1/auth/me").await.expect(200);
    assert_eq!((&me["user"]["id"], &me["permissions"]), (&json!(grace.id), &json!(["user.list"])));
    program.get("/api/v1/roles").await.expect_problem(403, "auth.forbidden");
    program.post(path, &body).await.expect_problem(403, "auth.session_required");
    let typo = target.as_bearer(&format!("{}x", key["key"].as_str().unwrap()));
    typo.get("/api/v1/users").await.expect_problem(401, "auth.unauthenticated");
    let list = grace.client.get(path).await.expect(200);
    assert!(!list["items"][0]["last_used_at"].is_null());
    let path = format!("{path}/{}", key["id"].as_str().unwrap());
    grace.client.delete(&path).await.expect(204);
    eventually(|| async {
        (program.get("/api/v1/users").await.status.as_u16() == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_suspension_ends_api_keys_for_good() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let body = json!({"name": "backup"});
    let key = grace.client.post("/api/v1/auth/api-keys", &body).await.expect(201);
    let program = target.as_bearer(key["key"].as_str().unwrap());
    program.get("/api/v1/auth/me").await.expect(200);
    let path = |what: &str| format!("/api/v1/users/{}/{what}", grace.id);
    operator.client.post(&path("suspend"), &json!({})).await.expect(200);
    let status = || async { program.get("/api/v1/auth/me").await.status.as_u16() };
    eventually(|| async { (status().await == 401).then_some(()) }).await;
    operator.client.post(&path("activate"), &json!({})).await.expect(200);
    assert_eq!(status().await, 401);
}
