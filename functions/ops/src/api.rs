//! The public endpoints.

use std::sync::{Arc, OnceLock};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use kernel::{health::Report, origin::Origin};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{docs, pages::page, readiness::Readiness};

/// The OpenAPI document, for programs and for people.
pub struct Documents {
    openapi: Bytes,
    /// The page, made when somebody first reads it.
    page: OnceLock<String>,
}

impl Documents {
    pub fn new(openapi: String) -> Self {
        Self { openapi: openapi.into(), page: OnceLock::new() }
    }
}

/// What the handlers share.
pub struct Ops {
    readiness: Readiness,
    documents: Documents,
}

type App = State<Arc<Ops>>;

pub fn router(readiness: Readiness, documents: Documents) -> OpenApiRouter {
    endpoints().with_state(Arc::new(Ops { readiness, documents }))
}

pub fn endpoints() -> OpenApiRouter<Arc<Ops>> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
        .routes(routes!(get_openapi))
        .routes(routes!(get_docs))
}

#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Ask whether the platform lives
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    responses((status = 200, description = "It does", body = Health)),
)]
async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Ask whether every service and its dependencies answer
///
/// The answer may be a few seconds old.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "get_readiness",
    responses(
        (status = 200, description = "All of them", body = Report),
        (status = 503, description = "Some do not", body = Report),
    ),
)]
async fn get_readiness(State(ops): App, origin: Origin) -> (StatusCode, Json<Report>) {
    let report = ops.readiness.report(&origin).await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json")),
)]
async fn get_openapi(State(ops): App) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, ops.documents.openapi.clone()).into_response()
}

/// Read the documentation
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "get_docs",
    responses((status = 200, description = "A page", body = String, content_type = "text/html")),
)]
async fn get_docs(State(ops): App) -> Response {
    let Documents { openapi, page: rendered } = &ops.documents;
    let render = || {
        let openapi = serde_json::from_slice(openapi).expect("the document was made by us");
        docs::render(&openapi)
    };
    page(rendered.get_or_init(render).clone())
}
