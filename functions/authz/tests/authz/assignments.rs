//! Giving roles to users and taking them away.

use std::collections::BTreeSet;

use contracts::{
    authz::{ADMIN, MEMBER, VIEWER},
    generated::permissions::{ROLE_ASSIGN, ROLE_READ, TENANT_READ, USER_DELETE},
};
use http::Method;
use kernel::id::{RoleId, TenantId, UserId};
use serde_json::{Value, json};
use testkit::Person;

use crate::support::{
    assign, create_role, give, grants, names, open, owner, permissions_of, role_path,
};

fn holding(permissions: &[&str]) -> BTreeSet<String> {
    permissions.iter().map(|code| (*code).to_owned()).collect()
}

#[tokio::test]
async fn everybody_starts_as_a_member() {
    let service = open().await;
    let grants = grants(&service.app, TenantId::new(), UserId::new()).await;
    assert_eq!(grants["roles"], json!(["member"]));
    assert_eq!(grants["permissions"], json!([ROLE_READ, TENANT_READ]));
}

#[tokio::test]
async fn roles_are_given_by_name_or_id_and_add_up() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    let role = create_role(&service.app, &owner, "Editor", &[USER_DELETE]).await;
    let viewer = VIEWER.id.to_string();
    let given = give(&service.app, tenant, user, &["EDITOR", &viewer, "editor", "Viewer"]).await;
    let expected = json!({
        "roles": [{"id": VIEWER.id, "name": "viewer"}, {"id": role["id"], "name": "Editor"}],
        "version": 1,
    });
    assert_eq!(given, expected);
    let grants = grants(&service.app, tenant, user).await;
    assert_eq!(grants["roles"], json!(["viewer", "Editor"]));
    assert_eq!(grants["permissions"], json!([ROLE_READ, TENANT_READ, USER_DELETE]));
}

#[tokio::test]
async fn a_change_is_announced_with_what_came_what_went_and_what_is() {
    let service = open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    give(&service.app, tenant, user, &["admin"]).await;
    let events = service.store.announced("authz");
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["platform.role.assigned", "platform.role.revoked"]);
    let (admin, member) =
        (json!([{"id": ADMIN.id, "name": "admin"}]), json!([{"id": MEMBER.id, "name": "member"}]));
    assert_eq!(
        events[0].data,
        json!({"user_id": user, "assigned": admin, "roles": admin, "assignment_version": 1})
    );
    assert_eq!(
        events[1].data,
        json!({"user_id": user, "revoked": member, "roles": admin, "assignment_version": 1})
    );
    assert_eq!(events[0].tenant_id, tenant);
}

#[tokio::test]
async fn add_and_remove_change_only_what_they_name() {
    let service = open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let change = async |change: &str, roles: &[&str]| {
        assign(&service.app, tenant, user, change, roles, None).await.expect(200)
    };
    assert_eq!(names(&change("add", &["viewer"]).await["roles"]), ["member", "viewer"]);
    assert_eq!(names(&change("remove", &["member"]).await["roles"]), ["viewer"]);
    let none = change("remove", &["viewer"]).await;
    assert_eq!(none, json!({"roles": [], "version": 3}));
    assert!(permissions_of(&service.app, tenant, user).await.is_empty());
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_and_announces_nothing() {
    let service = open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let same = give(&service.app, tenant, user, &["member"]).await;
    assert_eq!(same["version"], 0);
    give(&service.app, tenant, user, &["viewer"]).await;
    let announced = service.store.announced_types("authz").len();
    for (change, roles) in [("set", ["viewer"]), ("add", ["viewer"]), ("remove", ["admin"])] {
        let answer = assign(&service.app, tenant, user, change, &roles, Some(holding(&[]))).await;
        assert_eq!(answer.expect(200)["version"], 1);
    }
    assert_eq!(service.store.announced_types("authz").len(), announced);
}

#[tokio::test]
async fn every_unknown_role_is_pointed_at() {
    let service = open().await;
    let stranger = owner();
    let foreign = create_role(&service.app, &stranger, "Foreign", &[]).await;
    let foreign = foreign["id"].as_str().unwrap();
    let (tenant, user) = (TenantId::new(), UserId::new());
    let unused = RoleId::new().to_string();
    let long = "x".repeat(5_000);
    let roles = ["member", "nobody", &unused, "", "a\u{0}b", &long, "Foreign", foreign, "🚀", "%"];
    for change in ["set", "add", "remove"] {
        let answer = assign(&service.app, tenant, user, change, &roles, None).await;
        let problem = answer.expect_problem(422, "role.unknown");
        let errors = problem["errors"].as_array().unwrap();
        let pointers: Vec<_> =
            errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        let expected: Vec<_> = (1..roles.len()).map(|index| format!("/roles/{index}")).collect();
        assert_eq!(pointers, expected);
    }
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["member"]));
}

#[tokio::test]
async fn a_user_has_no_more_roles_than_fit_into_one_change() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    let mut roles = Vec::new();
    for number in 0..21 {
        roles.push(format!("Role {number}"));
        create_role(&service.app, &owner, &roles[number], &[]).await;
    }
    let all: Vec<&str> = roles.iter().map(String::as_str).collect();
    assign(&service.app, tenant, user, "set", &all, None).await.expect_invalid(&["/roles"]);
    assert_eq!(
        give(&service.app, tenant, user, &all[..20]).await["roles"].as_array().unwrap().len(),
        20
    );
    assign(&service.app, tenant, user, "add", &all[20..], None).await.expect_invalid(&["/roles"]);
    // All twenty change for others at once.
    give(&service.app, tenant, user, &["member"]).await;
}

