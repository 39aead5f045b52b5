//! Tenants: the organisations that own data.
//!
//! A tenant has an id, which is part of every key of its data, and a slug, which people type.
//!
//! To add an endpoint: its route in `module.yaml`, its handler in `api.rs`, a use case in `service.rs`.

mod api;
mod error;
mod internal;
mod names;
mod service;
mod store;

use std::sync::Arc;

use aws::Table;
use contracts::generated;
use kernel::{
    clock::Clock,
    config::{ConfigErrors, Reader, Sources},
    module::Module,
};

use crate::{names::Slug, service::Service, store::Store};

/// What the service needs from outside.
pub struct Ports {
    pub table: Table,
    pub clock: Arc<dyn Clock>,
}

/// Builds the module.
///
/// # Errors
/// Every setting that is wrong.
pub fn module(sources: &Sources, ports: Ports) -> Result<Module, ConfigErrors> {
    let spec = generated::module("tenant");
    let mut settings = Reader::new(sources, spec.config);
    let default_slug: String = settings.get("tenant.default_slug");
    settings.finish()?;
    let default_slug = match default_slug.as_str() {
        "" => None,
        slug => Some(Slug::parse(slug).map_err(|invalid| {
            ConfigErrors(vec![format!("tenant.default_slug: `{slug}` {invalid}")])
        })?),
    };

    let Ports { table, clock } = ports;
    let store = Store::new(table.clone());
    let service = Arc::new(Service { store, clock, default_slug });
    let mut module = Module::new("tenant", spec.version);
    module.api = api::router(service.clone());
    module.internal = internal::router(service);
    module.checks = vec![Arc::new(table)];
    module.problems = error::PROBLEMS;
    Ok(module)
}
