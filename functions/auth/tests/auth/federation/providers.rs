//! Setting providers up.

use http::Method;
use kernel::config::Sources;
use serde_json::{Value, json};
use testkit::{Person, assert_cost};

use super::{House, PERMISSIONS, PROVIDERS, idp::CLIENT_SECRET};
use crate::common::Test;

fn path(provider: &Value) -> String {
    format!("{PROVIDERS}/{}", provider["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_provider_is_set_up_seen_changed_and_removed() {
    let house = House::open().await;
    let created = assert_cost(house.create(json!({})), 1, 1).await;
    let location = created.headers["location"].to_str().unwrap().to_owned();
    let provider = created.expect(201);
    assert_eq!(location, path(&provider));
    let tenant = house.owner.tenant();
    let callback = format!("http://localhost:8080/api/v1/auth/oidc/{tenant}.idp/callback");
    assert_eq!(provider["callback_url"], callback);
    assert_eq!(provider["scopes"], json!(["openid", "email", "profile"]));
    let app = &house.test.app;
    let seen = assert_cost(app.get(&house.owner, &location), 1, 1).await;
    let etag = seen.etag().to_owned();
    assert_eq!(seen.expect(200), provider);
    let known = [("if-none-match", etag.as_str())];
    app.call(&house.owner, Method::GET, &location, None, &known).await.expect(304);

    let change = json!({"name": "Renamed", "client_secret": "new"});
    let matching = [("if-match", etag.as_str())];
    let patch = async |headers: &[(&str, &str)]| {
        app.call(&house.owner, Method::PATCH, &location, Some(&change), headers).await
    };
    let changed = patch(&matching).await.expect(200);
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Renamed"), &json!(2)));
    patch(&matching).await.expect_problem(412, "request.precondition_failed");
    let same = house.patch(&provider, json!({"name": "Renamed"})).await.expect(200);
    assert_eq!(same["version"], 2);

    let delete = async |headers: &[(&str, &str)]| {
        app.call(&house.owner, Method::DELETE, &location, None, headers).await
    };
    delete(&matching).await.expect_problem(412, "request.precondition_failed");
    delete(&[]).await.expect(204);
    delete(&[]).await.expect_problem(404, "auth.provider_not_found");
    app.get(&house.owner, &location).await.expect_problem(404, "auth.provider_not_found");
    house.create(json!({})).await.expect(201);

    let events = house.test.store.announced("auth");
    let news: Vec<_> = events.iter().map(|event| event.kind.rsplit('_').next().unwrap()).collect();
    assert_eq!(news, ["created", "updated", "deleted", "created"]);
    assert_eq!(events[1].data["changed"], json!(["name", "client_secret"]));
}

#[tokio::test]
async fn a_client_secret_is_nowhere_to_be_seen() {
    let house = House::open().await;
    let provider = house.create(json!({})).await.expect(201);
    assert_eq!(provider["has_client_secret"], true);
    let app = &house.test.app;
    let shown = [
        app.get(&house.owner, PROVIDERS).await.expect(200),
        app.get(&house.owner, &path(&provider)).await.expect(200),
        house.patch(&provider, json!({"client_secret": CLIENT_SECRET})).await.expect(200),
    ];
    let events = house.test.store.announced("auth");
    let told = serde_json::to_string(&events).unwrap();
    let stored = house.test.store.written("auth");
    for text in shown.iter().map(ToString::to_string).chain([told, stored]) {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn slugs_are_unique_in_a_tenant_and_tenants_do_not_see_each_other() {
    let house = House::open().await;
    let provider = house.create(json!({})).await.expect(201);
    house.create(json!({})).await.expect_problem(409, "auth.provider_slug_taken");
    let other = Person::with(PERMISSIONS);
    let app = &house.test.app;
    let body =
        json!({"slug": "idp", "name": "x", "issuer": "https://idp.example.org", "client_id": "y"});
    app.post(&other, PROVIDERS, &body).await.expect(201);
    let path = path(&provider);
    app.get(&other, &path).await.expect_problem(404, "auth.provider_not_found");
    app.patch(&other, &path, &json!({})).await.expect_problem(404, "auth.provider_not_found");
    app.delete(&other, &path).await.expect_problem(404, "auth.provider_not_found");
    let listed = app.get(&house.owner, PROVIDERS).await.expect(200);
    assert_eq!(listed["items"], json!([provider]));
}

#[tokio::test]
async fn a_list_goes_on_where_its_cursor_says() {
    let house = House::open().await;
    for slug in ["one", "two", "three"] {
        house.create(json!({"slug": slug})).await.expect(201);
    }
    let app = &house.test.app;
    let page = app.get(&house.owner, &format!("{PROVIDERS}?limit=2")).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("{PROVIDERS}?limit=2&cursor={cursor}");
    let rest = app.get(&house.owner, &path).await.expect(200);
    let slugs: Vec<_> = [&page, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|provider| provider["slug"].as_str().unwrap())
        .collect();
    assert_eq!(slugs, ["one", "two", "three"]);
    app.get(&Person::with(PERMISSIONS), &path).await.expect_invalid(&["?cursor"]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let house = House::open().await;
    let wrong = json!({
        "slug": "Not A Slug", "name": "", "issuer": "http://169.254.169.254", "client_id": "",
        "client_secret": "two\nlines", "scopes": ["email"], "allowed_domains": ["@"],
        "default_roles": ["owner"],
    });
    let all = [
        "/slug",
        "/name",
        "/issuer",
        "/client_id",
        "/client_secret",
        "/scopes",
        "/allowed_domains",
        "/default_roles",
    ];
    house.create(wrong).await.expect_invalid(&all);
    house.create(json!({"issuer": null})).await.expect_invalid(&["/issuer"]);
    house.create(json!({"preset": "google", "issuer": null})).await.expect(201);
    let unknown = house.create(json!({"redirect_uri": "x"})).await;
    unknown.expect_invalid(&["/redirect_uri"]);
}

#[tokio::test]
async fn only_who_has_the_permission_sets_providers_up() {
    let house = House::open().await;
    let provider = house.create(json!({})).await.expect(201);
    let reader = Person::with(&["auth.provider.read"]).of_tenant(house.owner.tenant());
    let app = &house.test.app;
    app.get(&reader, &path(&provider)).await.expect(200);
    app.post(&reader, PROVIDERS, &json!({})).await.expect_problem(403, "auth.forbidden");
    let path = path(&provider);
    app.patch(&reader, &path, &json!({})).await.expect_problem(403, "auth.forbidden");
    app.delete(&reader, &path).await.expect_problem(403, "auth.forbidden");
}

#[tokio::test]
async fn without_the_setting_for_tests_no_provider_on_this_machine_is_taken() {
    let test = Test::start().await;
    let owner = Person::with(PERMISSIONS);
    for issuer in ["http://127.0.0.1:4000", "https://127.0.0.1:4000", "http://localhost:4000"] {
        let body = json!({"slug": "idp", "name": "x", "issuer": issuer, "client_id": "y"});
        test.app.post(&owner, PROVIDERS, &body).await.expect_invalid(&["/issuer"]);
    }
}

#[tokio::test]
async fn a_setting_that_names_no_origin_is_a_mistake() {
    let variable = "PLINTH_AUTH_FEDERATION_RETURN_ORIGINS";
    let refused = Test::try_start_with(&Sources::empty().with(variable, r#"["*"]"#)).await;
    let mistake = refused.err().expect("`*` is no origin").to_string();
    assert!(mistake.contains(variable), "{mistake}");
}
