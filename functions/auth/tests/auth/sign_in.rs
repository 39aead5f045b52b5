//! Signing in, and being refused.

use crate::common::{EMAIL, PASSWORD, Test, claims};
use contracts::identity::UserStatus;
use serde_json::json;
use testkit::{Person, assert_cost};

#[tokio::test]
async fn a_sign_in_gives_tokens_and_the_user() {
    let test = Test::start().await;
    let answer = test.sign_in().await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 900);
    assert_eq!(answer["user"]["email"], EMAIL);
    let claims = claims(&answer);
    assert_eq!(claims["roles"], json!(["member"]));
    assert_eq!(claims["aud"], "plinth");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert_eq!(test.store.announced_types("auth"), ["platform.auth.login_succeeded"]);
}

#[tokio::test]
async fn a_sign_in_waits_for_two_table_calls_of_this_service() {
    let test = Test::start().await;
    test.sign_in().await; // makes the signing key
    // The attempt is counted while identity checks the password; then the session is written, and the
    // attempts before it are cleared at the same time.
    assert_cost(test.sign_in(), 3, 2).await;
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let test = Test::start().await;
    let wrong = test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    let body = json!({"email": "nobody@example.org", "password": PASSWORD});
    let unknown = test.app.post(&Person::anonymous(), "/api/v1/auth/login", &body).await;
    let unknown = unknown.expect_problem(401, "auth.invalid_credentials");
    let visible = |answer: &serde_json::Value| {
        let mut visible = answer.clone();
        visible["request_id"] = json!(null);
        visible
    };
    assert_eq!(visible(&wrong), visible(&unknown));
    // Both are audited: one with the account, one with the operators.
    let events = test.store.announced("auth");
    assert_eq!(events[0].tenant_id, test.world.user.lock().unwrap().tenant_id);
    assert_eq!(events[1].tenant_id, contracts::PLATFORM_TENANT);
}

#[tokio::test]
async fn the_accounts_state_shows_only_after_the_right_password() {
    let test = Test::start().await;
    for (status, code) in [
        (UserStatus::Pending, "auth.email_not_verified"),
        (UserStatus::Suspended, "auth.suspended"),
    ] {
        test.world.user.lock().unwrap().status = status;
        test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
        test.try_sign_in(PASSWORD).await.expect_problem(403, code);
    }
    test.world.user.lock().unwrap().status = UserStatus::Deleted;
    test.try_sign_in(PASSWORD).await.expect_problem(401, "auth.invalid_credentials");
}

#[tokio::test]
async fn a_refusal_for_the_accounts_state_does_not_get_in_the_way_later() {
    let test = Test::start().await;
    test.world.user.lock().unwrap().status = UserStatus::Pending;
    for _ in 0..10 {
        test.try_sign_in(PASSWORD).await.expect_problem(403, "auth.email_not_verified");
    }
    test.world.user.lock().unwrap().status = UserStatus::Active;
    test.sign_in().await;
}

#[tokio::test]
async fn without_roles_nobody_signs_in() {
    let test = Test::start().await;
    *test.world.roles_are_down.lock().unwrap() = true;
    test.try_sign_in(PASSWORD).await.expect_problem(503, "internal.unavailable");
    assert!(test.store.announced("auth").is_empty());
}

#[tokio::test]
async fn guessing_gets_slower_and_the_right_password_ends_it() {
    let test = Test::start().await;
    for _ in 0..5 {
        test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    }
    // Five free attempts, then one second.
    let locked = test.try_sign_in(PASSWORD).await;
    assert_eq!(locked.headers["retry-after"], "1");
    locked.expect_problem(429, "auth.locked_out");
    test.advance(1);
    test.sign_in().await;
    for _ in 0..4 {
        test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    }
    test.sign_in().await;
}

#[tokio::test]
async fn a_cookie_carries_the_refresh_token_and_nothing_else_does() {
    let test = Test::start().await;
    let body = json!({"email": EMAIL, "password": PASSWORD, "transport": "cookie"});
    let answer = test.app.post(&Person::anonymous(), "/api/v1/auth/login", &body).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["__Host-plinth_refresh=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let answer = answer.expect(200);
    assert!(answer["refresh_token"].is_null());
    let pair = cookie.split(';').next().unwrap();
    let refresh = |body, cookie: Option<&str>| {
        let headers: Vec<_> =
            cookie.map(|cookie| ("cookie", cookie.to_owned())).into_iter().collect();
        let app = &test.app;
        async move {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let path = "/api/v1/auth/refresh";
            app.call(&Person::anonymous(), http::Method::POST, path, Some(&body), &headers).await
        }
    };
    refresh(json!({"transport": "cookie"}), None)
        .await
        .expect_problem(401, "auth.invalid_refresh_token");
    let refreshed = refresh(json!({"transport": "cookie"}), Some(pair)).await;
    assert!(refreshed.headers["set-cookie"].to_str().unwrap().starts_with("__Host-"));
    refreshed.expect(200);
    // Without asking for it in the body, the cookie counts for nothing.
    refresh(json!({}), Some(pair)).await.expect_invalid(&["/refresh_token"]);
}

#[tokio::test]
async fn a_registration_goes_to_the_tenant_that_it_names() {
    let test = Test::start().await;
    let register = |tenant: &str| {
        let mut body = json!({"email": "b@example.org", "password": "x".repeat(15), "name": "B"});
        if !tenant.is_empty() {
            body["tenant"] = json!(tenant);
        }
        let app = &test.app;
        async move { app.post(&Person::anonymous(), "/api/v1/auth/register", &body).await }
    };
    let answer = register("").await.expect(201);
    assert_eq!(answer, json!({"status": "pending_activation"}));
    register("demo").await.expect(201);
    register("other").await.expect_invalid(&["/tenant"]);
    assert_eq!(test.world.registrations.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn somebody_without_a_token_is_told_so() {
    let test = Test::start().await;
    let answer = test.app.get(&Person::anonymous(), "/api/v1/auth/me").await;
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    answer.expect_problem(401, "auth.unauthenticated");
}
