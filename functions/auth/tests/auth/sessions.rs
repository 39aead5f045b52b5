//! Refresh tokens and sessions: who gets a successor, and what ends a family.

use contracts::events::PasswordChanged;
use kernel::clock::Clock;

use crate::common::{Test, claims, person, refresh_at, session, token};
use serde_json::json;
use testkit::{Person, assert_cost};

#[tokio::test]
async fn each_refresh_token_is_good_once() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let second = test.refresh(&token(&first)).await.expect(200);
    assert_ne!(token(&first), token(&second));
    assert!(second["user"].is_null());
    let third = test.refresh(&token(&second)).await.expect(200);
    assert_eq!(session(&third), session(&first));
}

#[tokio::test]
async fn a_refresh_waits_for_two_table_calls() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    assert_cost(test.refresh(&token(&first)), 2, 2).await.expect(200);
}

#[tokio::test]
async fn a_lost_answer_can_be_retried_and_leads_to_the_same_successor() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let lost = test.refresh(&token(&first)).await.expect(200);
    test.advance(9);
    let retried = test.refresh(&token(&first)).await.expect(200);
    assert_eq!(token(&retried), token(&lost));
    test.refresh(&token(&retried)).await.expect(200);
}

#[tokio::test]
async fn the_predecessor_after_the_grace_ends_the_family() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let second = test.refresh(&token(&first)).await.expect(200);
    test.advance(11);
    test.refresh(&token(&first)).await.expect_problem(401, "auth.invalid_refresh_token");
    test.refresh(&token(&second)).await.expect_problem(401, "auth.invalid_refresh_token");
    assert!(!test.is_active(&second).await);
    assert_eq!(
        test.store.announced_types("auth")[1..],
        ["platform.auth.token_reuse_detected", "platform.auth.session_revoked"]
    );
}

#[tokio::test]
async fn an_older_token_ends_the_family_even_within_the_grace() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let second = test.refresh(&token(&first)).await.expect(200);
    let third = test.refresh(&token(&second)).await.expect(200);
    test.refresh(&token(&first)).await.expect_problem(401, "auth.invalid_refresh_token");
    test.refresh(&token(&third)).await.expect_problem(401, "auth.invalid_refresh_token");
}

#[tokio::test]
async fn a_forged_token_does_not_end_a_family() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let mut forged = token(&first).into_bytes();
    // The last character carries bits that decoding ignores; the one before does not.
    let at = forged.len() - 2;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for bad in [forged.as_str(), "", "garbage", "☃"] {
        test.refresh(bad).await.expect_problem(401, "auth.invalid_refresh_token");
    }
    test.refresh(&token(&first)).await.expect(200);
}

#[tokio::test]
async fn of_fifty_parallel_uses_on_two_instances_there_is_one_successor() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let text = token(&first);
    let mut uses = tokio::task::JoinSet::new();
    for n in 0..50 {
        let app = if n % 2 == 0 { test.app.clone() } else { test.other.clone() };
        let text = text.clone();
        uses.spawn(async move { refresh_at(&app, &text).await.expect(200) });
    }
    let mut successors: Vec<_> = uses.join_all().await.iter().map(token).collect();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    test.refresh(&successors[0]).await.expect(200);
}

#[tokio::test]
async fn a_session_expires_when_it_is_not_used_and_lives_on_when_it_is() {
    let test = Test::start().await;
    let day = 24 * 60 * 60;
    let mut tokens = test.sign_in().await;
    let idle = test.sign_in().await;
    for _ in 0..3 {
        test.advance(3 * day);
        tokens = test.refresh(&token(&tokens)).await.expect(200);
    }
    test.refresh(&token(&idle)).await.expect_problem(401, "auth.invalid_refresh_token");
    assert!(test.is_active(&tokens).await);
}

