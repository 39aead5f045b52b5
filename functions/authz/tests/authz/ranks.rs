//! Owners outrank admins, by the permissions that the manifests really give.

use std::collections::BTreeSet;

use contracts::generated::permissions::TENANT_UPDATE;
use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::json;

use crate::support::{Service, assign, create_role, give, open, owner, permissions_of, role_path};

/// What somebody with this role holds.
async fn held_by(service: &Service, role: &str) -> BTreeSet<String> {
    let (tenant, user) = (TenantId::new(), UserId::new());
    give(&service.app, tenant, user, &[role]).await;
    permissions_of(&service.app, tenant, user).await
}

#[tokio::test]
async fn each_system_role_holds_what_the_ones_below_hold() {
    let service = open().await;
    let owner = held_by(&service, "owner").await;
    let admin = held_by(&service, "admin").await;
    let member = held_by(&service, "member").await;
    let viewer = held_by(&service, "viewer").await;
    assert!(viewer.is_subset(&member) && member.is_subset(&admin) && admin.is_subset(&owner));
    assert!(member != admin);
    assert!(admin != owner, "an admin who holds everything is an owner by another name");
}

#[tokio::test]
async fn an_admin_neither_appoints_nor_demotes_an_owner() {
    let service = open().await;
    let admin = held_by(&service, "admin").await;
    let (tenant, ada, bob, eve) = (TenantId::new(), UserId::new(), UserId::new(), UserId::new());
    // Two owners, so that it is not the last one who is protected here.
    give(&service.app, tenant, ada, &["owner"]).await;
    give(&service.app, tenant, bob, &["owner", "member"]).await;
    give(&service.app, tenant, eve, &["admin"]).await;
    let change = async |user, change: &str, roles: &[&str]| {
        assign(&service.app, tenant, user, change, roles, Some(admin.clone())).await
    };
    for newcomer in [eve, UserId::new()] {
        change(newcomer, "set", &["owner"]).await.expect_problem(403, "role.escalation");
        change(newcomer, "add", &["owner"]).await.expect_problem(403, "role.escalation");
    }
    for owner in [ada, bob] {
        change(owner, "set", &["member"]).await.expect_problem(403, "role.escalation");
        change(owner, "set", &[]).await.expect_problem(403, "role.escalation");
        change(owner, "remove", &["owner"]).await.expect_problem(403, "role.escalation");
    }
    // Their equals they do.
    change(UserId::new(), "set", &["admin"]).await.expect(200);
    change(eve, "set", &["member"]).await.expect(200);
}

#[tokio::test]
async fn an_admin_manages_admins_but_no_owner() {
    let service = open().await;
    let (owner, admin) = (held_by(&service, "owner").await, held_by(&service, "admin").await);
    let (tenant, ada, bob, eve) = (TenantId::new(), UserId::new(), UserId::new(), UserId::new());
    give(&service.app, tenant, ada, &["owner"]).await;
    give(&service.app, tenant, bob, &["owner"]).await;
    give(&service.app, tenant, eve, &["admin"]).await;
    let manage = async |held: &BTreeSet<String>, user: UserId, is_removal: bool| {
        let path = format!("/internal/authz/tenants/{tenant}/users/{user}/management");
        let body = json!({"caller_permissions": held, "is_removal": is_removal});
        service.app.internal(Method::PUT, &path, Some(&body)).await
    };
    for is_removal in [false, true] {
        manage(&admin, ada, is_removal).await.expect_problem(403, "user.outranks_caller");
        manage(&admin, eve, is_removal).await.expect(204);
        manage(&owner, bob, is_removal).await.expect(204);
        manage(&owner, eve, is_removal).await.expect(204);
    }
}

#[tokio::test]
async fn an_admin_does_not_rise_by_a_role_of_the_tenants_own() {
    let service = open().await;
    let owner = owner();
    let held = held_by(&service, "admin").await;
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let admin = testkit::Person::with(&held).of_tenant(owner.tenant());
    let body = json!({"name": "Almost owner", "permissions": [TENANT_UPDATE]});
    let answer = service.app.post(&admin, "/api/v1/roles", &body).await;
    answer.expect_problem(403, "role.escalation");

    let role = create_role(&service.app, &admin, "Helper", &[]).await;
    let path = format!("{}/permissions", role_path(&role));
    let body = json!({"permissions": [TENANT_UPDATE]});
    service.app.put(&admin, &path, &body).await.expect_problem(403, "role.escalation");
    service.app.put(&owner, &path, &body).await.expect(200);
    let admin = Some(admin.permissions());
    let (tenant, user) = (owner.tenant(), UserId::new());
    let answer = assign(&service.app, tenant, user, "add", &["helper"], admin).await;
    answer.expect_problem(403, "role.escalation");
}
