use contracts::authz::{LAST_OWNER, OUTRANKED};
use http::{Method, header};
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::Person;

use crate::common::{PASSWORD, World, admin, path_of};

fn id_of(user: &Value) -> UserId {
    user["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_created_user_is_found_at_its_location() {
    let world = World::open().await;
    let admin = admin();
    let body = json!({
        "email": "grace@example.org", "password": PASSWORD, "first_name": "Grace", "last_name": "Hopper",
        "username": "grace", "avatar_url": "https://example.org/grace.png",
    });
    let answer = world.app.post(&admin, "/api/v1/users", &body).await;
    let location = answer.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(answer.etag(), "\"1\"");
    let created = answer.expect(201);
    let found = world.app.get(&admin, &location).await;
    assert_eq!(found.etag(), "\"1\"");
    assert_eq!(found.expect(200), created);
    assert_eq!(created["tenant_id"], admin.tenant().to_string());
    assert_eq!(created["status"], "pending");
    assert_eq!(created["roles"], json!(["member"]));
    for field in ["email", "first_name", "last_name", "username", "avatar_url"] {
        assert_eq!(created[field], body[field]);
    }
    assert_eq!(created["created_at"], "2026-05-04T10:00:00Z");
    assert_eq!(world.news().await, ["platform.user.created"]);
    assert_eq!(world.mailbox.to("grace@example.org").len(), 1);
}

#[tokio::test]
async fn a_taken_address_is_said_to_an_administrator() {
    let world = World::open().await;
    world.create(&admin(), "grace@example.org", "Grace", "").await;
    let body = json!({ "email": "GRACE@example.org", "first_name": "Grace" });
    let answer = world.app.post(&admin(), "/api/v1/users", &body).await;
    answer.expect_problem(409, "user.email_taken");
}

#[tokio::test]
async fn every_wrong_field_is_pointed_at() {
    let world = World::open().await;
    let body = json!({
        "email": "x", "password": "short", "first_name": "", "last_name": "\u{0}", "username": "A",
        "avatar_url": "http://x",
    });
    let answer = world.app.post(&admin(), "/api/v1/users", &body).await;
    answer.expect_invalid(&[
        "/email",
        "/password",
        "/first_name",
        "/last_name",
        "/username",
        "/avatar_url",
    ]);
    assert!(world.store.announced("identity").is_empty());
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let get = |tag| {
        let headers = [("If-None-Match", tag)];
        let (app, admin, path) = (world.app.clone(), admin.clone(), path_of(&user, ""));
        async move { app.call(&admin, Method::GET, &path, None, &headers).await }
    };
    assert_eq!(get("\"1\"").await.expect(304), Value::Null);
    get("\"2\"").await.expect(200);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    let body = json!({ "first_name": "Grazia" });
    let call = async |method: Method, tag: &str| {
        let body = (method == Method::PATCH).then_some(&body);
        world.app.call(&admin, method, &path, body, &[("If-Match", tag)]).await
    };
    let stale = "request.precondition_failed";
    call(Method::PATCH, "\"7\"").await.expect_problem(412, stale);
    call(Method::DELETE, "\"7\"").await.expect_problem(412, stale);
    let changed = call(Method::PATCH, "\"1\"").await;
    assert_eq!(changed.etag(), "\"2\"");
    changed.expect(200);
    call(Method::PATCH, "\"1\"").await.expect_problem(412, stale);
    call(Method::DELETE, "\"2\"").await.expect(204);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "Hopper").await;
    let path = path_of(&user, "");
    world.deliver().await;
    let body = json!({ "username": "grace", "avatar_url": "https://example.org/g.png" });
    let changed = world.app.patch(&admin, &path, &body).await.expect(200);
    assert_eq!(changed["username"], "grace");
    assert_eq!(changed["first_name"], "Grace");
    assert_eq!(changed["version"], 2);
    let events = world.deliver().await;
    assert_eq!(events[0].kind, "platform.user.updated");
    assert_eq!(events[0].data["changed"], json!(["username", "avatar_url"]));

    let body = json!({ "username": null, "last_name": null });
    let changed = world.app.patch(&admin, &path, &body).await.expect(200);
    assert_eq!(changed["username"], Value::Null);
    assert_eq!(changed["last_name"], "");
    assert_eq!(changed["avatar_url"], "https://example.org/g.png");
    world.deliver().await;

    for unchanged in [json!({}), json!({ "first_name": "Grace", "username": null })] {
        let answer = world.app.patch(&admin, &path, &unchanged).await;
        assert_eq!(answer.expect(200)["version"], 3);
    }
    assert!(world.deliver().await.is_empty());
    // The copy that passwords are checked against has changed along.
    let copy = world.sign_in_copy("grace@example.org").await;
    assert_eq!(copy["version"], 3);
    assert_eq!(copy["last_name"], "");
}

