//! Owners who cannot act, and what they count for: nothing.

use contracts::{
    authz::OWNER,
    generated::permissions::{ROLE_READ, TENANT_READ},
};
use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::{Answer, App};

use crate::support::{Service, assign, give, grants, open, owner};

/// Sets whether a user is suspended, by somebody with these permissions.
async fn set_by(
    app: &App,
    (tenant, user): (TenantId, UserId),
    is_suspended: bool,
    account_version: u64,
    permissions: &Value,
) -> Answer {
    let path = format!("/internal/authz/tenants/{tenant}/users/{user}/standing");
    let body = json!({
        "is_suspended": is_suspended, "account_version": account_version,
        "caller_permissions": permissions,
    });
    app.internal(Method::PUT, &path, Some(&body)).await
}

async fn set(app: &App, whom: (TenantId, UserId), is_suspended: bool, version: u64) -> Answer {
    set_by(app, whom, is_suspended, version, &json!(owner().permissions())).await
}

/// A tenant with two owners.
async fn two_owners(service: &Service) -> (TenantId, UserId, UserId) {
    let (tenant, ada, bob) = (TenantId::new(), UserId::new(), UserId::new());
    give(&service.app, tenant, ada, &["owner"]).await;
    give(&service.app, tenant, bob, &["owner"]).await;
    (tenant, ada, bob)
}

#[tokio::test]
async fn a_suspended_owner_does_not_count_until_activated() {
    let service = open().await;
    let (tenant, ada, bob) = two_owners(&service).await;
    let leave = async || assign(&service.app, tenant, ada, "set", &["member"], None).await;
    assert_eq!(set(&service.app, (tenant, bob), true, 2).await.expect(200), true);
    leave().await.expect_problem(409, "role.last_owner");
    set(&service.app, (tenant, ada), true, 2).await.expect_problem(409, "role.last_owner");
    assert_eq!(set(&service.app, (tenant, bob), true, 2).await.expect(200), true);
    assert_eq!(grants(&service.app, tenant, bob).await["roles"], json!(["owner"]));
    assert_eq!(set(&service.app, (tenant, bob), false, 3).await.expect(200), true);
    leave().await.expect(200);
    set(&service.app, (tenant, bob), true, 4).await.expect_problem(409, "role.last_owner");
}

#[tokio::test]
async fn of_two_owners_who_suspend_each_other_one_stays() {
    let service = open().await;
    for _ in 0..10 {
        let (tenant, ada, bob) = two_owners(&service).await;
        let (a, b) = tokio::join!(
            set(&service.app, (tenant, ada), true, 2),
            set(&service.app, (tenant, bob), true, 2),
        );
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn roles_that_change_during_a_suspension_change_no_count() {
    let service = open().await;
    let (tenant, ada, bob) = two_owners(&service).await;
    let grace = UserId::new();
    let change =
        async |user, roles: &[&str]| assign(&service.app, tenant, user, "set", roles, None).await;
    for user in [bob, grace] {
        set(&service.app, (tenant, user), true, 2).await.expect(200);
    }
    // Still active for who asked; suspended before the question arrived.
    change(grace, &["owner"]).await.expect(200);
    change(ada, &["member"]).await.expect_problem(409, "role.last_owner");
    change(bob, &[]).await.expect(200);
    set(&service.app, (tenant, bob), false, 3).await.expect(200);
    change(ada, &["member"]).await.expect_problem(409, "role.last_owner");
    set(&service.app, (tenant, grace), false, 3).await.expect(200);
    change(ada, &["member"]).await.expect(200);
}

#[tokio::test]
async fn a_standing_that_comes_late_changes_nothing() {
    let service = open().await;
    let (tenant, ada, bob) = two_owners(&service).await;
    set(&service.app, (tenant, bob), true, 3).await.expect(200);
    assert_eq!(set(&service.app, (tenant, bob), false, 2).await.expect(200), false);
    let leave = assign(&service.app, tenant, ada, "set", &["member"], None).await;
    leave.expect_problem(409, "role.last_owner");
}

#[tokio::test]
async fn nobody_suspends_who_holds_more() {
    let service = open().await;
    let (tenant, _, bob) = two_owners(&service).await;
    let weak = json!([ROLE_READ, TENANT_READ]);
    let answer = set_by(&service.app, (tenant, bob), true, 2, &weak).await;
    answer.expect_problem(403, "user.outranks_caller");
    set_by(&service.app, (tenant, UserId::new()), true, 2, &weak).await.expect(200);
}

#[tokio::test]
async fn only_an_active_user_becomes_an_owner() {
    let service = open().await;
    let (tenant, user) = (TenantId::new(), UserId::new());
    let path = format!("/internal/authz/tenants/{tenant}/users/{user}/roles");
    let add = async |role: &str| {
        let body = json!({
            "change": "add", "roles": [role], "is_active": false, "caller_permissions": null,
        });
        service.app.internal(Method::PUT, &path, Some(&body)).await
    };
    for name in ["owner", "OWNER", &OWNER.id.to_string()] {
        add(name).await.expect_problem(409, "user.not_active");
    }
    add("admin").await.expect(200);
    // Who is one already may be told so again.
    give(&service.app, tenant, user, &["owner"]).await;
    add("owner").await.expect(200);
}
