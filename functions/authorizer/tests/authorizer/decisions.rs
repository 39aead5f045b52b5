//! Decisions about requests, with the other services played by fakes that count.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use authorizer::{Authorizer, Ports, Refusal};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use contracts::{
    authz::{AssignRoles, Assignment, Authorization, Grants, ManageUser, SetStanding},
    sessions::{AccessClaims, ApiKeyStanding, ClientStanding, Jwk, Jwks, SessionStatus, Sessions},
};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{
    caller::Tenant,
    client::CallError,
    clock::{Clock, ManualClock},
    config::Sources,
    event::{Consumer, Envelope},
    id::{ClientId, ClientSecretId, SessionId, TenantId, TokenId, UserId},
    origin::Origin,
    secret::{Secret, encode},
};

pub const LIST_USERS: &str = "/api/v1/users";
pub const ME: &str = "/api/v1/auth/me";

/// A key pair, as signer and as verifiers see it.
pub struct Pair {
    pub signing: EncodingKey,
    pub public: Jwk,
}

pub fn pair(kid: &str) -> Pair {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let keys = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
    let point = keys.public_key().as_ref();
    let public = Jwk {
        kty: "EC".to_owned(),
        crv: "P-256".to_owned(),
        alg: "ES256".to_owned(),
        usage: "sig".to_owned(),
        kid: kid.to_owned(),
        x: encode(&point[1..33]),
        y: encode(&point[33..]),
    };
    Pair { signing: EncodingKey::from_ec_der(der.as_ref()), public }
}

/// The services that the authorizer asks.
pub struct Services {
    keys: Mutex<Vec<Jwk>>,
    pub permissions: Mutex<Vec<&'static str>>,
    pub client: Mutex<Option<ClientStanding>>,
    pub api_key: Mutex<Option<ApiKeyStanding>>,
    is_active: AtomicBool,
    is_down: AtomicBool,
    calls: AtomicU32,
}

