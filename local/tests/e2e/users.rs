//! Managing users, seen from outside.

use reqwest::Method;
use serde_json::json;

use crate::{
    client::Answer,
    target::{PASSWORD, Target, eventually, unique_email},
};

#[tokio::test]
async fn a_user_is_created_changed_suspended_and_deleted() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let path = format!("/api/v1/users/{}", grace.id);

    let found = operator.client.get(&path).await;
    let etag = found.header("etag").to_owned();
    assert!(!etag.is_empty());
    let known = [("if-none-match", etag.as_str())];
    let unchanged = operator.client.call(Method::GET, &path, None, &known).await;
    assert_eq!(unchanged.status.as_u16(), 304);

    let change = json!({"first_name": "Amazing"});
    let matching = [("if-match", etag.as_str())];
    let changed = operator.client.call(Method::PATCH, &path, Some(&change), &matching).await;
    assert_eq!(changed.expect(200)["first_name"], "Amazing");
    let stale = operator.client.call(Method::PATCH, &path, Some(&change), &matching).await;
    stale.expect_problem(412, "request.precondition_failed");

    let suspend = format!("{path}/suspend");
    let suspended = operator.client.post(&suspend, &json!({})).await.expect(200);
    assert_eq!(suspended["status"], "suspended");
    eventually(|| async {
        (grace.client.get("/api/v1/auth/me").await.status == 401).then_some(())
    })
    .await;
    target.try_sign_in(&grace.email, PASSWORD).await.expect_problem(403, "auth.suspended");
    operator.client.post(&format!("{path}/activate"), &json!({})).await.expect(200);
    target.sign_in(&grace.email, PASSWORD).await;

    operator.client.delete(&path).await.expect(204);
    operator.client.get(&path).await.expect_problem(404, "user.not_found");
    let refused = target.try_sign_in(&grace.email, PASSWORD).await;
    refused.expect_problem(401, "auth.invalid_credentials");
    let restored = operator.client.post(&format!("{path}/restore"), &json!({})).await.expect(200);
    assert_eq!((&restored["id"], &restored["status"]), (&json!(grace.id), &json!("active")));
    operator.client.get(&path).await.expect(200);
}

#[tokio::test]
async fn lists_go_on_where_they_ended_and_find_by_prefix() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let batch = unique_email("x").split('@').next().unwrap().to_owned();
    let mut created = Vec::new();
    for n in 0..5 {
        let email = format!("{batch}-{n}@example.org");
        let body = json!({"email": email, "first_name": "Zoë", "last_name": format!("N{n}")});
        let user = operator.client.post("/api/v1/users", &body).await.expect(201);
        created.push(user["id"].clone());
    }
    let mut seen = Vec::new();
    let mut path = format!("/api/v1/users?limit=2&q={batch}");
    loop {
        let page = operator.client.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|user| user["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/users?limit=2&q={batch}&cursor={cursor}");
        let moved = format!("/api/v1/users?limit=2&cursor={cursor}");
        operator.client.get(&moved).await.expect_problem(422, "request.invalid");
    }
    seen.sort_by_key(ToString::to_string);
    created.sort_by_key(ToString::to_string);
    assert_eq!(seen, created);
}

#[tokio::test]
async fn an_address_belongs_to_one_account() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let email = unique_email("one");
    let body = |email: &str| json!({"email": email, "first_name": "A", "last_name": "B"});
    let attempts = (0..8).map(|n| {
        let spelled = if n % 2 == 0 { email.clone() } else { email.to_uppercase() };
        let (client, body) = (operator.client.clone(), body(&spelled));
        tokio::spawn(async move { client.post("/api/v1/users", &body).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn people_change_their_own_profile() {
    let target = Target::get().await;
    let ada = target.member().await;
    let change = json!({"first_name": "Augusta Ada", "avatar_url": "https://example.org/ada.png"});
    ada.client.patch("/api/v1/users/me", &change).await.expect(200);
    let me = ada.client.get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["first_name"], "Augusta Ada");
    assert_eq!(me["avatar_url"], "https://example.org/ada.png");
    let wrong = json!({"first_name": "", "avatar_url": "javascript:alert(1)", "role": "owner"});
    ada.client.patch("/api/v1/users/me", &wrong).await.expect_problem(422, "request.invalid");
}

#[tokio::test]
async fn an_address_changes_by_mail_and_the_old_one_takes_it_back() {
    let target = Target::get().await;
    let ada = target.member().await;
    let new = unique_email("new");
    let body = json!({"new_email": new, "password": PASSWORD});
    ada.client.post("/api/v1/users/me/email", &body).await.expect(202);
    let anybody = target.anonymous();
    let follow = async |what: &str, token: &str| {
        let path = format!("/api/v1/users/email-change/{what}");
        anybody.post(&path, &json!({"token": token})).await
    };
    follow("confirm", &target.inbox().token(&new).await).await.expect(204);
    // The session goes on, and the new address signs in.
    assert_eq!(ada.client.get("/api/v1/users/me").await.expect(200)["email"], new);
    let thief = target.sign_in(&new, PASSWORD).await;
    let refused = target.try_sign_in(&ada.email, PASSWORD).await;
    refused.expect_problem(401, "auth.invalid_credentials");

    // To the old address went its verification, the notice, and now the mail about the change.
    eventually(|| async { (target.inbox().count(&ada.email).await == 3).then_some(()) }).await;
    follow("revert", &target.inbox().token(&ada.email).await).await.expect(204);
    eventually(|| async {
        (thief.client.get("/api/v1/auth/me").await.status == 401).then_some(())
    })
    .await;
    for email in [&new, &ada.email] {
        let refused = target.try_sign_in(email, PASSWORD).await;
        refused.expect_problem(401, "auth.invalid_credentials");
    }
}

#[tokio::test]
async fn imported_users_sign_in_with_their_old_passwords() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let email = unique_email("imported");
    let hash = "$2y$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
    let lines = [
        json!({
            "email": email, "first_name": "Imported", "password_hash": hash, "roles": ["viewer"],
        }),
        json!({"email": operator.email, "first_name": "Known"}),
        json!({"email": "nowhere", "first_name": "Wrong"}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let request = operator.client.request(Method::POST, "/api/v1/users/import", &[]);
    let request = request.header("content-type", "application/x-ndjson").body(text);
    let started = Answer::read(request).await;
    let path = format!("/api/v1/users/imports/{}", started.expect(202)["id"].as_str().unwrap());
    assert_eq!(started.header("location"), path);
    let done = eventually(|| async {
        let import = operator.client.get(&path).await.expect(200);
        (import["status"] == "completed").then_some(import)
    })
    .await;
    for count in ["created", "exists", "invalid"] {
        assert_eq!(done[count], 1, "{done:#}");
    }
    let report = operator.client.get(&format!("{path}/lines")).await.expect(200);
    let user = report["items"][0]["user_id"].as_str().unwrap().to_owned();
    let imported = target.sign_in(&email, "correctbatteryhorsestapler").await;
    assert_eq!(imported.id, user);
    let me = imported.client.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["roles"], json!(["viewer"]));

    // What was done to them and what they did, out of the audit log.
    let activity = format!("/api/v1/users/{user}/activity");
    eventually(|| async {
        let page = operator.client.get(&activity).await.expect(200);
        let actions = page["items"].to_string();
        let expected = ["user.created", "role.assigned", "auth.login_succeeded"];
        expected.iter().all(|action| actions.contains(action)).then_some(())
    })
    .await;
    imported.client.get(&activity).await.expect_problem(403, "auth.forbidden");
}
