use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use tower::ServiceExt;
use uuid::Uuid;

use super::{Idempotency, MemoryRecords, NewId, Record};
use crate::{
    caller::{AuthorizerContext, Credential, Gateway},
    clock::ManualClock,
    id::{SessionId, TenantId, UserId},
    module::Module,
    problem::Kind,
    route::{Access, Rate, Route},
    secret::Key,
};

const THINGS: &str = "/api/v1/things";

const fn route(path: &'static str, access: Access, idempotency_key: bool) -> Route {
    Route { method: "POST", path, module: "demo", access, rate: Rate::Default, idempotency_key }
}

pub const ROUTES: &[Route] = &[
    route(THINGS, Access::Public, true),
    route("/api/v1/things/{id}/parts", Access::SignedIn, true),
    route("/api/v1/checks", Access::SignedIn, false),
];

/// What the next attempt does instead of making a thing.
#[derive(Debug, Clone, Copy)]
pub enum Plan {
    Refuse(u16),
    Panic,
    MakeAndPanic,
    MakeAndFail,
    Wait,
    Large,
}

/// A service that makes things, each once.
#[derive(Default)]
pub struct House {
    made: Mutex<Vec<Uuid>>,
    plans: Mutex<VecDeque<Plan>>,
    arrived: Notify,
    released: Notify,
}

pub fn module(house: &Arc<House>) -> Module {
    let mut module = Module::new("demo", "0.1.0");
    let router: Router = Router::new()
        .route(THINGS, post(make))
        .route("/api/v1/things/{id}/parts", post(make))
        .route("/api/v1/checks", post(|| async { "checked" }))
        .with_state(house.clone());
    module.api = router.into();
    module
}

async fn make(State(house): State<Arc<House>>, NewId(id): NewId<UserId>, body: Bytes) -> Response {
    let id = *id.as_uuid();
    let plan = house.plans.lock().unwrap().pop_front();
    match plan {
        Some(Plan::Refuse(status)) => {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        Some(Plan::Panic) => panic!("as planned"),
        Some(Plan::Wait) => {
            house.arrived.notify_one();
            house.released.notified().await;
        }
        _ => {}
    }
    let mut made = house.made.lock().unwrap();
    if !made.contains(&id) {
        made.push(id);
    }
    match plan {
        Some(Plan::MakeAndPanic) => {
            drop(made);
            panic!("as planned");
        }
        Some(Plan::MakeAndFail) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Plan::Large) => (StatusCode::CREATED, vec![b'x'; 256 * 1024 + 1]).into_response(),
        _ => {
            let headers = [
                ("location", format!("{THINGS}/{id}")),
                ("etag", "\"1\"".to_owned()),
                ("content-type", "application/json".to_owned()),
                ("set-cookie", "secret=1".to_owned()),
            ];
            let body = format!("{{ \"made\" : \"{id}\",\n\"size\":{} }}", body.len());
            (StatusCode::CREATED, headers, body).into_response()
        }
    }
}

/// The service on records in memory.
pub struct Demo {
    pub clock: ManualClock,
    house: Arc<House>,
    records: Arc<MemoryRecords>,
    router: Router,
}

impl Demo {
    pub fn new() -> Self {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let (house, records) = (Arc::default(), Arc::<MemoryRecords>::default());
        let mut module = module(&house);
        let key = Key::from_bytes([1; 32]);
        module.idempotency = Some(Idempotency::new(records.clone(), Arc::new(clock.clone()), key));
        let router = module.router(ROUTES);
        Self { clock, house, records, router }
    }

    pub fn plan(&self, plan: Plan) {
        self.house.plans.lock().unwrap().push_back(plan);
    }

    /// Until a handler waits.
    pub async fn arrived(&self) {
        self.house.arrived.notified().await;
    }

    pub fn let_go(&self) {
        self.house.released.notify_one();
    }

    pub fn made(&self) -> Vec<Uuid> {
        self.house.made.lock().unwrap().clone()
    }

    pub fn records(&self) -> Vec<Record> {
        self.records.with(|records| records.values().cloned().collect()).unwrap()
    }

    pub fn lose_records(&self) {
        *self.records.0.lock().unwrap() = None;
    }

    pub async fn post(&self, key: Option<&str>, body: &str) -> Answer {
        self.send_anonymously(THINGS, key, body).await
    }

    pub async fn post_from(&self, address: &str, key: &str, body: &str) -> Answer {
        let gateway = Gateway { ip_address: Some(address.to_owned()), authorizer: None };
        self.call(THINGS, gateway, Some(key), body).await
    }

    pub async fn send_anonymously(&self, path: &str, key: Option<&str>, body: &str) -> Answer {
        self.call(path, Gateway::default(), key, body).await
    }

    pub async fn send(
        &self,
        path: &str,
        caller: &AuthorizerContext,
        key: Option<&str>,
        body: &str,
    ) -> Answer {
        let gateway = Gateway { ip_address: None, authorizer: Some(caller.clone()) };
        self.call(path, gateway, key, body).await
    }

    async fn call(&self, path: &str, gateway: Gateway, key: Option<&str>, body: &str) -> Answer {
        let mut request = Request::post(path).extension(gateway);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// Somebody who is signed in.
pub fn person() -> AuthorizerContext {
    AuthorizerContext {
        user_id: UserId::new(),
        tenant_id: TenantId::new(),
        session_id: SessionId::new(),
        credential: Credential::Session,
        roles: Vec::new(),
        permissions: BTreeSet::new(),
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub fn expect_problem(self, status: u16, kind: Kind) -> Self {
        let answer = self.expect(status);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["code"], kind.code);
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
