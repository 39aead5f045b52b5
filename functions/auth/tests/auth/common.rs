//! The module on an embedded store, with the other services played by fakes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use aws_lc_rs::hmac;
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
    pub password_version: Mutex<u64>,
    pub tenant_status: Mutex<TenantStatus>,
    pub settings: Mutex<TenantSettings>,
    /// How often the tenant was asked for.
    pub tenant_reads: Mutex<u32>,
}

impl World {
    pub fn demand_second_factor(&self) {
        self.settings.lock().unwrap().require_second_factor = true;
    }

    fn tenant(&self, id: TenantId) -> TenantView {
        TenantView {
            id,
            name: "Demo".to_owned(),
            slug: "demo".to_owned(),
            status: *self.tenant_status.lock().unwrap(),
            settings: *self.settings.lock().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            version: 1,
        }
    }

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
            let password_version = *self.password_version.lock().unwrap();
            PasswordCheck::Right { user: Box::new(user), password_version }
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
        *self.tenant_reads.lock().unwrap() += 1;
        let own = self.user.lock().unwrap().tenant_id;
        Ok(Some(self.tenant(id)).filter(|tenant| tenant.id == own))
    }

    async fn find_for_registration(
        &self,
        _: &Origin,
        slug: Option<&str>,
    ) -> Result<Option<TenantView>, CallError> {
        let id = self.user.lock().unwrap().tenant_id;
        Ok(Some(self.tenant(id)).filter(|tenant| slug.is_none_or(|slug| slug == tenant.slug)))
    }

    async fn find_by_slug(&self, _: &Origin, slug: &str) -> Result<Option<TenantView>, CallError> {
        let tenant = self.tenant(self.user.lock().unwrap().tenant_id);
        Ok(Some(tenant).filter(|tenant| tenant.slug == slug))
    }

    async fn ensure(
        &self,
        _: &Origin,
        id: TenantId,
        _: &EnsureTenant,
    ) -> Result<TenantView, CallError> {
        Ok(self.tenant(id))
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

    /// Remembers tenants for so many seconds.
    pub async fn with_tenant_memory(seconds: u32) -> Self {
        let variable = "PLINTH_AUTH_TENANT_CACHE_SECONDS";
        let sources = Sources::empty().with(variable, &seconds.to_string());
        Self::build(&sources, false).await.unwrap()
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
            password_version: Mutex::default(),
            tenant_status: Mutex::new(TenantStatus::Active),
            settings: Mutex::default(),
            tenant_reads: Mutex::default(),
        });
        let store = TestStore::open().await;
        let table = store.table("auth").await;
        let records = MortalRecords::new(table.clone());
        let secrets = Arc::new(MemorySecrets::default());
        let (cursor_key, refresh_key, factor_key) = (Key::random(), Key::random(), Key::random());
        let mut sources = sources.clone();
        if sources.variable("PLINTH_AUTH_TENANT_CACHE_SECONDS").is_none() {
            sources = sources.with("PLINTH_AUTH_TENANT_CACHE_SECONDS", "0");
        }
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
                factor_key: factor_key.clone(),
                federation_key: federation_key.clone(),
                limits: limits.clone(),
            };
            auth::module(&sources, ports)
        };
        let (one, other) = (instance()?, instance()?);
        let consumer = one.consumer.clone().expect("the module consumes events");
        let limited = |module| App::limited(module, limits.clone());
        let (app, other) = (limited(&one), limited(&other));
        Ok(Self { app, other, store, world, clock, records, secrets, consumer })
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
        self.hear_at(self.clock.now(), data).await;
    }

    /// Tells the module of something that happened at this time.
    pub async fn hear_at(&self, time: Timestamp, data: &impl EventData) {
        let tenant = Tenant::of_internal_call(self.world.user.lock().unwrap().tenant_id);
        let event = Envelope::new("identity", time, tenant, &Origin::system("test"), data);
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

    /// Signs in from another device.
    pub async fn sign_in_with(&self, agent: &str) -> Value {
        let body = json!({"email": EMAIL, "password": PASSWORD});
        let (path, headers) = ("/api/v1/auth/login", [("user-agent", agent)]);
        let nobody = Person::anonymous();
        let call = self.app.call(&nobody, http::Method::POST, path, Some(&body), &headers);
        call.await.expect(200)
    }

    pub async fn post(&self, person: &Person, path: &str, body: Value) -> testkit::Answer {
        self.app.post(person, &format!("/api/v1/auth{path}"), &body).await
    }

    /// The same by somebody who is not signed in.
    pub async fn public(&self, path: &str, body: Value) -> testkit::Answer {
        self.post(&Person::anonymous(), path, body).await
    }

    pub async fn get(&self, person: &Person, path: &str) -> testkit::Answer {
        self.app.get(person, &format!("/api/v1/auth{path}")).await
    }

    pub async fn delete(&self, person: &Person, path: &str) -> testkit::Answer {
        self.app.delete(person, &format!("/api/v1/auth{path}")).await
    }

    /// Enrols an authenticator app. Gives its secret and the recovery codes.
    pub async fn enroll_totp(&self, person: &Person) -> (AuthenticatorApp, Vec<String>) {
        let shown = self.post(person, "/mfa/totp", json!({})).await.expect(201);
        let app = AuthenticatorApp::new(&shown);
        let body = json!({"code": app.code(&self.clock)});
        let codes = self.post(person, "/mfa/totp/confirm", body).await.expect(200);
        // The next code is one that was not used yet.
        self.advance(30);
        (app, texts(&codes["recovery_codes"]))
    }

    /// The challenge that a right password gets.
    pub async fn challenge(&self) -> String {
        let demanded = self.try_sign_in(PASSWORD).await.expect_problem(401, "auth.mfa_required");
        demanded["challenge"].as_str().unwrap().to_owned()
    }

    pub async fn give_code(&self, challenge: &str, code: &str) -> testkit::Answer {
        self.public("/login/mfa", json!({"challenge": challenge, "code": code})).await
    }

    /// What is stored of the user's factors.
    pub async fn stored_factors(&self) -> Value {
        let (tenant, user) = {
            let user = self.world.user.lock().unwrap();
            (user.tenant_id, user.id)
        };
        let key = aws::Key::new(format!("T#{tenant}#USER#{user}"), "FACTORS");
        self.store.table("auth").await.get(&key).await.unwrap().unwrap()
    }

    /// The reasons of all refusals that were announced.
    pub fn refusals(&self) -> Vec<String> {
        let events = self.store.announced("auth");
        let refused = events.iter().filter(|event| event.kind == "platform.auth.login_failed");
        refused.map(|event| event.data["reason"].as_str().unwrap().to_owned()).collect()
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

/// An app that shows codes: RFC 6238 once more, by nothing of the code under test.
pub struct AuthenticatorApp {
    pub secret: Vec<u8>,
}

impl AuthenticatorApp {
    pub fn new(shown: &Value) -> Self {
        let text = shown["secret"].as_str().unwrap();
        assert!(shown["otpauth_url"].as_str().unwrap().contains(text));
        let bits: Vec<bool> = text
            .chars()
            .flat_map(|letter| {
                let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
                (0..5).rev().map(move |bit| value >> bit & 1 == 1)
            })
            .collect();
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        Self { secret: bits.chunks_exact(8).map(byte).collect() }
    }

    pub fn code(&self, clock: &ManualClock) -> String {
        self.code_at(clock.now().as_second())
    }

    pub fn code_at(&self, second: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &(second / 30).to_be_bytes());
        let at = usize::from(tag.as_ref()[19] & 15);
        let word = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap());
        format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
    }

    /// Some code that is none of those that count now.
    pub fn wrong_code(&self, clock: &ManualClock) -> String {
        let now = clock.now().as_second();
        let right: Vec<_> = [-30, 0, 30].map(|by| self.code_at(now + by)).into();
        (0..4).map(|n| format!("{n:06}")).find(|code| !right.contains(code)).unwrap()
    }
}

pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
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
        .authenticated_at(Timestamp::from_second(claims["auth_time"].as_i64().unwrap()).unwrap())
}
