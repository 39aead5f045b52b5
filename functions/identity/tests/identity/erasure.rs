//! What becomes of the deleted: they are restored in time, or else erased.

use jiff::SignedDuration;
use kernel::id::TenantId;
use serde_json::{Value, json};

use crate::common::{PASSWORD, World, admin, path_of};

impl World {
    async fn erase(&self) {
        let job = self.module.jobs.iter().find(|job| job.kind() == "identity.erase_deleted");
        job.unwrap().run(&Value::Null).await.unwrap();
    }
}

#[tokio::test]
async fn the_deleted_are_erased_when_their_time_has_come_and_not_before() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let admin = admin().of_tenant(tenant);
    let user = world.active(tenant, "ada@example.org").await;
    let body = json!({ "username": "ada" });
    world.app.patch(&admin, &path_of(&user, ""), &body).await.expect(200);
    let other = world.active(tenant, "grace@example.org").await;
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    world.clock.advance(SignedDuration::from_hours(24));
    world.app.delete(&admin, &path_of(&other, "")).await.expect(204);
    world.deliver().await;

    world.clock.advance(SignedDuration::from_hours(29 * 24) - SignedDuration::from_millis(1));
    world.erase().await;
    assert!(world.news().await.is_empty());
    world.clock.advance(SignedDuration::from_millis(1));
    world.erase().await;
    world.erase().await;
    let events = world.deliver().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.user.erased");
    assert_eq!(events[0].data, json!({ "user_id": user["id"] }));
    assert_eq!(world.items_of(&user).await, Vec::<Value>::new());
    assert_ne!(world.items_of(&other).await, Vec::<Value>::new());

    // Address and username are free, and nothing of the old account comes with them.
    let body = json!({ "email": "ada@example.org", "first_name": "New", "username": "ada" });
    let new = world.app.post(&admin, "/api/v1/users", &body).await.expect(201);
    assert_ne!(new["id"], user["id"]);
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    let restore = world.app.post(&admin, &path_of(&user, "/restore"), &json!({})).await;
    restore.expect_problem(404, "user.not_found");
}

#[tokio::test]
async fn many_are_erased_in_one_run() {
    let world = World::open().await;
    let admin = admin();
    for number in 0..60 {
        let email = format!("user{number}@example.org");
        let user = world.create(&admin, &email, "Some", "Body").await;
        world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    }
    world.deliver().await;
    world.clock.advance(SignedDuration::from_hours(31 * 24));
    world.erase().await;
    assert_eq!(world.news().await.len(), 60);
}

#[tokio::test]
async fn a_restored_user_is_what_they_were_and_is_not_erased() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let admin = admin().of_tenant(tenant);
    let user = world.active(tenant, "ada@example.org").await;
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    world.deliver().await;
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    let path = path_of(&user, "/restore");
    let restored = world.app.post(&admin, &path, &json!({})).await.expect(200);
    assert_eq!((&restored["status"], &restored["email"]), (&json!("active"), &user["email"]));
    assert_eq!(world.app.post(&admin, &path, &json!({})).await.expect(200), restored);
    assert_eq!(world.news().await, ["platform.user.restored"]);
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "right");
    for query in ["", "?q=lovelace", "?q=ada@"] {
        let page = world.app.get(&admin, &format!("/api/v1/users{query}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{query}");
    }
    world.clock.advance(SignedDuration::from_hours(365 * 24));
    world.erase().await;
    assert!(world.news().await.is_empty());
}

#[tokio::test]
async fn nobody_restores_a_user_of_another_tenant_or_one_that_never_was() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    world.app.delete(&admin().of_tenant(tenant), &path_of(&user, "")).await.expect(204);
    let answer = world.app.post(&admin(), &path_of(&user, "/restore"), &json!({})).await;
    answer.expect_problem(404, "user.not_found");
}

#[tokio::test]
async fn a_suspended_user_is_restored_as_suspended() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let admin = admin().of_tenant(tenant);
    let user = world.active(tenant, "ada@example.org").await;
    world.app.post(&admin, &path_of(&user, "/suspend"), &json!({})).await.expect(200);
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    let path = path_of(&user, "/restore");
    let restored = world.app.post(&admin, &path, &json!({})).await.expect(200);
    assert_eq!(restored["status"], "suspended");
}
