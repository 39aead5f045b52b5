//! Accounts of people who sign in elsewhere.

use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::Answer;

use crate::common::{PASSWORD, World, admin, path_of};

async fn ensure(world: &World, tenant: TenantId, user: UserId, email: &str) -> Answer {
    let path = format!("/internal/identity/tenants/{tenant}/users/{user}/proven");
    let body = json!({"email": email, "first_name": "Ada", "last_name": ""});
    world.app.internal(Method::PUT, &path, Some(&body)).await
}

async fn find(world: &World, tenant: TenantId, email: &str) -> Value {
    let path = format!("/internal/identity/tenants/{tenant}/user-by-email");
    let body = json!({"email": email});
    world.app.internal(Method::PUT, &path, Some(&body)).await.expect(200)
}

async fn has_password(world: &World, user: &Value) -> Value {
    let (tenant, id) = (user["tenant_id"].as_str().unwrap(), user["id"].as_str().unwrap());
    let path = format!("/internal/identity/tenants/{tenant}/users/{id}/password");
    world.app.internal(Method::GET, &path, None).await.expect(200)["is_set"].clone()
}

#[tokio::test]
async fn a_proven_person_is_active_has_no_password_and_is_made_once() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let (one, two) = tokio::join!(
        ensure(&world, tenant, user, "ada@example.org"),
        ensure(&world, tenant, user, "ada@example.org"),
    );
    let made = one.expect(200);
    assert_eq!(two.expect(200), made);
    assert_eq!((&made["status"], &made["email_verified"]), (&json!("active"), &json!(true)));
    assert_eq!(world.news().await, ["platform.user.created"]);
    assert!(world.mailbox.to("ada@example.org").is_empty(), "there is nothing to verify");
    assert_eq!(has_password(&world, &made).await, false);
    assert_eq!(world.check("ada@example.org", "").await["outcome"], "wrong");
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    let registered = world.active(tenant, "grace@example.org").await;
    assert_eq!(has_password(&world, &registered).await, true);
}

#[tokio::test]
async fn an_address_that_has_an_account_anywhere_is_not_given_to_a_proven_person() {
    let world = World::open().await;
    let tenant = TenantId::new();
    world.active(TenantId::new(), "ada@example.org").await;
    let answer = ensure(&world, tenant, UserId::new(), "ADA@example.org").await;
    answer.expect_problem(409, "user.email_taken");
    let answer = ensure(&world, tenant, UserId::new(), "no address").await;
    answer.expect_invalid(&["/email"]);
}

#[tokio::test]
async fn an_address_finds_its_user_within_the_tenant_only_and_while_it_lives() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    assert_eq!(find(&world, tenant, "Ada@EXAMPLE.org").await, user);
    assert_eq!(find(&world, TenantId::new(), "ada@example.org").await, Value::Null);
    for other in ["grace@example.org", "", "no address", "a\0@example.org"] {
        assert_eq!(find(&world, tenant, other).await, Value::Null, "{other:?}");
    }
    world.app.delete(&admin().of_tenant(tenant), &path_of(&user, "")).await.expect(204);
    assert_eq!(find(&world, tenant, "ada@example.org").await, Value::Null);
}
