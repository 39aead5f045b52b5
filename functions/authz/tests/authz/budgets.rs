//! What operations cost in table calls, and how long answers may be out of date.

use contracts::generated::permissions::{AUTHZ_CHECK, ROLE_READ, TENANT_READ, USER_DELETE};
use jiff::SignedDuration;
use kernel::{config::Sources, id::UserId};
use serde_json::json;
use testkit::{Person, assert_cost};

use crate::support::{
    create_role, give, grants, instance, open, open_with, owner, permissions_of, role_path,
};

#[tokio::test]
async fn a_steady_caller_costs_no_table_read() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    create_role(&service.app, &owner, "Editor", &[]).await;
    create_role(&service.app, &owner, "Author", &[]).await;
    give(&service.app, tenant, user, &["editor", "author", "viewer"]).await;
    assert_cost(grants(&service.app, tenant, user), 2, 2).await;
    assert_cost(grants(&service.app, tenant, user), 0, 0).await;
    let newcomer = UserId::new();
    assert_cost(grants(&service.app, tenant, newcomer), 1, 1).await;
    assert_cost(grants(&service.app, tenant, newcomer), 0, 0).await;
}

#[tokio::test]
async fn a_warm_check_costs_no_table_read() {
    let service = open().await;
    let caller = Person::with(&[AUTHZ_CHECK]);
    let checks = json!({"checks": [{"permission": ROLE_READ}, {"permission": USER_DELETE}]});
    let ask = || service.app.post(&caller, "/api/v1/authz/check/batch", &checks);
    assert_cost(ask(), 1, 1).await.expect(200);
    assert_cost(ask(), 0, 0).await.expect(200);
    let about = |count| {
        let users = (0..count).map(|_| json!({"permission": ROLE_READ, "user_id": UserId::new()}));
        json!({"checks": users.collect::<Vec<_>>()})
    };
    let many = about(20);
    let answer = service.app.post(&caller, "/api/v1/authz/check/batch", &many);
    let (answer, ledger) = aws::Ledger::of(answer).await;
    answer.expect(200);
    assert_eq!(ledger.calls().len(), 20);
}

#[tokio::test]
async fn roles_are_made_read_and_listed_with_one_call_each() {
    let service = open().await;
    let owner = owner();
    let role = assert_cost(create_role(&service.app, &owner, "Editor", &[ROLE_READ]), 1, 1).await;
    assert_cost(service.app.get(&owner, &role_path(&role)), 1, 1).await.expect(200);
    assert_cost(service.app.get(&owner, "/api/v1/roles"), 1, 1).await.expect(200);
    assert_cost(service.app.get(&owner, "/api/v1/permissions"), 0, 0).await.expect(200);
    let put = format!("{}/permissions", role_path(&role));
    let body = json!({"permissions": [TENANT_READ]});
    assert_cost(service.app.put(&owner, &put, &body), 2, 2).await.expect(200);
    assert_cost(service.app.delete(&owner, &role_path(&role)), 2, 2).await.expect(204);
}

#[tokio::test]
async fn an_assignment_costs_a_read_and_a_write_and_what_its_roles_cost() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    assert_cost(give(&service.app, tenant, user, &["admin"]), 2, 2).await;
    create_role(&service.app, &owner, "Editor", &[]).await;
    // The assignment and the name at once, then the role, then the change.
    assert_cost(give(&service.app, tenant, user, &["editor"]), 4, 3).await;
}

#[tokio::test]
async fn a_change_counts_at_once_where_it_was_made() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    let role = create_role(&service.app, &owner, "Editor", &[ROLE_READ]).await;
    permissions_of(&service.app, tenant, user).await;
    give(&service.app, tenant, user, &["editor"]).await;
    assert_eq!(permissions_of(&service.app, tenant, user).await.len(), 1);
    let put = format!("{}/permissions", role_path(&role));
    service.app.put(&owner, &put, &json!({"permissions": []})).await.expect(200);
    assert!(permissions_of(&service.app, tenant, user).await.is_empty());
    service.app.patch(&owner, &role_path(&role), &json!({"name": "Author"})).await.expect(200);
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["Author"]));
}

#[tokio::test]
async fn a_change_made_elsewhere_counts_when_the_memory_expires() {
    let sources = Sources::empty().with("PLINTH_AUTHZ_CACHE_SECONDS", "30");
    let service = open_with(&sources).await;
    let elsewhere = instance(&service.store, &sources, &service.clock).await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    give(&service.app, tenant, user, &["admin"]).await;
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["admin"]));
    give(&elsewhere, tenant, user, &["viewer"]).await;
    service.clock.advance(SignedDuration::from_secs(29));
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["admin"]));
    service.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(grants(&service.app, tenant, user).await["roles"], json!(["viewer"]));
}

#[tokio::test]
async fn nothing_is_remembered_when_the_setting_says_so() {
    let sources = Sources::empty().with("PLINTH_AUTHZ_CACHE_SECONDS", "0");
    let service = open_with(&sources).await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    create_role(&service.app, &owner, "Editor", &[]).await;
    create_role(&service.app, &owner, "Author", &[]).await;
    give(&service.app, tenant, user, &["editor", "author"]).await;
    for _ in 0..2 {
        assert_cost(grants(&service.app, tenant, user), 2, 2).await;
    }
}

#[tokio::test]
async fn many_who_ask_the_same_at_once_share_one_read() {
    let service = open().await;
    let owner = owner();
    let (tenant, user) = (owner.tenant(), UserId::new());
    create_role(&service.app, &owner, "Editor", &[]).await;
    give(&service.app, tenant, user, &["editor"]).await;
    let ask = || grants(&service.app, tenant, user);
    let all = async { tokio::join!(ask(), ask(), ask(), ask(), ask()) };
    assert_cost(all, 2, 2).await;
}
