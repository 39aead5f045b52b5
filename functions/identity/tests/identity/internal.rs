use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{PASSWORD, World, admin, path_of};

fn path(tenant: TenantId, user: UserId) -> String {
    format!("/internal/identity/tenants/{tenant}/users/{user}")
}

fn account(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "first_name": "Olga", "last_name": "Operator" })
}

#[tokio::test]
async fn an_ensured_account_is_active_and_made_once() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let ensure =
        async |body: Value| world.app.internal(Method::PUT, &path(tenant, user), Some(&body)).await;
    let made = ensure(account("olga@example.org")).await.expect(200);
    assert_eq!(made["id"], user.to_string());
    assert_eq!(made["status"], "active");
    assert_eq!(made["email_verified"], true);
    assert_eq!(world.check("olga@example.org", PASSWORD).await["outcome"], "right");
    assert_eq!(ensure(account("other@example.org")).await.expect(200), made);
    assert_eq!(world.news().await, ["platform.user.created"]);
    // There is nothing to verify, so nothing to mail.
    assert!(world.mailbox.to("olga@example.org").is_empty());
    let found = world.app.internal(Method::GET, &path(tenant, user), None).await;
    assert_eq!(found.expect(200), made);
    let listed = world.app.get(&admin().of_tenant(tenant), "/api/v1/users?q=olga").await;
    assert_eq!(listed.expect(200)["items"], json!([made]));
}

#[tokio::test]
async fn a_random_password_is_hashed_cheaply_until_the_first_sign_in() {
    let settings = &[("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "2")];
    let world = World::open().await.with_settings(settings).await;
    let path = path(TenantId::new(), UserId::new());
    let mut body = account("olga@example.org");
    body["is_random"] = json!(true);
    world.app.internal(Method::PUT, &path, Some(&body)).await.expect(200);
    let hash = world.hash_of("olga@example.org").await;
    assert!(hash.contains("$m=8,t=1,p=1$"), "{hash}");
    assert_eq!(world.check("olga@example.org", "not the password").await["outcome"], "wrong");
    assert_eq!(world.check("olga@example.org", PASSWORD).await["outcome"], "right");
    let renewed = world.hash_of("olga@example.org").await;
    assert!(renewed.contains("t=2"), "{renewed}");
    assert_eq!(world.check("olga@example.org", PASSWORD).await["outcome"], "right");
}

#[tokio::test]
async fn of_many_who_ensure_at_once_all_get_the_same() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let (path, body) = (path(tenant, user), account("olga@example.org"));
    let ensure = || world.app.internal(Method::PUT, &path, Some(&body));
    let (one, two, three) = tokio::join!(ensure(), ensure(), ensure());
    let one = one.expect(200);
    assert_eq!(two.expect(200), one);
    assert_eq!(three.expect(200), one);
    assert_eq!(world.news().await, ["platform.user.created"]);
}

#[tokio::test]
async fn an_address_of_somebody_else_is_not_ensured() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    let body = account("ada@example.org");
    let answer =
        world.app.internal(Method::PUT, &path(TenantId::new(), UserId::new()), Some(&body)).await;
    answer.expect_problem(409, "user.email_taken");
    let body = json!({ "email": "x", "password": "", "first_name": "", "last_name": "" });
    let answer =
        world.app.internal(Method::PUT, &path(TenantId::new(), UserId::new()), Some(&body)).await;
    answer.expect_invalid(&["/email", "/password", "/first_name"]);
}

#[tokio::test]
async fn a_deleted_user_is_not_found_and_not_made_again() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let body = account("olga@example.org");
    let made = world.app.internal(Method::PUT, &path(tenant, user), Some(&body)).await.expect(200);
    world.app.delete(&admin().of_tenant(tenant), &path_of(&made, "")).await.expect(204);
    let found = world.app.internal(Method::GET, &path(tenant, user), None).await;
    assert_eq!(found.expect(200), Value::Null);
    let again = world.app.internal(Method::PUT, &path(tenant, user), Some(&body)).await;
    assert_eq!(again.expect(200)["status"], "deleted");
}

#[tokio::test]
async fn a_user_is_found_under_its_own_tenant_only() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let id = user["id"].as_str().unwrap().parse().unwrap();
    let tenant = user["tenant_id"].as_str().unwrap().parse().unwrap();
    let find =
        async |tenant| world.app.internal(Method::GET, &path(tenant, id), None).await.expect(200);
    assert_eq!(find(tenant).await, user);
    assert_eq!(find(TenantId::new()).await, Value::Null);
}

#[tokio::test]
async fn internal_routes_do_not_exist_for_the_gateway() {
    let world = World::open().await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    for person in [Person::anonymous(), admin()] {
        let answer = world.app.post(&person, "/internal/identity/password-checks", &body).await;
        answer.expect_problem(404, "request.not_found");
    }
}
