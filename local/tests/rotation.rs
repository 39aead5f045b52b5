//! Signing keys change under load: two platforms on one store, each with its own memory of keys, sessions and
//! permissions, as instances of a function are. Time is moved by hand.

use std::sync::Arc;

use auth::keys::KeyRing;
use aws::Recorder;
use embedded::{Place, SecretFile, Store};
use futures_util::future::join_all;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use kernel::{
    client::Switchboard,
    clock::{Clock, ManualClock},
    config::Sources,
    origin::Origin,
    secret::decode,
};
use local::composition::Composition;
use serde_json::{Value, json};
use testkit::{App, Person};

/// Sign-ins at a time: fewer than a person may try in a minute.
const PARALLEL: usize = 8;
const STEP: SignedDuration = SignedDuration::from_mins(4);

/// One of the platforms.
struct Instance {
    composition: Composition,
    auth: App,
}

impl Instance {
    async fn start(store: &Store, sources: &Sources, clock: &ManualClock) -> Self {
        let switchboard = Switchboard::new();
        let (transport, clock) = (Arc::new(switchboard.clone()), Arc::new(clock.clone()));
        let composition =
            Composition::build_at(store, sources, transport, clock).await.expect("it starts");
        switchboard.connect(composition.internal_routers());
        let auth = composition.modules.iter().find(|module| module.name == "auth");
        let auth = App::new(auth.expect("the platform has the module"));
        Self { composition, auth }
    }

    async fn admits(&self, token: &str) -> bool {
        let (origin, bearer) = (Origin::system("rotation"), format!("Bearer {token}"));
        let route = "/api/v1/auth/me";
        let authorizer = &self.composition.authorizer;
        let decision = authorizer.decide(&origin, &Method::GET, route, Some(&bearer)).await;
        decision.is_ok()
    }

    /// Signs in and refreshes; the access tokens of both.
    async fn tokens(&self, login: &Value) -> [String; 2] {
        let nobody = Person::anonymous();
        let first = self.auth.post(&nobody, "/api/v1/auth/login", login).await.expect(200);
        let body = json!({"refresh_token": first["refresh_token"]});
        let second = self.auth.post(&nobody, "/api/v1/auth/refresh", &body).await.expect(200);
        [first, second].map(|answer| answer["access_token"].as_str().unwrap().to_owned())
    }
}

fn key_of(token: &str) -> String {
    let header = decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_keys_rotate() {
    let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
    // Cheap hashes: they are not what is tested.
    let sources = Sources::empty()
        .with("PLINTH_IDENTITY_PASSWORD_MEMORY_KIB", "64")
        .with("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "1")
        // One account signs in all the time, many times at once.
        .with("PLINTH_AUTH_LOCKOUT_FREE_ATTEMPTS", "100")
        .with("PLINTH_AUTH_LOCKOUT_ACCOUNT_FREE_ATTEMPTS", "1000");
    let clock = ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap());
    let one = Instance::start(&store, &sources, &clock).await;
    let operator = one.composition.seed(&sources).await.unwrap().operator;
    let login = json!({"email": operator.email, "password": operator.password});
    clock.advance(SignedDuration::from_secs(31));
    let two = Instance::start(&store, &sources, &clock).await;
    let instances = [&one, &two];
    let secrets = Arc::new(SecretFile::open(store.folder()).unwrap());
    let operator_tool = KeyRing::new(secrets, Arc::new(clock.clone()), 900);

    let mut living: Vec<(Timestamp, String)> = Vec::new();
    let mut keys = std::collections::BTreeSet::new();
    for step in 0..16 {
        if step % 5 == 1 {
            assert!(operator_tool.rotate().await.unwrap().is_new);
        }
        let login = &login;
        let storm = (0..PARALLEL).map(|at| async move {
            let tokens = instances[at % 2].tokens(login).await;
            for token in &tokens {
                for instance in instances {
                    assert!(instance.admits(token).await, "step {step}, a new token");
                }
            }
            tokens
        });
        let old = living.iter().flat_map(|(_, token)| {
            instances.map(|instance| async move {
                assert!(instance.admits(token).await, "step {step}, a token of before");
            })
        });
        let (new, _) = tokio::join!(join_all(storm), join_all(old));
        let now = clock.now();
        living.retain(|(issued, _)| now.duration_since(*issued) < SignedDuration::from_mins(9));
        living.extend(new.into_iter().flatten().map(|token| (now, token)));
        keys.extend(living.iter().map(|(_, token)| key_of(token)));
        clock.advance(STEP);
    }
    assert!(keys.len() >= 4, "only {} keys have signed", keys.len());
}
