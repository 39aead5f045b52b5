//! Signing in and out, seen from outside.

use serde_json::json;

use crate::target::{PASSWORD, Target, eventually, unique_email};

#[tokio::test]
async fn a_taken_address_gets_the_same_answer_and_its_owner_a_mail() {
    let target = Target::get().await;
    let ada = target.member().await;
    let first = target.register(&unique_email("new")).await;
    let taken = target.register(&ada.email.to_uppercase()).await;
    assert_eq!((first.status, first.text), (taken.status, taken.text));
    eventually(|| async { (target.inbox().count(&ada.email).await == 2).then_some(()) }).await;
    // The password of the second attempt counts for nothing.
    target.sign_in(&ada.email, PASSWORD).await;
}

#[tokio::test]
async fn a_spent_refresh_token_ends_the_family_and_is_audited() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let second = target.refresh(&grace.refresh_token).await.expect(200);
    let second = second["refresh_token"].as_str().unwrap();
    let third = target.refresh(second).await.expect(200);
    let invalid = "auth.invalid_refresh_token";
    target.refresh(&grace.refresh_token).await.expect_problem(401, invalid);
    let third = third["refresh_token"].as_str().unwrap();
    target.refresh(third).await.expect_problem(401, invalid);
    eventually(|| async {
        (grace.client.get("/api/v1/auth/me").await.status == 401).then_some(())
    })
    .await;
    let path = "/api/v1/audit/logs?action=auth.token_reuse_detected&limit=100";
    let entry = eventually(|| async {
        let page = operator.client.get(path).await.expect(200);
        let entries = page["items"].as_array()?.clone();
        entries.into_iter().find(|entry| entry["actor"]["id"] == grace.id.as_str())
    })
    .await;
    assert_eq!(entry["outcome"], "failure");
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_and_ends_every_session() {
    let target = Target::get().await;
    let ada = target.member().await;
    let anonymous = target.anonymous();
    let path = "/api/v1/users/password-reset";
    for email in [ada.email.as_str(), &unique_email("nobody")] {
        anonymous.post(path, &json!({"email": email})).await.expect(202);
    }
    eventually(|| async { (target.inbox().count(&ada.email).await == 2).then_some(()) }).await;
    let token = target.inbox().token(&ada.email).await;
    let confirm = format!("{path}/confirm");
    let weak = json!({"token": token, "password": "short"});
    anonymous.post(&confirm, &weak).await.expect_problem(422, "request.invalid");
    let password = "a better horse, a better battery";
    let strong = json!({"token": token, "password": password});
    anonymous.post(&confirm, &strong).await.expect(204);
    anonymous.post(&confirm, &strong).await.expect_problem(422, "user.link_invalid");
    let refused = target.try_sign_in(&ada.email, PASSWORD).await;
    refused.expect_problem(401, "auth.invalid_credentials");
    target.sign_in(&ada.email, password).await;
    eventually(|| async { (ada.client.get("/api/v1/auth/me").await.status == 401).then_some(()) })
        .await;
}

#[tokio::test]
async fn a_changed_password_keeps_this_session_and_ends_the_others() {
    let target = Target::get().await;
    let ada = target.member().await;
    let elsewhere = target.sign_in(&ada.email, PASSWORD).await;
    let path = "/api/v1/auth/password/change";
    let wrong = json!({"current_password": "wrong", "new_password": "a better horse entirely"});
    ada.client.post(path, &wrong).await.expect_problem(403, "auth.wrong_password");
    let weak = json!({"current_password": PASSWORD, "new_password": "password"});
    let weak = ada.client.post(path, &weak).await.expect_problem(422, "request.invalid");
    assert_eq!(weak["errors"][0]["pointer"], "/new_password");
    let right = json!({"current_password": PASSWORD, "new_password": "a better horse entirely"});
    ada.client.post(path, &right).await.expect(204);
    ada.client.get("/api/v1/auth/me").await.expect(200);
    target.refresh(&ada.refresh_token).await.expect(200);
    target.refresh(&elsewhere.refresh_token).await.expect(401);
}

#[tokio::test]
async fn tokens_that_are_not_ours_open_nothing() {
    let target = Target::get().await;
    let ada = target.member().await;
    let good = ada.client.token().to_owned();
    let mut parts: Vec<_> = good.split('.').map(ToOwned::to_owned).collect();
    let none = kernel::secret::encode(br#"{"alg":"none","typ":"at+jwt"}"#);
    let unsigned = format!("{none}.{}.", parts[1]);
    parts[1] = kernel::secret::encode(br#"{"sub":"x"}"#);
    let changed = parts.join(".");
    for token in [unsigned.as_str(), &changed, "x", "a.b.c"] {
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let me = "/api/v1/auth/me";
        let answer = target.anonymous().call(reqwest::Method::GET, me, None, &headers).await;
        answer.expect_problem(401, "auth.unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
}
