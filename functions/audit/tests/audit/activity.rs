//! What a user did and what was done to them, as other services ask for it.

use http::Method;
use kernel::id::{TenantId, UserId};
use serde_json::Value;
use testkit::assert_cost;

use crate::support::{Fixture, login_failed, some_events, user_deleted, user_suspended};

async fn activity(fixture: &Fixture, tenant: TenantId, user: UserId, query: &str) -> Value {
    let path = format!("/internal/audit/tenants/{tenant}/users/{user}/activity?{query}");
    fixture.app.internal(Method::GET, &path, None).await.expect(200)
}

async fn all(fixture: &Fixture, user: UserId, limit: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut query = format!("limit={limit}");
    loop {
        let page = activity(fixture, fixture.tenant, user, &query).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit as usize);
        found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(before) = page["next_before"].as_u64() else { return found };
        query = format!("limit={limit}&before={before}");
    }
}

#[tokio::test]
async fn deeds_and_sufferings_come_merged_newest_first_and_once() {
    let fixture = Fixture::new().await;
    let (ada, grace, tenant) = (UserId::new(), UserId::new(), fixture.tenant);
    let events = [
        user_suspended(tenant, ada, grace),
        login_failed(tenant, Some(ada)),
        user_suspended(tenant, grace, ada),
        // By herself, to herself.
        user_deleted(tenant, ada),
        user_suspended(tenant, ada, grace),
    ];
    fixture.record(&events[..2]).await;
    fixture.record(&some_events(tenant, 5)).await;
    fixture.record(&events[2..]).await;
    let newest_first: Vec<_> = events.iter().rev().map(|event| event.id.to_string()).collect();
    for limit in [1, 2, 3, 5, 100] {
        assert_eq!(all(&fixture, ada, limit).await, newest_first, "{limit} at a time");
    }
    assert_eq!(all(&fixture, UserId::new(), 10).await, [""; 0]);
}

#[tokio::test]
async fn another_tenant_finds_nothing() {
    let fixture = Fixture::new().await;
    let ada = UserId::new();
    fixture.record(&[user_deleted(fixture.tenant, ada)]).await;
    let page = activity(&fixture, TenantId::new(), ada, "limit=10").await;
    assert_eq!(page["items"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn an_entry_says_who_what_and_from_where() {
    let fixture = Fixture::new().await;
    let ada = UserId::new();
    fixture.record(&[login_failed(fixture.tenant, Some(ada))]).await;
    let page = activity(&fixture, fixture.tenant, ada, "limit=10").await;
    let entry = &page["items"][0];
    assert_eq!(entry["action"], "auth.login_failed");
    assert_eq!(entry["outcome"], "failure");
    assert_eq!(entry["actor"]["kind"], "anonymous");
    assert_eq!(entry["actor"]["ip_address"], "203.0.113.7");
    assert_eq!(entry["metadata"]["reason"], "invalid_credentials");
}

#[tokio::test]
async fn a_page_is_two_reads_at_the_same_time() {
    let fixture = Fixture::new().await;
    let ada = UserId::new();
    fixture.record(&[user_deleted(fixture.tenant, ada)]).await;
    assert_cost(activity(&fixture, fixture.tenant, ada, "limit=10"), 2, 1).await;
}
