//! Operations: health, readiness and documentation of the whole platform.
//!
//! On AWS this service also gets every request that no route takes, so that 404 and 405 are problem
//! documents there, too; [`kernel::module::finish`] answers them.
//!
//! To add an endpoint: its route in `module.yaml`, its handler in `api.rs`.

mod api;
mod docs;
pub mod pages;
mod readiness;

use std::sync::Arc;

use contracts::generated;
use kernel::{
    client::ServiceClient,
    clock::Clock,
    config::{ConfigErrors, Reader, Sources},
    module::Module,
    openapi::ApiDocument,
    remembered::Memory,
};

use crate::{api::Documents, readiness::Readiness};

/// What the service needs from outside.
pub struct Ports {
    /// Whom readiness depends on.
    pub services: Vec<Arc<ServiceClient>>,
    pub clock: Arc<dyn Clock>,
    /// The platform's OpenAPI document.
    pub openapi: String,
}

/// Builds the module.
///
/// # Errors
/// Every setting that is wrong.
pub fn module(sources: &Sources, ports: Ports) -> Result<Module, ConfigErrors> {
    let spec = generated::module("ops");
    let mut settings = Reader::new(sources, spec.config);
    let seconds: u32 = settings.get("ops.readiness_cache_seconds");
    settings.finish()?;

    let readiness = Readiness::new(ports.services, Memory { seconds, entries: 1 }, ports.clock);
    let mut module = Module::new("ops", spec.version);
    module.api = api::router(readiness, Documents::new(ports.openapi));
    Ok(module)
}

/// The documentation of this service's own endpoints, for the document that it is given.
pub fn document() -> ApiDocument {
    let (_, api) = api::endpoints().split_for_parts();
    ApiDocument { module: "ops", api, problems: &[] }
}
