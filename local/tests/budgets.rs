//! What operations may cost, counted over the real routers of the whole platform: calls to tables that
//! wait for each other, and calls between services. `--nocapture` shows the table.
//!
//! Everything here runs in the task of the test, where [`aws::Ledger`] sees it: the routers are called
//! as the gateway calls them, but without its server, and no pipeline consumes events beside them.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use aws::{Ledger, Recorder};
use embedded::{Place, Store};
use http::Method;
use kernel::{
    caller::AuthorizerContext,
    client::{Outbound, Reply, Switchboard, Transport, TransportError},
    config::Sources,
    origin::Origin,
};
use local::composition::Composition;
use serde_json::{Value, json};
use testkit::{App, Person};

#[tokio::test]
async fn operations_keep_their_budgets() {
    // High limits have large leases: after the first request of each kind, nothing is left to count.
    let house = House::open("1000").await;
    let mut report = Report::default();
    let nobody = Person::anonymous();
    let (auth, authz) = (house.app("auth"), house.app("authz"));
    let (identity, tenant) = (house.app("identity"), house.app("tenant"));

    // The steady state: keys are loaded, and every instance has met the person.
    let signed_in = auth.post(&nobody, LOGIN, &house.login).await.expect(200);
    let body = json!({"refresh_token": signed_in["refresh_token"]});
    auth.post(&nobody, REFRESH, &body).await.expect(200);
    let token = signed_in["access_token"].as_str().unwrap();
    let caller = house.decide(token).await;
    let operator = Person::with(&caller.permissions.iter().map(String::as_str).collect::<Vec<_>>())
        .of_tenant(caller.tenant_id)
        .as_user(caller.user_id)
        .in_session(caller.session_id);
    let check = json!({"permission": "role.read"});
    authz.post(&operator, CHECK, &check).await.expect(200);

    let decision = house.decide(token);
    report.measure(&house, Budget::new("authorizer, warm", 0, &[]), decision).await;

    let login = auth.post(&nobody, LOGIN, &house.login);
    let budget = Budget::new("sign-in", 3, &["identity", "authz"]);
    let signed_in = report.measure(&house, budget, login).await.expect(200);

    let body = json!({"refresh_token": signed_in["refresh_token"]});
    let refresh = auth.post(&nobody, REFRESH, &body);
    let budget = Budget::new("refresh", 2, &["authz"]);
    report.measure(&house, budget, refresh).await.expect(200);

    let body = json!({"name": "Importer", "scopes": ["role.read"]});
    let client = auth.post(&operator, "/api/v1/auth/clients", &body).await.expect(201);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client["id"].as_str().unwrap()),
        ("client_secret", client["client_secret"].as_str().unwrap()),
    ];
    let ask = auth.form("/api/v1/auth/token", &form, &[]);
    let granted = report.measure(&house, Budget::new("token for a client", 1, &[]), ask).await;
    let granted = granted.expect(200);
    let body = json!({"name": "backup", "scopes": ["role.read"]});
    let key = auth.post(&operator, "/api/v1/auth/api-keys", &body).await.expect(201);
    for (what, bearer) in [
        ("authorizer, client, warm", &granted["access_token"]),
        ("authorizer, API key, warm", &key["key"]),
    ] {
        let bearer = bearer.as_str().unwrap();
        house.decide(bearer).await;
        report.measure(&house, Budget::new(what, 0, &[]), house.decide(bearer)).await;
    }

    let body = json!({"name": "Editor", "permissions": ["role.read"]});
    let create = authz.post(&operator, "/api/v1/roles", &body);
    let budget = Budget::new("create one role", 1, &[]);
    let role = report.measure(&house, budget, create).await.expect(201);

    let body = json!({"name": "Author", "permissions": ["role.read"]});
    let create = authz.post_with_key(&operator, "/api/v1/roles", &body, "key");
    let budget = Budget::new("create, with a key", 3, &[]);
    report.measure(&house, budget, create).await.expect(201);

    let path = format!("/api/v1/roles/{}", role["id"].as_str().unwrap());
    let get = authz.get(&operator, &path);
    report.measure(&house, Budget::new("get one role", 1, &[]), get).await.expect(200);

    let path = format!("/api/v1/users/{}", operator.user());
    let get = identity.get(&operator, &path);
    report.measure(&house, Budget::new("get one user", 1, &[]), get).await.expect(200);

    let path = format!("/api/v1/tenants/{}", operator.tenant());
    let get = tenant.get(&operator, &path);
    report.measure(&house, Budget::new("get the tenant", 1, &[]), get).await.expect(200);

    let ask = authz.post(&operator, CHECK, &check);
    let budget = Budget::new("permission check, warm", 0, &[]);
    let answer = report.measure(&house, budget, ask).await.expect(200);
    assert_eq!(answer["allowed"], true);

    report.finish();
}

