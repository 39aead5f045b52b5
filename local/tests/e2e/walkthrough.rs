//! From sign-up to an audited action, as the README tells it.

use serde_json::json;

use crate::target::{PASSWORD, Target, eventually, unique_email};

#[tokio::test]
async fn from_sign_up_to_an_audited_action() {
    let target = Target::get().await;
    let email = unique_email("ada");

    let registered = target.register(&email).await.expect(201);
    assert_eq!(registered["status"], "pending_activation");
    let refused = target.try_sign_in(&email, PASSWORD).await;
    refused.expect_problem(403, "auth.email_not_verified");

    let token = target.inbox().token(&email).await;
    let verify = json!({"token": token});
    let path = "/api/v1/users/email-verification";
    target.anonymous().post(path, &verify).await.expect(204);
    target.anonymous().post(path, &verify).await.expect_problem(422, "user.link_invalid");

    let ada = target.sign_in(&email, PASSWORD).await;
    let me = ada.client.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["user"]["email"], email);
    assert_eq!(me["roles"], json!(["member"]));
    assert_eq!(me["tenant"]["status"], "active");
    ada.client.get("/api/v1/users").await.expect_problem(403, "auth.forbidden");

    let operator = target.operator().await;
    let users = operator.client.get("/api/v1/users?limit=1").await.expect(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    assert!(users.get("next_cursor").is_some());

    let grace = target.colleague(&operator, &["member"]).await;
    grace.client.get("/api/v1/users").await.expect_problem(403, "auth.forbidden");
    let name = format!("reader {}", grace.id);
    let role = json!({"name": name, "description": "Reads", "permissions": ["user.read"]});
    let role = operator.client.post("/api/v1/roles", &role).await.expect(201);
    let role_path = format!("/api/v1/roles/{}/permissions", role["id"].as_str().unwrap());
    let permissions = json!({"permissions": ["user.list", "user.read"]});
    operator.client.put(&role_path, &permissions).await.expect(200);
    let assign = format!("/api/v1/users/{}/roles", grace.id);
    let roles = json!({"roles": ["member", role["id"]]});
    operator.client.put(&assign, &roles).await.expect(200);
    // What was remembered of Grace is forgotten within the cache's time.
    eventually(|| async { (grace.client.get("/api/v1/users").await.status == 200).then_some(()) })
        .await;

    let refreshed = target.refresh(&grace.refresh_token).await.expect(200);
    let again = target.refresh(&grace.refresh_token).await.expect(200);
    assert_eq!(refreshed["refresh_token"], again["refresh_token"], "a lost answer is retried");

    grace.client.post("/api/v1/auth/logout", &json!({})).await.expect(204);
    eventually(|| async {
        (grace.client.get("/api/v1/auth/me").await.status == 401).then_some(())
    })
    .await;
    let token = refreshed["refresh_token"].as_str().unwrap();
    target.refresh(token).await.expect_problem(401, "auth.invalid_refresh_token");

    for (action, resource_id) in [
        ("user.created", grace.id.as_str()),
        ("user.verified", &grace.id),
        ("role.assigned", &grace.id),
        ("role.created", role["id"].as_str().unwrap()),
        ("permission.granted", role["id"].as_str().unwrap()),
    ] {
        let path = format!("/api/v1/audit/logs?action={action}&resource_id={resource_id}");
        eventually(|| async {
            let page = operator.client.get(&path).await.expect(200);
            let entry = page["items"].as_array()?.first()?.clone();
            (entry["outcome"] == "success").then_some(())
        })
        .await;
    }
    let verified = operator.client.get("/api/v1/audit/verify").await.expect(200);
    assert_eq!(verified["intact"], true, "{verified:#}");
}
