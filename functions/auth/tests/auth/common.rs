//! The module on an embedded store, with the other services played by fakes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use contracts::{
    authz::{AssignRoles, Assignment, Authorization, Grants, ManageUser, SetStanding},
    identity::{
        Credentials, EMAIL_TAKEN, EnsureUser, Identities, PasswordChange, PasswordCheck,
        PasswordStatus, ProvenUser, Registration, User, UserStatus,
    },
    tenant::{EnsureTenant, TenantSettings, TenantStatus, TenantView, Tenants},
};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    caller::Tenant,
    client::CallError,
    clock::{Clock, ManualClock},
    config::{ConfigErrors, Sources},
    cursor::Cursors,
    event::{Envelope, EventData, SharedConsumer},
    id::{SessionId, TenantId, UserId},
    limit::Limits,
    origin::Origin,
    problem::Kind,
    secret::{Key, Secret, SecretStore, SecretStoreError},
};
use serde_json::{Value, json};
use testkit::{App, MortalRecords, Person, TestStore};

pub const EMAIL: &str = "ada@example.org";
pub const PASSWORD: &str = "correct horse battery staple";

/// One account with a password in one tenant, and those that come without one.
pub struct World {
    pub user: Mutex<User>,
    pub people: Mutex<Vec<User>>,
    pub assigned: Mutex<Vec<AssignRoles>>,
    /// What assigning roles answers instead.
    pub assignment_refusal: Mutex<Option<Kind>>,
    pub registrations: Mutex<Vec<Registration>>,
    pub roles_are_down: Mutex<bool>,
    pub identities_are_down: Mutex<bool>,
}

impl World {
    fn everybody(&self) -> Vec<User> {
        let mut all = self.people.lock().unwrap().clone();
        all.push(self.user.lock().unwrap().clone());
        all
    }
}

fn refused(kind: Kind) -> CallError {
    CallError::Refused(Box::new(kind.problem("refused").document("/internal", "test")))
}

#[async_trait]
impl Identities for World {
    async fn register(&self, _: &Origin, registration: &Registration) -> Result<(), CallError> {
        self.registrations.lock().unwrap().push(registration.clone());
        Ok(())
    }

    async fn check_password(
        &self,
        _: &Origin,
        credentials: &Credentials,
    ) -> Result<PasswordCheck, CallError> {
        if *self.identities_are_down.lock().unwrap() {
            return Err(CallError::Unavailable { service: "identity", reason: "down".to_owned() });
        }
        let user = self.user.lock().unwrap().clone();
        Ok(if credentials.email != EMAIL {
            PasswordCheck::Wrong { tenant_id: None, user_id: None }
        } else if credentials.password.expose() != PASSWORD {
            PasswordCheck::Wrong { tenant_id: Some(user.tenant_id), user_id: Some(user.id) }
        } else {
            PasswordCheck::Right { user: Box::new(user) }
        })
    }

    async fn find(
        &self,
        _: &Origin,
        tenant: Tenant,
        user: UserId,
    ) -> Result<Option<User>, CallError> {
        Ok(self.everybody().into_iter().find(|u| u.id == user && u.tenant_id == tenant.id()))
    }

    async fn find_by_email(
        &self,
        _: &Origin,
        tenant: Tenant,
        email: &str,
    ) -> Result<Option<User>, CallError> {
        let is_it = |user: &User| user.email == email && user.tenant_id == tenant.id();
        Ok(self.everybody().into_iter().find(is_it))
    }

    async fn ensure_proven(
        &self,
        origin: &Origin,
        tenant: Tenant,
        user: UserId,
        account: &ProvenUser,
    ) -> Result<User, CallError> {
        if let Some(known) = Identities::find(self, origin, tenant, user).await? {
            return Ok(known);
        }
        if self.everybody().iter().any(|known| known.email == account.email) {
            return Err(refused(EMAIL_TAKEN));
        }
        let made = User {
            id: user,
            tenant_id: tenant.id(),
            email: account.email.clone(),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            ..self.user.lock().unwrap().clone()
        };
        self.people.lock().unwrap().push(made.clone());
        Ok(made)
    }

    async fn password_status(
        &self,
        _: &Origin,
        _: Tenant,
        user: UserId,
    ) -> Result<PasswordStatus, CallError> {
        Ok(PasswordStatus { is_set: self.user.lock().unwrap().id == user })
    }

    async fn change_password(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &PasswordChange,
    ) -> Result<(), CallError> {
        Ok(())
    }

    async fn ensure(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &EnsureUser,
    ) -> Result<User, CallError> {
        Ok(self.user.lock().unwrap().clone())
    }
}

