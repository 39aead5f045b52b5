//! Authenticator apps, recovery codes, and the sign-in that asks for them.

use contracts::{
    events::{PasswordChanged, TenantUpdated},
    identity::UserStatus,
    tenant::TenantStatus,
};
use kernel::clock::Clock;
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{AuthenticatorApp, PASSWORD, Test, claims, person, session, texts, token};

#[tokio::test]
async fn an_authenticator_app_is_enrolled_by_its_first_code() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let shown = test.post(&ada, "/mfa/totp", json!({})).await.expect(201);
    assert_eq!(shown["secret"].as_str().unwrap().len(), 32, "160 bits");
    let url = shown["otpauth_url"].as_str().unwrap();
    assert!(url.starts_with("otpauth://totp/Plinth:ada%40example.org?secret="), "{url}");
    // Until it is confirmed it counts for nothing.
    test.sign_in().await;
    let wrong = test.post(&ada, "/mfa/totp/confirm", json!({"code": "x"})).await;
    wrong.expect_invalid(&["/code"]);
    let (app, codes) = test.enroll_totp(&ada).await;
    assert_eq!(app.secret.len(), 20);
    assert_eq!(codes.len(), 10);
    let seen = test.get(&ada, "/mfa").await.expect(200);
    assert_eq!(seen["is_enrolled"], true);
    assert_eq!(seen["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(seen["recovery_codes_left"], 10);
    let announced = test.store.announced("auth");
    let enabled = announced.last().unwrap();
    assert_eq!(enabled.kind, "platform.auth.mfa_enabled");
    assert_eq!(enabled.data["factor"], "totp");
    let stored = test.stored_factors().await.to_string();
    assert!(!stored.contains(shown["secret"].as_str().unwrap()));
    assert!(codes.iter().all(|code| !stored.contains(code.as_str())), "codes are stored hashed");
    let nothing = test.post(&ada, "/mfa/totp/confirm", json!({"code": "123456"})).await;
    nothing.expect_problem(409, "auth.nothing_to_confirm");
}

#[tokio::test]
async fn a_shown_secret_waits_for_a_quarter_of_an_hour() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    test.post(&ada, "/mfa/totp", json!({})).await.expect(201);
    test.advance(15 * 60);
    let late = test.post(&ada, "/mfa/totp/confirm", json!({"code": "123456"})).await;
    late.expect_problem(409, "auth.nothing_to_confirm");
}

#[tokio::test]
async fn with_a_factor_the_right_password_gets_a_challenge_and_the_code_a_session() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    let demanded = test.try_sign_in(PASSWORD).await.expect_problem(401, "auth.mfa_required");
    assert_eq!(demanded["methods"], json!(["totp", "recovery_code"]));
    assert_eq!(demanded["expires_in"], 300);
    assert!(demanded["access_token"].is_null());
    let challenge = demanded["challenge"].as_str().unwrap();
    test.advance(2);
    let signed_in = test.give_code(challenge, &app.code(&test.clock)).await.expect(200);
    assert_eq!(signed_in["user"]["email"], "ada@example.org");
    let claims = claims(&signed_in);
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["auth_time"], test.clock.now().as_second());
    assert!(test.is_active(&signed_in).await);
    test.refresh(&token(&signed_in)).await.expect(200);
}

#[tokio::test]
async fn the_challenge_is_no_token_and_good_for_one_success() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let challenge = test.challenge().await;
    test.refresh(&challenge).await.expect_problem(401, "auth.invalid_refresh_token");
    // Nor for enrolling another factor.
    let enrol = test.public("/login/mfa/totp", json!({"challenge": challenge})).await;
    enrol.expect_problem(401, "auth.challenge_invalid");
    test.give_code(&challenge, &app.code(&test.clock)).await.expect(200);
    test.advance(30);
    let again = test.give_code(&challenge, &app.code(&test.clock)).await;
    again.expect_problem(401, "auth.challenge_invalid");
    for unknown in ["", "x", "☃", &token(&json!({"refresh_token": challenge}))] {
        let code = app.code(&test.clock);
        test.give_code(unknown, &code).await.expect_problem(401, "auth.challenge_invalid");
    }
}

