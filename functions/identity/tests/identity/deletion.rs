use contracts::{
    authz::{ADMIN, ESCALATION, LAST_OWNER, RoleRef},
    events::{RoleAssigned, RoleRevoked},
};
use http::Method;
use kernel::{
    caller::Tenant,
    clock::Clock,
    event::{Envelope, EventData},
    id::{TenantId, UserId},
    origin::Origin,
};
use serde_json::{Value, json};

use crate::common::{World, admin, path_of};

fn id_of(user: &Value) -> UserId {
    user["id"].as_str().unwrap().parse().unwrap()
}

fn event_of_authz(world: &World, tenant: TenantId, data: &impl EventData) -> Envelope {
    let tenant = Tenant::of_internal_call(tenant);
    Envelope::new("authz", world.clock.now(), tenant, &Origin::system("test"), data)
}

#[tokio::test]
async fn a_deleted_user_is_gone_but_the_address_stays_taken() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "Hopper").await;
    let path = path_of(&user, "");
    world.deliver().await;
    world.app.delete(&admin, &path).await.expect(204);
    assert_eq!(world.news().await, ["platform.user.deleted"]);
    world.app.get(&admin, &path).await.expect_problem(404, "user.not_found");
    world.app.delete(&admin, &path).await.expect_problem(404, "user.not_found");
    for query in ["", "?q=grace", "?q=hopper"] {
        let page = world.app.get(&admin, &format!("/api/v1/users{query}")).await.expect(200);
        assert_eq!(page, json!({ "items": [], "next_cursor": null }), "{query}");
    }
    let body = json!({ "email": "grace@example.org", "first_name": "Grace" });
    let answer = world.app.post(&admin, "/api/v1/users", &body).await;
    answer.expect_problem(409, "user.email_taken");
    let token = world.mailbox.last_token("grace@example.org");
    world.verify(&token).await.expect_problem(422, "user.link_invalid");
}

#[tokio::test]
async fn the_deleted_have_no_roles_any_more() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let body = json!({ "roles": ["admin"] });
    world.app.put(&admin, &path_of(&user, "/roles"), &body).await.expect(200);
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    assert_eq!(world.authz.roles_of(id_of(&user)).unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_owner_who_was_made_the_last_one_meanwhile_stays_whole() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    world.deliver().await;
    world.authz.refuse_assignments(LAST_OWNER);
    world.app.delete(&admin, &path).await.expect_problem(409, "role.last_owner");
    assert_eq!(world.app.get(&admin, &path).await.expect(200), user);
    assert!(world.deliver().await.is_empty());
}

#[tokio::test]
async fn the_roles_of_the_deleted_are_taken_on_the_permissions_of_the_caller() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    world.app.delete(&admin, &path_of(&user, "")).await.expect(204);
    assert_eq!(world.authz.authorities(), [Some(admin.permissions())]);
}

#[tokio::test]
async fn who_was_promoted_above_the_caller_meanwhile_stays_whole() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    world.authz.refuse_assignments(ESCALATION);
    world.app.delete(&admin, &path).await.expect_problem(403, "role.escalation");
    assert_eq!(world.app.get(&admin, &path).await.expect(200), user);
}

#[tokio::test]
async fn a_deletion_that_was_cut_short_is_completed_by_the_next() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "");
    world.deliver().await;
    world.authz.lose_next_answer();
    world.app.delete(&admin, &path).await.expect_problem(503, "internal.unavailable");
    assert_eq!(world.authz.roles_of(id_of(&user)).unwrap(), [""; 0]);
    assert_eq!(world.app.get(&admin, &path).await.expect(200)["status"], "pending");
    world.app.delete(&admin, &path).await.expect(204);
    assert_eq!(world.news().await, ["platform.user.deleted"]);
}

#[tokio::test]
async fn a_stale_deletion_takes_no_roles_away() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let stale = [("If-Match", "\"7\"")];
    let answer = world.app.call(&admin, Method::DELETE, &path_of(&user, ""), None, &stale).await;
    answer.expect_problem(412, "request.precondition_failed");
    assert_eq!(world.authz.roles_of(id_of(&user)), None);
}

#[tokio::test]
async fn the_loss_of_the_roles_does_not_make_the_deletion_stale() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let revoked = RoleRevoked {
        user_id: id_of(&user),
        revoked: Vec::new(),
        roles: Vec::new(),
        assignment_version: 1,
    };
    let event = event_of_authz(&world, admin.tenant(), &revoked);
    let consumer = world.module.consumer.clone().unwrap();
    world.authz.meanwhile(async move { consumer.consume(&event).await.unwrap() });
    let current = [("If-Match", "\"1\"")];
    let path = path_of(&user, "");
    world.app.call(&admin, Method::DELETE, &path, None, &current).await.expect(204);
    world.app.get(&admin, &path).await.expect_problem(404, "user.not_found");
}

#[tokio::test]
async fn roles_given_during_a_deletion_go_again() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let (path, roles) = (path_of(&user, ""), path_of(&user, "/roles"));
    let deletes = {
        let (app, admin) = (world.app.clone(), admin.clone());
        async move { drop(app.delete(&admin, &path).await.expect(204)) }
    };
    // Deleted after the roles were given, before that was shown.
    world.authz.meanwhile(deletes);
    world.app.put(&admin, &roles, &json!({ "roles": ["admin"] })).await.expect(200);
    assert_eq!(world.authz.roles_of(id_of(&user)).unwrap(), [""; 0]);

    // The same when only the event finds out.
    let assigned = RoleAssigned {
        user_id: id_of(&user),
        assigned: Vec::new(),
        roles: vec![RoleRef { id: ADMIN.id, name: ADMIN.name.to_owned() }],
        assignment_version: 9,
    };
    world.authz.refuse_assignments(LAST_OWNER);
    let event = event_of_authz(&world, admin.tenant(), &assigned);
    let consumer = world.module.consumer.as_ref().unwrap();
    assert!(consumer.consume(&event).await.is_err(), "nobody took the roles away");
}