#[tokio::test]
async fn a_patch_with_unknown_or_wrong_fields_changes_nothing() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    for (body, pointer) in [
        (json!({ "email": "new@example.org" }), "/email"),
        (json!({ "status": "active" }), "/status"),
        (json!({ "roles": ["owner"] }), "/roles"),
        (json!({ "first_name": null }), "/first_name"),
        (json!({ "username": 7 }), "/username"),
        (json!({ "username": "" }), "/username"),
        (json!({ "avatar_url": "javascript:alert(1)" }), "/avatar_url"),
    ] {
        world.app.patch(&admin, &path, &body).await.expect_invalid(&[pointer]);
    }
    assert_eq!(world.app.get(&admin, &path).await.expect(200)["version"], 1);
}

#[tokio::test]
async fn changes_at_the_same_time_all_happen() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    let bodies = [
        json!({ "first_name": "Grazia" }),
        json!({ "last_name": "Hopper" }),
        json!({ "username": "grace" }),
    ];
    let [one, two, three] = bodies.each_ref().map(|body| world.app.patch(&admin, &path, body));
    let (one, two, three) = tokio::join!(one, two, three);
    for answer in [one, two, three] {
        answer.expect(200);
    }
    let user = world.app.get(&admin, &path).await.expect(200);
    assert_eq!(
        (&user["first_name"], &user["last_name"], &user["username"], &user["version"]),
        (&json!("Grazia"), &json!("Hopper"), &json!("grace"), &json!(4))
    );
}

#[tokio::test]
async fn a_username_is_unique_in_its_tenant_and_free_again_when_given_up() {
    let world = World::open().await;
    let admin = admin();
    let name = json!({ "username": "ada" });
    let one = world.create(&admin, "one@example.org", "One", "").await;
    let two = world.create(&admin, "two@example.org", "Two", "").await;
    world.app.patch(&admin, &path_of(&one, ""), &name).await.expect(200);
    let taken = world.app.patch(&admin, &path_of(&two, ""), &name).await;
    taken.expect_problem(409, "user.username_taken");
    let body = json!({ "email": "three@example.org", "first_name": "Three", "username": "ada" });
    let taken = world.app.post(&admin, "/api/v1/users", &body).await;
    taken.expect_problem(409, "user.username_taken");
    // Nothing of the refused user stays behind.
    let other = crate::common::admin();
    world.app.post(&other, "/api/v1/users", &body).await.expect(201);

    world.app.patch(&admin, &path_of(&one, ""), &json!({ "username": null })).await.expect(200);
    world.app.patch(&admin, &path_of(&two, ""), &name).await.expect(200);
}

#[tokio::test]
async fn everybody_sees_and_changes_themselves() {
    let world = World::open().await;
    let user = world.active(TenantId::new(), "ada@example.org").await;
    let tenant = user["tenant_id"].as_str().unwrap().parse().unwrap();
    let ada = Person::with(&[]).of_tenant(tenant).as_user(id_of(&user));
    assert_eq!(world.app.get(&ada, "/api/v1/users/me").await.expect(200), user);
    let body = json!({ "first_name": "Augusta" });
    let changed = world.app.patch(&ada, "/api/v1/users/me", &body).await;
    assert_eq!(changed.expect(200)["first_name"], "Augusta");
    assert!(world.authz.questions().is_empty());
    world.app.get(&ada, &path_of(&user, "")).await.expect_problem(403, "auth.forbidden");
    let stranger = Person::with(&[]);
    let answer = world.app.get(&stranger, "/api/v1/users/me").await;
    answer.expect_problem(404, "user.not_found");
}

