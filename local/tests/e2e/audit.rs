//! What the audit log tells.

use crate::target::{Target, eventually, unique_email};

#[tokio::test]
async fn failed_sign_ins_are_on_record_without_the_address_or_password() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let email = unique_email("stranger");
    target.try_sign_in(&email, "not-the-password-at-all").await.expect(401);
    let path = "/api/v1/audit/logs?action=auth.login_failed&outcome=failure&limit=1";
    let page = eventually(|| async {
        let page = operator.client.get(path).await.expect(200);
        (!page["items"].as_array()?.is_empty()).then_some(page)
    })
    .await;
    let text = page.to_string();
    assert!(!text.contains(&email) && !text.contains("not-the-password-at-all"));
    assert!(page["items"][0]["ip_address"].is_string());
}

#[tokio::test]
async fn a_request_is_found_by_the_id_that_its_client_gave() {
    let target = Target::get().await;
    let operator = target.operator().await;
    let grace = target.colleague(&operator, &["member"]).await;
    let id = format!("test-{}", grace.id);
    let headers = [("x-request-id", id.as_str())];
    let path = format!("/api/v1/users/{}/suspend", grace.id);
    let suspend = operator.client.call(reqwest::Method::POST, &path, None, &headers).await;
    suspend.expect(200);
    assert_eq!(suspend.header("x-request-id"), id);
    let path = format!("/api/v1/audit/logs?resource_id={}&action=user.suspended", grace.id);
    let entry = eventually(|| async {
        let page = operator.client.get(&path).await.expect(200);
        page["items"].as_array()?.first().cloned()
    })
    .await;
    assert_eq!(entry["request_id"], id);
    assert_eq!(entry["actor"]["id"], operator.id);
}
