//! What the other suites leave out, once around: so that every route has done its work on a deployed
//! platform, with the rights that its function has there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    target::Target,
};

async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Value {
    let body = urlencoded(fields);
    let request = client.request(Method::POST, path, &[]);
    let kind = "application/x-www-form-urlencoded";
    Answer::read(request.header("content-type", kind).body(body)).await.expect(200)
}

/// Ids and tokens of ours need no escaping.
fn urlencoded(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn the_metadata_names_this_platform() {
    let target = Target::get().await;
    for document in ["openid-configuration", "oauth-authorization-server"] {
        let path = format!("/.well-known/{document}");
        let metadata = target.anonymous().get(&path).await.expect(200);
        let endpoint = metadata["token_endpoint"].as_str().unwrap();
        assert!(endpoint.ends_with("/api/v1/auth/token"), "{metadata:#}");
        assert!(endpoint.starts_with(metadata["issuer"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_client_asks_about_a_token_and_ends_it() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let path = "/api/v1/auth/clients";
    let body = json!({"name": "Gatekeeper", "scopes": []});
    let made = operator.client.post(path, &body).await.expect(201);
    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(operator.client.get(&own).await.expect(200)["name"], "Gatekeeper");
    let listed = operator.client.get(path).await.expect(200);
    assert!(listed["items"].as_array().unwrap().iter().any(|client| client["id"] == made["id"]));
    let rotated = operator.client.post(&format!("{own}/secret"), &json!({})).await.expect(200);

    let grace = target.colleague(&operator, &["member"]).await;
    let question = [
        ("client_id", made["id"].as_str().unwrap()),
        ("client_secret", rotated["client_secret"].as_str().unwrap()),
        ("token", grace.refresh_token.as_str()),
    ];
    let anonymous = target.anonymous();
    let answer = form(&anonymous, "/api/v1/auth/introspect", &question).await;
    assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!(grace.id)));
    form(&anonymous, "/api/v1/auth/revoke", &question).await;
    let answer = form(&anonymous, "/api/v1/auth/introspect", &question).await;
    assert_eq!(answer, json!({"active": false}));
    operator.client.delete(&own).await.expect(204);
    operator.client.get(&own).await.expect_problem(404, "auth.client_not_found");
}

#[tokio::test]
async fn an_identity_provider_is_set_up_changed_and_removed() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let path = "/api/v1/auth/providers";
    let slug = format!("tour-{}", &kernel::id::UserId::new().to_string()[24..]);
    let body = json!({
        "slug": slug, "name": "Tour", "client_id": "plinth", "client_secret": "not for eyes",
        "issuer": "https://idp.example.org", "enabled": false,
    });
    let made = operator.client.post(path, &body).await;
    assert!(!made.text.contains("not for eyes"));
    let own = format!("{path}/{}", made.expect(201)["id"].as_str().unwrap());
    let renamed = operator.client.patch(&own, &json!({"name": "Renamed"})).await.expect(200);
    assert_eq!(operator.client.get(&own).await.expect(200), renamed);
    let listed = operator.client.get(path).await.expect(200);
    assert!(listed["items"].as_array().unwrap().contains(&renamed));
    operator.client.delete(&own).await.expect(204);
    let links = operator.client.get("/api/v1/auth/identities").await.expect(200);
    assert_eq!(links["items"], json!([]));
}

#[tokio::test]
async fn everybody_may_begin_with_a_passkey_and_prove_anew_who_they_are() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let start = "/api/v1/auth/passkeys/registration/start";
    let options = grace.client.post(start, &json!({})).await.expect(200);
    assert!(options.to_string().contains("challenge"));
    let passkeys = grace.client.get("/api/v1/auth/passkeys").await.expect(200);
    assert_eq!(passkeys["items"], json!([]));
    let start = "/api/v1/auth/passkey/login/start";
    let options = target.anonymous().post(start, &json!({})).await.expect(200);
    assert!(options.to_string().contains("challenge"));
    let proof = json!({"password": crate::target::PASSWORD});
    let fresh = grace.client.post("/api/v1/auth/step-up", &proof).await.expect(200);
    let stepped_up = target.as_bearer(fresh["access_token"].as_str().unwrap());
    stepped_up.get("/api/v1/auth/me").await.expect(200);
    stepped_up.post("/api/v1/auth/logout-all", &json!({})).await.expect(204);
}

#[tokio::test]
async fn a_link_is_sent_again_to_whoever_may_wait_for_one() {
    let target = Target::get().await;
    let body = json!({"email": "nobody@example.org"});
    target.anonymous().post("/api/v1/users/email-verification/resend", &body).await.expect(202);
}

#[tokio::test]
async fn a_role_is_found_renamed_and_deleted() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let known = operator.client.get("/api/v1/permissions").await.expect(200);
    assert!(known.to_string().contains("role.read"));
    let path = "/api/v1/roles";
    let name = format!("tour {}", kernel::id::UserId::new());
    let body = json!({"name": name, "permissions": ["role.read"]});
    let made = operator.client.post(path, &body).await.expect(201);
    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    let renamed = json!({"name": format!("{name} 2")});
    let renamed = operator.client.patch(&own, &renamed).await.expect(200);
    assert_eq!(operator.client.get(&own).await.expect(200), renamed);
    let listed = operator.client.get(&format!("{path}?limit=100")).await.expect(200);
    assert!(!listed["items"].as_array().unwrap().is_empty());
    let checks = json!({"checks": [{"permission": "role.read"}, {"permission": "role.delete"}]});
    let checked = operator.client.post("/api/v1/authz/check/batch", &checks).await.expect(200);
    assert_eq!(checked["results"].as_array().unwrap().len(), 2);
    operator.client.delete(&own).await.expect(204);
    operator.client.get(&own).await.expect_problem(404, "role.not_found");
}

#[tokio::test]
async fn one_session_is_ended_and_its_entry_read() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let again = target.sign_in(&grace.email, crate::target::PASSWORD).await;
    let sessions = again.client.get("/api/v1/auth/sessions").await.expect(200);
    let other = sessions["items"].as_array().unwrap().last().unwrap()["id"].clone();
    let path = format!("/api/v1/auth/sessions/{}", other.as_str().unwrap());
    again.client.delete(&path).await.expect(204);
    let entries = operator.client.get("/api/v1/audit/logs?limit=1").await.expect(200);
    let path = format!("/api/v1/audit/logs/{}", entries["items"][0]["id"].as_str().unwrap());
    assert_eq!(operator.client.get(&path).await.expect(200), entries["items"][0]);
}
