//! The module with everything around it that it talks to.

mod audit;
mod authz;
mod mailbox;
mod tenants;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws::{Key as ItemKey, Query, Table, Write};
use contracts::generated;
use http::Method;
use identity::Ports;
use jiff::Timestamp;
use kernel::{
    clock::ManualClock, config::Sources, cursor::Cursors, event::Envelope, id::TenantId,
    limit::Limits, module::Module, secret::Key,
};
use serde_json::{Value, json};
use testkit::{Answer, App, MortalRecords, Person, TestStore};

pub use self::{
    audit::FakeAudit, authz::FakeAuthorization, mailbox::Mailbox, tenants::FakeTenants,
};

/// A password that is good enough.
pub const PASSWORD: &str = "nine lives of a cobol cat";

/// Every permission of this service.
pub const ADMIN: &[&str] = &[
    "user.create",
    "user.list",
    "user.read",
    "user.update",
    "user.delete",
    "user.import",
    "role.assign",
    "audit.log.read",
];

pub struct World {
    pub store: TestStore,
    pub app: App,
    pub module: Module,
    pub authz: Arc<FakeAuthorization>,
    pub audit: Arc<FakeAudit>,
    pub tenants: Arc<FakeTenants>,
    pub mailbox: Arc<Mailbox>,
    pub clock: ManualClock,
    pub records: Arc<MortalRecords>,
    table: Table,
    /// How many of the announced events have been delivered.
    delivered: AtomicUsize,
}

impl World {
    pub async fn open() -> Self {
        Self::over(TestStore::open().await, &[]).await
    }

    /// The same data under a module with other settings.
    pub async fn with_settings(self, settings: &[(&str, &str)]) -> Self {
        Self::over(self.store, settings).await
    }

    /// With the default rate limits.
    pub async fn limited() -> Self {
        let world = Self::open().await;
        let clock = Arc::new(world.clock.clone());
        let limits = world.store.limits(&Sources::empty(), clock).await;
        Self::on(world.store, &[], limits).await
    }

    /// With these settings over the cheap ones for tests.
    async fn over(store: TestStore, settings: &[(&str, &str)]) -> Self {
        Self::on(store, settings, Limits::none()).await
    }

