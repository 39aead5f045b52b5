use http::Method;
use kernel::id::{SessionId, TenantId};
use serde_json::{Value, json};
use testkit::Answer;

use crate::common::{PASSWORD, World, admin, path_of};

const OTHER_PASSWORD: &str = "seven seas and one gull";

impl World {
    async fn change_password(&self, user: &Value, current: &str, new: &str) -> Answer {
        let (tenant, id) = (user["tenant_id"].as_str().unwrap(), user["id"].as_str().unwrap());
        let path = format!("/internal/identity/tenants/{tenant}/users/{id}/password");
        let body = json!({
            "current_password": current, "new_password": new, "keep_session": SessionId::new(),
        });
        self.app.internal(Method::POST, &path, Some(&body)).await
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_wrong() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let wrong = world.check("ada@example.org", "another password").await;
    let expected =
        json!({ "outcome": "wrong", "tenant_id": user["tenant_id"], "user_id": user["id"] });
    assert_eq!(wrong, expected);
    let nobody = json!({ "outcome": "wrong", "tenant_id": null, "user_id": null });
    for email in ["nobody@example.org", "not an address", "", "\0", &"x".repeat(10_000)] {
        assert_eq!(world.check(email, PASSWORD).await, nobody);
    }
    for password in ["", "\0", &"x".repeat(500_000)] {
        assert_eq!(world.check("ada@example.org", password).await["outcome"], "wrong");
    }
}

#[tokio::test]
async fn an_account_without_a_password_cannot_sign_in() {
    let world = World::open().await;
    world.create(&admin(), "grace@example.org", "Grace", "Hopper").await;
    for password in ["", PASSWORD] {
        assert_eq!(world.check("grace@example.org", password).await["outcome"], "wrong");
    }
}

#[tokio::test]
async fn a_hash_is_renewed_at_sign_in_when_the_settings_have_changed() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    let stricter = world.with_settings(&[("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "2")]).await;
    let before = stricter.hash_of("ada@example.org").await;
    assert!(before.contains("t=1"), "{before}");
    assert_eq!(stricter.check("ada@example.org", "a wrong password").await["outcome"], "wrong");
    assert_eq!(stricter.hash_of("ada@example.org").await, before);
    assert_eq!(stricter.check("ada@example.org", PASSWORD).await["outcome"], "right");
    let renewed = stricter.hash_of("ada@example.org").await;
    assert!(renewed.contains("t=2"), "{renewed}");
    assert_eq!(stricter.check("ada@example.org", PASSWORD).await["outcome"], "right");
    assert_eq!(stricter.hash_of("ada@example.org").await, renewed);
}

#[tokio::test]
async fn an_imported_hash_is_verified_and_renewed() {
    let world = World::open().await;
    world.active(TenantId::new(), "ada@example.org").await;
    let bcrypt = "$2y$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";
    world.import_hash("ada@example.org", bcrypt).await;
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    let right = world.check("ada@example.org", "correctbatteryhorsestapler").await;
    assert_eq!(right["outcome"], "right");
    assert!(world.hash_of("ada@example.org").await.starts_with("$argon2id$"));
    let right = world.check("ada@example.org", "correctbatteryhorsestapler").await;
    assert_eq!(right["outcome"], "right");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    world.deliver().await;
    world.change_password(&user, PASSWORD, OTHER_PASSWORD).await.expect(204);
    assert_eq!(world.check("ada@example.org", PASSWORD).await["outcome"], "wrong");
    assert_eq!(world.check("ada@example.org", OTHER_PASSWORD).await["outcome"], "right");
    let events = world.deliver().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.auth.password_changed");
    assert!(events[0].data["kept_session_id"].is_string());
    // A sign-in that was checked against the former password a moment before says so.
    assert_eq!(user_check_version(&world).await, 1);
    assert_eq!(events[0].data["password_version"], 1);
}

async fn user_check_version(world: &World) -> u64 {
    let right = world.check("ada@example.org", OTHER_PASSWORD).await;
    right["password_version"].as_u64().unwrap()
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_it_and_only_to_a_good_one() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada.lovelace@example.org").await;
    world.deliver().await;
    let wrong = world.change_password(&user, "not the password", OTHER_PASSWORD).await;
    wrong.expect_problem(403, "auth.wrong_password");
    for (new, code) in [
        ("", "password.too_short"),
        ("fourteen chars", "password.too_short"),
        (&"long ".repeat(26), "password.too_long"),
        ("I am Ada.Lovelace!", "password.contains_email"),
        ("passwordpassword", "password.too_common"),
        ("123456789012345", "password.too_common"),
        (PASSWORD, "password.unchanged"),
    ] {
        let answer = world.change_password(&user, PASSWORD, new).await;
        let body = answer.expect_invalid(&["/new_password"]);
        assert_eq!(body["errors"][0]["code"], code, "{new}");
    }
    assert!(world.deliver().await.is_empty());
    assert_eq!(world.check("ada.lovelace@example.org", PASSWORD).await["outcome"], "right");
}

#[tokio::test]
async fn a_changed_password_ends_reset_links() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let anybody = testkit::Person::anonymous();
    let body = json!({ "email": "ada@example.org" });
    world.app.post(&anybody, "/api/v1/users/password-reset", &body).await.expect(202);
    world.deliver().await;
    let token = world.mailbox.last_token("ada@example.org");
    world.change_password(&user, PASSWORD, OTHER_PASSWORD).await.expect(204);
    let body = json!({ "token": token, "password": PASSWORD });
    let answer = world.app.post(&anybody, "/api/v1/users/password-reset/confirm", &body).await;
    answer.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn nobody_changes_the_password_of_a_deleted_user() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let user = world.active(tenant, "ada@example.org").await;
    world.app.delete(&admin().of_tenant(tenant), &path_of(&user, "")).await.expect(204);
    let answer = world.change_password(&user, PASSWORD, OTHER_PASSWORD).await;
    answer.expect_problem(404, "user.not_found");
}

#[tokio::test]
async fn nobody_changes_the_password_of_an_account_that_is_not_active() {
    let world = World::open().await;
    let tenant = TenantId::new();
    world.register(tenant, "pending@example.org").await.expect(204);
    let pending = world.check("pending@example.org", PASSWORD).await["user"].clone();
    let suspended = world.active(tenant, "suspended@example.org").await;
    let admin = admin().of_tenant(tenant);
    world.app.post(&admin, &path_of(&suspended, "/suspend"), &json!({})).await.expect(200);
    for user in [pending, suspended] {
        let answer = world.change_password(&user, PASSWORD, OTHER_PASSWORD).await;
        answer.expect_problem(404, "user.not_found");
        let email = user["email"].as_str().unwrap();
        assert_eq!(world.check(email, PASSWORD).await["outcome"], "right");
    }
}

/// Normalising lengthens this letter eighteenfold, and takes seconds for so many of them.
fn costly() -> String {
    "\u{fdfa}".repeat(150_000)
}

#[tokio::test]
async fn overlong_texts_cost_no_time() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let (costly, start) = (costly(), std::time::Instant::now());
    for (email, password) in [("ada@example.org", costly.as_str()), (&costly, PASSWORD)] {
        assert_eq!(world.check(email, password).await["outcome"], "wrong");
    }
    let wrong = world.change_password(&user, &costly, OTHER_PASSWORD).await;
    wrong.expect_problem(403, "auth.wrong_password");
    let refused = world.change_password(&user, PASSWORD, &costly).await;
    refused.expect_invalid(&["/new_password"]);
    let registered = world.register_as(TenantId::new(), &costly, &costly, "Ada").await;
    registered.expect_invalid(&["/email", "/password"]);
    assert!(start.elapsed() < std::time::Duration::from_secs(1), "{:?}", start.elapsed());
}
