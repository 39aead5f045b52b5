//! A small OpenID provider on loopback, honest unless told otherwise; and one like GitHub.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::{
    clock::{Clock, ManualClock},
    outgoing::Url,
    secret::encode,
};
use serde_json::{Value, json};

pub const CLIENT_ID: &str = "plinth at idp";
pub const CLIENT_SECRET: &str = "s3cret:with/odd+signs";

/// How an id token is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signing {
    #[default]
    Es256,
    Rs256,
    /// With a key that is not published, under the id of one that is.
    Foreign,
    /// Not at all.
    None,
    /// With the public key, as if it were a shared secret.
    PublicKeyAsSecret,
}

/// What the provider does, and what it does wrong.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub signing: Signing,
    /// Laid over the id token's claims; `null` removes one.
    pub claims: Value,
    /// Laid over the id token's header.
    pub header: Value,
    /// What the userinfo endpoint says beside the subject; no such endpoint otherwise.
    pub userinfo: Option<Value>,
    /// Laid over the discovery document.
    pub metadata: Value,
    /// Laid over the parameters of the answer to the browser.
    pub answer: Value,
}

struct Grant {
    challenge: String,
    nonce: String,
    redirect_uri: String,
}

struct Keys {
    id: usize,
    es256: EcdsaKeyPair,
    rs256: RsaKeyPair,
}

impl Keys {
    fn new(id: usize) -> Self {
        let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { id, es256, rs256: RsaKeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    fn point(&self) -> Vec<u8> {
        self.es256.public_key().as_ref().to_vec()
    }

    fn published(&self) -> Value {
        let point = self.point();
        let (x, y) = point[1..].split_at(32);
        let rsa = self.rs256.public_key();
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": format!("ec-{}", self.id), "x": encode(x), "y": encode(y)},
            {"kty": "RSA", "kid": format!("rsa-{}", self.id), "use": "sig", "alg": "RS256",
             "n": encode(rsa.modulus().big_endian_without_leading_zero()),
             "e": encode(rsa.exponent().big_endian_without_leading_zero())},
            {"kty": "new kind", "kid": "unknown"},
        ]})
    }
}

pub struct Idp {
    pub issuer: String,
    pub script: Mutex<Script>,
    pub key_reads: AtomicUsize,
    clock: ManualClock,
    keys: Mutex<Keys>,
    grants: Mutex<HashMap<String, Grant>>,
}

type Shared = State<Arc<Idp>>;
type Parameters = HashMap<String, String>;

