use contracts::{PLATFORM_TENANT, generated::permissions::TENANT_READ};
use http::Method;
use kernel::{config::Sources, id::TenantId};
use serde_json::{Value, json};
use testkit::{App, Person, TestStore, assert_cost};

use crate::common::{build, ensure, ensure_open, get_internal, open};

#[tokio::test]
async fn a_tenant_is_created_once_and_announced_once() {
    let (store, app) = open().await;
    let id = TenantId::new();
    let created = ensure(&app, id, "Demo Inc.", "demo").await.expect(200);
    assert_eq!(
        created,
        json!({
            "id": id, "name": "Demo Inc.", "slug": "demo", "status": "active",
            "settings": {"require_second_factor": false, "security_mail": true},
            "created_at": "2026-03-01T12:00:00Z", "version": 1,
        })
    );
    let again = ensure(&app, id, "Another name", "another").await.expect(200);
    assert_eq!(again, created);
    assert_eq!(get_internal(&app, &format!("tenants/{id}")).await, created);

    let events = store.announced("tenant");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "platform.tenant.created");
    assert_eq!(events[0].tenant_id, id);
    assert_eq!(events[0].data, json!({"tenant_id": id, "name": "Demo Inc.", "slug": "demo"}));
}

#[tokio::test]
async fn of_many_who_ensure_a_tenant_at_the_same_time_one_creates_it() {
    let (store, app) = open().await;
    let id = TenantId::new();
    let (a, b, c) = tokio::join!(
        ensure(&app, id, "A", "slug-a"),
        ensure(&app, id, "B", "slug-b"),
        ensure(&app, id, "C", "slug-c"),
    );
    let (a, b, c) = (a.expect(200), b.expect(200), c.expect(200));
    assert!(a == b && b == c);
    assert_eq!(store.announced_types("tenant").len(), 1);
}

#[tokio::test]
async fn a_slug_belongs_to_one_tenant() {
    let (store, app) = open().await;
    ensure(&app, TenantId::new(), "One", "same").await.expect(200);
    let other = TenantId::new();
    ensure(&app, other, "Two", "same").await.expect_problem(409, "tenant.slug_taken");
    assert_eq!(get_internal(&app, &format!("tenants/{other}")).await, Value::Null);
    assert_eq!(store.announced_types("tenant").len(), 1);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (_store, app) = open().await;
    ensure(&app, TenantId::new(), " ", "-x").await.expect_invalid(&["/name", "/slug"]);
    ensure(&app, TenantId::new(), "a\u{0}b", "Ünix").await.expect_invalid(&["/name", "/slug"]);
}

#[tokio::test]
async fn people_register_with_a_slug_or_with_the_default_tenant() {
    let (_store, app) = open().await;
    assert_eq!(get_internal(&app, "registration").await, Value::Null);
    let demo = ensure_open(&app, TenantId::new(), "Demo", "demo").await.expect(200);
    let acme = ensure_open(&app, TenantId::new(), "Acme", "acme").await.expect(200);
    assert_eq!(get_internal(&app, "registration").await, demo);
    assert_eq!(get_internal(&app, "registration/acme").await, acme);
    for nobody in ["nobody", "x", "%00%00%00", "-acme", "ACME", &"a".repeat(3_000)] {
        let found = get_internal(&app, &format!("registration/{nobody}")).await;
        assert_eq!(found, Value::Null, "{nobody}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_open_answers_as_if_it_were_not_there() {
    let (_store, app) = open().await;
    ensure(&app, PLATFORM_TENANT, "Platform", "platform").await.expect(200);
    ensure(&app, TenantId::new(), "Demo", "demo").await.expect(200);
    for path in ["registration", "registration/demo", "registration/platform", "registration/none"]
    {
        assert_eq!(get_internal(&app, path).await, Value::Null, "{path}");
    }
}

#[tokio::test]
async fn without_a_default_tenant_a_slug_is_needed() {
    let store = TestStore::open().await;
    let sources = Sources::empty().with("PLINTH_TENANT_DEFAULT_SLUG", "");
    let app = App::new(&build(&store, &sources).await.unwrap());
    ensure_open(&app, TenantId::new(), "Demo", "demo").await.expect(200);
    assert_eq!(get_internal(&app, "registration").await, Value::Null);
}

#[tokio::test]
async fn a_default_slug_that_is_none_is_a_mistake_in_the_configuration() {
    let store = TestStore::open().await;
    let sources = Sources::empty().with("PLINTH_TENANT_DEFAULT_SLUG", "No Slug");
    let Err(error) = build(&store, &sources).await.map(|_| ()) else { panic!("accepted") };
    assert!(error.to_string().contains("tenant.default_slug"), "{error}");
}

#[tokio::test]
async fn people_see_their_own_tenant_and_no_other() {
    let (_store, app) = open().await;
    let reader = Person::with(&[TENANT_READ]);
    let (own, other) = (reader.tenant(), TenantId::new());
    let tenant = ensure(&app, own, "Own", "own").await.expect(200);
    ensure(&app, other, "Other", "other").await.expect(200);

    let path = format!("/api/v1/tenants/{own}");
    let answer = assert_cost(app.get(&reader, &path), 1, 1).await;
    let etag = answer.etag().to_owned();
    assert_eq!(answer.expect(200), tenant);
    let known = [("if-none-match", etag.as_str())];
    app.call(&reader, Method::GET, &path, None, &known).await.expect(304);

    for id in [other, TenantId::new(), PLATFORM_TENANT] {
        let answer = app.get(&reader, &format!("/api/v1/tenants/{id}")).await;
        answer.expect_problem(404, "tenant.not_found");
    }
    app.get(&reader, "/api/v1/tenants/%00").await.expect_problem(404, "request.not_found");
    let nobody = Person::with(&[]).of_tenant(own);
    app.get(&nobody, &path).await.expect_problem(403, "auth.forbidden");
    app.get(&Person::anonymous(), &path).await.expect_problem(401, "auth.unauthenticated");
}

#[tokio::test]
async fn internal_routes_do_not_exist_for_the_gateway() {
    let (_store, app) = open().await;
    let anybody = Person::with(&[TENANT_READ]);
    let id = anybody.tenant();
    ensure(&app, id, "Own", "own").await.expect(200);
    for path in
        [format!("/internal/tenant/tenants/{id}"), "/internal/tenant/registration".to_owned()]
    {
        app.get(&anybody, &path).await.expect_problem(404, "request.not_found");
    }
}

#[tokio::test]
async fn other_services_find_a_tenant_by_slug_though_it_takes_no_registrations() {
    let (_store, app) = open().await;
    let own = ensure(&app, TenantId::new(), "Own", "own").await.expect(200);
    assert_eq!(get_internal(&app, "slugs/own").await, own);
    assert_eq!(get_internal(&app, "registration/own").await, Value::Null);
    for slug in ["unknown", "No", "a%00b"] {
        assert_eq!(get_internal(&app, &format!("slugs/{slug}")).await, Value::Null);
    }
}
