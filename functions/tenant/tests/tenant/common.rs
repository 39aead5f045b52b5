use std::sync::Arc;

use http::Method;
use kernel::{
    clock::ManualClock,
    config::{ConfigErrors, Sources},
    id::TenantId,
    module::Module,
};
use serde_json::{Value, json};
use testkit::{Answer, App, TestStore};

pub async fn build(store: &TestStore, sources: &Sources) -> Result<Module, ConfigErrors> {
    let table = store.table("tenant").await;
    let clock = Arc::new(ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap()));
    tenant::module(sources, tenant::Ports { table, clock })
}

pub async fn open() -> (TestStore, App) {
    let store = TestStore::open().await;
    let app = App::new(&build(&store, &Sources::empty()).await.unwrap());
    (store, app)
}

pub async fn ensure(app: &App, id: TenantId, name: &str, slug: &str) -> Answer {
    let path = format!("/internal/tenant/tenants/{id}");
    app.internal(Method::PUT, &path, Some(&json!({"name": name, "slug": slug}))).await
}

/// A tenant that people join by registering themselves.
pub async fn ensure_open(app: &App, id: TenantId, name: &str, slug: &str) -> Answer {
    let path = format!("/internal/tenant/tenants/{id}");
    let body = json!({"name": name, "slug": slug, "open_registration": true});
    app.internal(Method::PUT, &path, Some(&body)).await
}

pub async fn get_internal(app: &App, path: &str) -> Value {
    app.internal(Method::GET, &format!("/internal/tenant/{path}"), None).await.expect(200)
}
