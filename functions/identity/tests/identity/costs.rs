use http::Method;
use kernel::id::TenantId;
use serde_json::json;
use testkit::assert_cost;

use crate::common::{PASSWORD, World, admin, path_of};

#[tokio::test]
async fn a_password_check_is_one_read() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    assert_cost(world.check("ada@example.org", PASSWORD), 1, 1).await;
    assert_cost(world.check("ada@example.org", "a wrong password"), 1, 1).await;
    assert_cost(world.check("nobody@example.org", PASSWORD), 1, 1).await;
}

#[tokio::test]
async fn getting_a_user_is_one_read_and_creating_one_is_one_write() {
    let world = World::open().await;
    let admin = admin();
    let user =
        assert_cost(world.create(&admin, "grace@example.org", "Grace", "Hopper"), 1, 1).await;
    assert_cost(world.app.get(&admin, &path_of(&user, "")), 1, 1).await.expect(200);
    let body = json!({ "first_name": "Grazia" });
    assert_cost(world.app.patch(&admin, &path_of(&user, ""), &body), 2, 2).await.expect(200);
    assert_cost(world.app.get(&admin, "/api/v1/users"), 1, 1).await.expect(200);
}

#[tokio::test]
async fn work_for_known_and_unknown_addresses_is_the_same() {
    let world = World::open().await;
    let tenant = TenantId::new();
    assert_cost(world.register(tenant, "ada@example.org"), 2, 2).await.expect(204);
    assert_cost(world.register(tenant, "ada@example.org"), 2, 2).await.expect(204);
    for path in ["email-verification/resend", "password-reset"] {
        for email in ["ada@example.org", "nobody@example.org"] {
            let path = format!("/api/v1/users/{path}");
            let (body, anybody) = (json!({ "email": email }), testkit::Person::anonymous());
            let call = world.app.call(&anybody, Method::POST, &path, Some(&body), &[]);
            assert_cost(call, 2, 2).await.expect(202);
        }
    }
}
