//! The caller's own tenant, seen from outside.

use serde_json::json;

use crate::target::{Target, unique_email};

#[tokio::test]
async fn owners_change_their_tenant_and_members_do_not() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let me = operator.client.get("/api/v1/auth/me").await.expect(200);
    let path = format!("/api/v1/tenants/{}", me["tenant"]["id"].as_str().unwrap());
    let name = unique_email("Tenant");

    let changed = operator.client.patch(&path, &json!({"name": name})).await.expect(200);
    assert_eq!(changed["name"], name.as_str());
    assert_eq!(operator.client.get(&path).await.expect(200), changed);

    let member = target.colleague(&operator, &["member"]).await;
    let refused = member.client.patch(&path, &json!({"name": "Ours"})).await;
    refused.expect_problem(403, "auth.forbidden");
}
