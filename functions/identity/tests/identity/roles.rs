use contracts::{
    authz::{ADMIN, ESCALATION, MEMBER, RoleRef, SystemRole, VIEWER},
    events::{RoleAssigned, RoleRevoked},
};
use http::Method;
use kernel::{
    caller::Tenant,
    clock::Clock,
    event::{ConsumeError, Envelope, EventData},
    id::{TenantId, UserId},
    origin::Origin,
    problem::CONFLICT,
};
use serde_json::{Value, json};

use crate::common::{World, admin, path_of};

fn role(role: SystemRole) -> RoleRef {
    RoleRef { id: role.id, name: role.name.to_owned() }
}

impl World {
    fn event_of_authz(&self, tenant: TenantId, data: &impl EventData) -> Envelope {
        let tenant = Tenant::of_internal_call(tenant);
        Envelope::new("authz", self.clock.now(), tenant, &Origin::system("test"), data)
    }

    async fn consume(&self, event: &Envelope) -> Result<(), ConsumeError> {
        self.module.consumer.as_ref().unwrap().consume(event).await
    }
}

#[tokio::test]
async fn roles_are_set_added_and_removed_and_shown_at_once() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    world.deliver().await;
    let path = path_of(&user, "/roles");
    let set = world.app.put(&admin, &path, &json!({ "roles": [ADMIN.id, "viewer"] })).await;
    let expected = json!({ "roles": [role(ADMIN), role(VIEWER)] });
    assert_eq!(set.expect(200), expected);
    let shown = async || {
        let user = world.app.get(&admin, &path_of(&user, "")).await.expect(200);
        (user["roles"].clone(), user["version"].clone())
    };
    assert_eq!(shown().await, (json!(["admin", "viewer"]), json!(2)));
    let added = world.app.post(&admin, &format!("{path}/member"), &json!({})).await.expect(200);
    assert_eq!(added["roles"].as_array().unwrap().len(), 3);
    let removed = world.app.delete(&admin, &format!("{path}/admin")).await.expect(200);
    assert_eq!(removed, json!({ "roles": [role(VIEWER), role(MEMBER)] }));
    assert_eq!(shown().await, (json!(["viewer", "member"]), json!(4)));
    // The authorization service announces the assignment; this is only a copy.
    assert!(world.deliver().await.is_empty());
    let copy = world.sign_in_copy("grace@example.org").await;
    assert_eq!(copy["roles"], json!(["viewer", "member"]));
}

#[tokio::test]
async fn a_refused_assignment_is_passed_on() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "/roles");
    let unknown = world.app.put(&admin, &path, &json!({ "roles": ["emperor"] })).await;
    unknown.expect_problem(422, "role.unknown");
    for name in ["emperor", "%00", "%20", &"x".repeat(5000)] {
        let answer = world.app.post(&admin, &format!("{path}/{name}"), &json!({})).await;
        answer.expect_problem(422, "role.unknown");
    }
    world.authz.refuse(ESCALATION);
    let refused = world.app.put(&admin, &path, &json!({ "roles": ["owner"] })).await;
    refused.expect_problem(403, "role.escalation");
    world.authz.refuse(CONFLICT);
    let contended = world.app.put(&admin, &path, &json!({ "roles": ["owner"] })).await;
    contended.expect_problem(409, "request.conflict");
    let user = world.app.get(&admin, &path_of(&user, "")).await.expect(200);
    assert_eq!(user["roles"], json!(["member"]));
}

#[tokio::test]
async fn a_wrong_list_of_roles_is_pointed_at() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let path = path_of(&user, "/roles");
    let put = async |body: Value| world.app.put(&admin, &path, &body).await;
    put(json!({})).await.expect_invalid(&["/roles"]);
    put(json!({ "roles": "admin" })).await.expect_invalid(&["/roles"]);
    put(json!({ "roles": ["admin", ""] })).await.expect_invalid(&["/roles/1"]);
    put(json!({ "roles": vec!["x"; 51] })).await.expect_invalid(&["/roles"]);
    let body = json!({ "roles": ["admin"] });
    let stale = [("If-Match", "\"7\"")];
    let answer = world.app.call(&admin, Method::PUT, &path, Some(&body), &stale).await;
    answer.expect_problem(412, "request.precondition_failed");
}

#[tokio::test]
async fn an_event_of_an_older_assignment_changes_nothing() {
    let world = World::open().await;
    let admin = admin();
    let user = world.create(&admin, "grace@example.org", "Grace", "").await;
    let user_id: UserId = user["id"].as_str().unwrap().parse().unwrap();
    let assigned = |roles: &[SystemRole], assignment_version| RoleAssigned {
        user_id,
        assigned: Vec::new(),
        roles: roles.iter().map(|known| role(*known)).collect(),
        assignment_version,
    };
    let shown = async || {
        let user = world.app.get(&admin, &path_of(&user, "")).await.expect(200);
        user["roles"].clone()
    };
    let newer = world.event_of_authz(admin.tenant(), &assigned(&[ADMIN], 3));
    world.consume(&newer).await.unwrap();
    assert_eq!(shown().await, json!(["admin"]));
    let older = world.event_of_authz(admin.tenant(), &assigned(&[VIEWER], 2));
    world.consume(&older).await.unwrap();
    world.consume(&newer).await.unwrap();
    assert_eq!(shown().await, json!(["admin"]));
    let revoked = RoleRevoked {
        user_id,
        revoked: vec![role(ADMIN)],
        roles: vec![role(MEMBER)],
        assignment_version: 4,
    };
    world.consume(&world.event_of_authz(admin.tenant(), &revoked)).await.unwrap();
    assert_eq!(shown().await, json!(["member"]));
    // Of another tenant, the same id is another user: nobody.
    let elsewhere = world.event_of_authz(TenantId::new(), &assigned(&[ADMIN], 9));
    world.consume(&elsewhere).await.unwrap();
    assert_eq!(shown().await, json!(["member"]));
}

#[tokio::test]
async fn an_event_that_does_not_parse_is_rejected_for_good() {
    let world = World::open().await;
    let nobody = RoleRevoked {
        user_id: UserId::new(),
        revoked: Vec::new(),
        roles: Vec::new(),
        assignment_version: 1,
    };
    let mut event = world.event_of_authz(TenantId::new(), &nobody);
    world.consume(&event).await.unwrap();
    event.data = json!({ "user_id": 7 });
    assert!(matches!(world.consume(&event).await, Err(ConsumeError::Reject(_))));
}
