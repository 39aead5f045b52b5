//! Whether one user may manage another.

use contracts::generated::permissions::{ROLE_READ, TENANT_READ, USER_DELETE, USER_UPDATE};
use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::{Value, json};
use testkit::{Answer, App};

use crate::support::{create_role, give, open, owner};

async fn ask(
    app: &App,
    tenant: TenantId,
    user: UserId,
    permissions: &Value,
    is_removal: bool,
) -> Answer {
    let path = format!("/internal/authz/tenants/{tenant}/users/{user}/management");
    let body = json!({"caller_permissions": permissions, "is_removal": is_removal});
    app.internal(Method::PUT, &path, Some(&body)).await
}

#[tokio::test]
async fn who_holds_less_does_not_manage_who_holds_more() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    let weak = json!([USER_UPDATE, ROLE_READ, TENANT_READ]);
    ask(&service.app, tenant, user, &weak, true).await.expect(204);
    create_role(&service.app, &owner, "Boss", &[USER_DELETE]).await;
    give(&service.app, tenant, user, &["member", "boss"]).await;
    let answer = ask(&service.app, tenant, user, &weak, false).await;
    answer.expect_problem(403, "user.outranks_caller");
    let strong = json!([USER_DELETE, ROLE_READ, TENANT_READ]);
    ask(&service.app, tenant, user, &strong, true).await.expect(204);
}

#[tokio::test]
async fn a_new_user_is_managed_as_the_member_that_they_are() {
    let service = open().await;
    let answer =
        ask(&service.app, TenantId::new(), UserId::new(), &json!([USER_UPDATE]), false).await;
    answer.expect_problem(403, "user.outranks_caller");
}

#[tokio::test]
async fn the_last_owner_can_be_changed_but_not_removed() {
    let service = open().await;
    let somebody = owner();
    let (tenant, user) = (somebody.tenant(), UserId::new());
    give(&service.app, tenant, user, &["owner"]).await;
    let everything = json!(somebody.permissions());
    ask(&service.app, tenant, user, &everything, false).await.expect(204);
    let removal = ask(&service.app, tenant, user, &everything, true).await;
    removal.expect_problem(409, "role.last_owner");
    give(&service.app, tenant, UserId::new(), &["owner"]).await;
    ask(&service.app, tenant, user, &everything, true).await.expect(204);
}
