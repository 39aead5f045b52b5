//! No request reaches into another tenant.

use contracts::generated::ROUTES;
use reqwest::Method;
use serde_json::json;

use crate::{client::Answer, target::Target};

/// Bodies that are valid for the routes that take one, so that an answer is about the id.
fn body(method: &str, path: &str) -> Option<serde_json::Value> {
    match (method, path) {
        ("PATCH", "/api/v1/users/{id}") => Some(json!({"first_name": "Taken over"})),
        ("PATCH", "/api/v1/tenants/{id}" | "/api/v1/auth/providers/{id}") => {
            Some(json!({"name": "Taken over"}))
        }
        ("PUT", "/api/v1/users/{id}/roles") => Some(json!({"roles": ["member"]})),
        ("PATCH", "/api/v1/roles/{id}") => Some(json!({"description": "Taken over"})),
        ("PUT", "/api/v1/roles/{id}/permissions") => Some(json!({"permissions": []})),
        ("POST" | "PUT" | "PATCH", _) => Some(json!({})),
        _ => None,
    }
}

#[tokio::test]
async fn another_tenants_ids_are_not_found_anywhere() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let ada = target.member().await; // of the tenant that takes registrations
    let tenant = ada.client.get("/api/v1/auth/me").await.expect(200)["tenant"]["id"].clone();
    let sessions = ada.client.get("/api/v1/auth/sessions").await.expect(200);
    // Of a deployed platform no owner of the other tenant is known. What only one can make then belongs
    // to the operator, and Ada asks for it, who may not even be told that it is not there.
    let other_owner = target.other_owner().await;
    let (maker, asks_for_made) = match &other_owner {
        Some(other) => (other, &operator),
        None => (&operator, &ada),
    };
    let role = json!({"name": format!("foreign {}", ada.id), "permissions": []});
    let role = maker.client.post("/api/v1/roles", &role).await.expect(201);
    let import = maker.client.request(Method::POST, "/api/v1/users/import", &[]);
    let line = json!({"email": format!("foreign-{}@example.org", ada.id), "first_name": "F"});
    let import = import.header("content-type", "application/x-ndjson").body(line.to_string());
    let import = Answer::read(import).await.expect(202);
    let provider = json!({
        "slug": format!("foreign-{}", &ada.id[24..]), "name": "Foreign", "client_id": "x",
        "issuer": "https://idp.example.org", "enabled": false,
    });
    let provider = maker.client.post("/api/v1/auth/providers", &provider).await.expect(201);
    let client = json!({"name": "foreign", "scopes": []});
    let client = maker.client.post("/api/v1/auth/clients", &client).await.expect(201);
    let key = ada.client.post("/api/v1/auth/api-keys", &json!({"name": "own"})).await.expect(201);
    let entries = maker.client.get("/api/v1/audit/logs?limit=1").await.expect(200);

    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.path.contains("{id}")) {
        // Whose id, and who asks for it: always from the other tenant.
        let (id, asks) = match route.path {
            path if path.starts_with("/api/v1/users/imports/") => {
                (import["id"].clone(), asks_for_made)
            }
            path if path.starts_with("/api/v1/users/") => (json!(ada.id), &operator),
            path if path.starts_with("/api/v1/tenants/") => (tenant.clone(), &operator),
            path if path.starts_with("/api/v1/auth/sessions/") => {
                (sessions["items"][0]["id"].clone(), &operator)
            }
            path if path.starts_with("/api/v1/auth/providers/") => {
                (provider["id"].clone(), asks_for_made)
            }
            // Nobody has a link without a provider that signs them in; tests/auth has such a case.
            path if path.starts_with("/api/v1/auth/identities/") => {
                (provider["id"].clone(), asks_for_made)
            }
            path if path.starts_with("/api/v1/auth/api-keys/") => (key["id"].clone(), &operator),
            path if path.starts_with("/api/v1/auth/clients/") => {
                (client["id"].clone(), asks_for_made)
            }
            // Without a passkey at hand: no id is anybody's. What it would do is tested in auth.
            path if path.starts_with("/api/v1/auth/passkeys/") => (json!(ada.id), &operator),
            path if path.starts_with("/api/v1/roles/") => (role["id"].clone(), asks_for_made),
            path if path.starts_with("/api/v1/audit/") => {
                (entries["items"][0]["id"].clone(), asks_for_made)
            }
            path => panic!("the isolation test has no case for {path}"),
        };
        let path = route.path.replace("{id}", id.as_str().unwrap()).replace("{role}", "member");
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let body = body(route.method, route.path);
        let answer = asks.client.call(method, &path, body.as_ref(), &[]).await;
        let expected = if asks.id == ada.id { [403, 404] } else { [404, 404] };
        let status = answer.status.as_u16();
        assert!(expected.contains(&status), "{} {}: {}", route.method, path, answer.text);
        tried += 1;
    }
    assert!(tried >= 15, "{tried}");
    let unchanged = ada.client.get("/api/v1/users/me").await.expect(200);
    assert_eq!(unchanged["first_name"], "Ada");
    assert_eq!(unchanged["status"], "active");
}

#[tokio::test]
async fn lists_and_cursors_stay_within_the_tenant() {
    let target = Target::embedded(embedded::Place::Memory).await;
    let operator = target.operator().await;
    let ada = target.member().await;
    for n in 0..3 {
        let email = format!("own-{n}@example.org");
        let body = json!({"email": email, "first_name": "O", "last_name": "Wn"});
        operator.client.post("/api/v1/users", &body).await.expect(201);
    }
    let page = operator.client.get("/api/v1/users?limit=100").await.expect(200);
    let emails: Vec<_> = page["items"].as_array().unwrap().iter().map(|u| &u["email"]).collect();
    assert_eq!(emails.len(), 4, "{emails:?}");
    assert!(!emails.contains(&&json!(ada.email)));

    let other = target.other_owner().await.unwrap();
    for list in ["/api/v1/roles", "/api/v1/users", "/api/v1/audit/logs", "/api/v1/auth/sessions"] {
        let owner = target.operator().await;
        let page = owner.client.get(&format!("{list}?limit=1")).await.expect(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        let path = format!("{list}?limit=1&cursor={cursor}");
        owner.client.get(&path).await.expect(200);
        let stolen = other.client.get(&path).await.expect_problem(422, "request.invalid");
        assert_eq!(stolen["errors"][0]["pointer"], "?cursor", "{list}");
    }
}