impl Idp {
    pub async fn start(clock: ManualClock) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let idp = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            script: Mutex::default(),
            key_reads: AtomicUsize::new(0),
            clock,
            keys: Mutex::new(Keys::new(1)),
            grants: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/login/oauth/access_token", post(github_token))
            .route("/api/v3/user", get(github_user))
            .route("/api/v3/user/emails", get(github_emails))
            .with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        idp
    }

    /// Signs Ada in, and gives the parameters with which the browser is sent back.
    pub fn authorize(&self, location: &Url) -> Parameters {
        let asked: Parameters = location.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT_ID);
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = encode(&kernel::secret::random_bytes::<16>());
        let grant = Grant {
            challenge: asked["code_challenge"].clone(),
            nonce: asked.get("nonce").cloned().unwrap_or_default(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        self.grants.lock().unwrap().insert(code.clone(), grant);
        let mut answer = json!({"code": code, "state": asked["state"], "session_state": "x"});
        overlay(&mut answer, &self.script.lock().unwrap().answer);
        let fields = answer.as_object().unwrap().iter();
        fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    /// From now on signs with other keys.
    pub fn rotate(&self) {
        let mut keys = self.keys.lock().unwrap();
        *keys = Keys::new(keys.id + 1);
    }

    pub fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    pub fn key_reads(&self) -> usize {
        self.key_reads.load(Ordering::SeqCst)
    }

    fn id_token(&self, nonce: &str, access_token: &str) -> String {
        let script = self.script.lock().unwrap().clone();
        let now = self.clock.now().as_second();
        let hash = digest(&SHA256, access_token.as_bytes());
        let mut claims = json!({
            "iss": self.issuer, "sub": "ada-1", "aud": CLIENT_ID, "exp": now + 300, "iat": now,
            "nonce": nonce, "at_hash": encode(&hash.as_ref()[..16]),
            "email": "ada@example.org", "email_verified": true, "name": "Ada Lovelace",
        });
        overlay(&mut claims, &script.claims);
        let keys = self.keys.lock().unwrap();
        let (alg, kid) = match script.signing {
            Signing::Es256 | Signing::Foreign => ("ES256", format!("ec-{}", keys.id)),
            Signing::Rs256 => ("RS256", format!("rsa-{}", keys.id)),
            Signing::None => ("none", format!("ec-{}", keys.id)),
            Signing::PublicKeyAsSecret => ("HS256", format!("ec-{}", keys.id)),
        };
        let mut header = json!({"alg": alg, "kid": kid, "typ": "JWT"});
        overlay(&mut header, &script.header);
        let part = |value: &Value| encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(&claims));
        let random = SystemRandom::new();
        let signature = match script.signing {
            Signing::Es256 => {
                keys.es256.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Signing::Foreign => {
                let foreign = Keys::new(0).es256;
                foreign.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Signing::Rs256 => {
                let mut signature = vec![0; keys.rs256.public_modulus_len()];
                let signed =
                    keys.rs256.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature);
                signed.unwrap();
                signature
            }
            Signing::None => Vec::new(),
            Signing::PublicKeyAsSecret => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &keys.point());
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{message}.{}", encode(&signature))
    }

    /// The grant behind a code, which works once, for who has the verifier.
    fn redeem(&self, form: &Parameters) -> Option<Grant> {
        let grant = self.grants.lock().unwrap().remove(form.get("code")?)?;
        let verifier = form.get("code_verifier")?;
        let is_own = encode(digest(&SHA256, verifier.as_bytes()).as_ref()) == grant.challenge;
        (is_own && form.get("redirect_uri")? == &grant.redirect_uri).then_some(grant)
    }
}

fn form_of(body: &str) -> Parameters {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn overlay(base: &mut Value, patch: &Value) {
    for (name, value) in patch.as_object().into_iter().flatten() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
}

async fn metadata(State(idp): Shared) -> Json<Value> {
    let script = idp.script.lock().unwrap().clone();
    let at = |path: &str| format!("{}{path}", idp.issuer);
    let mut document = json!({
        "issuer": idp.issuer, "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
    });
    if script.userinfo.is_some() {
        document["userinfo_endpoint"] = json!(at("/userinfo"));
    }
    overlay(&mut document, &script.metadata);
    Json(document)
}

async fn jwks(State(idp): Shared) -> Json<Value> {
    idp.key_reads.fetch_add(1, Ordering::SeqCst);
    Json(idp.keys.lock().unwrap().published())
}

async fn token(State(idp): Shared, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let form = form_of(&body);
    let error = |status, code: &str| (status, Json(json!({"error": code})));
    let encoded = "plinth+at+idp:s3cret%3Awith%2Fodd%2Bsigns";
    let basic = format!("Basic {}", BASE64_STANDARD.encode(encoded));
    let is_known = headers.get("authorization").is_some_and(|value| *value == *basic)
        || form.get("client_secret").is_some_and(|secret| secret == CLIENT_SECRET);
    if !is_known {
        return error(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let Some(grant) = idp.redeem(&form) else {
        return error(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let id_token = idp.id_token(&grant.nonce, "the-access-token");
    let tokens = json!({
        "access_token": "the-access-token", "token_type": "bearer", "id_token": id_token,
    });
    (StatusCode::OK, Json(tokens))
}

async fn userinfo(State(idp): Shared, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    if headers.get("authorization").is_none_or(|value| value != "Bearer the-access-token") {
        return (StatusCode::UNAUTHORIZED, Json(json!({})));
    }
    let mut claims = json!({"sub": "ada-1"});
    overlay(&mut claims, &idp.script.lock().unwrap().userinfo.clone().unwrap_or_default());
    (StatusCode::OK, Json(claims))
}

/// Answers errors with 200, as GitHub does.
async fn github_token(State(idp): Shared, body: String) -> Json<Value> {
    let form = form_of(&body);
    if form.get("client_secret").is_none_or(|secret| secret != CLIENT_SECRET) {
        return Json(json!({"error": "incorrect_client_credentials"}));
    }
    match idp.redeem(&form) {
        Some(_) => {
            Json(json!({"access_token": "the-access-token", "token_type": "bearer", "scope": ""}))
        }
        None => Json(json!({"error": "bad_verification_code"})),
    }
}

async fn github_user() -> Json<Value> {
    Json(json!({"id": 42, "login": "ada", "name": null, "email": "shown@example.org"}))
}

async fn github_emails(Query(_): Query<Parameters>) -> Json<Value> {
    Json(json!([
        {"email": "other@example.org", "primary": false, "verified": true},
        {"email": "ada@example.org", "primary": true, "verified": true},
    ]))
}
