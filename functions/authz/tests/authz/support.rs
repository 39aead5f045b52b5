use std::{collections::BTreeSet, sync::Arc};

use contracts::generated::permissions::ALL;
use http::Method;
use jiff::Timestamp;
use kernel::{
    clock::ManualClock,
    config::Sources,
    cursor::Cursors,
    id::{TenantId, UserId},
    secret::Key,
};
use serde_json::{Value, json};
use testkit::{Answer, App, MortalRecords, Person, TestStore};

/// The service on a store of its own.
pub struct Service {
    pub store: TestStore,
    pub app: App,
    pub clock: ManualClock,
    pub records: Arc<MortalRecords>,
}

pub async fn open() -> Service {
    open_with(&Sources::empty()).await
}

pub async fn open_with(sources: &Sources) -> Service {
    let store = TestStore::open().await;
    let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let clock = ManualClock::at(start);
    let records = MortalRecords::new(store.table("authz").await);
    let app = instance_with(&store, &records, sources, &clock).await;
    Service { store, app, clock, records }
}

/// Another instance of the service on the same table.
pub async fn instance(store: &TestStore, sources: &Sources, clock: &ManualClock) -> App {
    let records = MortalRecords::new(store.table("authz").await);
    instance_with(store, &records, sources, clock).await
}

/// An instance that remembers requests with keys in these records.
pub async fn instance_with(
    store: &TestStore,
    records: &Arc<MortalRecords>,
    sources: &Sources,
    clock: &ManualClock,
) -> App {
    let ports = authz::Ports {
        table: store.table("authz").await,
        clock: Arc::new(clock.clone()),
        cursors: Cursors::new(Key::from_bytes([7; 32])),
        idempotency: records.idempotency(clock),
    };
    App::new(&authz::module(sources, ports).unwrap())
}

/// Somebody who holds every permission.
pub fn owner() -> Person {
    let all: Vec<&str> = ALL.iter().map(|permission| permission.code).collect();
    Person::with(&all)
}

/// A colleague with these permissions.
pub fn colleague(of: &Person, permissions: &[&str]) -> Person {
    Person::with(permissions).of_tenant(of.tenant())
}

pub async fn create_role(app: &App, person: &Person, name: &str, permissions: &[&str]) -> Value {
    let body = json!({"name": name, "permissions": permissions});
    app.post(person, "/api/v1/roles", &body).await.expect(201)
}

pub fn role_path(role: &Value) -> String {
    format!("/api/v1/roles/{}", role["id"].as_str().unwrap())
}

/// Changes a user's roles on the authority of the platform (`None`) or of somebody with permissions.
pub async fn assign(
    app: &App,
    tenant: TenantId,
    user: UserId,
    change: &str,
    roles: &[&str],
    authority: Option<BTreeSet<String>>,
) -> Answer {
    let path = format!("/internal/authz/tenants/{tenant}/users/{user}/roles");
    let body = json!({
        "change": change, "roles": roles, "is_active": true, "caller_permissions": authority,
    });
    app.internal(Method::PUT, &path, Some(&body)).await
}

/// Sets a user's roles on the authority of the platform.
pub async fn give(app: &App, tenant: TenantId, user: UserId, roles: &[&str]) -> Value {
    assign(app, tenant, user, "set", roles, None).await.expect(200)
}

pub async fn grants(app: &App, tenant: TenantId, user: UserId) -> Value {
    let path = format!("/internal/authz/tenants/{tenant}/users/{user}/grants");
    app.internal(Method::GET, &path, None).await.expect(200)
}

pub async fn permissions_of(app: &App, tenant: TenantId, user: UserId) -> BTreeSet<String> {
    serde_json::from_value(grants(app, tenant, user).await["permissions"].clone()).unwrap()
}

pub fn names(list: &Value) -> Vec<&str> {
    let names = list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap());
    names.collect()
}