#[tokio::test]
async fn nobody_gives_or_takes_what_they_do_not_hold() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    create_role(&service.app, &owner, "Boss", &[USER_DELETE, ROLE_READ]).await;
    let change = async |change: &str, roles: &[&str], held: &[&str]| {
        assign(&service.app, tenant, user, change, roles, Some(holding(held))).await
    };
    let weak = [ROLE_ASSIGN, ROLE_READ, TENANT_READ];
    let strong = [ROLE_ASSIGN, ROLE_READ, TENANT_READ, USER_DELETE];
    change("add", &["boss"], &weak).await.expect_problem(403, "role.escalation");
    change("add", &["owner"], &strong).await.expect_problem(403, "role.escalation");
    change("set", &["viewer"], &weak).await.expect(200);
    change("add", &["boss"], &strong).await.expect(200);
    change("remove", &["boss"], &weak).await.expect_problem(403, "role.escalation");
    change("set", &[], &weak).await.expect_problem(403, "role.escalation");
    change("remove", &["viewer"], &weak).await.expect(200);
    change("set", &[], &strong).await.expect(200);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let service = open().await;
    let (tenant, ada, bob) = (TenantId::new(), UserId::new(), UserId::new());
    let change = async |user, change: &str, roles: &[&str]| {
        assign(&service.app, tenant, user, change, roles, None).await
    };
    change(ada, "set", &["owner"]).await.expect(200);
    for (kind, roles) in [("set", vec!["admin"]), ("set", vec![]), ("remove", vec!["owner"])] {
        change(ada, kind, &roles).await.expect_problem(409, "role.last_owner");
    }
    assert_eq!(grants(&service.app, tenant, ada).await["roles"], json!(["owner"]));
    change(bob, "add", &["owner"]).await.expect(200);
    change(ada, "set", &["member"]).await.expect(200);
    change(bob, "remove", &["owner"]).await.expect_problem(409, "role.last_owner");
    // Another tenant's owners do not count, and other roles of an owner may go.
    give(&service.app, TenantId::new(), ada, &["owner"]).await;
    change(bob, "remove", &["owner"]).await.expect_problem(409, "role.last_owner");
    change(bob, "remove", &["member"]).await.expect(200);
}

#[tokio::test]
async fn of_two_owners_who_leave_at_the_same_time_one_stays() {
    let service = open().await;
    for _ in 0..10 {
        let (tenant, ada, bob) = (TenantId::new(), UserId::new(), UserId::new());
        give(&service.app, tenant, ada, &["owner"]).await;
        give(&service.app, tenant, bob, &["owner"]).await;
        let (a, b) = tokio::join!(
            assign(&service.app, tenant, ada, "set", &["member"], None),
            assign(&service.app, tenant, bob, "set", &["member"], None),
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn changes_of_one_user_at_the_same_time_are_all_kept() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    create_role(&service.app, &owner, "Editor", &[]).await;
    let (a, b, c) = tokio::join!(
        assign(&service.app, tenant, user, "add", &["viewer"], None),
        assign(&service.app, tenant, user, "add", &["editor"], None),
        assign(&service.app, tenant, user, "remove", &["member"], None),
    );
    let mut versions: Vec<u64> = [a, b, c]
        .into_iter()
        .map(|answer| answer.expect(200)["version"].as_u64().unwrap())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["viewer", "Editor"]));
}

#[tokio::test]
async fn a_role_that_grows_while_it_is_given_is_judged_as_it_has_become() {
    let service = open().await;
    let owner = owner();
    let tenant = owner.tenant();
    for round in 0..10 {
        let role = create_role(&service.app, &owner, &format!("Role {round}"), &[]).await;
        let put = format!("{}/permissions", role_path(&role));
        let (user, roles) = (UserId::new(), [role["id"].as_str().unwrap()]);
        let more = json!({"permissions": [USER_DELETE]});
        let (grown, given) = tokio::join!(
            service.app.put(&owner, &put, &more),
            assign(
                &service.app,
                tenant,
                user,
                "set",
                &roles,
                Some(holding(&[ROLE_READ, TENANT_READ]))
            ),
        );
        grown.expect(200);
        // Given first, or refused: never given after it had grown.
        let announced = service.store.announced("authz");
        let position = |kind: &str, about: &Value| {
            announced.iter().position(|e| e.kind == kind && about == e.subject.id.as_str())
        };
        let grown_at = position("platform.permission.granted", &role["id"]);
        match position("platform.role.assigned", &json!(user)) {
            Some(given_at) => assert!(Some(given_at) < grown_at),
            None => drop(given.expect_problem(403, "role.escalation")),
        }
    }
}

#[tokio::test]
async fn the_gateway_does_not_reach_assignments() {
    let service = open().await;
    let owner = owner();
    let base = format!("/internal/authz/tenants/{}/users/{}", owner.tenant(), owner.user());
    let body = json!({"change": "set", "roles": ["owner"], "caller_permissions": null});
    let put = service.app.put(&owner, &format!("{base}/roles"), &body).await;
    put.expect_problem(404, "request.not_found");
    let get = service.app.get(&Person::anonymous(), &format!("{base}/grants")).await;
    get.expect_problem(404, "request.not_found");
    let ids =
        service.app.internal(Method::GET, "/internal/authz/tenants/x/users/y/grants", None).await;
    ids.expect_problem(404, "request.not_found");
}