impl Services {
    fn asked(&self) -> Result<(), CallError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(CallError::Unavailable { service: "auth", reason: "down".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Sessions for Services {
    async fn status(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: SessionId,
    ) -> Result<SessionStatus, CallError> {
        self.asked()?;
        Ok(SessionStatus { is_active: self.is_active.load(Ordering::SeqCst) })
    }

    async fn keys(&self, _: &Origin) -> Result<Jwks, CallError> {
        self.asked()?;
        Ok(Jwks { keys: self.keys.lock().unwrap().clone() })
    }

    async fn client_standing(
        &self,
        _: &Origin,
        _: Tenant,
        _: ClientId,
        _: ClientSecretId,
        _: TokenId,
    ) -> Result<Option<ClientStanding>, CallError> {
        self.asked()?;
        Ok(self.client.lock().unwrap().clone())
    }

    async fn api_key_standing(
        &self,
        _: &Origin,
        _: &Secret,
    ) -> Result<Option<ApiKeyStanding>, CallError> {
        self.asked()?;
        Ok(self.api_key.lock().unwrap().clone())
    }
}

#[async_trait]
impl Authorization for Services {
    async fn grants(&self, _: &Origin, _: Tenant, _: UserId) -> Result<Grants, CallError> {
        self.asked()?;
        let held = self.permissions.lock().unwrap().iter().map(ToString::to_string).collect();
        Ok(Grants { roles: vec!["member".to_owned()], permissions: held })
    }

    async fn assign(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &AssignRoles,
    ) -> Result<Assignment, CallError> {
        unreachable!("the authorizer changes nothing")
    }

    async fn set_standing(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &SetStanding,
    ) -> Result<bool, CallError> {
        unreachable!("the authorizer suspends nobody")
    }

    async fn check_management(
        &self,
        _: &Origin,
        _: Tenant,
        _: UserId,
        _: &ManageUser,
    ) -> Result<(), CallError> {
        unreachable!("the authorizer manages nobody")
    }
}

pub struct Test {
    pub authorizer: Authorizer,
    pub services: Arc<Services>,
    pub clock: ManualClock,
    pub pair: Pair,
    pub claims: AccessClaims,
}

impl Test {
    pub fn start() -> Self {
        Self::with(&Sources::empty())
    }

    pub fn with(sources: &Sources) -> Self {
        let pair = pair("one");
        let services = Arc::new(Services {
            keys: Mutex::new(vec![pair.public.clone()]),
            permissions: Mutex::new(vec!["user.list"]),
            client: Mutex::default(),
            api_key: Mutex::default(),
            is_active: AtomicBool::new(true),
            is_down: AtomicBool::new(false),
            calls: AtomicU32::new(0),
        });
        let clock = ManualClock::at(Timestamp::from_second(1_800_000_000).unwrap());
        let ports = Ports {
            sessions: services.clone(),
            authz: services.clone(),
            clock: Arc::new(clock.clone()),
        };
        let now = clock.now().as_second();
        let claims = AccessClaims {
            iss: "http://localhost:8080".to_owned(),
            aud: "plinth".to_owned(),
            sub: UserId::new(),
            tid: TenantId::new(),
            sid: SessionId::new(),
            roles: Vec::new(),
            iat: now,
            nbf: now,
            exp: now + 900,
            jti: "1".to_owned(),
        };
        let authorizer = Authorizer::new(sources, ports).unwrap();
        Self { authorizer, services, clock, pair, claims }
    }

    pub fn token(&self) -> String {
        self.sign(&header(), &self.claims)
    }

    pub fn sign(&self, header: &Header, claims: &impl serde::Serialize) -> String {
        jsonwebtoken::encode(header, claims, &self.pair.signing).unwrap()
    }

    pub async fn decide(&self, route: &str, token: &str) -> Result<(), Refusal> {
        let origin = Origin::system("test");
        let header = format!("Bearer {token}");
        self.authorizer.decide(&origin, &Method::GET, route, Some(&header)).await.map(drop)
    }

    #[track_caller]
    pub fn calls(&self) -> u32 {
        self.services.calls.swap(0, Ordering::SeqCst)
    }
}

pub fn header() -> Header {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some("one".to_owned());
    header
}

#[tokio::test]
async fn a_warm_decision_asks_nobody() {
    let test = Test::start();
    test.decide(LIST_USERS, &test.token()).await.unwrap();
    assert_eq!(test.calls(), 3, "keys, session, grants");
    for _ in 0..10 {
        test.decide(LIST_USERS, &test.token()).await.unwrap();
        test.decide(ME, &test.token()).await.unwrap();
    }
    assert_eq!(test.calls(), 0);
}

#[tokio::test]
async fn a_public_route_looks_at_no_token_and_an_unknown_one_is_refused() {
    let test = Test::start();
    let origin = Origin::system("test");
    let decide = |method, route| test.authorizer.decide(&origin, method, route, None);
    assert!(decide(&Method::POST, "/api/v1/auth/login").await.unwrap().is_none());
    assert!(matches!(decide(&Method::GET, "/nowhere").await, Err(Refusal::UnknownRoute)));
    assert!(matches!(decide(&Method::GET, ME).await, Err(Refusal::NoToken)));
    assert_eq!(test.calls(), 0);
}

#[tokio::test]
async fn a_missing_permission_is_refused_by_name() {
    let test = Test::start();
    let route = "/api/v1/audit/logs";
    let refused = test.decide(route, &test.token()).await;
    assert!(matches!(refused, Err(Refusal::Forbidden("audit.log.read", _))));
}

#[tokio::test]
async fn a_token_dies_by_the_clock() {
    let test = Test::start();
    test.decide(ME, &test.token()).await.unwrap();
    test.clock.advance(SignedDuration::from_secs(905));
    assert!(matches!(test.decide(ME, &test.token()).await, Err(Refusal::BadToken(_))));
}

#[tokio::test]
async fn unknown_key_ids_do_not_make_it_ask_for_keys_again_and_again() {
    let test = Test::start();
    test.decide(ME, &test.token()).await.unwrap();
    test.calls();
    for n in 0..100 {
        let mut header = header();
        header.kid = Some(format!("key-{n}"));
        assert!(test.decide(ME, &test.sign(&header, &test.claims)).await.is_err());
    }
    assert_eq!(test.calls(), 0);
}

#[tokio::test]
async fn without_an_answer_nobody_passes() {
    let test = Test::start();
    test.services.is_down.store(true, Ordering::SeqCst);
    assert!(matches!(test.decide(ME, &test.token()).await, Err(Refusal::Undecided(_))));
}

#[tokio::test]
async fn a_session_that_is_over_does_not_pass_and_caching_can_be_turned_off() {
    let sources = Sources::empty().with("PLINTH_AUTHORIZER_CACHE_SECONDS", "0");
    let test = Test::with(&sources);
    test.decide(ME, &test.token()).await.unwrap();
    test.services.is_active.store(false, Ordering::SeqCst);
    assert!(matches!(test.decide(ME, &test.token()).await, Err(Refusal::SessionOver)));
}

#[tokio::test]
async fn what_an_event_says_has_changed_is_forgotten() {
    let test = Test::start();
    test.decide(ME, &test.token()).await.unwrap();
    test.services.is_active.store(false, Ordering::SeqCst);
    test.decide(ME, &test.token()).await.unwrap();
    let event = |user: UserId| {
        let data = contracts::events::LoggedOut { user_id: user, session_id: test.claims.sid };
        let tenant = Tenant::of_internal_call(test.claims.tid);
        Envelope::new("auth", test.clock.now(), tenant, &Origin::system("test"), &data)
    };
    let forgetting = test.authorizer.forgetting();
    forgetting.consume(&event(UserId::new())).await.unwrap();
    test.decide(ME, &test.token()).await.unwrap();
    forgetting.consume(&event(test.claims.sub)).await.unwrap();
    assert!(matches!(test.decide(ME, &test.token()).await, Err(Refusal::SessionOver)));
}