#[tokio::test]
async fn a_challenge_dies_after_five_minutes() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let challenge = test.challenge().await;
    test.advance(300);
    let late = test.give_code(&challenge, &app.code(&test.clock)).await;
    late.expect_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn a_code_is_good_once_whoever_uses_it() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let code = app.code(&test.clock);
    let challenge = test.challenge().await;
    let signed_in = test.give_code(&challenge, &code).await.expect(200);
    let challenge = test.challenge().await;
    test.give_code(&challenge, &code).await.expect_problem(401, "auth.invalid_code");
    let again = test.post(&person(&signed_in), "/step-up", json!({"code": code})).await;
    again.expect_problem(403, "auth.step_up_refused");
    assert_eq!(test.refusals(), ["invalid_second_factor", "invalid_second_factor"]);
    // An earlier step, which the window still has, is spent with it.
    let earlier = app.code_at(test.clock.now().as_second() - 30);
    test.give_code(&challenge, &earlier).await.expect_problem(401, "auth.invalid_code");
}

#[tokio::test]
async fn of_parallel_uses_of_one_code_one_succeeds() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let code = app.code(&test.clock);
    let mut uses = tokio::task::JoinSet::new();
    for n in 0..4 {
        let challenge = test.challenge().await;
        let app = if n % 2 == 0 { test.app.clone() } else { test.other.clone() };
        let body = json!({"challenge": challenge, "code": code});
        uses.spawn(async move {
            app.post(&Person::anonymous(), "/api/v1/auth/login/mfa", &body).await.status.as_u16()
        });
    }
    let mut statuses = uses.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401]);
}

#[tokio::test]
async fn a_recovery_code_is_good_once() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let (_, codes) = test.enroll_totp(&ada).await;
    let give = async |code: &str| {
        let challenge = test.challenge().await;
        test.public("/login/mfa", json!({"challenge": challenge, "recovery_code": code})).await
    };
    let signed_in = give(&codes[3].to_uppercase().replace('-', " ")).await.expect(200);
    assert_eq!(claims(&signed_in)["amr"], json!(["pwd", "otp", "mfa"]));
    give(&codes[3]).await.expect_problem(401, "auth.invalid_code");
    let (one, other) = tokio::join!(give(&codes[4]), give(&codes[4]));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(test.get(&ada, "/mfa").await.expect(200)["recovery_codes_left"], 8);
    // New ones make the old ones worthless.
    let ada = person(&signed_in);
    let renewed = test.post(&ada, "/mfa/recovery-codes", json!({})).await.expect(201);
    give(&codes[5]).await.expect_problem(401, "auth.invalid_code");
    give(&texts(&renewed["recovery_codes"])[0]).await.expect(200);
}

#[tokio::test]
async fn guessing_kills_the_challenge_and_then_makes_the_account_wait() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let wrong = app.wrong_code(&test.clock);
    let challenge = test.challenge().await;
    for _ in 0..5 {
        test.give_code(&challenge, &wrong).await.expect_problem(401, "auth.invalid_code");
    }
    // Dead, for the right code too.
    let right = app.code(&test.clock);
    test.give_code(&challenge, &right).await.expect_problem(401, "auth.challenge_invalid");
    // A new one does not bring new guesses: they are counted by account.
    let challenge = test.challenge().await;
    let locked = test.give_code(&challenge, &right).await;
    assert_eq!(locked.headers["retry-after"], "1");
    locked.expect_problem(429, "auth.locked_out");
    test.advance(1);
    test.give_code(&challenge, &right).await.expect(200);
    assert!(test.refusals().ends_with(&["locked_out".to_owned()]));
}

#[tokio::test]
async fn of_many_guesses_at_once_only_a_few_are_looked_at() {
    let test = Test::start().await;
    let (app, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let challenge = test.challenge().await;
    let wrong = app.wrong_code(&test.clock);
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (app, body) = (test.app.clone(), json!({"challenge": challenge, "code": wrong}));
        guesses.spawn(async move {
            app.post(&Person::anonymous(), "/api/v1/auth/login/mfa", &body).await.body["code"]
                .clone()
        });
    }
    let answers = guesses.join_all().await;
    let judged = answers.iter().filter(|code| *code == "auth.invalid_code").count();
    assert!(judged <= 5, "{answers:?}");
    assert!(test.refusals().len() <= 5);
}

