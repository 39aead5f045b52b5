//! What the platform tells about itself: health, metrics, documentation.

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use contracts::generated::ROUTES;
use http::{HeaderValue, StatusCode, header};
use kernel::{
    health::{self, Report},
    module::Module,
    openapi::{self, ApiDocument},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::pages;

/// What the handlers share.
struct Ops {
    modules: Vec<Module>,
    openapi: Value,
    docs: String,
}

type App = State<Arc<Ops>>;

pub fn router(modules: &[Module], url: &str) -> Router {
    metrics_handle();
    let mut documents: Vec<ApiDocument> = modules.iter().map(Module::document).collect();
    let (_, api) = endpoints().split_for_parts();
    documents.push(ApiDocument { module: "ops", api, problems: &[] });
    let openapi = openapi::assemble(&documents, ROUTES, url, env!("CARGO_PKG_VERSION"));
    let docs = pages::docs::render(&openapi);
    let (router, _) = endpoints().split_for_parts();
    router.with_state(Arc::new(Ops { modules: modules.to_vec(), openapi, docs }))
}

fn endpoints() -> OpenApiRouter<Arc<Ops>> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
        .routes(routes!(get_metrics))
        .routes(routes!(get_openapi))
        .routes(routes!(get_docs))
}

#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Ask whether the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "It does", body = Health)),
)]
async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ask whether every dependency answers
#[utoipa::path(
    get,
    path = "/ready",
    responses(
        (status = 200, description = "All of them", body = Report),
        (status = 503, description = "Some do not", body = Report),
    ),
)]
async fn get_readiness(State(ops): App) -> (StatusCode, Json<Report>) {
    let mut reports = Vec::new();
    for module in &ops.modules {
        reports.push(health::report(module.name, &module.checks).await);
    }
    let report = Report::merge(reports);
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

/// Get the metrics, in Prometheus' text format
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")),
)]
async fn get_metrics() -> String {
    let handle = metrics_handle();
    handle.run_upkeep();
    handle.render()
}

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = Value, content_type = "application/json")),
)]
async fn get_openapi(State(ops): App) -> Json<Value> {
    Json(ops.openapi.clone())
}

/// Read the documentation
#[utoipa::path(
    get,
    path = "/docs",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
async fn get_docs(State(ops): App) -> Response {
    page(ops.docs.clone())
}

/// A page of ours: no scripts, only its own styles.
pub fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// The recorder is one per process, however many platforms (tests) run in it.
fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        PrometheusBuilder::new()
            .install_recorder()
            .expect("nothing else in this process records metrics")
    })
}
