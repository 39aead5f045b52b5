use contracts::{
    PLATFORM_TENANT,
    generated::permissions::{TENANT_READ, TENANT_UPDATE},
};
use http::Method;
use kernel::{id::TenantId, origin::ActorKind};
use serde_json::{Value, json};
use testkit::{Answer, App, Person, assert_cost};

use crate::common::{ensure, ensure_open, get_internal, open};

/// Somebody who may change their tenant, which exists.
async fn owner_of_a_tenant(app: &App) -> (Person, String) {
    let owner = Person::with(&[TENANT_READ, TENANT_UPDATE]);
    let id = owner.tenant();
    ensure_open(app, id, "Demo Inc.", "demo").await.expect(200);
    (owner, format!("/api/v1/tenants/{id}"))
}

async fn patch_version(app: &App, owner: &Person, path: &str, name: &str, tag: &str) -> Answer {
    let body = json!({"name": name});
    app.call(owner, Method::PATCH, path, Some(&body), &[("if-match", tag)]).await
}

#[tokio::test]
async fn a_change_is_seen_and_announced_without_its_value() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let answer = app.patch(&owner, &path, &json!({"name": "  Demo Ltd. "})).await;
    assert_eq!(answer.etag(), "\"2\"");
    let changed = answer.expect(200);
    assert_eq!(changed["name"], "Demo Ltd.");
    assert_eq!(changed["version"], 2);
    assert_eq!(changed["slug"], "demo");
    assert_eq!(app.get(&owner, &path).await.expect(200), changed);
    assert_eq!(get_internal(&app, "registration/demo").await, changed);

    let events = store.announced("tenant");
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].kind, "platform.tenant.updated");
    assert_eq!(events[1].tenant_id, owner.tenant());
    assert_eq!(events[1].actor.kind, ActorKind::User);
    assert_eq!(events[1].actor.id, Some(owner.user().to_string()));
    assert_eq!(events[1].data, json!({"tenant_id": owner.tenant(), "changed": ["name"]}));
}

#[tokio::test]
async fn a_change_costs_a_read_and_a_write() {
    let (_store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let body = json!({"name": "Demo Ltd."});
    assert_cost(app.patch(&owner, &path, &body), 2, 2).await.expect(200);
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_and_announces_nothing() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    for same in [json!({}), json!({"name": "Demo Inc."}), json!({"name": " Demo Inc. "})] {
        let answer = assert_cost(app.patch(&owner, &path, &same), 1, 1).await;
        assert_eq!(answer.expect(200)["version"], 1, "{same}");
    }
    assert_eq!(store.announced_types("tenant").len(), 1);
}

#[tokio::test]
async fn a_wrong_field_is_named_and_changes_nothing() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let long = "n".repeat(101);
    for name in [json!(""), json!(" "), json!("a\u{0}b"), json!(long), json!(7)] {
        app.patch(&owner, &path, &json!({"name": name})).await.expect_invalid(&["/name"]);
    }
    for field in ["slug", "status", "id", "version"] {
        let body = json!({"name": "Demo Ltd.", field: "x"});
        app.patch(&owner, &path, &body).await.expect_invalid(&[&format!("/{field}")]);
    }
    assert_eq!(app.get(&owner, &path).await.expect(200)["version"], 1);
    assert_eq!(store.announced_types("tenant").len(), 1);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    patch_version(&app, &owner, &path, "Second", "\"1\"").await.expect(200);
    let stale = patch_version(&app, &owner, &path, "Third", "\"1\"").await;
    stale.expect_problem(412, "request.precondition_failed");
    assert_eq!(app.get(&owner, &path).await.expect(200)["name"], "Second");
    patch_version(&app, &owner, &path, "Third", "\"2\"").await.expect(200);
    assert_eq!(store.announced_types("tenant").len(), 3);
}

#[tokio::test]
async fn of_many_who_change_the_same_version_at_once_one_does() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let (a, b) = tokio::join!(
        patch_version(&app, &owner, &path, "A", "\"1\""),
        patch_version(&app, &owner, &path, "B", "\"1\""),
    );
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    assert_eq!(store.announced_types("tenant").len(), 2);
}

#[tokio::test]
async fn changes_without_a_version_at_the_same_time_all_happen() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let names = ["A", "B", "C"].map(|name| json!({"name": name}));
    let [a, b, c] = names.each_ref().map(|body| app.patch(&owner, &path, body));
    let (a, b, c) = tokio::join!(a, b, c);
    let mut versions = [a, b, c].map(|answer| answer.expect(200)["version"].as_u64().unwrap());
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4]);
    assert_eq!(store.announced_types("tenant").len(), 4);
}

#[tokio::test]
async fn people_change_their_own_tenant_and_no_other() {
    let (_store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let other = TenantId::new();
    let before = ensure(&app, other, "Other", "other").await.expect(200);
    let body = json!({"name": "Taken over"});
    for id in [other, TenantId::new(), PLATFORM_TENANT] {
        let answer = app.patch(&owner, &format!("/api/v1/tenants/{id}"), &body).await;
        answer.expect_problem(404, "tenant.not_found");
    }
    assert_eq!(get_internal(&app, &format!("tenants/{other}")).await, before);
    assert_eq!(get_internal(&app, &format!("tenants/{PLATFORM_TENANT}")).await, Value::Null);
    let reader = Person::with(&[TENANT_READ]).of_tenant(owner.tenant());
    app.patch(&reader, &path, &body).await.expect_problem(403, "auth.forbidden");
    let anybody = Person::anonymous();
    app.patch(&anybody, &path, &body).await.expect_problem(401, "auth.unauthenticated");
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let (store, app) = open().await;
    let (owner, path) = owner_of_a_tenant(&app).await;
    let settings = app.get(&owner, &path).await.expect(200)["settings"].clone();
    assert_eq!(settings, json!({"require_second_factor": false, "security_mail": true}));

    app.patch(&owner, &path, &json!({"settings": {"require_second_factor": true}}))
        .await
        .expect(200);
    let quiet = json!({"settings": {"security_mail": false}});
    let changed = app.patch(&owner, &path, &quiet).await.expect(200);
    assert_eq!(changed["settings"], json!({"require_second_factor": true, "security_mail": false}));
    assert_eq!(app.get(&owner, &path).await.expect(200), changed);
    assert_eq!(store.announced("tenant").last().unwrap().data["changed"], json!(["settings"]));

    let unknown = json!({"settings": {"theme": "dark"}});
    app.patch(&owner, &path, &unknown).await.expect(422);
}