#[async_trait]
impl Authorization for World {
    async fn grants(&self, _: &Origin, _: Tenant, _: UserId) -> Result<Grants, CallError> {
        if *self.roles_are_down.lock().unwrap() {
            return Err(CallError::Unavailable { service: "authz", reason: "down".to_owned() });
        }
        Ok(Grants {
            roles: vec!["member".to_owned()],
            permissions: ["role.read".to_owned()].into(),
        })
    }

    async fn assign(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        change: &AssignRoles,
    ) -> Result<Assignment, CallError> {
        if let Some(kind) = *self.assignment_refusal.lock().unwrap() {
            return Err(refused(kind));
        }
        self.assigned.lock().unwrap().push(change.clone());
        Ok(Assignment { roles: Vec::new(), version: 1 })
    }

    async fn set_standing(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &SetStanding,
    ) -> Result<bool, CallError> {
        Ok(true)
    }

    async fn check_management(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &ManageUser,
    ) -> Result<(), CallError> {
        Ok(())
    }
}

#[async_trait]
impl Tenants for World {
    async fn find(&self, _: &Origin, id: TenantId) -> Result<Option<TenantView>, CallError> {
        Ok(Some(tenant(id)).filter(|tenant| tenant.id == self.user.lock().unwrap().tenant_id))
    }

    async fn find_for_registration(
        &self,
        _: &Origin,
        slug: Option<&str>,
    ) -> Result<Option<TenantView>, CallError> {
        let id = self.user.lock().unwrap().tenant_id;
        Ok(Some(tenant(id)).filter(|tenant| slug.is_none_or(|slug| slug == tenant.slug)))
    }

    async fn find_by_slug(&self, _: &Origin, slug: &str) -> Result<Option<TenantView>, CallError> {
        let tenant = tenant(self.user.lock().unwrap().tenant_id);
        Ok(Some(tenant).filter(|tenant| tenant.slug == slug))
    }

    async fn ensure(
        &self,
        _: &Origin,
        id: TenantId,
        _: &EnsureTenant,
    ) -> Result<TenantView, CallError> {
        Ok(tenant(id))
    }
}

fn tenant(id: TenantId) -> TenantView {
    TenantView {
        id,
        name: "Demo".to_owned(),
        slug: "demo".to_owned(),
        status: TenantStatus::Active,
        settings: TenantSettings::default(),
        created_at: Timestamp::UNIX_EPOCH,
        version: 1,
    }
}

/// Secrets in memory.
#[derive(Default)]
pub struct MemorySecrets(Mutex<HashMap<String, Secret>>);

#[async_trait]
impl SecretStore for MemorySecrets {
    async fn get(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn put(&self, name: &str, value: &Secret) -> Result<(), SecretStoreError> {
        self.0.lock().unwrap().insert(name.to_owned(), value.clone());
        Ok(())
    }
}

pub struct Test {
    pub app: App,
    /// A second instance on the same table.
    pub other: App,
    pub store: TestStore,
    pub world: Arc<World>,
    pub clock: ManualClock,
    pub records: Arc<MortalRecords>,
    pub secrets: Arc<MemorySecrets>,
    /// What the module does when it hears of something.
    pub consumer: SharedConsumer,
}

impl Test {
    pub async fn start() -> Self {
        Self::start_with(&Sources::empty()).await
    }

    pub async fn start_with(sources: &Sources) -> Self {
        Self::try_start_with(sources).await.unwrap()
    }

    pub async fn try_start_with(sources: &Sources) -> Result<Self, ConfigErrors> {
        Self::build(sources, false).await
    }

    /// With the default rate limits, which other tests would meet, too.
    pub async fn start_limited() -> Self {
        Self::build(&Sources::empty(), true).await.unwrap()
    }

