//! The audit module on an embedded store, and events for it.

use std::sync::Arc;

use audit::Ports;
use aws::{Key, Table};
use contracts::{
    authz::MEMBER,
    events::{LoginFailed, LoginFailure, RoleCreated, UserDeleted, UserSuspended},
    generated::permissions::{AUDIT_LOG_READ, AUDIT_LOG_VERIFY},
};
use jiff::Timestamp;
use kernel::{
    caller::Tenant,
    clock::ManualClock,
    cursor::Cursors,
    event::{ConsumeError, Consumer, Envelope, EventData},
    id::{TenantId, UserId},
    module::Module,
    origin::{Actor, ActorKind, Origin},
    secret::Key as SecretKey,
};
use serde_json::Value;
use testkit::{App, Person, TestStore};

pub const NOW: &str = "2026-03-14T09:26:53.589Z";

/// One store, one module on it.
pub struct Fixture {
    /// Keeps the table alive.
    _store: TestStore,
    pub table: Table,
    pub clock: ManualClock,
    pub module: Module,
    pub app: App,
    pub tenant: TenantId,
    pub auditor: Person,
}

impl Fixture {
    pub async fn new() -> Self {
        let store = TestStore::open().await;
        let table = store.table("audit").await;
        let clock = ManualClock::at(time(NOW));
        let module = module(&table, &clock);
        let app = App::new(&module);
        let tenant = TenantId::new();
        let auditor = auditor_of(tenant);
        Self { _store: store, table, clock, module, app, tenant, auditor }
    }

    /// Another instance of the module on the same table.
    pub fn another_instance(&self) -> Module {
        module(&self.table, &self.clock)
    }

    pub async fn record(&self, events: &[Envelope]) {
        record(&self.module, events).await;
    }

    /// Entries of the fixture's tenant for this query, newest first, over all pages.
    pub async fn entries(&self, query: &str) -> Vec<Value> {
        entries(&self.app, &self.auditor, query).await
    }

    pub async fn verify(&self) -> Value {
        self.app.get(&self.auditor, "/api/v1/audit/verify").await.expect(200)
    }

    /// Where an entry is stored.
    pub fn key(&self, sequence: u64) -> Key {
        Key::new(format!("T#{}#AUDIT", self.tenant), format!("{sequence:020}"))
    }
}

pub fn module(table: &Table, clock: &ManualClock) -> Module {
    audit::module(Ports {
        table: table.clone(),
        clock: Arc::new(clock.clone()),
        cursors: Cursors::new(SecretKey::from_bytes([7; 32])),
    })
}

pub fn auditor_of(tenant: TenantId) -> Person {
    Person::with(&[AUDIT_LOG_READ, AUDIT_LOG_VERIFY]).of_tenant(tenant)
}

pub async fn deliver(module: &Module, events: &[Envelope]) -> Vec<Result<(), ConsumeError>> {
    let consumer: &dyn Consumer = module.consumer.as_deref().expect("audit consumes events");
    consumer.consume_batch(events).await
}

/// Delivers the events and expects every one to be taken.
pub async fn record(module: &Module, events: &[Envelope]) {
    for result in deliver(module, events).await {
        result.expect("the event is recorded");
    }
}

pub async fn entries(app: &App, person: &Person, query: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = format!("/api/v1/audit/logs?{query}");
    loop {
        let page = app.get(person, &path).await.expect(200);
        all.extend(page["items"].as_array().expect("a page has items").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return all };
        path = format!("/api/v1/audit/logs?{query}&cursor={cursor}");
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a test's time is well-formed")
}

/// Somebody's request from a browser.
pub fn origin(user: UserId) -> Origin {
    Origin {
        request_id: "request-1".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        actor: Actor {
            kind: ActorKind::User,
            id: Some(user.to_string()),
            ip_address: Some("203.0.113.7".to_owned()),
            user_agent: Some("curl/8.9".to_owned()),
        },
        deadline: None,
    }
}

pub fn anonymous() -> Origin {
    let mut origin = origin(UserId::new());
    origin.actor.kind = ActorKind::Anonymous;
    origin.actor.id = None;
    origin
}

pub fn event<T: EventData>(tenant: TenantId, origin: &Origin, data: &T) -> Envelope {
    Envelope::new("test", time(NOW), Tenant::of_internal_call(tenant), origin, data)
}

pub fn user_deleted(tenant: TenantId, user: UserId) -> Envelope {
    event(tenant, &origin(user), &UserDeleted { user_id: user })
}

pub fn user_suspended(tenant: TenantId, by: UserId, user: UserId) -> Envelope {
    event(tenant, &origin(by), &UserSuspended { user_id: user })
}

pub fn login_failed(tenant: TenantId, user: Option<UserId>) -> Envelope {
    let data = LoginFailed { user_id: user, reason: LoginFailure::InvalidCredentials };
    event(tenant, &anonymous(), &data)
}

pub fn role_created(tenant: TenantId, by: UserId, name: &str) -> Envelope {
    let permissions = vec!["user.read".to_owned()];
    let data = RoleCreated { role_id: MEMBER.id, name: name.to_owned(), permissions };
    event(tenant, &origin(by), &data)
}

/// So many events of the tenant, each about another user.
pub fn some_events(tenant: TenantId, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| user_deleted(tenant, UserId::new())).collect()
}
