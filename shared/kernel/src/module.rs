//! A service, independent of how it is run.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Json, Router, extract::DefaultBodyLimit, middleware, routing::get};
use http::Uri;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    event::SharedConsumer,
    health::{self, Check},
    http::{BODY_LIMIT, border, guard_internal, guard_public, limit},
    idempotency::{self, Idempotency},
    job::Job,
    limit::Limits,
    openapi::ApiDocument,
    problem::Kind,
    route::{Route, RouteTable, unknown_path},
};

/// Work at start or stop of an instance, such as warming a connection.
#[async_trait]
pub trait Lifecycle: Send + Sync + 'static {
    /// A slow or failing dependency must not fail the start.
    async fn start(&self) {}
    async fn stop(&self) {}
}

/// What a service offers. Its composition root fills in the parts it has.
#[derive(Clone)]
pub struct Module {
    pub name: &'static str,
    pub version: &'static str,
    /// Handlers of the routes in the manifest, with their documentation.
    pub api: OpenApiRouter,
    /// Handlers that only other services reach, under `/internal/{module}/`.
    pub internal: Router,
    pub consumer: Option<SharedConsumer>,
    pub jobs: Vec<Arc<dyn Job>>,
    pub checks: Vec<Arc<dyn Check>>,
    pub lifecycle: Vec<Arc<dyn Lifecycle>>,
    /// Kinds of problems that its endpoints answer beside the common ones.
    pub problems: &'static [Kind],
    /// What its routes that take an idempotency key remember requests with.
    pub idempotency: Option<Idempotency>,
    /// What its public routes count against; the composition root says.
    pub limits: Limits,
}

impl Module {
    /// A module with nothing in it.
    pub fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            api: OpenApiRouter::new(),
            internal: Router::new(),
            consumer: None,
            jobs: Vec::new(),
            checks: Vec::new(),
            lifecycle: Vec::new(),
            problems: &[],
            idempotency: None,
            limits: Limits::none(),
        }
    }

    /// The documentation of its endpoints.
    pub fn document(&self) -> ApiDocument {
        ApiDocument {
            module: self.name,
            api: self.api.clone().into_openapi(),
            problems: self.problems,
        }
    }

    /// Its public routes behind limits and guard, without the border (a gateway has one of its own).
    pub fn public_router(&self, routes: &'static [Route]) -> Router {
        let table = Arc::new(RouteTable::of_module(routes, self.name));
        let (router, _) = self.api.clone().split_for_parts();
        if !router.has_routes() {
            return router; // a router without routes takes no route layer
        }
        idempotency::layer(router, self.idempotency.as_ref(), &table)
            .route_layer(middleware::from_fn_with_state(table.clone(), guard_public))
            .route_layer(middleware::from_fn_with_state((self.limits.clone(), table), limit))
    }

    /// Its internal routes behind their guard, complete with a border.
    pub fn internal_router(&self) -> Router {
        finish(self.guarded_internal(), &[])
    }

    /// All of it, as a function on its own serves it.
    pub fn router(&self, routes: &'static [Route]) -> Router {
        finish(self.public_router(routes).merge(self.guarded_internal()), routes)
    }

    /// What the module has declared, and the question that every module answers: is it ready?
    fn guarded_internal(&self) -> Router {
        let (name, checks) = (self.name, self.checks.clone());
        let ready = async move || Json(health::report(name, &checks).await);
        self.internal
            .clone()
            .route(&format!("/internal/{name}/ready"), get(ready))
            .route_layer(middleware::from_fn(guard_internal))
    }
}

/// Puts the border around a router. A path that it does not have may be another's: `routes` says so.
pub fn finish(router: Router, routes: &'static [Route]) -> Router {
    router
        .fallback(async |uri: Uri| unknown_path(routes, uri.path()))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(border))
}
