//! Suspensions and activations, and what the authorization service hears of them.

use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::{Answer, Person};

use crate::common::{World, admin, path_of};

struct Test {
    world: World,
    admin: Person,
    user: Value,
}

impl Test {
    async fn open() -> Self {
        let world = World::open().await;
        let tenant = TenantId::new();
        let user = world.active(tenant, "ada@example.org").await;
        Self { world, admin: admin().of_tenant(tenant), user }
    }

    async fn call(&self, verb: &str) -> Answer {
        self.world.app.post(&self.admin, &path_of(&self.user, verb), &json!({})).await
    }

    /// The status, and whether the authorization service takes the user for suspended.
    async fn standing(&self) -> (Value, bool) {
        let user = self.world.app.get(&self.admin, &path_of(&self.user, "")).await.expect(200);
        (user["status"].clone(), self.world.authz.is_suspended(self.id()))
    }

    fn id(&self) -> UserId {
        self.user["id"].as_str().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn the_authorization_service_hears_of_suspensions_and_activations() {
    let test = Test::open().await;
    test.call("/suspend").await.expect(200);
    assert_eq!(test.standing().await, (json!("suspended"), true));
    test.call("/activate").await.expect(200);
    assert_eq!(test.standing().await, (json!("active"), false));
}

#[tokio::test]
async fn a_suspension_that_was_cut_short_is_completed_by_the_next() {
    let test = Test::open().await;
    test.world.authz.lose_next_answer();
    test.call("/suspend").await.expect_problem(503, "internal.unavailable");
    // Not counted though able to act: the other way round, a tenant could lose its last owner.
    assert_eq!(test.standing().await, (json!("active"), true));
    test.call("/suspend").await.expect(200);
    assert_eq!(test.standing().await, (json!("suspended"), true));
}

#[tokio::test]
async fn a_suspension_that_was_cut_short_is_undone_by_an_activation() {
    let test = Test::open().await;
    test.world.authz.lose_next_answer();
    test.call("/suspend").await.expect_problem(503, "internal.unavailable");
    test.call("/activate").await.expect(200);
    assert_eq!(test.standing().await, (json!("active"), false));
}

#[tokio::test]
async fn an_activation_that_was_cut_short_is_completed_by_the_next() {
    let test = Test::open().await;
    test.call("/suspend").await.expect(200);
    test.world.authz.lose_next_answer();
    test.call("/activate").await.expect_problem(503, "internal.unavailable");
    assert_eq!(test.standing().await.0, "active");
    test.call("/activate").await.expect(200);
    assert_eq!(test.standing().await, (json!("active"), false));
}

#[tokio::test]
async fn after_both_at_the_same_time_the_services_agree() {
    for (first, second) in [("/suspend", "/activate"), ("/activate", "/suspend")] {
        for was_suspended in [false, true] {
            let test = Test::open().await;
            if was_suspended {
                test.call("/suspend").await.expect(200);
            }
            let (app, admin) = (test.world.app.clone(), test.admin.clone());
            let path = path_of(&test.user, second);
            test.world.authz.meanwhile(async move {
                app.post(&admin, &path, &json!({})).await.expect(200);
            });
            test.call(first).await.expect(200);
            let (status, is_suspended) = test.standing().await;
            assert_eq!(status == "suspended", is_suspended, "{first}, {was_suspended}");
        }
    }
}

#[tokio::test]
async fn only_an_active_user_becomes_an_owner() {
    let test = Test::open().await;
    let (world, admin) = (&test.world, &test.admin);
    let pending = world.create(admin, "grace@example.org", "Grace", "").await;
    test.call("/suspend").await.expect(200);
    for user in [&pending, &test.user] {
        let body = json!({ "roles": ["owner"] });
        let set = world.app.put(admin, &path_of(user, "/roles"), &body).await;
        set.expect_problem(409, "user.not_active");
        let added = world.app.post(admin, &path_of(user, "/roles/owner"), &json!({})).await;
        added.expect_problem(409, "user.not_active");
    }
    test.call("/activate").await.expect(200);
    world.app.post(admin, &path_of(&test.user, "/roles/owner"), &json!({})).await.expect(200);
}