    async fn on(store: TestStore, settings: &[(&str, &str)], limits: Limits) -> Self {
        let mut sources = Sources::empty()
            .with("PLINTH_IDENTITY_PASSWORD_MEMORY_KIB", "8")
            .with("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "1")
            .with("PLINTH_IDENTITY_LINK_BASE", "https://app.example.org/");
        for (variable, value) in settings {
            sources = sources.with(variable, value);
        }
        let authz = Arc::new(FakeAuthorization::default());
        let audit = Arc::new(FakeAudit::default());
        let tenants = Arc::new(FakeTenants::default());
        let mailbox = Arc::new(Mailbox::default());
        let clock = ManualClock::at("2026-05-04T10:00:00Z".parse::<Timestamp>().unwrap());
        let table = store.table("identity").await;
        let records = MortalRecords::new(table.clone());
        let ports = Ports {
            table: table.clone(),
            authz: authz.clone(),
            audit: audit.clone(),
            tenants: tenants.clone(),
            mailer: mailbox.clone(),
            clock: Arc::new(clock.clone()),
            cursors: Cursors::new(Key::from_bytes([1; 32])),
            idempotency: records.idempotency(&clock),
            link_key: Key::from_bytes([2; 32]),
            limits: limits.clone(),
        };
        let module = identity::module(&sources, ports).unwrap();
        let app = App::limited(&module, limits);
        let delivered = AtomicUsize::new(0);
        Self {
            store,
            app,
            module,
            authz,
            audit,
            tenants,
            mailbox,
            clock,
            records,
            table,
            delivered,
        }
    }

    /// Hands the events that were announced since the last time to the consumers.
    pub async fn deliver(&self) -> Vec<Envelope> {
        let events = self.store.announced("identity");
        let known = self.delivered.swap(events.len(), Ordering::SeqCst);
        let fresh = events[known..].to_vec();
        let consumer = self.module.consumer.as_ref().unwrap();
        let consumed = generated::module("identity").consumes;
        for event in fresh.iter().filter(|event| consumed.contains(&event.kind.as_str())) {
            consumer.consume(event).await.unwrap();
        }
        fresh
    }

    /// The types of the events since the last time, which are delivered on the way.
    pub async fn news(&self) -> Vec<String> {
        self.deliver().await.into_iter().map(|event| event.kind).collect()
    }

    pub async fn register(&self, tenant: TenantId, email: &str) -> Answer {
        self.register_as(tenant, email, PASSWORD, "Ada Lovelace").await
    }

    pub async fn register_as(
        &self,
        tenant: TenantId,
        email: &str,
        password: &str,
        name: &str,
    ) -> Answer {
        let body =
            json!({ "tenant_id": tenant, "email": email, "password": password, "name": name });
        self.app.internal(Method::POST, "/internal/identity/registrations", Some(&body)).await
    }

    /// Registers somebody, verifies the address, and gives the user.
    pub async fn active(&self, tenant: TenantId, email: &str) -> Value {
        self.register(tenant, email).await.expect(204);
        self.deliver().await;
        let token = self.mailbox.last_token(email);
        self.verify(&token).await.expect(204);
        self.check(email, PASSWORD).await["user"].clone()
    }

    pub async fn verify(&self, token: &str) -> Answer {
        let body = json!({ "token": token });
        self.app.post(&Person::anonymous(), "/api/v1/users/email-verification", &body).await
    }

    /// What checking the password gives.
    pub async fn check(&self, email: &str, password: &str) -> Value {
        let body = json!({ "email": email, "password": password });
        let path = "/internal/identity/password-checks";
        self.app.internal(Method::POST, path, Some(&body)).await.expect(200)
    }

    /// Asks for the verification link once more.
    pub async fn resend(&self, email: &str) -> Answer {
        let path = "/api/v1/users/email-verification/resend";
        self.app.post(&Person::anonymous(), path, &json!({ "email": email })).await
    }

    /// The copy of a user that passwords are checked against.
    pub async fn sign_in_copy(&self, email: &str) -> Value {
        self.sign_in(email).await["account"].clone()
    }

    /// The stored hash of a user's password.
    pub async fn hash_of(&self, email: &str) -> String {
        self.sign_in(email).await["password_hash"].as_str().unwrap().to_owned()
    }

    /// Puts a hash in place that another system made.
    pub async fn import_hash(&self, email: &str, hash: &str) {
        let write = Write::update(sign_in_key(email)).set("password_hash", &hash);
        self.table.write(write.if_present()).await.unwrap();
    }

    /// Everything that is stored about a user in one place.
    pub async fn items_of(&self, user: &Value) -> Vec<Value> {
        let (tenant, id) = (user["tenant_id"].as_str().unwrap(), user["id"].as_str().unwrap());
        let query = Query::partition(format!("T#{tenant}#USER#{id}"));
        self.table.query(query).await.unwrap().items
    }

    /// Everything that is stored about an import, as text.
    pub async fn import_items(&self, person: &Person, import: &Value) -> String {
        let (tenant, id) = (person.tenant(), import["id"].as_str().unwrap());
        let query = Query::partition(format!("T#{tenant}#IMPORT#{id}"));
        Value::from(self.table.query::<Value>(query).await.unwrap().items).to_string()
    }

    async fn sign_in(&self, email: &str) -> Value {
        self.table.get(&sign_in_key(email)).await.unwrap().unwrap()
    }

    /// Creates a user as an administrator does.
    pub async fn create(&self, admin: &Person, email: &str, first: &str, last: &str) -> Value {
        let body = json!({ "email": email, "first_name": first, "last_name": last });
        self.app.post(admin, "/api/v1/users", &body).await.expect(201)
    }
}

pub fn admin() -> Person {
    Person::with(ADMIN)
}

/// A path below that of a user.
pub fn path_of(user: &Value, rest: &str) -> String {
    format!("/api/v1/users/{}{rest}", user["id"].as_str().unwrap())
}

fn sign_in_key(email: &str) -> ItemKey {
    ItemKey::new(format!("EMAIL#{email}"), "sign-in")
}
