//! The ops service over its real router; the services that it asks are played.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    client::{Outbound, Reply, ServiceClient, Transport, TransportError},
    clock::ManualClock,
    config::Sources,
};
use ops::Ports;
use serde_json::json;
use testkit::{App, Person};

/// Services of which some do not answer.
#[derive(Default)]
struct Services {
    down: Option<&'static str>,
    calls: AtomicU32,
}

#[async_trait]
impl Transport for Services {
    async fn send(&self, service: &str, request: Outbound) -> Result<Reply, TransportError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert_eq!(request.path, format!("/internal/{service}/ready"));
        if self.down == Some(service) {
            return Err(TransportError("connection refused".to_owned()));
        }
        let check = json!({"name": format!("{service}.table"), "ready": true, "latency_us": 7});
        let report = json!({"ready": true, "checks": [check]});
        Ok(Reply { status: StatusCode::OK, body: Bytes::from(report.to_string()) })
    }
}

fn app(services: &Arc<Services>) -> (App, ManualClock) {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    let client = |name| Arc::new(ServiceClient::new(name, services.clone()));
    let ports = Ports {
        services: vec![client("auth"), client("identity")],
        clock: Arc::new(clock.clone()),
        openapi: json!({"openapi": "3.1.0", "tags": [], "paths": {}, "info": {}}).to_string(),
    };
    (App::new(&ops::module(&Sources::empty(), ports).unwrap()), clock)
}

#[tokio::test]
async fn the_platform_is_ready_when_every_service_is() {
    let services = Arc::new(Services::default());
    let (app, _) = app(&services);
    let report = app.get(&Person::anonymous(), "/ready").await.expect(200);
    assert_eq!(report["ready"], true);
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| &check["name"]).collect();
    assert_eq!(names, ["auth.table", "identity.table"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_named_and_nothing_else_is_said_about_it() {
    let services = Arc::new(Services { down: Some("identity"), ..Services::default() });
    let (app, _) = app(&services);
    let report = app.get(&Person::anonymous(), "/ready").await.expect(503);
    assert_eq!(report["ready"], false);
    assert_eq!(report["checks"][1]["name"], "identity");
    assert_eq!(report["checks"][1]["ready"], false);
    assert!(!report.to_string().contains("refused"));
}

#[tokio::test]
async fn whoever_asks_often_gets_the_same_answer_for_a_while() {
    let services = Arc::new(Services::default());
    let (app, clock) = app(&services);
    for _ in 0..10 {
        app.get(&Person::anonymous(), "/ready").await.expect(200);
    }
    assert_eq!(services.calls.load(Ordering::SeqCst), 2);
    clock.advance(SignedDuration::from_secs(5));
    app.get(&Person::anonymous(), "/ready").await.expect(200);
    assert_eq!(services.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_no_route_takes_is_not_found_or_not_allowed() {
    let (app, _) = app(&Arc::default());
    let anybody = Person::anonymous();
    app.get(&anybody, "/api/v1/nowhere").await.expect_problem(404, "request.not_found");
    // Routes of other services, which the gateway would have sent there with a method of theirs.
    let wrong = app.call(&anybody, Method::PUT, "/api/v1/users/7", None, &[]).await;
    assert_eq!(wrong.headers["allow"], "DELETE, GET, HEAD, PATCH");
    wrong.expect_problem(405, "request.method_not_allowed");
}