#[tokio::test]
async fn a_proof_of_one_person_does_nothing_for_another() {
    let test = Test::start().await;
    let (app, codes) = test.enroll_totp(&person(&test.sign_in().await)).await;
    // Somebody else of the same tenant, with a factor of their own.
    let ada = test.world.user.lock().unwrap().clone();
    test.world.user.lock().unwrap().id = kernel::id::UserId::new();
    let (_, _) = test.enroll_totp(&person(&test.sign_in().await)).await;
    let eve = test.challenge().await;
    let code = app.code(&test.clock);
    test.give_code(&eve, &code).await.expect_problem(401, "auth.invalid_code");
    let body = json!({"challenge": eve, "recovery_code": codes[0]});
    test.public("/login/mfa", body).await.expect_problem(401, "auth.invalid_code");
    *test.world.user.lock().unwrap() = ada;
    // And Eve's challenge does not sign Ada in, who is the only one there is now.
    test.give_code(&eve, &code).await.expect_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn what_ends_sessions_ends_sign_ins_that_wait_for_their_second_factor() {
    let test = Test::start().await;
    let first = test.sign_in().await;
    let (app, _) = test.enroll_totp(&person(&first)).await;
    let code = || app.code(&test.clock);
    let challenge = test.challenge().await;
    test.post(&person(&first), "/logout-all", json!({})).await.expect(204);
    test.give_code(&challenge, &code()).await.expect_problem(401, "auth.challenge_invalid");

    test.advance(1);
    let challenge = test.challenge().await;
    test.world.user.lock().unwrap().status = UserStatus::Suspended;
    test.give_code(&challenge, &code()).await.expect_problem(401, "auth.challenge_invalid");
    test.world.user.lock().unwrap().status = UserStatus::Active;
    *test.world.tenant_status.lock().unwrap() = TenantStatus::Suspended;
    test.give_code(&challenge, &code()).await.expect_problem(403, "auth.tenant_suspended");
    *test.world.tenant_status.lock().unwrap() = TenantStatus::Active;

    // A new password, whose event bears a time of before the sign-in.
    let user_id = test.world.user.lock().unwrap().id;
    let before = test.clock.now() - jiff::SignedDuration::from_secs(60);
    let changed = PasswordChanged { user_id, kept_session_id: None, password_version: 1 };
    test.hear_at(before, &changed).await;
    test.give_code(&challenge, &code()).await.expect_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn a_tenant_that_demands_a_second_factor_has_it_enrolled_at_sign_in() {
    let test = Test::start().await;
    let before = test.sign_in().await;
    test.world.demand_second_factor();
    // Sessions of before go on until their next refresh.
    test.refresh(&token(&before)).await.expect_problem(401, "auth.invalid_refresh_token");
    let demand = "auth.mfa_enrollment_required";
    let demanded = test.try_sign_in(PASSWORD).await.expect_problem(401, demand);
    assert_eq!(demanded["methods"], json!(["totp"]));
    let challenge = demanded["challenge"].as_str().unwrap();
    // It signs nobody in by itself.
    let nothing = test.give_code(challenge, "123456").await;
    nothing.expect_problem(401, "auth.challenge_invalid");
    let early = json!({"challenge": challenge, "code": "123456"});
    let early = test.public("/login/mfa/totp/confirm", early).await;
    early.expect_problem(409, "auth.nothing_to_confirm");
    let shown = test.public("/login/mfa/totp", json!({"challenge": challenge})).await.expect(201);
    let app = AuthenticatorApp::new(&shown);
    let confirm = |code: String| {
        test.public("/login/mfa/totp/confirm", json!({"challenge": challenge, "code": code}))
    };
    confirm(app.wrong_code(&test.clock)).await.expect_invalid(&["/code"]);
    let signed_in = confirm(app.code(&test.clock)).await.expect(200);
    assert_eq!(signed_in["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(claims(&signed_in)["amr"], json!(["pwd", "otp", "mfa"]));
    test.refresh(&token(&signed_in)).await.expect(200);
    confirm(app.code(&test.clock)).await.expect_problem(401, "auth.challenge_invalid");
    // It cannot be taken away again, only replaced.
    let last = test.delete(&person(&signed_in), "/mfa/totp").await;
    last.expect_problem(409, "auth.last_factor");
}

#[tokio::test]
async fn of_two_challenges_to_enrol_the_second_is_worth_nothing_once_a_factor_is_there() {
    let test = Test::start().await;
    test.world.demand_second_factor();
    let challenge = async || {
        let demand = "auth.mfa_enrollment_required";
        let demanded = test.try_sign_in(PASSWORD).await.expect_problem(401, demand);
        demanded["challenge"].as_str().unwrap().to_owned()
    };
    let (one, two) = (challenge().await, challenge().await);
    let begin = |challenge: &str| test.public("/login/mfa/totp", json!({"challenge": challenge}));
    let app = AuthenticatorApp::new(&begin(&one).await.expect(201));
    let confirm = |challenge: &str, code: String| {
        test.public("/login/mfa/totp/confirm", json!({"challenge": challenge, "code": code}))
    };
    confirm(&one, app.code(&test.clock)).await.expect(200);
    begin(&two).await.expect_problem(401, "auth.challenge_invalid");
    let late = confirm(&two, app.code(&test.clock)).await;
    late.expect_problem(401, "auth.challenge_invalid");
}

#[tokio::test]
async fn a_suspended_tenant_shows_only_after_the_right_password_and_stops_everything() {
    let test = Test::start().await;
    let before = test.sign_in().await;
    *test.world.tenant_status.lock().unwrap() = TenantStatus::Suspended;
    test.try_sign_in("wrong").await.expect_problem(401, "auth.invalid_credentials");
    test.try_sign_in(PASSWORD).await.expect_problem(403, "auth.tenant_suspended");
    test.refresh(&token(&before)).await.expect_problem(403, "auth.tenant_suspended");
    assert!(!test.is_active(&before).await, "access tokens stop working too");
    assert_eq!(test.refusals(), ["invalid_credentials", "tenant_suspended"]);
    *test.world.tenant_status.lock().unwrap() = TenantStatus::Active;
    test.refresh(&token(&before)).await.expect(200);
}

#[tokio::test]
async fn what_a_tenant_demands_is_remembered_for_a_while_and_until_it_changes() {
    let test = Test::with_tenant_memory(20).await;
    let reads = || *test.world.tenant_reads.lock().unwrap();
    test.sign_in().await;
    test.sign_in().await;
    assert_eq!(reads(), 1);
    test.world.demand_second_factor();
    test.sign_in().await;
    let tenant_id = test.world.user.lock().unwrap().tenant_id;
    test.hear(&TenantUpdated { tenant_id, changed: Vec::new() }).await;
    let demand = "auth.mfa_enrollment_required";
    test.try_sign_in(PASSWORD).await.expect_problem(401, demand);
    assert_eq!(reads(), 2);
    test.advance(20);
    test.try_sign_in(PASSWORD).await.expect_problem(401, demand);
    assert_eq!(reads(), 3);
}

#[tokio::test]
async fn without_the_last_factor_the_password_does_again_and_recovery_codes_are_gone() {
    let test = Test::start().await;
    let ada = person(&test.sign_in().await);
    let missing = test.delete(&ada, "/mfa/totp").await;
    missing.expect_problem(404, "auth.factor_not_found");
    let missing = test.post(&ada, "/mfa/recovery-codes", json!({})).await;
    missing.expect_problem(409, "auth.no_factor");
    test.enroll_totp(&ada).await;
    test.delete(&ada, "/mfa/totp").await.expect(204);
    let seen = test.get(&ada, "/mfa").await.expect(200);
    assert_eq!(seen["methods"], Value::Array(Vec::new()));
    assert_eq!(seen["recovery_codes_left"], 0);
    let types = test.store.announced_types("auth");
    assert!(types.ends_with(&["platform.auth.mfa_disabled".to_owned()]), "{types:?}");
    test.sign_in().await;
}

#[tokio::test]
async fn two_sign_ins_at_once_both_succeed() {
    let test = Test::start().await;
    let (one, two) = tokio::join!(test.sign_in(), test.sign_in());
    assert_ne!(session(&one), session(&two));
    let (app, codes) = test.enroll_totp(&person(&one)).await;
    let (first, second) = (test.challenge().await, test.challenge().await);
    let by_recovery = json!({"challenge": second, "recovery_code": codes[0]});
    let code = app.code(&test.clock);
    let (one, two) =
        tokio::join!(test.give_code(&first, &code), test.public("/login/mfa", by_recovery),);
    assert_ne!(session(&one.expect(200)), session(&two.expect(200)));
}

#[tokio::test]
async fn exactly_one_proof_is_given() {
    let test = Test::start().await;
    test.enroll_totp(&person(&test.sign_in().await)).await;
    let challenge = test.challenge().await;
    let none = test.public("/login/mfa", json!({"challenge": challenge})).await;
    none.expect_invalid(&[""]);
    let two = json!({"challenge": challenge, "code": "1", "recovery_code": "2"});
    test.public("/login/mfa", two).await.expect_invalid(&[""]);
    let long = json!({"challenge": "x".repeat(129), "code": "1"});
    test.public("/login/mfa", long).await.expect_invalid(&["/challenge"]);
}
