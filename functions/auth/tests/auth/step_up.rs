//! Proving once more who somebody is, before something sensitive.

use serde_json::json;
use testkit::Person;

use crate::common::{PASSWORD, Test, claims, person, session, token};

/// The person with the token of a step-up.
fn stepped_up(answer: &serde_json::Value) -> Person {
    person(answer)
}

#[tokio::test]
async fn sensitive_actions_want_a_recent_authentication() {
    let test = Test::start().await;
    let signed_in = test.sign_in().await;
    let ada = person(&signed_in);
    test.advance(301);
    let refused = test.post(&ada, "/mfa/totp", json!({})).await;
    let challenge = refused.headers["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer error=\"insufficient_user_authentication\""));
    assert!(challenge.ends_with("max_age=\"300\""), "{challenge}");
    refused.expect_problem(401, "auth.step_up_required");
    for path in ["/mfa/recovery-codes", "/passkeys/registration/start"] {
        let refused = test.post(&ada, path, json!({})).await;
        refused.expect_problem(401, "auth.step_up_required");
    }
    let id = kernel::id::UserId::new();
    for path in ["/mfa/totp".to_owned(), format!("/passkeys/{id}")] {
        let refused = test.delete(&ada, &path).await;
        refused.expect_problem(401, "auth.step_up_required");
    }
    // A refresh makes the token new, but not the authentication.
    let refreshed = person(&test.refresh(&token(&signed_in)).await.expect(200));
    let refused = test.post(&refreshed, "/mfa/totp", json!({})).await;
    refused.expect_problem(401, "auth.step_up_required");
    let fresh = test.post(&ada, "/step-up", json!({"password": PASSWORD})).await.expect(200);
    test.post(&stepped_up(&fresh), "/mfa/totp", json!({})).await.expect(201);
}

#[tokio::test]
async fn a_step_up_gives_an_access_token_and_leaves_the_session_as_it_is() {
    let test = Test::start().await;
    let signed_in = test.sign_in().await;
    test.advance(600);
    let fresh = test.post(&person(&signed_in), "/step-up", json!({"password": PASSWORD})).await;
    let fresh = fresh.expect(200);
    assert!(fresh["refresh_token"].is_null());
    assert_eq!(session(&fresh), session(&signed_in));
    let (before, after) = (claims(&signed_in), claims(&fresh));
    assert_eq!(after["auth_time"].as_i64().unwrap() - before["auth_time"].as_i64().unwrap(), 600);
    // Whoever has the refresh token gains nothing by it.
    let refreshed = test.refresh(&token(&signed_in)).await.expect(200);
    assert_eq!(claims(&refreshed)["auth_time"], before["auth_time"]);
}

#[tokio::test]
async fn where_there_is_a_second_factor_the_password_does_not_do() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let (app, codes) = test.enroll_totp(&ada).await;
    test.advance(600);
    let step_up = |body| test.post(&ada, "/step-up", body);
    let refused = step_up(json!({"password": PASSWORD})).await;
    refused.expect_problem(403, "auth.second_factor_needed");
    let fresh = step_up(json!({"code": app.code(&test.clock)})).await.expect(200);
    assert_eq!(claims(&fresh)["amr"], json!(["pwd", "otp", "mfa"]));
    test.delete(&stepped_up(&fresh), "/mfa/totp").await.expect(204);
    let gone = step_up(json!({"recovery_code": codes[0]})).await;
    gone.expect_problem(403, "auth.step_up_refused");
}

#[tokio::test]
async fn wrong_proofs_make_the_next_ones_wait() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    for _ in 0..5 {
        let wrong = test.post(&ada, "/step-up", json!({"password": "wrong"})).await;
        wrong.expect_problem(403, "auth.step_up_refused");
    }
    let locked = test.post(&ada, "/step-up", json!({"password": PASSWORD})).await;
    locked.expect_problem(429, "auth.locked_out");
    assert_eq!(test.refusals().len(), 6);
    // Signing in is another matter: who steals a session locks its owner out of nothing.
    test.sign_in().await;
    test.advance(1);
    test.post(&ada, "/step-up", json!({"password": PASSWORD})).await.expect(200);
}

#[tokio::test]
async fn a_session_that_is_over_is_not_stepped_up() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    test.post(&ada, "/logout", json!({})).await.expect(204);
    let over = test.post(&ada, "/step-up", json!({"password": PASSWORD})).await;
    over.expect_problem(401, "auth.unauthenticated");
}