/// What limits cost, over the whole way of a request: a user, an address, and the class of the route.
#[tokio::test]
async fn a_steady_caller_costs_at_most_a_fifth_of_a_write_per_request_for_the_limits() {
    let house = House::open("1").await;
    let authz = house.app("authz");
    let reader = Person::with(&["role.read"]);
    let check = json!({"permission": "role.read"});
    authz.post(&reader, CHECK, &check).await.expect(200);
    let requests = 90;
    let (answer, ledger) = Ledger::of(async {
        let mut answer = None;
        for _ in 0..requests {
            answer = Some(authz.post(&reader, CHECK, &check).await);
        }
        answer.unwrap()
    })
    .await;
    assert!(answer.headers["ratelimit"].to_str().unwrap().starts_with("\"user\";r="));
    answer.expect(200);
    let writes = ledger.calls().len();
    assert!((1..=requests / 5).contains(&writes), "{writes} writes for {requests} requests");
}

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const CHECK: &str = "/api/v1/authz/check";

/// The composed platform, and who may sign in.
struct House {
    composition: Composition,
    calls: Arc<CountingTransport>,
    login: Value,
    /// Last, so that everything above has let go of it.
    _store: Store,
}

impl House {
    async fn open(limits_scale: &str) -> Self {
        let store = Store::open(&Place::Memory, Recorder::default()).await.unwrap();
        // Cheap hashes: they are not what is counted.
        let sources = Sources::empty()
            .with("PLINTH_IDENTITY_PASSWORD_MEMORY_KIB", "64")
            .with("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "1")
            .with("PLINTH_RATE_LIMITS_SCALE", limits_scale);
        let calls = Arc::new(CountingTransport::default());
        let composition = Composition::build(&store, &sources, calls.clone()).await.unwrap();
        calls.switchboard.connect(composition.internal_routers());
        let operator = composition.seed(&sources).await.unwrap().operator;
        let login = json!({"email": operator.email, "password": operator.password});
        Self { composition, calls, login, _store: store }
    }

    /// A module as the gateway reaches it.
    fn app(&self, name: &str) -> App {
        let module = self.composition.modules.iter().find(|module| module.name == name);
        App::new(module.expect("the platform has the module"))
    }

    /// What the authorizer finds out about a request with this token.
    async fn decide(&self, token: &str) -> AuthorizerContext {
        let bearer = format!("Bearer {token}");
        let origin = Origin::system("budgets");
        let route = "/api/v1/roles";
        let decision =
            self.composition.authorizer.decide(&origin, &Method::GET, route, Some(&bearer)).await;
        (*decision.unwrap().expect("the route is not public")).clone()
    }
}

/// The calls between services, and to whom.
#[derive(Default)]
struct CountingTransport {
    switchboard: Switchboard,
    called: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for CountingTransport {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError> {
        self.called.lock().unwrap().push(service.to_owned());
        self.switchboard.send(service, request).await
    }
}

/// At most so much.
struct Budget {
    operation: &'static str,
    in_sequence: usize,
    /// The services that may be called, each once.
    services: &'static [&'static str],
}

impl Budget {
    fn new(operation: &'static str, in_sequence: usize, services: &'static [&'static str]) -> Self {
        Self { operation, in_sequence, services }
    }

    fn is_kept(&self, in_sequence: usize, called: &[String]) -> bool {
        let mut distinct: Vec<_> = called.iter().map(String::as_str).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let is_known = distinct.iter().all(|service| self.services.contains(service));
        // Nothing where something may be asked would mean that nobody counts.
        let is_counted = (in_sequence == 0) == (self.in_sequence == 0);
        in_sequence <= self.in_sequence && is_counted && is_known && distinct.len() == called.len()
    }
}

/// The table of what was measured, and what was not within its budget.
#[derive(Default)]
struct Report {
    lines: String,
    misses: Vec<&'static str>,
}

impl Report {
    async fn measure<F: Future>(&mut self, house: &House, budget: Budget, work: F) -> F::Output {
        house.calls.called.lock().unwrap().clear();
        let (output, ledger) = Ledger::of(work).await;
        let called = std::mem::take(&mut *house.calls.called.lock().unwrap());
        let tables: Vec<_> = ledger.calls().iter().map(|call| call.operation).collect();
        let found = ledger.in_sequence();
        writeln!(
            self.lines,
            "{:<24} {found:>4} of {:<4} {:>4} of {:<4} {tables:?} {called:?}",
            budget.operation,
            budget.in_sequence,
            called.len(),
            budget.services.len(),
        )
        .unwrap();
        if !budget.is_kept(found, &called) {
            self.misses.push(budget.operation);
        }
        output
    }

    #[expect(clippy::print_stdout, reason = "the table is what a reader of the test wants")]
    fn finish(self) {
        let Self { lines, misses } = self;
        let heads = ("operation", "sequence", "services", "calls");
        println!("\n{:<24} {:<12} {:<12} {}\n{lines}", heads.0, heads.1, heads.2, heads.3);
        assert!(misses.is_empty(), "not within budget: {misses:?}");
    }
}
