//! Users that are asked for more than once with one idempotency key.

use http::Method;
use jiff::SignedDuration;
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::common::{PASSWORD, World, admin, path_of};

const EMAIL: &str = "grace@example.org";

impl World {
    async fn create_with_key(&self, admin: &Person, body: &Value) -> Answer {
        self.app.post_with_key(admin, "/api/v1/users", body, "k").await
    }

    async fn register_with_id(&self, tenant: TenantId, user: UserId) -> Answer {
        let body = json!({
            "tenant_id": tenant, "user_id": user, "email": EMAIL, "password": PASSWORD,
            "name": "Grace Hopper",
        });
        self.app.internal(Method::POST, "/internal/identity/registrations", Some(&body)).await
    }
}

fn grace() -> Value {
    json!({"email": EMAIL, "first_name": "Grace", "username": "grace", "password": PASSWORD})
}

#[tokio::test]
async fn a_user_asked_for_twice_is_made_once() {
    let world = World::open().await;
    let admin = admin();
    let first = world.create_with_key(&admin, &grace()).await;
    let again = world.create_with_key(&admin, &grace()).await;
    assert!(again.is_replayed());
    assert_eq!(again.expect(201), first.expect(201));
    assert_eq!(world.news().await, ["platform.user.created"]);
    assert_eq!(world.mailbox.to(EMAIL).len(), 1);
}

#[tokio::test]
async fn after_a_crash_the_retry_finds_the_user_and_sends_no_second_mail() {
    let world = World::open().await;
    let admin = admin();
    world.records.die_once();
    world.create_with_key(&admin, &grace()).await.expect(500);
    world.clock.advance(SignedDuration::from_secs(31));
    let user = world.create_with_key(&admin, &grace()).await.expect(201);
    assert_eq!(world.app.get(&admin, &path_of(&user, "")).await.expect(200), user);
    assert_eq!(world.news().await, ["platform.user.created"]);
    world.verify(&world.mailbox.last_token(EMAIL)).await.expect(204);
    assert_eq!(world.check(EMAIL, PASSWORD).await["user"]["id"], user["id"]);
}

#[tokio::test]
async fn an_address_that_is_taken_by_another_is_still_refused() {
    let world = World::open().await;
    let admin = admin();
    world.create(&admin, EMAIL, "Grace", "Hopper").await;
    let taken = world.create_with_key(&admin, &grace()).await;
    taken.expect_problem(409, "user.email_taken");
}

#[tokio::test]
async fn a_user_who_was_deleted_before_the_retry_does_not_come_back() {
    let world = World::open().await;
    let admin = admin();
    world.records.die_once();
    world.create_with_key(&admin, &grace()).await.expect(500);
    let list = world.app.get(&admin, "/api/v1/users").await.expect(200);
    world.app.delete(&admin, &path_of(&list["items"][0], "")).await.expect(204);
    world.clock.advance(SignedDuration::from_secs(31));
    let retry = world.create_with_key(&admin, &grace()).await;
    retry.expect_problem(409, "user.email_taken");
}

#[tokio::test]
async fn an_import_asked_for_again_after_a_crash_is_the_same_import() {
    let world = World::open().await;
    let admin = admin();
    let import = async || {
        let line = json!({"email": EMAIL, "first_name": "Grace"}).to_string();
        let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "k")];
        world.app.post_text(&admin, "/api/v1/users/import", &line, &headers).await
    };
    world.records.die_once();
    import().await.expect(500);
    world.deliver().await;
    world.deliver().await;
    world.clock.advance(SignedDuration::from_secs(31));
    let found = import().await.expect(202);
    assert_eq!((&found["status"], &found["created"]), (&json!("completed"), &json!(1)));
    let again = import().await;
    assert!(again.is_replayed());
    assert_eq!(again.expect(202), found);
    assert!(world.news().await.is_empty());
}

#[tokio::test]
async fn a_registration_that_comes_again_with_its_id_is_one_registration() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    for _ in 0..2 {
        world.register_with_id(tenant, user).await.expect(204);
    }
    assert_eq!(world.news().await, ["platform.user.created"]);
    assert_eq!(world.mailbox.to(EMAIL).len(), 1);
}

#[tokio::test]
async fn so_is_one_with_an_address_that_waits_for_its_owner() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    world.register(tenant, EMAIL).await.expect(204);
    world.deliver().await;
    for _ in 0..2 {
        world.register_with_id(tenant, user).await.expect(204);
    }
    assert_eq!(world.news().await, ["platform.user.mail_requested"]);
    world.verify(&world.mailbox.last_token(EMAIL)).await.expect(204);
    assert_eq!(world.check(EMAIL, PASSWORD).await["outcome"], "right");
    // Proven in between: there is nothing to register, and nobody is told twice.
    world.register_with_id(tenant, user).await.expect(204);
    world.deliver().await;
    assert_eq!(world.mailbox.to(EMAIL).len(), 2);
}

#[tokio::test]
async fn the_owner_of_an_address_hears_once_of_one_registration() {
    let world = World::open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    world.active(tenant, EMAIL).await;
    world.deliver().await;
    for _ in 0..2 {
        world.register_with_id(tenant, user).await.expect(204);
    }
    assert_eq!(world.news().await, ["platform.user.mail_requested"]);
    world.register_with_id(tenant, UserId::new()).await.expect(204);
    assert_eq!(world.news().await, ["platform.user.mail_requested"]);
}
