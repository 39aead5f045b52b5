//! Authorization: roles, permissions and who holds them.
//!
//! Permissions are declared in the manifests of the modules and have roles as their only way to a
//! user. Four system roles exist in every tenant without being stored; the others a tenant makes for
//! itself. What may be given to whom stands in [`rules`], who holds what in [`assignment`].
//!
//! To add an endpoint: its route in `module.yaml`, its handler in `api/`, a use case in `service/`.

mod api;
mod assignment;
mod error;
mod internal;
mod lookup;
mod permission;
mod role;
mod rules;
mod service;
mod store;

use std::sync::Arc;

use aws::Table;
use contracts::generated;
use kernel::{
    clock::Clock,
    config::{ConfigErrors, Reader, Sources},
    cursor::Cursors,
    idempotency::Idempotency,
    module::Module,
    remembered::Memory,
};

use crate::{lookup::Lookup, service::Service, store::Store};

/// What the service needs from outside.
pub struct Ports {
    pub table: Table,
    pub clock: Arc<dyn Clock>,
    pub cursors: Cursors,
    pub idempotency: Idempotency,
}

/// Builds the module.
///
/// # Errors
/// Every setting that is wrong.
pub fn module(sources: &Sources, ports: Ports) -> Result<Module, ConfigErrors> {
    let spec = generated::module("authz");
    let mut settings = Reader::new(sources, spec.config);
    let memory = Memory {
        seconds: settings.get("authz.cache_seconds"),
        entries: settings.get("authz.cache_entries"),
    };
    settings.finish()?;

    let Ports { table, clock, cursors, idempotency } = ports;
    let store = Store::new(table.clone());
    let lookup = Lookup::new(store.clone(), memory, clock.clone());
    let service = Arc::new(Service { store, lookup, clock });
    let mut module = Module::new("authz", spec.version);
    module.api = api::router(service.clone(), cursors);
    module.internal = internal::router(service);
    module.checks = vec![Arc::new(table)];
    module.problems = error::PROBLEMS;
    module.idempotency = Some(idempotency);
    Ok(module)
}
