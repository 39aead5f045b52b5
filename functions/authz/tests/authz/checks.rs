//! Asking what somebody may do, and why.

use contracts::{
    authz::MEMBER,
    generated::permissions::{AUTHZ_CHECK, ROLE_READ, USER_DELETE},
};
use kernel::id::UserId;
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::support::{Service, colleague, create_role, give, open, owner};

async fn check(service: &Service, person: &Person, body: Value) -> Answer {
    service.app.post(person, "/api/v1/authz/check", &body).await
}

async fn check_all(service: &Service, person: &Person, checks: Value) -> Answer {
    service.app.post(person, "/api/v1/authz/check/batch", &json!({"checks": checks})).await
}

fn no() -> Value {
    json!({"allowed": false, "reason": {"kind": "none", "role": null}})
}

fn yes(id: &Value, name: &str) -> Value {
    json!({"allowed": true, "reason": {"kind": "role", "role": {"id": id, "name": name}}})
}

#[tokio::test]
async fn callers_learn_what_they_may_and_by_which_role() {
    let service = open().await;
    let caller = Person::with(&[]);
    let allowed = check(&service, &caller, json!({"permission": ROLE_READ})).await.expect(200);
    assert_eq!(allowed, yes(&json!(MEMBER.id), "member"));
    let own = json!({"permission": USER_DELETE, "user_id": caller.user()});
    assert_eq!(check(&service, &caller, own).await.expect(200), no());

    let owner = owner().of_tenant(caller.tenant());
    let role = create_role(&service.app, &owner, "Cleaner", &[USER_DELETE]).await;
    give(&service.app, caller.tenant(), caller.user(), &["member", "cleaner"]).await;
    let allowed = check(&service, &caller, json!({"permission": USER_DELETE})).await.expect(200);
    assert_eq!(allowed, yes(&role["id"], "Cleaner"));
}

#[tokio::test]
async fn a_question_about_somebody_else_needs_its_permission() {
    let service = open().await;
    let nosy = Person::with(&[]);
    let other = UserId::new();
    give(&service.app, nosy.tenant(), other, &["member", "viewer"]).await;
    let question = json!({"permission": ROLE_READ, "user_id": other});
    check(&service, &nosy, question.clone()).await.expect_problem(403, "auth.forbidden");
    let mixed = json!([{"permission": ROLE_READ}, question.clone()]);
    check_all(&service, &nosy, mixed).await.expect_problem(403, "auth.forbidden");

    let auditor = colleague(&nosy, &[AUTHZ_CHECK]);
    let allowed = check(&service, &auditor, question.clone()).await.expect(200);
    assert_eq!(allowed, yes(&json!(MEMBER.id), "member"));
    // To an auditor of another tenant the same user is nobody.
    let stranger = Person::with(&[AUTHZ_CHECK]);
    assert_eq!(check(&service, &stranger, question).await.expect(200), no());
}

#[tokio::test]
async fn a_made_up_user_may_nothing() {
    let service = open().await;
    let auditor = Person::with(&[AUTHZ_CHECK]);
    let question = json!({"permission": ROLE_READ, "user_id": UserId::new()});
    assert_eq!(check(&service, &auditor, question).await.expect(200), no());
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let service = open().await;
    let auditor = Person::with(&[AUTHZ_CHECK]);
    let other = UserId::new();
    give(&service.app, auditor.tenant(), other, &["admin"]).await;
    let checks = json!([
        {"permission": USER_DELETE},
        {"permission": USER_DELETE, "user_id": other},
        {"permission": ROLE_READ, "user_id": null},
        {"permission": ROLE_READ, "user_id": UserId::new()},
    ]);
    let answer = check_all(&service, &auditor, checks).await.expect(200);
    let results = answer["results"].as_array().unwrap();
    let allowed: Vec<_> =
        results.iter().map(|result| result["allowed"].as_bool().unwrap()).collect();
    assert_eq!(allowed, [false, true, true, false]);
}

#[tokio::test]
async fn unknown_permissions_are_pointed_at() {
    let service = open().await;
    let caller = Person::with(&[]);
    for code in ["", "no.such", "\u{0}", &"x".repeat(10_000)] {
        check(&service, &caller, json!({"permission": code}))
            .await
            .expect_invalid(&["/permission"]);
    }
    let user = json!({"permission": ROLE_READ, "user_id": "x"});
    check(&service, &caller, user).await.expect_invalid(&["/user_id"]);
    let checks = json!([{"permission": "no.such"}, {"permission": ROLE_READ}, {"permission": "x"}]);
    let answer = check_all(&service, &caller, checks).await;
    answer.expect_invalid(&["/checks/0/permission", "/checks/2/permission"]);
}

#[tokio::test]
async fn a_batch_has_1_to_100_questions() {
    let service = open().await;
    let caller = Person::with(&[]);
    let questions = |count: usize| Value::from(vec![json!({"permission": ROLE_READ}); count]);
    check_all(&service, &caller, questions(0)).await.expect_invalid(&["/checks"]);
    check_all(&service, &caller, questions(101)).await.expect_invalid(&["/checks"]);
    let answer = check_all(&service, &caller, questions(100)).await.expect(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 100);
}