#[tokio::test]
async fn a_session_ends_after_its_absolute_lifetime_however_often_it_is_used() {
    let test = Test::start().await;
    let day = 24 * 60 * 60;
    let mut tokens = test.sign_in().await;
    for _ in 0..5 {
        test.advance(6 * day - 1);
        tokens = test.refresh(&token(&tokens)).await.expect(200);
    }
    assert!(test.is_active(&tokens).await);
    let list = test.app.get(&person(&tokens), "/api/v1/auth/sessions").await.expect(200);
    assert_eq!(list["items"][0]["expires_at"], "2026-01-31T12:00:00Z");
    test.advance(5);
    assert!(!test.is_active(&tokens).await);
    test.refresh(&token(&tokens)).await.expect_problem(401, "auth.invalid_refresh_token");
}

#[tokio::test]
async fn a_refresh_keeps_how_and_when_its_user_authenticated() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    test.advance(600);
    let second = test.refresh(&token(&first)).await.expect(200);
    assert_eq!(claims(&second)["amr"], claims(&first)["amr"]);
    assert_eq!(claims(&second)["auth_time"], claims(&first)["auth_time"]);
}

#[tokio::test]
async fn a_sign_out_ends_this_session_and_no_other() {
    let test = Test::start().await;
    let (one, two) = (test.sign_in().await, test.sign_in().await);
    let ada = person(&one);
    for _ in 0..2 {
        test.app.post(&ada, "/api/v1/auth/logout", &json!({})).await.expect(204);
    }
    assert!(!test.is_active(&one).await);
    assert!(test.is_active(&two).await);
    test.refresh(&token(&one)).await.expect_problem(401, "auth.invalid_refresh_token");
    let announced = test.store.announced_types("auth");
    assert_eq!(announced.iter().filter(|kind| kind.ends_with("logged_out")).count(), 1);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_until_the_next_sign_in() {
    let test = Test::start().await;
    let (one, two) = (test.sign_in().await, test.sign_in().await);
    test.advance(1);
    test.app.post(&person(&one), "/api/v1/auth/logout-all", &json!({})).await.expect(204);
    assert!(!test.is_active(&one).await && !test.is_active(&two).await);
    test.refresh(&token(&two)).await.expect_problem(401, "auth.invalid_refresh_token");
    test.advance(1);
    assert!(test.is_active(&test.sign_in().await).await);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_only() {
    let test = Test::start().await;
    let (one, two) = (test.sign_in().await, test.sign_in().await);
    test.advance(1);
    let body = json!({"current_password": "a", "new_password": "b"});
    let path = "/api/v1/auth/password/change";
    test.app.post(&person(&one), path, &body).await.expect(204);
    assert!(test.is_active(&one).await);
    assert!(!test.is_active(&two).await);
    test.refresh(&token(&one)).await.expect(200);
}

#[tokio::test]
async fn a_sign_in_with_a_former_password_does_not_survive_its_reset_by_being_a_moment_later() {
    let test = Test::start().await;
    // The reset took its time stamp, then the sign-in was checked, then the reset was committed.
    let stamped = test.clock.now();
    test.advance(1);
    let late = test.sign_in().await;
    let user_id = test.world.user.lock().unwrap().id;
    let changed = PasswordChanged { user_id, kept_session_id: None, password_version: 1 };
    // With the new password, before the event arrives.
    *test.world.password_version.lock().unwrap() = 1;
    let fresh = test.sign_in().await;
    test.hear_at(stamped, &changed).await;
    assert!(!test.is_active(&late).await);
    test.refresh(&token(&late)).await.expect_problem(401, "auth.invalid_refresh_token");
    assert!(test.is_active(&fresh).await);
    // The event may come twice.
    let announced = test.store.announced_types("auth").len();
    test.hear_at(stamped, &changed).await;
    assert_eq!(test.store.announced_types("auth").len(), announced);
}

#[tokio::test]
async fn the_event_of_a_changed_password_says_nothing_that_was_not_said() {
    let test = Test::start().await;
    let (one, two) = (test.sign_in().await, test.sign_in().await);
    test.advance(1);
    let body = json!({"current_password": "a", "new_password": "b"});
    test.app.post(&person(&one), "/api/v1/auth/password/change", &body).await.expect(204);
    let user_id = test.world.user.lock().unwrap().id;
    let kept_session_id = Some(session(&one));
    let changed = PasswordChanged { user_id, kept_session_id, password_version: 1 };
    test.hear(&changed).await;
    let announced = test.store.announced_types("auth");
    assert_eq!(announced.iter().filter(|kind| kind.ends_with("session_revoked")).count(), 1);
    assert!(test.is_active(&one).await && !test.is_active(&two).await);
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_only() {
    let test = Test::start().await;
    let one = test.sign_in().await;
    test.advance(1);
    let two = test.sign_in().await;
    let ada = person(&one);
    let list = test.app.get(&ada, "/api/v1/auth/sessions").await.expect(200);
    let seen: Vec<_> = list["items"].as_array().unwrap().iter().map(|s| &s["id"]).collect();
    assert_eq!(seen, [&json!(session(&two)), &json!(session(&one))]);
    assert_eq!(list["items"][1]["is_current"], true);
    assert_eq!(list["items"][0]["ip_address"], "203.0.113.7");

    let path = format!("/api/v1/auth/sessions/{}", session(&two));
    let stranger = Person::with(&[]).of_tenant(ada.tenant());
    test.app.delete(&stranger, &path).await.expect_problem(404, "auth.session_not_found");
    let foreigner = Person::with(&[]).as_user(ada.user());
    test.app.delete(&foreigner, &path).await.expect_problem(404, "auth.session_not_found");
    test.app.delete(&ada, &path).await.expect(204);
    test.app.delete(&ada, &path).await.expect_problem(404, "auth.session_not_found");
    assert!(!test.is_active(&two).await);
    let nonsense = test.app.delete(&ada, "/api/v1/auth/sessions/nonsense").await;
    nonsense.expect_problem(404, "request.not_found");
}

#[tokio::test]
async fn a_cursor_of_somebody_else_is_refused() {
    let test = Test::start().await;
    let one = test.sign_in().await;
    test.sign_in().await;
    let ada = person(&one);
    let page = test.app.get(&ada, "/api/v1/auth/sessions?limit=1").await.expect(200);
    let path = format!("/api/v1/auth/sessions?cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(test.app.get(&ada, &path).await.expect(200)["items"].as_array().unwrap().len(), 1);
    let stranger = Person::with(&[]).of_tenant(ada.tenant());
    test.app.get(&stranger, &path).await.expect_invalid(&["?cursor"]);
    let foreigner = Person::with(&[]).as_user(ada.user());
    test.app.get(&foreigner, &path).await.expect_invalid(&["?cursor"]);
}

#[tokio::test]
async fn a_new_password_does_not_bring_an_ended_session_back() {
    let test = Test::start().await;
    let one = test.sign_in().await;
    let ada = person(&one);
    test.advance(1);
    test.app.post(&ada, "/api/v1/auth/logout-all", &json!({})).await.expect(204);
    test.advance(1);
    // A cached decision may let one more request of the ended session through.
    let body = json!({"current_password": "a", "new_password": "b"});
    test.app.post(&ada, "/api/v1/auth/password/change", &body).await.expect(204);
    assert!(!test.is_active(&one).await);
    test.refresh(&token(&one)).await.expect_problem(401, "auth.invalid_refresh_token");
}

#[tokio::test]
async fn a_refresh_that_cannot_be_answered_spends_nothing() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    *test.world.roles_are_down.lock().unwrap() = true;
    test.refresh(&token(&first)).await.expect_problem(503, "internal.unavailable");
    *test.world.roles_are_down.lock().unwrap() = false;
    test.advance(60);
    test.refresh(&token(&first)).await.expect(200);
}
