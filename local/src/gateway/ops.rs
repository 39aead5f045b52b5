//! What the platform tells about itself: health, metrics, documentation.

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{Html, IntoResponse, Response},
};
use contracts::generated::ROUTES;
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode, header};
use kernel::{
    health::{self, Report},
    module::Module,
    openapi::{self, ApiDocument},
    problem::Problem,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::pages;

/// What the handlers share.
struct Ops {
    modules: Vec<Module>,
    /// The OpenAPI document as JSON.
    openapi: Bytes,
}

type App = State<Arc<Ops>>;

pub fn router(modules: &[Module], url: &str) -> Router {
    metrics_handle();
    let mut documents: Vec<ApiDocument> = modules.iter().map(Module::document).collect();
    let (_, api) = endpoints().split_for_parts();
    documents.push(ApiDocument { module: "ops", api, problems: &[] });
    let openapi = openapi::assemble(&documents, ROUTES, url, env!("CARGO_PKG_VERSION"));
    let openapi = Bytes::from(openapi.to_string());
    let (router, _) = endpoints().split_for_parts();
    router.with_state(Arc::new(Ops { modules: modules.to_vec(), openapi }))
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
    let reports = ops.modules.iter().map(|module| health::report(module.name, &module.checks));
    let report = Report::merge(join_all(reports).await);
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
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json")),
)]
async fn get_openapi(State(ops): App) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, ops.openapi.clone()).into_response()
}

/// Read the documentation
#[utoipa::path(
    get,
    path = "/docs",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
async fn get_docs(State(ops): App) -> Result<Response, Problem> {
    let openapi = serde_json::from_slice(&ops.openapi).map_err(Problem::internal)?;
    Ok(page(pages::docs::render(&openapi)))
}

/// A page of ours: no scripts, only its own styles.
pub fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
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
