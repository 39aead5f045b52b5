//! Audit: who did what, when, in a chain that shows any change.
//!
//! Nobody calls this service to have something recorded: it consumes the platform's events and turns each into
//! an [`Entry`] of its tenant's chain (see [`chain`] for the recipe with which anybody can check one). The
//! table is only ever appended to; no code here updates or deletes, so the function's role need not allow it.
//!
//! To have more recorded: publish an event whose type begins with `platform.`. To record it differently,
//! see `entry.rs`; to search it differently, `filter.rs` and `store.rs`.

mod api;
pub mod chain;
mod consumer;
mod entry;
mod error;
mod filter;
mod heads;
mod internal;
mod service;
mod store;
mod verification;

use std::sync::Arc;

use aws::{StoreError, Table};
use contracts::generated;
use kernel::{caller::Tenant, clock::Clock, cursor::Cursors, module::Module};

pub use crate::{
    entry::{Actor, Entry, Outcome},
    verification::{Break, Reason, Verification},
};
use crate::{service::Service, store::Store};

/// What the service needs from outside.
pub struct Ports {
    pub table: Table,
    pub clock: Arc<dyn Clock>,
    pub cursors: Cursors,
}

/// Builds the module.
pub fn module(ports: Ports) -> Module {
    let store = Store::new(ports.table.clone());
    let service = Arc::new(Service::new(store, ports.clock, ports.cursors));
    let mut module = Module::new("audit", generated::module("audit").version);
    module.api = api::router(service.clone());
    module.internal = internal::router(service.clone());
    module.consumer = Some(Arc::new(consumer::Recorder(service)));
    module.checks = vec![Arc::new(ports.table)];
    module.problems = error::PROBLEMS;
    module
}

/// Checks the whole chain of a tenant, however long it is.
pub async fn verify_chain(table: &Table, tenant: Tenant) -> Result<Verification, StoreError> {
    verification::verify(&Store::new(table.clone()), tenant).await
}