#[tokio::test]
async fn a_suspension_is_lifted_by_activation_only() {
    let world = World::open().await;
    let tenant = TenantId::new();
    let admin = admin().of_tenant(tenant);
    let user = world.active(tenant, "ada@example.org").await;
    world.deliver().await;
    let call = async |verb: &str| {
        world.app.post(&admin, &path_of(&user, verb), &json!({})).await.expect(200)
    };
    assert_eq!(call("/suspend").await["status"], "suspended");
    assert_eq!(call("/suspend").await["version"], 3);
    assert_eq!(world.news().await, ["platform.user.suspended"]);
    let check = world.check("ada@example.org", PASSWORD).await;
    assert_eq!(check["user"]["status"], "suspended");
    assert_eq!(call("/activate").await["status"], "active");
    assert_eq!(call("/activate").await["version"], 4);
    assert_eq!(world.news().await, ["platform.user.activated"]);

    let pending = world.create(&admin, "grace@example.org", "Grace", "").await;
    let answer = world.app.post(&admin, &path_of(&pending, "/activate"), &json!({})).await;
    answer.expect_problem(409, "user.not_suspended");
}

#[tokio::test]
async fn nobody_manages_whom_they_do_not_outrank() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    world.deliver().await;
    for kind in [OUTRANKED, LAST_OWNER] {
        world.authz.refuse(kind);
        let (status, code) = (kind.status.as_u16(), kind.code);
        let body = json!({ "first_name": "x" });
        world.app.patch(&admin, &path, &body).await.expect_problem(status, code);
        world.app.delete(&admin, &path).await.expect_problem(status, code);
        let empty = json!({});
        let suspend = world.app.post(&admin, &path_of(&user, "/suspend"), &empty).await;
        suspend.expect_problem(status, code);
    }
    let asked: Vec<_> = world.authz.questions().into_iter().map(|(_, removal)| removal).collect();
    assert_eq!(asked, [false, true, true, false, true, true]);
    assert_eq!(world.app.get(&admin, &path).await.expect(200)["version"], 1);
    assert!(world.deliver().await.is_empty());
    // Not even oneself may leave a tenant without an owner.
    let grace = admin.as_user(id_of(&user));
    world.app.delete(&grace, &path).await.expect_problem(409, "role.last_owner");
}

#[tokio::test]
async fn another_tenants_user_is_not_found() {
    let world = World::open().await;
    let user = world.create(&admin(), "grace@example.org", "Grace", "").await;
    world.deliver().await;
    let stranger = admin();
    let empty = json!({});
    let path = path_of(&user, "");
    let answers = [
        world.app.get(&stranger, &path).await,
        world.app.patch(&stranger, &path, &empty).await,
        world.app.delete(&stranger, &path).await,
        world.app.post(&stranger, &path_of(&user, "/suspend"), &empty).await,
        world.app.post(&stranger, &path_of(&user, "/activate"), &empty).await,
        world.app.put(&stranger, &path_of(&user, "/roles"), &json!({ "roles": [] })).await,
        world.app.post(&stranger, &path_of(&user, "/roles/admin"), &empty).await,
        world.app.delete(&stranger, &path_of(&user, "/roles/admin")).await,
    ];
    for answer in answers {
        answer.expect_problem(404, "user.not_found");
    }
    assert!(world.authz.questions().is_empty());
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn an_id_that_is_none_names_nobody() {
    let world = World::open().await;
    for id in ["x", "%00", "%FF", "%", "00000000-0000-0000-0000-000000000000", &"9".repeat(3000)] {
        let answer = world.app.get(&admin(), &format!("/api/v1/users/{id}")).await;
        assert_eq!(answer.status, 404, "{id}: {:#}", answer.body);
    }
}