    async fn build(sources: &Sources, is_limited: bool) -> Result<Self, ConfigErrors> {
        let start: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let clock = ManualClock::at(start);
        let user = User {
            id: UserId::new(),
            tenant_id: TenantId::new(),
            email: EMAIL.to_owned(),
            username: None,
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            avatar_url: None,
            status: UserStatus::Active,
            email_verified: true,
            roles: vec!["member".to_owned()],
            created_at: start,
            updated_at: start,
            version: 1,
        };
        let world = Arc::new(World {
            user: Mutex::new(user),
            people: Mutex::default(),
            assigned: Mutex::default(),
            assignment_refusal: Mutex::default(),
            registrations: Mutex::default(),
            roles_are_down: Mutex::default(),
            identities_are_down: Mutex::default(),
        });
        let store = TestStore::open().await;
        let table = store.table("auth").await;
        let records = MortalRecords::new(table.clone());
        let secrets = Arc::new(MemorySecrets::default());
        let (cursor_key, refresh_key) = (Key::random(), Key::random());
        let federation_key = Key::random();
        let limits = if is_limited {
            store.limits(&Sources::empty(), Arc::new(clock.clone())).await
        } else {
            Limits::none()
        };
        let instance = || {
            let ports = auth::Ports {
                table: table.clone(),
                identities: world.clone(),
                authz: world.clone(),
                tenants: world.clone(),
                secrets: secrets.clone(),
                clock: Arc::new(clock.clone()),
                cursors: Cursors::new(cursor_key.clone()),
                idempotency: records.idempotency(&clock),
                refresh_key: refresh_key.clone(),
                federation_key: federation_key.clone(),
                limits: limits.clone(),
            };
            auth::module(sources, ports)
        };
        let (one, other) = (instance()?, instance()?);
        let consumer = one.consumer.clone().expect("the module consumes events");
        let limited = |module| App::limited(module, limits.clone());
        let (app, other) = (limited(&one), limited(&other));
        Ok(Self { app, other, store, world, clock, records, secrets, consumer })
    }

    /// Tells the module of something in its tenant.
    pub async fn consume(&self, data: &impl EventData) {
        let tenant = Tenant::of_internal_call(self.world.user.lock().unwrap().tenant_id);
        let now = self.clock.now();
        let event = Envelope::new("identity", now, tenant, &Origin::system("test"), data);
        self.consumer.consume(&event).await.unwrap();
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The account, signed in, with these permissions.
    pub async fn admin(&self, permissions: &[&str]) -> Person {
        person(&self.sign_in().await).holding(permissions)
    }

    /// Types of the events announced so far, but for sign-ins.
    pub fn announced_types(&self) -> Vec<String> {
        let mut types = self.store.announced_types("auth");
        types.retain(|kind| kind != "platform.auth.login_succeeded");
        types
    }

    /// Lets the module hear of something that happened now.
    pub async fn hear(&self, data: &impl EventData) {
        let tenant = Tenant::of_internal_call(self.world.user.lock().unwrap().tenant_id);
        let (now, origin) = (self.clock.now(), Origin::system("test"));
        let event = Envelope::new("identity", now, tenant, &origin, data);
        self.consumer.consume(&event).await.unwrap();
    }

    /// Signs the account in; the answer's body.
    pub async fn sign_in(&self) -> Value {
        self.try_sign_in(PASSWORD).await.expect(200)
    }

    pub async fn try_sign_in(&self, password: &str) -> testkit::Answer {
        let body = json!({"email": EMAIL, "password": password});
        self.app.post(&Person::anonymous(), "/api/v1/auth/login", &body).await
    }

    pub async fn refresh(&self, token: &str) -> testkit::Answer {
        refresh_at(&self.app, token).await
    }

    /// Whether the session of these tokens still counts.
    pub async fn is_active(&self, tokens: &Value) -> bool {
        let claims = claims(tokens);
        let path = format!(
            "/internal/auth/tenants/{}/users/{}/sessions/{}/status",
            claims["tid"].as_str().unwrap(),
            claims["sub"].as_str().unwrap(),
            claims["sid"].as_str().unwrap(),
        );
        let answer = self.app.internal(http::Method::GET, &path, None).await.expect(200);
        answer["is_active"].as_bool().unwrap()
    }
}

pub async fn refresh_at(app: &App, token: &str) -> testkit::Answer {
    let body = json!({"refresh_token": token});
    app.post(&Person::anonymous(), "/api/v1/auth/refresh", &body).await
}

pub fn token(answer: &Value) -> String {
    answer["refresh_token"].as_str().unwrap().to_owned()
}

/// The claims of the access token, unverified.
pub fn claims(answer: &Value) -> Value {
    let token = answer["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&kernel::secret::decode(payload).unwrap()).unwrap()
}

pub fn session(answer: &Value) -> SessionId {
    claims(answer)["sid"].as_str().unwrap().parse().unwrap()
}

/// The person that an access token stands for.
pub fn person(tokens: &Value) -> Person {
    let claims = claims(tokens);
    let id = |name: &str| claims[name].as_str().unwrap().to_owned();
    Person::with(&[])
        .as_user(id("sub").parse().unwrap())
        .of_tenant(id("tid").parse().unwrap())
        .in_session(id("sid").parse().unwrap())
}
