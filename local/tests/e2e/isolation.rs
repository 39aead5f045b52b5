//! No request reaches into another tenant.

use contracts::generated::ROUTES;
use kernel::route::Access;
use reqwest::Method;
use serde_json::json;

use crate::target::Target;

/// Bodies that are valid for the routes that take one, so that an answer is about the id.
fn body(method: &str, path: &str) -> Option<serde_json::Value> {
    match (method, path) {
        ("PATCH", "/api/v1/users/{id}") => Some(json!({"first_name": "Taken over"})),
        ("PATCH", "/api/v1/tenants/{id}") => Some(json!({"name": "Taken over"})),
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
    let role = json!({"name": format!("foreign {}", ada.id), "permissions": []});
    let role = operator.client.post("/api/v1/roles", &role).await.expect(201);
    let tenant = ada.client.get("/api/v1/auth/me").await.expect(200)["tenant"]["id"].clone();
    let sessions = ada.client.get("/api/v1/auth/sessions").await.expect(200);
    let entries = operator.client.get("/api/v1/audit/logs?limit=1").await.expect(200);

    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.path.contains("{id}")) {
        // Whose id, and who asks for it: always from the other tenant.
        let (id, asks) = match route.path {
            path if path.starts_with("/api/v1/users/") => (json!(ada.id), &operator),
            path if path.starts_with("/api/v1/tenants/") => (tenant.clone(), &operator),
            path if path.starts_with("/api/v1/auth/sessions/") => {
                (sessions["items"][0]["id"].clone(), &operator)
            }
            path if path.starts_with("/api/v1/roles/") => (role["id"].clone(), &operator),
            path if path.starts_with("/api/v1/audit/") => (entries["items"][0]["id"].clone(), &ada),
            path => panic!("the isolation test has no case for {path}"),
        };
        // A role of the operator's tenant is foreign to somebody of the other one, who must hold the
        // permission to be told "not found" rather than "forbidden".
        let path = route.path.replace("{id}", id.as_str().unwrap()).replace("{role}", "member");
        let asks_elsewhere = route.path.starts_with("/api/v1/roles/");
        let client = if asks_elsewhere { &ada.client } else { &asks.client };
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let body = body(route.method, route.path);
        let answer = client.call(method, &path, body.as_ref(), &[]).await;
        let refused = match route.access {
            // Members may not manage roles or read the log at all.
            Access::Permission(_) if asks_elsewhere || asks.id == ada.id => vec![403, 404],
            _ => vec![404],
        };
        let status = answer.status.as_u16();
        assert!(refused.contains(&status), "{} {}: {}", route.method, path, answer.text);
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

    let page = operator.client.get("/api/v1/roles?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/roles?limit=1&cursor={cursor}");
    operator.client.get(&path).await.expect(200);
    let stolen = ada.client.get(&path).await.expect_problem(422, "request.invalid");
    assert_eq!(stolen["errors"][0]["pointer"], "?cursor");
}
